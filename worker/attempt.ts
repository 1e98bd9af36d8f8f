// One call to one upstream, and the only caller of fetch. A hold is its first argument by type: without tokens that
// are held, nothing reaches an upstream. What comes back is heard piece by piece, every trouble as a value.
import type { Hold } from "../policies/account.ts";
import type { Delta } from "./dialect/dialect.ts";
import type { Failure } from "./failure.ts";
import { SseSplitter, type SseEvent } from "./stream/sse.ts";
import { TIMED_OUT, within } from "./stream/wait.ts";
import { AnswerReader, readErrorText, type UpstreamError } from "./upstream/wire/read.ts";

export interface Outbound {
  readonly url: string;
  readonly secret: string | null;
  readonly body: string;
  readonly isStream: boolean;
  readonly idleMs: number;
  readonly deadlineMs: number;
}

export type Heard =
  /** An event of a stream; a comment says nothing. */
  | { readonly kind: "event"; readonly bytes: Uint8Array; readonly said: Said }
  /** The whole answer of a call that does not stream. */
  | {
      readonly kind: "whole";
      readonly text: string;
      readonly contentType: string;
      readonly deltas: readonly Delta[];
    }
  | { readonly kind: "end" }
  | { readonly kind: "failed"; readonly trouble: Trouble };

export type Said =
  | { readonly kind: "nothing" }
  | {
      readonly kind: "deltas";
      readonly deltas: readonly Delta[];
      readonly isReal: boolean;
      readonly isUsageOnly: boolean;
    }
  | { readonly kind: "done"; readonly data: string };

export interface Trouble {
  readonly failure: Failure;
  /** Another upstream, or this one later, may do better. */
  readonly isRetryable: boolean;
  /** It speaks against the upstream's health, so its breaker should hear of it. */
  readonly isFault: boolean;
  /** The upstream said that it refused, so nothing was generated; otherwise what was seen, or unknown, is charged. */
  readonly isFree: boolean;
}

/** How long a body may take to end after its last event before it is cut off. */
const DRAIN_MS = 250;
/** An error's body is read this far: enough for its message. */
const ERROR_BYTES_MAX = 65_536;
/** A whole answer may hold many long answers with logprobs; far above those, and small beside 128 MB. */
const ANSWER_BYTES_MAX = 32 * 1024 * 1024;

export function attempt(hold: Hold, outbound: Outbound, nowMs: () => number): Attempt {
  return new Attempt(hold.callId, outbound, nowMs);
}

export class Attempt {
  readonly reader = new AnswerReader();
  readonly #outbound: Outbound;
  readonly #now: () => number;
  readonly #endsAtMs: number;
  readonly #controller = new AbortController();
  readonly #splitter = new SseSplitter();
  readonly #response: Promise<Response | Error>;
  readonly #ready: Heard[] = [];
  #body: ReadableStreamDefaultReader<Uint8Array> | null = null;
  #pending: Promise<Heard> | null = null;
  #isDone = false;

  constructor(callId: string, outbound: Outbound, now: () => number) {
    this.#outbound = outbound;
    this.#now = now;
    this.#endsAtMs = now() + outbound.deadlineMs;
    this.#response = fetch(outbound.url, {
      method: "POST",
      redirect: "manual",
      signal: this.#controller.signal,
      headers: {
        "content-type": "application/json",
        accept: outbound.isStream ? "text/event-stream" : "application/json",
        "x-request-id": callId,
        ...(outbound.secret === null ? {} : { authorization: `Bearer ${outbound.secret}` }),
      },
      body: outbound.body,
      // A failed connection is a value here; left as a rejection it would be unhandled while the gate waits.
    }).catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
  }

  /** What comes next. Asking again before `take` gives the same answer, so a waiter may give up and come back. */
  peek(): Promise<Heard> {
    this.#pending ??= this.#next();
    return this.#pending;
  }

  take(): void {
    this.#pending = null;
  }

  /** Stops the upstream. When it has said its last, its connection is left to end by itself and be used again. */
  cancel(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#controller.abort();
  }

  async #next(): Promise<Heard> {
    const ready = this.#ready.shift();
    if (ready !== undefined) return ready;
    if (this.#isDone) return { kind: "end" };
    const heard =
      this.#body === null ? await this.#hearResponse() : await this.#hearChunk(this.#body);
    if (heard.kind === "failed") this.cancel();
    return heard;
  }

  async #hearResponse(): Promise<Heard> {
    const waitMs = this.#waitMs();
    const response = await within(this.#response, waitMs);
    if (response === TIMED_OUT) return silent(waitMs);
    if (response instanceof Error) {
      return failed(
        { kind: "upstream-failed", status: null, detail: "the connection failed" },
        { isFault: true, isFree: true },
      );
    }
    const contentType = response.headers.get("content-type") ?? "";
    if (!response.ok) return this.#hearRefusal(response);
    if (response.body === null) return cut("it sent no body");
    if (this.#outbound.isStream && contentType.includes("text/event-stream")) {
      this.#body = response.body.getReader();
      return this.#hearChunk(this.#body);
    }
    return this.#hearWhole(response, response.body, contentType);
  }

  async #hearChunk(body: ReadableStreamDefaultReader<Uint8Array>): Promise<Heard> {
    for (;;) {
      const waitMs = this.#waitMs();
      const chunk = await within(
        body.read().catch(() => null),
        waitMs,
      );
      if (chunk === TIMED_OUT) return silent(waitMs);
      if (chunk === null) return cut("its connection broke");
      if (chunk.done) return this.#hearEnd();
      for (const event of this.#splitter.push(chunk.value)) if (!this.#hearEvent(event)) break;
      if (this.#splitter.isOverfull)
        this.#ready.push(cut("one of its events is larger than a mebibyte"));
      const ready = this.#ready.shift();
      if (ready !== undefined) return ready;
    }
  }

  /** Queues what an event says; false when nothing after it counts. */
  #hearEvent(event: SseEvent): boolean {
    if (event.data === null) {
      this.#ready.push({ kind: "event", bytes: event.bytes, said: { kind: "nothing" } });
      return true;
    }
    const reading = this.reader.readEvent(event.data);
    switch (reading.kind) {
      case "chunk":
        this.#ready.push({
          kind: "event",
          bytes: event.bytes,
          said: { ...reading, kind: "deltas" },
        });
        return true;
      case "done":
        this.#ready.push(
          { kind: "event", bytes: event.bytes, said: { kind: "done", data: event.data } },
          { kind: "end" },
        );
        void this.#drain();
        return false;
      case "error":
        this.#ready.push(inBandError(reading.error, this.reader.seenTokens === 0));
        return false;
      case "unreadable":
        this.#ready.push(cut("one of its events is not JSON"));
        return false;
    }
  }

  /** Reads on to the body's end, so that the connection can be used again; what came after the last event counts for nothing. */
  async #drain(): Promise<void> {
    this.#isDone = true;
    const isAtEnd = async (): Promise<boolean> =>
      (await this.#body?.read().catch(() => null))?.done !== false;
    const end = await within(isAtEnd(), DRAIN_MS);
    if (end !== true) this.#controller.abort();
  }

  #hearEnd(): Heard {
    const rest = this.#splitter.rest();
    if (rest !== null) this.#hearEvent(rest);
    // Some engines leave `[DONE]` out; an answer that gave its finish reason is whole all the same.
    this.#ready.push(
      this.reader.isFinished ? { kind: "end" } : cut("its stream ended without a finish reason"),
    );
    return this.#ready.shift() ?? { kind: "end" };
  }

  async #hearWhole(
    response: Response,
    body: ReadableStream<Uint8Array>,
    contentType: string,
  ): Promise<Heard> {
    const text = await this.#readText(body, ANSWER_BYTES_MAX);
    if (text === TIMED_OUT) return silent(this.#outbound.idleMs);
    if (text === null) return cut("its connection broke");
    this.#isDone = true;
    const reading = this.reader.readBody(text);
    switch (reading.kind) {
      case "chunk":
        return {
          kind: "whole",
          text,
          contentType: contentType || "application/json",
          deltas: reading.deltas,
        };
      case "error":
        return inBandError(reading.error, true);
      case "done":
      case "unreadable":
        return failed(
          {
            kind: "upstream-failed",
            status: response.status,
            detail: "its answer is not a chat completion",
          },
          { isFault: true, isFree: false },
        );
    }
  }

  async #hearRefusal(response: Response): Promise<Heard> {
    const text = response.body === null ? "" : await this.#readText(response.body, ERROR_BYTES_MAX);
    const error = readErrorText(typeof text === "string" ? text : "");
    return refusal(response.status, error, response.headers.get("retry-after"));
  }

  /** The body as text; null when it broke or outgrew its bound. */
  async #readText(
    body: ReadableStream<Uint8Array>,
    bytesMax: number,
  ): Promise<string | null | typeof TIMED_OUT> {
    const reader = body.getReader();
    this.#body = reader;
    const decoder = new TextDecoder();
    let text = "";
    let bytes = 0;
    for (;;) {
      const chunk = await within(
        reader.read().catch(() => null),
        this.#waitMs(),
      );
      if (chunk === TIMED_OUT) return TIMED_OUT;
      if (chunk === null) return null;
      if (chunk.done) return text + decoder.decode();
      bytes += chunk.value.byteLength;
      if (bytes > bytesMax) return null;
      text += decoder.decode(chunk.value, { stream: true });
    }
  }

  #waitMs(): number {
    return Math.max(0, Math.min(this.#outbound.idleMs, this.#endsAtMs - this.#now()));
  }
}

function failed(
  failure: Failure,
  how: { isRetryable?: boolean; isFault: boolean; isFree: boolean },
): Heard {
  return { kind: "failed", trouble: { failure, isRetryable: true, ...how } };
}

function silent(waitedMs: number): Heard {
  return failed({ kind: "upstream-silent", waitedMs }, { isFault: true, isFree: false });
}

function cut(detail: string): Heard {
  return failed({ kind: "upstream-cut", detail }, { isFault: true, isFree: false });
}

/** An error that came with status 200: what kind it is, only its own fields can say. */
function inBandError(error: UpstreamError, isBeforeAnything: boolean): Heard {
  const status = statusOf(error);
  const heard =
    status === null
      ? failed(
          { kind: "upstream-failed", status, detail: "it answered with an error" },
          { isFault: true, isFree: true },
        )
      : refusal(status, error, null);
  if (heard.kind !== "failed" || isBeforeAnything) return heard;
  return { kind: "failed", trouble: { ...heard.trouble, isFree: false } };
}

function statusOf({ status, type, code }: UpstreamError): number | null {
  if (status !== null && status >= 400 && status < 600) return status;
  const words = `${type ?? ""} ${code ?? ""}`;
  if (/rate.?limit/i.test(words)) return 429;
  return /invalid.?request|bad.?request/i.test(words) ? 400 : null;
}

/** What a status means for the caller, for a retry, and for the upstream's name. */
function refusal(status: number, error: UpstreamError, retryAfter: string | null): Heard {
  if (status === 429) {
    const seconds = Number(retryAfter);
    const retryAfterMs =
      retryAfter !== null && Number.isFinite(seconds) && seconds >= 0
        ? Math.ceil(seconds * 1000)
        : null;
    return failed({ kind: "upstream-busy", retryAfterMs }, { isFault: false, isFree: true });
  }
  if (status === 401 || status === 403) {
    return failed({ kind: "upstream-credentials", upstream: "" }, { isFault: false, isFree: true });
  }
  if (status === 400 || status === 413 || status === 415 || status === 422) {
    const { message, type, code, param } = error;
    return failed(
      { kind: "upstream-refused", status, message, type, code, param },
      { isRetryable: false, isFault: false, isFree: true },
    );
  }
  // 404 is the catalog naming a model that is not there, 402 an unpaid bill: the operator's, never the caller's.
  const isFault = status >= 500 || status === 408;
  return failed(
    { kind: "upstream-failed", status, detail: "it refused" },
    { isFault, isFree: true },
  );
}
