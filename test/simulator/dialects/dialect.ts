// How an engine differs from vLLM, which is what the simulator speaks: what it refuses, how it is told to think, where
// its answer shows thinking, and how it counts. A body is put into vLLM's words, so that one engine serves all of them.
import type { Usage } from "../usage.ts";

export type Fields = Readonly<Record<string, unknown>>;

export type Heard =
  | { readonly kind: "read"; readonly body: Fields }
  | {
      readonly kind: "refused";
      readonly message: string;
      readonly parameter: string;
      readonly code: string | null;
    };

/** How an answer looks where engines differ. */
export type AnswerShape = {
  readonly reasoning: "reasoning_content" | "reasoning" | "hidden";
  /** `own-chunk` without choices, or `last-chunk` beside the finish reason. */
  readonly usagePlace: "own-chunk" | "last-chunk";
  /** Usage comes although nobody asked. */
  readonly alwaysUsage: boolean;
  /** Comments fill its silences. */
  readonly comments: boolean;
  readonly usage: (usage: Usage) => Fields;
};

export type EngineDialect = {
  readonly name: string;
  hear(body: Fields): Heard;
  readonly shape: AnswerShape;
  /** An error's body, where it is not OpenAI's. */
  readonly error?: (message: string) => unknown;
};

/** The knobs of all engines; a dialect gives back those that it reads, in vLLM's words. */
const KNOBS = [
  "chat_template_kwargs",
  "reasoning_effort",
  "thinking_token_budget",
  "thinking_budget_tokens",
  "thinking_budget",
  "thinking",
  "enable_thinking",
  "custom_params",
  "reasoning",
  "extra_body",
  "cache_salt",
  "think",
];
const CAPS = ["max_tokens", "max_completion_tokens"];

export type Told = {
  readonly isOn: boolean | null;
  readonly effort?: unknown;
  readonly budget?: unknown;
  readonly cap?: unknown;
  readonly salt?: unknown;
};

/** The body as vLLM would have been told it. */
export function tell(body: Fields, told: Told): Heard {
  const rest = Object.entries(body).filter(([name]) => ![...KNOBS, ...CAPS].includes(name));
  const words = {
    chat_template_kwargs: told.isOn === null ? undefined : { enable_thinking: told.isOn },
    reasoning_effort: told.isOn === false ? undefined : told.effort,
    thinking_token_budget: told.budget,
    max_completion_tokens: told.cap,
    cache_salt: told.salt,
  };
  const set = Object.entries(words).filter(([, value]) => value !== undefined && value !== null);
  return { kind: "read", body: Object.fromEntries([...rest, ...set]) };
}

export function refuseField(
  parameter: string,
  message: string,
  code: string | null = null,
): Extract<Heard, { kind: "refused" }> {
  return { kind: "refused", message, parameter, code };
}

/** What OpenAI's own API takes; engines that copy it strictly take little more. */
export const OPENAI_FIELDS: readonly string[] = [
  ...CAPS,
  "model",
  "messages",
  "stream",
  "stream_options",
  "n",
  "temperature",
  "top_p",
  "stop",
  "seed",
  "user",
  "tools",
  "tool_choice",
  "parallel_tool_calls",
  "response_format",
  "logprobs",
  "top_logprobs",
  "logit_bias",
  "frequency_penalty",
  "presence_penalty",
  "reasoning_effort",
  "metadata",
  "store",
  "service_tier",
  "prediction",
  "modalities",
  "audio",
  "verbosity",
  "prompt_cache_key",
  "safety_identifier",
];

export function firstUnknown(body: Fields, known: readonly string[]): string | null {
  return Object.keys(body).find((name) => !known.includes(name)) ?? null;
}

/** An object's field, or nothing of what is not an object. */
export function inside(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Fields)[name] : undefined;
}

/** One that shows thinking and counts as vLLM does. */
export const VLLM_SHAPE: AnswerShape = {
  reasoning: "reasoning_content",
  usagePlace: "own-chunk",
  alwaysUsage: false,
  comments: false,
  usage: (usage) => usage,
};

/** Totals without details: thinking is inside the completion, and nobody is told how much of it. */
export function withoutDetails(usage: Usage): Fields {
  const { prompt_tokens, completion_tokens, total_tokens } = usage;
  return { prompt_tokens, completion_tokens, total_tokens };
}
