// What open calls add to the rates that they are checked against, and what comes back when they end.
import type { Amounts, Dimension } from "./amounts.ts";
import { ratesOf } from "./limit.ts";
import type { HoldEntry } from "./entry.ts";
import { add, emptyRate, giveBack, type Pin, type RateBucket } from "./rate.ts";

/** What an open call added to a rate, piece by piece, so that no more of it comes back than is still there. */
export interface Contribution {
  readonly rate: RateBucket;
  readonly perMinute: number;
  readonly dimension: Dimension;
  readonly pin: Pin;
  units: number;
}

/** By the rate's name. */
export type Rates = Map<string, RateBucket>;

interface Contributor {
  readonly hold: HoldEntry;
  readonly contributions: Contribution[];
}

export function rateName(scope: string, dimension: Dimension): string {
  return `${scope}|${dimension}`;
}

function rateIn(rates: Rates, scope: string, dimension: Dimension): RateBucket {
  const rate = rates.get(rateName(scope, dimension)) ?? emptyRate();
  rates.set(rateName(scope, dimension), rate);
  return rate;
}

export function contribute(rates: Rates, call: Contributor, amounts: Amounts, atMs: number): void {
  for (const { scope, limits } of call.hold.path.scopes) {
    for (const { dimension, limit: perMinute } of ratesOf(limits)) {
      const units = amounts[dimension];
      if (units === 0) continue;
      const rate = rateIn(rates, scope, dimension);
      const pin = add(rate, perMinute, units, atMs);
      call.contributions.push({ rate, perMinute, dimension, pin, units });
    }
  }
}

/** Gives back to each rate what the call had taken and did not use, the latest first; or adds what it used beyond. */
export function settleRates(rates: Rates, call: Contributor, charged: Amounts, atMs: number): void {
  for (const { scope, limits } of call.hold.path.scopes) {
    for (const { dimension, limit: perMinute } of ratesOf(limits)) {
      const rate = rateIn(rates, scope, dimension);
      const own = call.contributions.filter(
        (piece) => piece.rate === rate && piece.dimension === dimension,
      );
      const taken = own.reduce((sum, { units }) => sum + units, 0);
      let unused = taken - charged[dimension];
      // What expired is charged once; a later correction finds nothing taken and adds only what it raises.
      if (unused < 0) add(rate, perMinute, -unused, atMs);
      for (const piece of own.toReversed()) {
        if (unused <= 0) break;
        const units = Math.min(unused, piece.units);
        giveBack(rate, perMinute, piece.pin, units, atMs);
        unused -= units;
      }
    }
  }
  call.contributions.length = 0;
}
