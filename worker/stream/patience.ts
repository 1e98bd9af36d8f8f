// Waits of one request that end: promises against a clock, and against the client's leaving where that matters. One timer
// and one listener serve all of them, because a stream waits thousands of times and a timer of its own for each would
// cost more than the event.
import { ABORTED, TIMED_OUT } from "./wait.ts";

interface Wait {
  readonly endsAtMs: number;
  readonly heedsSignal: boolean;
  readonly tell: (ended: typeof TIMED_OUT | typeof ABORTED) => void;
}

/**
 * The timer looks at the clock at least this often while somebody waits: no longer than the shortest wait of a healthy
 * request, which is for its ledger, so that the timer is almost never set anew for one that ends sooner.
 */
const LOOK_MS = 1000;

export class Patience {
  readonly #signal: AbortSignal | null;
  readonly #leavers: (() => void)[] = [];
  readonly #waits = new Set<Wait>();
  readonly #watchers = new Set<() => void>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  #looksAtMs = 0;
  #isClosed = false;

  constructor(signal: AbortSignal | null = null) {
    this.#signal = signal;
    // It stays: a listener costs the runtime more than what it does once nobody waits any more.
    signal?.addEventListener("abort", () => this.#leave(), { once: true });
  }

  /** Calls back when the signal fires, before anybody who waits is told. */
  onGone(leave: () => void): void {
    this.#leavers.push(leave);
  }

  /** The promise's value, or `TIMED_OUT` after `waitMs`, whoever has left. The promise itself goes on. */
  wait<T>(promise: Promise<T>, waitMs: number): Promise<T | typeof TIMED_OUT> {
    return this.#wait(promise, waitMs, false) as Promise<T | typeof TIMED_OUT>;
  }

  /** The same; or `ABORTED` when the signal fires or has fired. */
  waitUnlessGone<T>(
    promise: Promise<T>,
    waitMs: number,
  ): Promise<T | typeof TIMED_OUT | typeof ABORTED> {
    if (this.#signal?.aborted === true) return Promise.resolve(ABORTED);
    return this.#wait(promise, waitMs, true);
  }

  /** Calls back every LOOK_MS or sooner while somebody waits. Returns how to end it. */
  watch(look: () => void): () => void {
    this.#watchers.add(look);
    return () => this.#watchers.delete(look);
  }

  /** No wait is expected after this, so the timer goes with the last one. */
  close(): void {
    this.#isClosed = true;
    this.#disarmWhenIdle();
  }

  #wait<T>(
    promise: Promise<T>,
    waitMs: number,
    heedsSignal: boolean,
  ): Promise<T | typeof TIMED_OUT | typeof ABORTED> {
    return new Promise((resolve, reject) => {
      const wait: Wait = { endsAtMs: Date.now() + Math.max(0, waitMs), heedsSignal, tell: resolve };
      this.#waits.add(wait);
      this.#arm(wait.endsAtMs);
      promise.then(
        (value) => {
          this.#end(wait);
          resolve(value);
        },
        (error: unknown) => {
          this.#end(wait);
          reject(error as Error);
        },
      );
    });
  }

  #leave(): void {
    for (const leave of this.#leavers) leave();
    this.#tell(({ heedsSignal }) => heedsSignal, ABORTED);
  }

  #end(wait: Wait): void {
    this.#waits.delete(wait);
    if (this.#isClosed) this.#disarmWhenIdle();
  }

  #disarmWhenIdle(): void {
    if (this.#timer === null || this.#waits.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  #tell(isMeant: (wait: Wait) => boolean, ended: typeof TIMED_OUT | typeof ABORTED): void {
    for (const wait of this.#waits) {
      if (!isMeant(wait)) continue;
      this.#waits.delete(wait);
      wait.tell(ended);
    }
    if (this.#isClosed) this.#disarmWhenIdle();
  }

  /** The timer is left running when a wait ends, and looks for itself whether anybody's time has come. */
  #arm(endsAtMs: number): void {
    if (this.#timer !== null) {
      if (this.#looksAtMs <= endsAtMs) return;
      clearTimeout(this.#timer);
    }
    const nowMs = Date.now();
    this.#looksAtMs = Math.min(endsAtMs, nowMs + LOOK_MS);
    this.#timer = setTimeout(() => this.#look(), this.#looksAtMs - nowMs);
  }

  #look(): void {
    this.#timer = null;
    const nowMs = Date.now();
    this.#tell(({ endsAtMs }) => endsAtMs <= nowMs, TIMED_OUT);
    for (const look of this.#watchers) look();
    if (this.#waits.size === 0) return;
    this.#arm(Math.min(...[...this.#waits].map(({ endsAtMs }) => endsAtMs)));
  }
}
