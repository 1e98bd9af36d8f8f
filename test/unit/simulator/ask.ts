// How the simulator's tests ask it things: one call, and the events of a stream.
import type { ChatFault, ChatRequest } from "../../simulator/chat-request.ts";
import { parseChat } from "../../simulator/chat-request.ts";
import { complete, type Choice } from "../../simulator/completion.ts";
import type { Mode } from "../../simulator/mode.ts";

/** One wording per mode, as a gateway might put it at the end of a question. */
export const modeInstructions: Readonly<Record<Mode, string>> = {
  direct: "Answer with only the final answer.",
  short: "Answer briefly, in a few short steps.",
  code: "Write a short function that solves it, then trace its execution.",
  long: "",
};

export type Body = Readonly<Record<string, unknown>>;

export function chatBody(text: string, more: Body = {}): Body {
  return { model: "sim-mid", messages: [{ role: "user", content: text }], ...more };
}

export function modeBody(text: string, mode: Mode, more: Body = {}): Body {
  return chatBody(`${text}\n\n${modeInstructions[mode]}`, {
    chat_template_kwargs: { enable_thinking: mode === "long" },
    ...more,
  });
}

export function requestOf(body: Body): ChatRequest {
  const parsed = parseChat(body);
  if (!parsed.ok) throw new Error(`refused: ${(parsed as ChatFault).message}`);
  return parsed.request;
}

/** The first choice, without a server. */
export function chooseFirst(body: Body, seed = 1): Choice {
  const [choice] = complete(requestOf(body), { seed, ignoresKnobs: false, preface: "" }).choices;
  if (choice === undefined) throw new Error("no choice");
  return choice;
}

/** What follows the last "Answer:", or the whole of a direct answer. */
export function finalAnswer(content: string): string {
  return content
    .slice(content.lastIndexOf("Answer:") + 1)
    .replace(/^nswer:/, "")
    .trim();
}

export function post(
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

export type Delta = { readonly [field: string]: unknown };
export type Event = {
  readonly choices?: readonly {
    readonly index: number;
    readonly delta: Delta;
    readonly finish_reason: string | null;
  }[];
  readonly usage?: unknown;
  readonly error?: unknown;
};

export function eventsOf(text: string): {
  readonly events: readonly Event[];
  readonly done: boolean;
} {
  const data = text
    .split(/\r?\n\r?\n/)
    .filter((block) => block.startsWith("data: "))
    .map((block) => block.slice(6));
  return {
    events: data.filter((line) => line !== "[DONE]").map((line) => JSON.parse(line) as Event),
    done: data.at(-1) === "[DONE]",
  };
}

/** All text of one field of the deltas, joined. */
export function joinField(events: readonly Event[], field: string): string {
  return events
    .flatMap((event) => event.choices ?? [])
    .map((choice) => choice.delta[field])
    .filter((text) => typeof text === "string")
    .join("");
}

export type Usage = {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  prompt_tokens_details: { cached_tokens: number };
  completion_tokens_details: { reasoning_tokens: number };
};
type Message = {
  content: string | null;
  reasoning_content?: string;
  tool_calls?: { id: string; function: { name: string; arguments: string } }[];
};
export type Completion = {
  choices: {
    message: Message;
    finish_reason: string;
    logprobs: { content: { token: string; top_logprobs: unknown[] }[] } | null;
  }[];
  usage: Usage;
};

/** A completion that is not streamed and has to succeed. */
export async function askWhole(url: string, body: Body): Promise<Completion> {
  const response = await post(url, body);
  if (response.status !== 200) throw new Error(`status ${response.status}`);
  return (await response.json()) as Completion;
}
