// The limits of a history by chance, any number of any kind, or one that a few calls fill; and its prices.
import fc from "fast-check";
import type { Dimension } from "../../policies/ledger/amounts.ts";
import type { Limit, Window } from "../../policies/ledger/limit.ts";
import type { History, Plan } from "./history.ts";

/** Nanos per million tokens: of free models, of cheap ones, and such that a token costs a part of a nano. */
export const PRICES = fc.constantFrom(
  { input: 0, cached: 0, cacheWrite: 0, output: 0 },
  { input: 1_000_000, cached: 100_000, cacheWrite: 1_250_000, output: 4_000_000 },
  { input: 333_333, cached: 777_777, cacheWrite: 1, output: 1_500_001 },
);
/** With counts near the most that one call may have, products of these pass 2^53 and their sums in nanos do not. */
export const HIGH_PRICES = fc.constantFrom({
  input: 100_000_000_001,
  cached: 10_000_000_003,
  cacheWrite: 125_000_000_007,
  output: 899_999_999_999,
});

export const WINDOWS: readonly Window[] = ["hour", "day", "month", "lifetime", "session"];

/** Up to `count` limits, no two of the same dimension and window. */
export function limitsBy(
  windows: readonly Window[],
  dimensions: readonly Dimension[],
  most: fc.Arbitrary<number>,
  count: number,
): fc.Arbitrary<Limit[]> {
  const one = fc
    .record({
      dimension: fc.constantFrom(...dimensions),
      window: fc.constantFrom(...windows),
      limit: most,
      hard: fc.boolean(),
      burst: fc.option(most),
    })
    .map(({ dimension, window, limit, hard, burst }): Limit => {
      if (dimension === "concurrency") {
        return { dimension, window: "lifetime", limit: Math.min(limit, 3), hard };
      }
      if (window !== "minute") return { dimension, window, limit, hard };
      const perMinute = Math.max(1, limit);
      return burst === null
        ? { dimension, window, limit: perMinute, hard }
        : { dimension, window, limit: perMinute, hard, burst: Math.max(1, burst) };
    });
  return fc.uniqueArray(one, {
    maxLength: count,
    selector: ({ dimension, window }) => `${dimension} ${window}`,
  });
}

export function planBy(
  limits: fc.Arbitrary<Limit[]>,
  zone: fc.Arbitrary<string> = fc.constant("UTC"),
): fc.Arbitrary<Plan> {
  return fc.record({ zone, tenant: limits, key: limits, user: limits });
}

export const one = (plan: fc.Arbitrary<Plan>): fc.Arbitrary<History["plans"]> => fc.tuple(plan);

/** One limit of tokens that a few small calls fill, for the tenant or for a key, hard or soft. */
export const tight: fc.Arbitrary<Plan> = fc
  .record({
    limit: fc.integer({ min: 5, max: 40 }),
    window: fc.constantFrom("day" as const, "hour" as const, "lifetime" as const),
    hard: fc.boolean(),
    isOfTenant: fc.boolean(),
    dimension: fc.constantFrom("tokens" as const, "nanos" as const),
  })
  .map(({ isOfTenant, ...limit }) => ({
    zone: "UTC",
    tenant: isOfTenant ? [limit] : [],
    key: isOfTenant ? [] : [limit],
    user: [],
  }));
