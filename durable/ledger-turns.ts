// The turns of a ledger, each one synchronous and one transaction, on a clock that never goes back.
import { logError } from "./log.ts";

/** One turn of a ledger. */
export type Turn = <Answer>(decide: (nowMs: number) => Answer) => Answer;

export class Turns {
  readonly #ctx: DurableObjectState;
  readonly #clockMs: () => number;
  #lastMs: number;

  constructor(ctx: DurableObjectState, clockMs: () => number, lastMs: number) {
    this.#ctx = ctx;
    this.#clockMs = clockMs;
    this.#lastMs = lastMs;
  }

  /** When the clock was looked at last. */
  get lastMs(): number {
    return this.#lastMs;
  }

  /** Never backwards: callers send intervals, so theirs does not matter. */
  now(): number {
    this.#lastMs = Math.max(this.#lastMs, this.#clockMs());
    return this.#lastMs;
  }

  /**
   * What throws in here is a bug or a broken disk: the transaction is rolled back, memory may be half-way, so the object
   * ends itself, and the next call finds one that was built from storage.
   */
  take<Answer>(decide: (nowMs: number) => Answer): Answer {
    const nowMs = this.now();
    try {
      return this.#ctx.storage.transactionSync(() => decide(nowMs));
    } catch (error) {
      logError("ledger-turn-failed", { problem: String(error) });
      this.#ctx.abort(`The ledger's turn failed: ${String(error)}`);
      throw error;
    }
  }
}
