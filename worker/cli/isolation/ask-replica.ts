// Asks one engine one prompt, with the salt as the gateway would send it, and hears when it begins and what it says that it
// took from its cache.
import type { Model, Upstream } from "../../../policies/catalog.ts";
import { SseSplitter, type SseEvent } from "../../stream/sse.ts";
import { traitsOf } from "../../traits.ts";
import { compile, type Compiled } from "../../upstream/compile.ts";
import { engineOf } from "../../upstream/table.ts";
import { AnswerReader } from "../../upstream/wire/read.ts";
import { writeWire } from "../../upstream/wire/write.ts";
import type { Leg } from "./conclude.ts";

/** A word or two; engines refuse a bound that is too small for a beginning. */
const OUTPUT_TOKENS = 16;
/** A long prompt on a slow engine behind others. */
const ANSWER_MS_MAX = 120_000;
/** Of a short answer with its events. */
const ANSWER_BYTES_MAX = 1_048_576;
const REFUSAL_CHARS = 200;

export interface Target {
  readonly upstream: Upstream;
  readonly model: Model;
  /** Up to and with `/v1`. */
  readonly baseUrl: string;
  readonly apiKey: string | null;
}

/** It was not answered; the message says what came instead. */
export class NotAnswered extends Error {
  override readonly name = "NotAnswered";
}

export type Answered = Omit<Leg, "salt">;

export async function askReplica(target: Target, salt: string, prompt: string): Promise<Answered> {
  const startedAtMs = performance.now();
  const aborting = AbortSignal.timeout(ANSWER_MS_MAX);
  try {
    const response = await fetch(`${target.baseUrl.replace(/\/+$/, "")}/chat/completions`, {
      method: "POST",
      redirect: "manual",
      signal: aborting,
      headers: {
        "content-type": "application/json",
        accept: "text/event-stream",
        ...(target.apiKey === null ? {} : { authorization: `Bearer ${target.apiKey}` }),
      },
      body: bodyOf(target, salt, prompt),
    });
    if (!response.ok) {
      const said = (await response.text()).slice(0, REFUSAL_CHARS);
      throw new NotAnswered(`it answered ${response.status} ${said}`.trim());
    }
    return await hear(response, startedAtMs);
  } catch (error) {
    if (error instanceof NotAnswered) throw error;
    const { message, cause } = error as Error & { readonly cause?: { readonly code?: string } };
    throw new NotAnswered(`it did not answer (${cause?.code ?? message})`);
  }
}

/** Why the gateway sends this model no salt; null where it does. */
export function whyUnsalted({
  upstream,
  model,
}: Pick<Target, "upstream" | "model">): string | null {
  const { knobs } = compiled(upstream, model, "any");
  const knob = knobs.find((one) => one.knob === "cache-salt");
  return knob === undefined || knob.fidelity === "exact" ? null : knob.reason;
}

function compiled(upstream: Upstream, model: Model, cacheSalt: string): Compiled {
  return compile(
    engineOf(upstream.engine),
    {
      thinking: "off",
      effort: null,
      thinkingTokensMax: null,
      outputTokens: OUTPUT_TOKENS,
      isStream: true,
      temperature: null,
      setsTemperature: false,
      replacesEffort: false,
      passed: {},
      ceiling: null,
      cacheSalt,
      promptKey: null,
      setsPromptKey: false,
    },
    traitsOf(model),
  );
}

function bodyOf({ upstream, model }: Target, salt: string, prompt: string): string {
  const engine = engineOf(upstream.engine);
  const { fields, drops } = compiled(upstream, model, salt);
  return writeWire(
    JSON.stringify({ model: model.name, messages: [{ role: "user", content: prompt }] }),
    {
      model: model.name,
      isStream: true,
      // Asked for whatever the catalog declares: without it nothing can be proven.
      asksUsage: true,
      outputTokens: OUTPUT_TOKENS,
      capField: engine.capField ?? "max_tokens",
      isSoleCapField: engine.readsEitherCapField !== true,
      fields,
      drops,
      notes: [],
      turnNotes: [],
      isSteady: false,
    },
  );
}

async function hear({ body }: Response, startedAtMs: number): Promise<Answered> {
  const reader = new AnswerReader();
  const splitter = new SseSplitter();
  let firstTokenMs: number | null = null;
  let bytes = 0;
  const take = ({ data }: SseEvent): void => {
    if (data === null) return;
    const read = reader.readEvent(data);
    if (read.kind === "error") throw new NotAnswered(`it failed: ${read.error.message}`);
    if (read.kind === "chunk" && read.isReal) firstTokenMs ??= performance.now() - startedAtMs;
  };
  for await (const chunk of body ?? []) {
    bytes += (chunk as Uint8Array).byteLength;
    if (bytes > ANSWER_BYTES_MAX) throw new NotAnswered("its answer does not end");
    for (const event of splitter.push(chunk as Uint8Array)) take(event);
  }
  const rest = splitter.rest();
  if (rest !== null) take(rest);
  if (firstTokenMs === null) throw new NotAnswered("its answer was empty");
  const { usage, isCacheTold } = reader;
  return {
    inputTokens: usage?.inputTokens ?? null,
    cachedTokens: usage !== null && isCacheTold ? usage.cachedTokens : null,
    firstTokenMs: Math.round(firstTokenMs * 10) / 10,
  };
}
