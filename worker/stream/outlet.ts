// The way out to a client: writes that end, and what comes in bursts as one write. A client that takes nothing for a while
// counts as gone, because the runtime tells of a lost client only when something is written, and not always then.
import type { Patience } from "./patience.ts";

/** What follows a write within this time is a burst. Engines write a token every 5 ms and more, so theirs never wait. */
const BURST_MS = 2;
/** A burst is gathered for this long: a write costs as much as all else that is done to an event. */
const GATHER_MS = 3;
/** Bytes that wait to be written together, at most; more would only fill the memory of a slow client's isolate. */
const HELD_BYTES_MAX = 65_536;

export class Outlet {
  readonly readable: ReadableStream<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #patienceMs: number;
  readonly #patience: Patience;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #writing: Promise<void> | null = null;
  #wroteAtMs = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #isLost = false;

  constructor(patience: Patience, patienceMs: number) {
    const { readable, writable } = new IdentityTransformStream();
    this.readable = readable;
    this.#writer = writable.getWriter();
    this.#patience = patience;
    this.#patienceMs = patienceMs;
    // The loss of the client is learned from writes; the promise that tells of it as well must not go unheard.
    this.#writer.closed.catch(() => undefined);
  }

  /** Writes it and everything before it. False when the client is gone. */
  async write(bytes: Uint8Array): Promise<boolean> {
    this.#hold(bytes);
    while (this.#heldBytes > 0 || this.#writing !== null) {
      if (this.#isLost) return false;
      if (this.#writing === null) this.#flush();
      await this.#writing;
    }
    return !this.#isLost;
  }

  /** Takes it to be written now, or in a moment together with what follows. False when the client is known to be gone. */
  push(bytes: Uint8Array): boolean | Promise<boolean> {
    if (this.#heldBytes > HELD_BYTES_MAX) return this.write(bytes);
    this.#hold(bytes);
    if (this.#writing === null && this.#timer === null) {
      if (Date.now() - this.#wroteAtMs <= BURST_MS) this.#flushSoon();
      else this.#flush();
    }
    return !this.#isLost;
  }

  /** Ends the answer; without a clean end when a write was not taken, so that nobody takes a part for the whole. */
  async close(): Promise<void> {
    if (this.#heldBytes > 0 || this.#writing !== null) await this.write(NOTHING);
    if (this.#timer !== null) clearTimeout(this.#timer);
    const ended = this.#isLost ? this.#writer.abort() : this.#writer.close();
    await this.#patience.wait(
      ended.catch(() => undefined),
      this.#patienceMs,
    );
  }

  #hold(bytes: Uint8Array): void {
    if (bytes.byteLength === 0 || this.#isLost) return;
    this.#held.push(bytes);
    this.#heldBytes += bytes.byteLength;
  }

  #flushSoon(): void {
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#writing === null) this.#flush();
    }, GATHER_MS);
  }

  /** One write at a time: what comes meanwhile is the next one. */
  #flush(): void {
    if (this.#heldBytes === 0 || this.#isLost) return;
    const bytes = joined(this.#held, this.#heldBytes);
    this.#held = [];
    this.#heldBytes = 0;
    this.#wroteAtMs = Date.now();
    this.#writing = this.#writeNow(bytes);
  }

  async #writeNow(bytes: Uint8Array): Promise<void> {
    const written = this.#writer.write(bytes).then(
      () => true,
      () => false,
    );
    const taken = await this.#patience.wait(written, this.#patienceMs);
    this.#writing = null;
    if (taken !== true) {
      this.#isLost = true;
      this.#held = [];
      this.#heldBytes = 0;
    } else if (this.#heldBytes > 0 && this.#timer === null) this.#flushSoon();
  }
}

const NOTHING = new Uint8Array(0);

function joined(pieces: readonly Uint8Array[], bytes: number): Uint8Array {
  const [first] = pieces;
  if (first !== undefined && pieces.length === 1) return first;
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}
