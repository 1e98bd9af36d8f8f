// The price of each limit of money or tokens, as the spending until now has made it. Prices follow the journal's entries and
// nothing else, so that a replay finds the same; an answer looks at what they would be at its own time.
import { bucketName } from "../policies/ledger/bucket.ts";
import type { HoldEntry, Path } from "../policies/ledger/entry.ts";
import type { Limit, Window } from "../policies/ledger/limit.ts";
import {
  newPrice,
  priceBounds,
  tightestLambda,
  updatePrice,
  type PriceState,
} from "../policies/ledger/price.ts";
import { isOfOneShard } from "../policies/ledger/shard.ts";
import type { LedgerState } from "../policies/ledger/state.ts";
import { windowEndMs, windowKey } from "../policies/ledger/window.ts";

const HOUR_MS = 60 * 60 * 1000;
/** How long a window is; a month as a mean, since only the smoothing goes by it. Null: it keeps no pace. */
const WINDOW_MS: Readonly<Record<Window, number | null>> = {
  minute: null,
  hour: HOUR_MS,
  day: 24 * HOUR_MS,
  month: 730 * HOUR_MS,
  lifetime: null,
  session: null,
};
/** Prices in memory and in a snapshot; above this those that ask nothing are forgotten, then all. */
const PRICES_MAX = 10_000;

export class Prices {
  readonly states: Map<string, PriceState>;

  constructor(states: Iterable<readonly [string, PriceState]> = []) {
    this.states = new Map(states);
  }

  /** After a hold or an ending of a call, at the entry's time. */
  follow(state: LedgerState, { path, atMs: heldAtMs }: HoldEntry, atMs: number): void {
    for (const { scope, limit, name } of pricedLimits(path)) {
      const price = this.#priceAt(state, path.zone, scope, limit, heldAtMs, atMs);
      if (price !== null) this.states.set(name, price);
    }
    if (this.states.size > PRICES_MAX) this.#forget();
  }

  /** The tightest price of a path's limits now. */
  lambdaAt(state: LedgerState, path: Path, nowMs: number): number {
    const prices: PriceState[] = [];
    for (const { scope, limit } of pricedLimits(path)) {
      const price = this.#priceAt(state, path.zone, scope, limit, nowMs, nowMs);
      if (price !== null) prices.push(price);
    }
    return tightestLambda(prices);
  }

  /** The tightest price of some scopes, as the last entry left it. */
  lambdaOf(scopes: readonly string[]): number {
    const prices: PriceState[] = [];
    for (const [name, price] of this.states)
      if (scopes.some((scope) => name.startsWith(`${scope}|`))) prices.push(price);
    return tightestLambda(prices);
  }

  #priceAt(
    state: LedgerState,
    zone: string,
    scope: string,
    { window, dimension, limit }: Limit,
    heldAtMs: number,
    atMs: number,
  ): PriceState | null {
    const windowMs = WINDOW_MS[window];
    if (windowMs === null || window === "minute" || window === "session") return null;
    const key = windowKey(window, zone, atMs);
    // A call that outlived its window says nothing of the next one's.
    if (key !== windowKey(window, zone, heldAtMs)) return null;
    const spent = state.buckets.get(bucketName(scope, window, key))?.spent[dimension] ?? 0;
    const endsAtMs = windowEndMs(window, zone, atMs);
    const before = this.states.get(priceName(scope, { window, dimension })) ?? newPrice(atMs);
    const budget = { remaining: limit - spent, spent, endsAtMs };
    return updatePrice(before, budget, atMs, priceBounds(windowMs));
  }

  #forget(): void {
    for (const [name, { lambda }] of this.states) if (lambda === 0) this.states.delete(name);
    if (this.states.size > PRICES_MAX) this.states.clear();
  }
}

function* pricedLimits({ scopes }: Path): Generator<{
  readonly scope: string;
  readonly limit: Limit;
  readonly name: string;
}> {
  for (const { scope, limits, lender } of scopes)
    for (const limit of limits)
      if (
        // What is left of a lent budget only its owner knows, unless nobody else spends from it.
        (lender === undefined || isOfOneShard(scope)) &&
        (limit.dimension === "nanos" || limit.dimension === "tokens") &&
        WINDOW_MS[limit.window] !== null
      )
        yield { scope, limit, name: priceName(scope, limit) };
}

function priceName(scope: string, { window, dimension }: Pick<Limit, "window" | "dimension">) {
  return `${scope}|${window}|${dimension}`;
}
