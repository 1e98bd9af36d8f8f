// What one simulated server holds between requests, and the answer to one chat completion.
import type { ServerResponse } from "node:http";
import type { Answer } from "./answer.ts";
import { scriptBody } from "./body-script.ts";
import { hash } from "./chance.ts";
import { isFields, parseChat, type ChatRequest } from "./chat-request.ts";
import { complete } from "./completion.ts";
import type { EngineDialect } from "./dialects/dialect.ts";
import { createControl, splitModel, type Control, type Misbehaviours } from "./misbehaviour.ts";
import { paceAnswer } from "./pace.ts";
import { createPrefillQueue, type PrefillQueue } from "./prefill-queue.ts";
import { createPrefixCache, type CacheListener, type PrefixCache } from "./prefix-cache.ts";
import type { Truth } from "./recorder.ts";
import type { SimulatorSettings } from "./settings.ts";
import type { Step } from "./step.ts";
import { scriptStream } from "./stream-script.ts";
import { contextTokensMax } from "./tokens.ts";
import { lieAbout, sumUsage } from "./usage.ts";

export type Engine = {
  readonly settings: SimulatorSettings;
  readonly control: Control;
  /** One for each replica. */
  readonly caches: readonly PrefixCache[];
  readonly queues: readonly PrefillQueue[];
};

/** How a response begins and what follows. No status means that not even headers are sent. */
export type Exchange = {
  readonly status: number | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly beforeHeadersMs: number;
  readonly steps: readonly Step[];
  /** Of a completion: what it really was. */
  readonly truth?: Truth;
};

const slowFirstByteMs = 5_000;
const retryAfterSeconds = 2;

/** Wide characters of two, three and four bytes for `split-utf8` to cut. */
const widePreface = "Voilà ✓ 数学 😀\n";

/** The listener hears of all replicas, so it is for an engine that has one. */
export function createEngine(
  settings: SimulatorSettings,
  listener: CacheListener | null = null,
): Engine {
  return {
    settings,
    control: createControl(),
    caches: Array.from({ length: settings.replicas }, () =>
      createPrefixCache({
        blocksHeldMax: settings.cacheBlocks,
        blockTokens: settings.cacheBlockTokens,
        seed: settings.cacheSeed,
        listener,
      }),
    ),
    queues: Array.from({ length: settings.replicas }, () =>
      createPrefillQueue(settings.queuesPrefill),
    ),
  };
}

export function answerChat(
  engine: Engine,
  dialect: EngineDialect,
  asked: { readonly replica: number; readonly body: unknown; readonly misbehaveHeader: string },
): Exchange {
  const { replica, body, misbehaveHeader: header } = asked;
  const heard = isFields(body) ? dialect.hear(body) : ({ kind: "read", body } as const);
  const parsed = heard.kind === "refused" ? null : parseChat(heard.body);
  if (heard.kind === "refused")
    return refuseAs(dialect, heard.message, heard.parameter, heard.code);
  if (parsed === null || !parsed.ok)
    return refuseAs(dialect, parsed?.message ?? "", parsed?.parameter ?? "", null);
  const misbehaviours = engine.control.collect({
    model: parsed.request.model,
    header,
    lastUserText:
      parsed.request.messages.findLast((message) => message.role === "user")?.content ?? "",
  });
  const waitMs = misbehaviours.has("slow-first-byte")
    ? (misbehaviours.get("slow-first-byte")?.waitMs ?? slowFirstByteMs)
    : 0;
  const request = { ...parsed.request, model: splitModel(parsed.request.model).model };
  const exchange =
    refuseOnRequest(misbehaviours) ??
    answerRequest(engine, replica, request, { shape: dialect.shape, misbehaviours });
  return { ...exchange, beforeHeadersMs: exchange.beforeHeadersMs + waitMs };
}

function refuseAs(
  dialect: EngineDialect,
  message: string,
  parameter: string,
  code: string | null,
): Exchange {
  return dialect.error === undefined
    ? refuse(400, message, "invalid_request_error", parameter, code)
    : sendJson(400, dialect.error(message));
}

export function refuseOnRequest(misbehaviours: Misbehaviours): Exchange | null {
  if (misbehaviours.has("silent"))
    return { status: null, headers: {}, beforeHeadersMs: 0, steps: [{ kind: "stall" }] };
  if (misbehaviours.has("rate-limit")) {
    const refusal = refuse(
      429,
      "Rate limit reached. Try again later.",
      "rate_limit_error",
      null,
      "rate_limit_exceeded",
    );
    return {
      ...refusal,
      headers: { ...refusal.headers, "retry-after": String(retryAfterSeconds) },
    };
  }
  if (misbehaviours.has("error-400"))
    return refuse(
      400,
      "The request is not valid for this engine.",
      "invalid_request_error",
      null,
      null,
    );
  if (misbehaviours.has("error-500"))
    return refuse(500, "The engine failed.", "server_error", null, "engine_error");
  if (misbehaviours.has("error-503"))
    return refuse(503, "The engine is overloaded.", "server_error", null, "overloaded");
  return null;
}

function answerRequest(
  engine: Engine,
  replica: number,
  request: ChatRequest,
  { shape, misbehaviours }: Pick<Answer, "shape" | "misbehaviours">,
): Exchange {
  const { settings } = engine;
  const preface = misbehaviours.has("split-utf8") ? widePreface : "";
  const completion = complete(request, {
    seed: settings.seed,
    ignoresKnobs: misbehaviours.has("ignored-knobs"),
    preface,
  });
  const { prompt, promptTokens, choices } = completion;
  if (promptTokens > contextTokensMax) {
    return refuse(
      400,
      `This model's maximum context length is ${contextTokensMax} tokens; the prompt has ${promptTokens}.`,
      "invalid_request_error",
      "messages",
      "context_length_exceeded",
    );
  }

  const salt = settings.ignoresSalts ? "" : request.cacheSalt;
  const scope = { model: request.model, salt };
  const cache = engine.caches[replica];
  const cachedTokens = cache?.admit(prompt, scope) ?? 0;
  // The next turn repeats what was said but not what was thought, so only that can be reused.
  const [said] = choices;
  if (said !== undefined && said.reasoning === "")
    cache?.admit(`${prompt}${said.content}\n`, scope);

  const prefillMs = settings.prefillMsPerToken * (promptTokens - cachedTokens);
  const turn = engine.queues[replica]?.enter(Date.now(), prefillMs) ?? { waitMs: 0, prefillMs };
  const usage = sumUsage(promptTokens, cachedTokens, choices);
  const answer: Answer = {
    id: `chatcmpl-${hash(`${settings.seed}|${prompt}|${request.model}`).toString(36)}`,
    createdSeconds: Math.floor(Date.now() / 1000),
    model: request.model,
    completion,
    usage: misbehaviours.has("lying-usage") ? lieAbout(usage, request.capTokens) : usage,
    shape,
    includeUsage: request.includeUsage || shape.alwaysUsage,
    topLogprobs: request.topLogprobs,
    chunkTokens: settings.chunkTokens,
    pace: paceAnswer(settings, turn.prefillMs, usage.completion_tokens, turn.waitMs),
    misbehaviours,
  };
  const headers = {
    "content-type": request.stream ? "text/event-stream; charset=utf-8" : "application/json",
    "cache-control": "no-cache",
    "x-sim-mode": completion.mode,
  };
  return {
    status: 200,
    headers,
    beforeHeadersMs: 0,
    steps: request.stream ? scriptStream(answer) : scriptBody(answer),
    truth: { mode: completion.mode, usage },
  };
}

export function refuse(
  status: number,
  message: string,
  type: string,
  param: string | null,
  code: string | null,
): Exchange {
  return sendJson(status, { error: { message, type, param, code } });
}

export function sendJson(status: number, value: unknown): Exchange {
  const bytes = Buffer.from(JSON.stringify(value));
  return {
    status,
    headers: { "content-type": "application/json", "content-length": String(bytes.length) },
    beforeHeadersMs: 0,
    steps: [{ kind: "write", bytes }],
  };
}

export function startResponse(response: ServerResponse, exchange: Exchange, replica: number): void {
  if (exchange.status === null) return;
  response.writeHead(exchange.status, { ...exchange.headers, "x-sim-replica": String(replica) });
  // Headers leave now: an engine accepts first and thinks afterwards.
  response.flushHeaders();
}
