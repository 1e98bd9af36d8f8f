// What each ledger's budget charged for thinking when it was last asked, in this isolate: the next choice weighs
// cost by it, on top of the policy's own lambda. Plain data, shared by the isolate's requests.

/** Older prices are forgotten: a window may have turned, and a budget that is full again must not stint. */
const KEPT_MS = 300_000;
/** An isolate sees few tenants at a time; each price is two numbers. */
const LEDGERS_MAX = 10_000;

export type PriceMemory = Map<string, { readonly lambda: number; readonly atMs: number }>;

export class BudgetPrices {
  readonly #memory: PriceMemory;
  readonly #now: () => number;

  constructor(memory: PriceMemory, now: () => number) {
    this.#memory = memory;
    this.#now = now;
  }

  /** Score per thousandth of a dollar, to be added to the policy's lambda; 0 when nothing is known. */
  of(ledger: string): number {
    const known = this.#memory.get(ledger);
    return known === undefined || this.#now() - known.atMs > KEPT_MS ? 0 : known.lambda;
  }

  remember(ledger: string, lambda: number): void {
    if (lambda === 0) {
      this.#memory.delete(ledger);
      return;
    }
    if (this.#memory.size >= LEDGERS_MAX && !this.#memory.has(ledger)) this.#memory.clear();
    this.#memory.set(ledger, { lambda, atMs: this.#now() });
  }
}
