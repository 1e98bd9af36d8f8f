// Waits of one stream that end: a promise against a clock and a signal, one wait at a time. One timer and one listener
// serve all of them, because a stream waits thousands of times and each timer of its own costs more than the event.
import { ABORTED, TIMED_OUT } from "./wait.ts";

type Ended = typeof TIMED_OUT | typeof ABORTED;

export class Patience {
  readonly #signal: AbortSignal | null;
  readonly #abort = (): void => this.#tell(ABORTED);
  #tellCurrent: ((ended: Ended) => void) | null = null;
  #endsAtMs = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #timerAtMs = 0;

  constructor(signal: AbortSignal | null = null) {
    this.#signal = signal;
    signal?.addEventListener("abort", this.#abort, { once: true });
  }

  /** The promise's value, `TIMED_OUT` after `waitMs`, or `ABORTED` when the signal has fired. */
  wait<T>(promise: Promise<T>, waitMs: number): Promise<T | Ended> {
    if (this.#signal?.aborted === true) return Promise.resolve(ABORTED);
    this.#endsAtMs = Date.now() + Math.max(0, waitMs);
    this.#arm();
    return new Promise((resolve, reject) => {
      const tell = (ended: Ended): void => resolve(ended);
      this.#tellCurrent = tell;
      const settle = (act: () => void): void => {
        if (this.#tellCurrent === tell) this.#tellCurrent = null;
        act();
      };
      promise.then(
        (value) => settle(() => resolve(value)),
        (error: unknown) => settle(() => reject(error as Error)),
      );
    });
  }

  /** No wait comes after this. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#tellCurrent = null;
    this.#signal?.removeEventListener("abort", this.#abort);
  }

  #tell(ended: Ended): void {
    const tell = this.#tellCurrent;
    this.#tellCurrent = null;
    tell?.(ended);
  }

  /** The timer is left running when a wait ends, and looks for itself whether its time has come. */
  #arm(): void {
    if (this.#timer !== null && this.#timerAtMs <= this.#endsAtMs) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timerAtMs = this.#endsAtMs;
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        if (this.#tellCurrent === null) return;
        if (Date.now() >= this.#endsAtMs) this.#tell(TIMED_OUT);
        else this.#arm();
      },
      Math.max(0, this.#endsAtMs - Date.now()),
    );
  }
}
