// The way out to a client: writes that end. A client that takes nothing for a while counts as gone,
// because the runtime tells of a lost client only when something is written, and not always then.
import { Patience } from "./patience.ts";

export class Outlet {
  readonly readable: ReadableStream<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #patienceMs: number;
  readonly #patience = new Patience();
  #isLost = false;

  constructor(patienceMs: number) {
    const { readable, writable } = new IdentityTransformStream();
    this.readable = readable;
    this.#writer = writable.getWriter();
    this.#patienceMs = patienceMs;
    // The loss of the client is learned from writes; the promise that tells of it as well must not go unheard.
    this.#writer.closed.catch(() => undefined);
  }

  /** False when the client is gone. */
  async write(bytes: Uint8Array): Promise<boolean> {
    if (bytes.byteLength === 0) return true;
    const written = this.#writer.write(bytes).then(
      () => true,
      () => false,
    );
    const taken = await this.#patience.wait(written, this.#patienceMs);
    this.#isLost ||= taken !== true;
    return !this.#isLost;
  }

  /** Ends the answer; without a clean end when a write was not taken, so that nobody takes a part for the whole. */
  async close(): Promise<void> {
    const ended = this.#isLost ? this.#writer.abort() : this.#writer.close();
    await this.#patience.wait(
      ended.catch(() => undefined),
      this.#patienceMs,
    );
    this.#patience.close();
  }
}
