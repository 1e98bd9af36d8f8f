// An engine's event stream over ZeroMQ, in order: live batches from its publisher, missing ones from its replay socket.
// One batch is handled at a time, whoever it came from.
import { crc32 } from "node:zlib";
import { Subscriber } from "zeromq";
import { FRAME_BYTES_MAX, readFrames, replay, type Numbered } from "./replay.ts";
import { SequenceCheck } from "./sequence-check.ts";

export interface EngineStreamOptions {
  readonly eventsUrl: string;
  /** Null: what is missed is lost. */
  readonly replayUrl: string | null;
  readonly topic: string;
}

export interface Listener {
  /** The next batch of this engine. */
  batch(payload: Uint8Array): void;
  /** Batches before the next one are lost, here and at the engine. */
  lost(count: number): void;
  /** Another engine stands there now: what the one before had is gone. */
  restarted(): void;
  /** Something that a person may want to know; it holds nothing of a batch's content. */
  note(event: string, fields: object): void;
}

/** While a replay runs; vLLM queues as many on its side. */
const LIVE_QUEUE_MAX = 100_000;
/** An engine that is there answers at once, and one that starts takes minutes; ZeroMQ tries again by itself and says nothing. */
const CONNECTED_MS = 5_000;
/** A subscription reaches the engine shortly after the connection stands. */
const SUBSCRIBED_MS = 1_000;
/** A replay from the last batch on is one batch long. */
const LOOK_EVERY_MS = 30_000;

export class EngineStream {
  readonly #options: EngineStreamOptions;
  readonly #listener: Listener;
  readonly #check = new SequenceCheck();
  readonly #live: Subscriber;
  readonly #closing = new AbortController();
  #look: NodeJS.Timeout | undefined;
  #unconnected: NodeJS.Timeout | undefined;
  /** Work on the stream, one after another. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: EngineStreamOptions, listener: Listener) {
    this.#options = options;
    this.#listener = listener;
    this.#live = new Subscriber({
      receiveHighWaterMark: LIVE_QUEUE_MAX,
      maxMessageSize: FRAME_BYTES_MAX,
      linger: 0,
    });
  }

  /** Until `close`. */
  async run(): Promise<void> {
    this.#live.events.on("handshake", () => {
      clearTimeout(this.#unconnected);
      this.#listener.note("connected", {});
      // Whether it is the same engine, and what was said while nobody heard.
      this.#lookBehind(0);
    });
    this.#live.events.on("disconnect", () => {
      clearTimeout(this.#look);
      this.#listener.note("disconnected", {});
      this.#awaitConnection();
    });
    this.#live.subscribe(this.#options.topic);
    this.#live.connect(this.#options.eventsUrl);
    this.#awaitConnection();
    try {
      for await (const frames of this.#live) {
        const numbered = readFrames(frames);
        if (numbered === null) this.#listener.note("bad-frames", { frames: frames.length });
        else await this.#inTurn(() => this.#hear(numbered));
      }
    } catch (error) {
      // Closing ends the wait for the next message by throwing.
      if (!this.#closing.signal.aborted) throw error;
    }
  }

  close(): void {
    this.#closing.abort();
    clearTimeout(this.#look);
    clearTimeout(this.#unconnected);
    this.#live.close();
  }

  #awaitConnection(): void {
    clearTimeout(this.#unconnected);
    if (this.#closing.signal.aborted) return;
    const { eventsUrl } = this.#options;
    this.#unconnected = setTimeout(
      () => this.#listener.note("not-connected", { events: eventsUrl, forMs: CONNECTED_MS }),
      CONNECTED_MS,
    );
  }

  /** A last batch that was lost leaves no gap to see, least of all while a subscription is still on its way. */
  #lookBehind(afterMs: number): void {
    clearTimeout(this.#look);
    if (this.#options.replayUrl === null) return;
    this.#look = setTimeout(() => {
      void this.#inTurn(() => this.#catchUp());
      this.#lookBehind(afterMs === 0 ? SUBSCRIBED_MS : LOOK_EVERY_MS);
    }, afterMs);
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(() => (this.#closing.signal.aborted ? undefined : work()));
    // The next in line starts all the same; whoever asked for this hears of the failure.
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #hear(live: Numbered): Promise<void> {
    const print = crc32(live.payload);
    switch (this.#check.standingOf(live.sequence, print)) {
      case "next":
        return this.#take(live);
      case "duplicate":
        return;
      case "late":
        return this.#listener.note("late", { sequence: live.sequence });
      case "restart":
        this.#restart();
        if (live.sequence > 0) await this.#catchUp();
        return this.#takeUnlessHad(live);
      case "gap":
        this.#listener.note("gap", { expected: this.#check.expected, sequence: live.sequence });
        await this.#catchUp();
        return this.#takeUnlessHad(live);
    }
  }

  /** It may have come both live and in a replay. */
  #takeUnlessHad(live: Numbered): void {
    const standing = this.#check.standingOf(live.sequence, crc32(live.payload));
    if (standing === "next" || standing === "gap") this.#take(live);
  }

  #take({ sequence, payload }: Numbered): void {
    const lost = sequence - (this.#check.expected ?? sequence);
    if (lost > 0) this.#listener.lost(lost);
    this.#check.take(sequence, crc32(payload));
    this.#listener.batch(payload);
  }

  #restart(): void {
    this.#check.restart();
    this.#listener.restarted();
  }

  /**
   * Takes what the engine still has and was not heard. It is asked for from the last one that was, because only by that
   * one can another engine be told that has said more by now than the one before.
   */
  async #catchUp(): Promise<void> {
    const { replayUrl } = this.#options;
    if (replayUrl === null) return;
    const { expected } = this.#check;
    const last = expected === null ? null : expected - 1;
    let isAnother = last !== null;
    let batches = 0;
    try {
      for await (const one of replay(replayUrl, last ?? 0, this.#closing.signal)) {
        if (batches++ === 0)
          isAnother = one.sequence === last && !this.#check.isTaken(last, crc32(one.payload));
        if (isAnother) break;
        this.#takeUnlessHad(one);
      }
    } catch (error) {
      // Those that came are in order and whole, so nothing speaks against them. Nor does silence mean another engine.
      isAnother = false;
      const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
      if (!this.#closing.signal.aborted) this.#listener.note("replay-failed", { code, batches });
    }
    if (!isAnother) return;
    this.#restart();
    await this.#catchUp();
  }
}
