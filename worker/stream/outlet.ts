// The way out to a client: writes that end. A client that takes nothing for a while counts as gone,
// because the runtime tells of a lost client only when something is written, and not always then.
import { TIMED_OUT, within } from "./wait.ts";

export class Outlet {
  readonly readable: ReadableStream<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #patienceMs: number;

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
    const taken = await within(written, this.#patienceMs);
    return taken !== TIMED_OUT && taken;
  }

  async close(): Promise<void> {
    await within(
      this.#writer.close().catch(() => undefined),
      this.#patienceMs,
    );
  }

  /** Ends without a clean end. */
  async abort(): Promise<void> {
    await this.#writer.abort().catch(() => undefined);
  }
}
