// What budgets charged for thinking when they were last asked, in this isolate: the next choice weighs cost by it, on top
// of the policy's own lambda. Each price is kept for the path that it was told for, since it is the tightest of that path's
// own limits: one key's dry budget says nothing of another key. Plain data, shared by the isolate's requests.
import type { ScopeLimits } from "../policies/account.ts";

/** Older prices are forgotten: a window may have turned, and a budget that is full again must not stint. */
const KEPT_MS = 300_000;
/** A path with a price costs some 200 bytes; where users have limits there is one for each. */
const PATHS_MAX = 10_000;

/** From the price that was told longest ago to the latest. */
export type PriceMemory = Map<string, { readonly lambda: number; readonly atMs: number }>;

export class BudgetPrices {
  readonly #memory: PriceMemory;
  readonly #now: () => number;

  constructor(memory: PriceMemory, now: () => number) {
    this.#memory = memory;
    this.#now = now;
  }

  /** Score per thousandth of a dollar, to be added to the policy's lambda; 0 when nothing is known. */
  of(path: string): number {
    const known = this.#memory.get(path);
    return known === undefined || this.#now() - known.atMs > KEPT_MS ? 0 : known.lambda;
  }

  remember(path: string, lambda: number): void {
    this.#memory.delete(path);
    if (lambda === 0) return;
    if (this.#memory.size >= PATHS_MAX) {
      const [eldest] = this.#memory.keys();
      if (eldest !== undefined) this.#memory.delete(eldest);
    }
    this.#memory.set(path, { lambda, atMs: this.#now() });
  }
}

/** Names a ledger and those of a call's scopes that have limits: keys without any of their own share their tenant's price. */
export function pricedPath(ledger: string, scopes: readonly ScopeLimits[]): string {
  const limited = scopes.filter(({ limits }) => limits.length > 0).map(({ scope }) => scope);
  return JSON.stringify([ledger, ...limited]);
}
