// One call to one upstream, and the only caller of fetch. A hold is its first argument by type: without tokens that
// are held, nothing reaches an upstream. What comes back is heard piece by piece, every trouble as a value.
import type { Held } from "./hold.ts";
import { hearRefusal } from "./hear-refusal.ts";
import type { Heard } from "./heard.ts";
import { SseSplitter, type SseEvent } from "./stream/sse.ts";
import { Silence } from "./stream/silence.ts";
import { readText, TOO_LARGE, type TextBounds } from "./stream/text.ts";
import type { Patience } from "./stream/patience.ts";
import { TIMED_OUT } from "./stream/wait.ts";
import {
  cut,
  inBandError,
  overdue,
  silent,
  unlike,
  unreachable,
  type Troubled,
  tooMuch,
} from "./trouble.ts";
import { AnswerReader } from "./upstream/wire/read.ts";
import { redact } from "./upstream/wire/redact.ts";

export interface Outbound {
  readonly url: string;
  readonly secret: string | null;
  readonly body: string;
  readonly isStream: boolean;
  readonly idleMs: number;
  readonly deadlineMs: number;
  /** What answers is no chat completion: its text is handed on unread, if it is no longer than this. */
  readonly opaqueBytesMax?: number;
}

const BLANK_LINE = new TextEncoder().encode("\n\n");
/** A pause of this length is an engine's own: reading the prompt, or one slow step. */
const PAUSE_MS = 1000;
/**
 * An engine that was given a bound stops there; one that ignores it is stopped here, so that an answer cannot cost
 * many times what was held. What is seen is an estimate, hence the factor, and short answers vary most.
 */
const OVERRUN_FACTOR = 2;
const OVERRUN_TOKENS = 256;
/** How long a body may take to end after its last event before it is cut off. Nobody waits for it. */
const DRAIN_MS = 5000;
/** An error's body is read this far: enough for its message. */
const ERROR_BYTES_MAX = 65_536;
/** A whole answer may hold many long answers with logprobs; far above those, and small beside 128 MB. */
const ANSWER_BYTES_MAX = 32 * 1024 * 1024;

export function attempt(
  hold: Held,
  outbound: Outbound,
  nowMs: () => number,
  patience: Patience,
): Attempt {
  return new Attempt(hold, outbound, nowMs, patience);
}

/** Only its type leaves this file: attempts are made by `attempt`, which asks for what was held. */
export type { Attempt };

class Attempt {
  readonly reader = new AnswerReader();
  /** The answer came in one piece, and has come. */
  isWhole = false;
  readonly #outbound: Outbound;
  readonly #now: () => number;
  readonly #startedAtMs: number;
  readonly #endsAtMs: number;
  readonly #outputTokensMax: number;
  readonly #silence: Silence;
  readonly #patience: Patience;
  readonly #controller = new AbortController();
  readonly #splitter = new SseSplitter();
  readonly #response: Promise<Response | Error>;
  readonly #ready: Heard[] = [];
  #body: ReadableStreamDefaultReader<Uint8Array> | null = null;
  #pending: Promise<Heard> | null = null;
  #isDone = false;

  constructor(hold: Held, outbound: Outbound, now: () => number, patience: Patience) {
    this.#outbound = outbound;
    this.#now = now;
    this.#patience = patience;
    this.#startedAtMs = now();
    this.#silence = new Silence(PAUSE_MS, now);
    this.#endsAtMs = this.#startedAtMs + outbound.deadlineMs;
    this.#outputTokensMax = hold.outputTokens;
    this.#response = fetch(outbound.url, {
      method: "POST",
      redirect: "manual",
      signal: this.#controller.signal,
      headers: {
        "content-type": "application/json",
        accept: outbound.isStream ? "text/event-stream" : "application/json",
        "x-request-id": hold.callId,
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

  /** What can be had without waiting; null when something has to be waited for. */
  get ready(): Heard | null {
    return this.#pending === null ? (this.#ready[0] ?? null) : null;
  }

  take(): void {
    if (this.#pending === null) this.#ready.shift();
    this.#pending = null;
  }

  /**
   * How long the upstream has been silent, beyond pauses that every engine makes: time in which one that hides its
   * thinking may have written, unseen.
   */
  get silentMs(): number {
    return this.#silence.totalMs;
  }

  /** Reads on to the end, or for so long: for what the answer comes to, not for what it says. */
  async hearOut(waitMs: number): Promise<void> {
    const endsAtMs = this.#now() + waitMs;
    for (;;) {
      const heard = await this.#patience.wait(this.peek(), endsAtMs - this.#now());
      if (heard === TIMED_OUT || heard.kind !== "event") return;
      this.take();
    }
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
    const response = await this.#patience.wait(this.#response, this.#waitMs());
    if (response === TIMED_OUT) return this.#late();
    if (response instanceof Error) return unreachable();
    const contentType = response.headers.get("content-type") ?? "";
    if (!response.ok) return this.#hearRefusal(response);
    if (response.body === null) return cut("it sent no body");
    if (this.#outbound.isStream && contentType.includes("text/event-stream")) {
      this.#body = response.body.getReader();
      return this.#hearChunk(this.#body);
    }
    return this.#hearWhole(response);
  }

  async #hearChunk(body: ReadableStreamDefaultReader<Uint8Array>): Promise<Heard> {
    for (;;) {
      const waitMs = this.#waitMs();
      // An upstream that never pauses would win every race against a clock that has already run out.
      if (waitMs === 0) return this.#late();
      const chunk = await this.#patience.wait(
        body.read().catch(() => null),
        waitMs,
      );
      if (chunk === TIMED_OUT) return this.#late();
      this.#silence.hear();
      if (chunk === null) return cut("its connection broke");
      if (chunk.done) return this.#hearEnd();
      for (const event of this.#splitter.push(chunk.value)) if (!this.#hearEvent(event)) break;
      if (this.#splitter.isOverfull)
        this.#ready.push(tooMuch("one of its events is larger than a mebibyte"));
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
        if (this.reader.seenTokens > OVERRUN_FACTOR * this.#outputTokensMax + OVERRUN_TOKENS) {
          this.#ready.push(tooMuch("it wrote far past the bound that it was given"));
          return false;
        }
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
        this.#ready.push(
          inBandError(
            redact(reading.error, this.#outbound),
            this.reader.seenTokens === 0,
            this.#elapsedMs(),
          ),
        );
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
    const end = await this.#patience.wait(isAtEnd(), DRAIN_MS);
    if (end !== true) this.#controller.abort();
  }

  #hearEnd(): Heard {
    const rest = this.#splitter.rest();
    if (rest !== null) this.#hearEvent(rest);
    // Some engines leave `[DONE]` out; an answer that gave its finish reason is whole all the same.
    if (this.reader.isFinished) this.#ready.push({ kind: "end" });
    else {
      // An event that was not ended would swallow the error that follows it.
      if (rest !== null)
        this.#ready.push({ kind: "event", bytes: BLANK_LINE, said: { kind: "nothing" } });
      this.#ready.push(cut("its stream ended without a finish reason"));
    }
    return this.#ready.shift() ?? { kind: "end" };
  }

  async #hearWhole(response: Response): Promise<Heard> {
    const { opaqueBytesMax } = this.#outbound;
    const bytesMax = opaqueBytesMax ?? ANSWER_BYTES_MAX;
    const text = await readText(response, this.#bounds(bytesMax));
    if (text === TIMED_OUT) return this.#late();
    if (text === TOO_LARGE) return tooMuch(`its answer is larger than ${bytesMax} bytes`);
    if (text === null) return cut("its connection broke");
    this.#isDone = true;
    if (opaqueBytesMax !== undefined) return { kind: "whole", text, deltas: [] };
    const reading = this.reader.readBody(text);
    switch (reading.kind) {
      case "chunk":
        this.isWhole = true;
        return { kind: "whole", text, deltas: reading.deltas };
      case "error":
        return inBandError(redact(reading.error, this.#outbound), true, this.#elapsedMs());
      case "done":
      case "unreadable":
        return unlike(response.status);
    }
  }

  async #hearRefusal(response: Response): Promise<Heard> {
    const text = await readText(response, this.#bounds(ERROR_BYTES_MAX));
    const said = typeof text === "string" ? text : "";
    return hearRefusal(response, said, this.#outbound, this.#now(), this.#elapsedMs());
  }

  #bounds(bytesMax: number): TextBounds {
    return { bytesMax, waitMs: () => this.#waitMs(), patience: this.#patience };
  }

  /** Why a wait was given up: the call's time is over, or the upstream was silent for too long. */
  #late(): Troubled {
    const { idleMs, deadlineMs } = this.#outbound;
    return this.#now() >= this.#endsAtMs ? overdue(deadlineMs) : silent(idleMs);
  }

  #elapsedMs(): number {
    return this.#now() - this.#startedAtMs;
  }

  #waitMs(): number {
    return Math.max(0, Math.min(this.#outbound.idleMs, this.#endsAtMs - this.#now()));
  }
}
