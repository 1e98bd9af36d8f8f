// Histories by chance. Several kinds, because each finds faults that others miss: one with loose limits and many calls
// found nothing in 200,000 histories that a dense one finds at once (research, section 1.7).
import fc from "fast-check";
import { DIMENSIONS, type Dimension } from "../../policies/ledger/amounts.ts";
import type { Limit, Window } from "../../policies/ledger/limit.ts";
import type { History, Plan, Step } from "./history.ts";
import { stepBy, type StepShape } from "./step-chance.ts";

interface Kind extends Omit<StepShape, "weights"> {
  readonly steps: number;
  readonly plans: fc.Arbitrary<History["plans"]>;
  readonly starts: fc.Arbitrary<number>;
  /** Beside the usual ones. */
  readonly weights: Partial<StepShape["weights"]>;
}

const NOON_MS = Date.UTC(2026, 10, 25, 12);
const HOUR_MS = 3_600_000;
const SUSPENSE_MS = 600_000;

/** Berlin's and Chatham's clocks going forward and back, a leap day, a year's end. */
const EDGES_MS = [
  Date.UTC(2026, 2, 29, 1),
  Date.UTC(2026, 9, 25, 1),
  Date.UTC(2026, 3, 4, 14),
  Date.UTC(2026, 8, 26, 14),
  Date.UTC(2028, 1, 29, 0),
  Date.UTC(2026, 11, 31, 23),
];
const ZONES = ["UTC", "Europe/Berlin", "Pacific/Chatham", "Asia/Kathmandu", "America/St_Johns"];

/** Nanos per million tokens: of free models, of cheap ones, and such that a token costs a part of a nano. */
const PRICES = fc.constantFrom(
  { input: 0, cached: 0, cacheWrite: 0, output: 0 },
  { input: 1_000_000, cached: 100_000, cacheWrite: 1_250_000, output: 4_000_000 },
  { input: 333_333, cached: 777_777, cacheWrite: 1, output: 1_500_001 },
);
/** With counts near the most that one call may have, products of these pass 2^53 and their sums in nanos do not. */
const HIGH_PRICES = fc.constantFrom({
  input: 100_000_000_001,
  cached: 10_000_000_003,
  cacheWrite: 125_000_000_007,
  output: 899_999_999_999,
});

const WEIGHTS: StepShape["weights"] = {
  hold: 8,
  extend: 4,
  checkpoint: 2,
  settle: 5,
  release: 1,
  refund: 1,
  alarm: 1,
  again: 2,
  wait: 5,
  edit: 0,
  snapshot: 1,
  crash: 1,
};

const WINDOWS: readonly Window[] = ["hour", "day", "month", "lifetime", "session"];

/** Up to `count` limits, no two of the same dimension and window. */
function limitsBy(
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

function planBy(
  limits: fc.Arbitrary<Limit[]>,
  zone: fc.Arbitrary<string> = fc.constant("UTC"),
): fc.Arbitrary<Plan> {
  return fc.record({ zone, tenant: limits, key: limits, user: limits });
}

const one = (plan: fc.Arbitrary<Plan>): fc.Arbitrary<History["plans"]> => fc.tuple(plan);

/** One limit of tokens that a few small calls fill, for the tenant or for a key, hard or soft. */
const tight: fc.Arbitrary<Plan> = fc
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

const DENSE: Kind = {
  steps: 40,
  ids: 4,
  keys: 2,
  tokensMax: 15,
  ttlMsMax: 200,
  waits: fc.oneof(fc.nat(250), fc.constant(SUSPENSE_MS)),
  prices: PRICES,
  plans: one(tight),
  starts: fc.constant(NOON_MS),
  weights: {},
};

const ANY_LIMITS = limitsBy(WINDOWS, DIMENSIONS, fc.nat(5000), 4);

const WIDE: Kind = {
  steps: 60,
  ids: 40,
  keys: 3,
  tokensMax: 500,
  ttlMsMax: 120_000,
  waits: fc.oneof(fc.nat(20_000), fc.constant(SUSPENSE_MS)),
  prices: PRICES,
  plans: one(planBy(ANY_LIMITS)),
  starts: fc.constant(NOON_MS),
  weights: {},
};

export const KINDS = {
  wide: WIDE,
  dense: DENSE,
  corrections: {
    ...DENSE,
    ids: 6,
    waits: fc.oneof(fc.nat(250), fc.constantFrom(SUSPENSE_MS - 100, SUSPENSE_MS + 100)),
    weights: { settle: 10, wait: 8, refund: 3, release: 0 },
  },
  overruns: {
    ...DENSE,
    ids: 6,
    ttlMsMax: 20_000,
    plans: one(
      planBy(
        limitsBy(
          ["day", "lifetime"],
          ["uncachedInputTokens", "cachedInputTokens", "cacheWriteTokens", "requests", "nanos"],
          fc.integer({ min: 1, max: 15 }),
          2,
        ),
      ),
    ),
    weights: { extend: 10, settle: 8, again: 0, crash: 0 },
  },
  duplicates: { ...DENSE, ids: 8, weights: { again: 16, extend: 6 } },
  rolls: {
    ...WIDE,
    steps: 40,
    ids: 12,
    ttlMsMax: 2 * HOUR_MS,
    waits: fc.oneof(fc.nat(HOUR_MS), fc.constantFrom(HOUR_MS, 24 * HOUR_MS)),
    plans: one(planBy(ANY_LIMITS, fc.constantFrom(...ZONES))),
    starts: fc
      .tuple(fc.constantFrom(...EDGES_MS), fc.integer({ min: -HOUR_MS, max: HOUR_MS }))
      .map(([edgeMs, offsetMs]) => edgeMs + offsetMs),
  },
  rates: {
    ...WIDE,
    ids: 30,
    tokensMax: 60,
    plans: one(
      planBy(
        limitsBy(
          ["minute"],
          ["requests", "tokens", "visibleOutputTokens", "nanos"],
          fc.nat(200),
          2,
        ),
      ),
    ),
    ttlMsMax: 20_000,
    waits: fc.nat(15_000),
  },
  edits: {
    ...WIDE,
    ids: 15,
    tokensMax: 60,
    plans: fc.tuple(
      planBy(limitsBy(WINDOWS, ["tokens", "requests", "nanos"], fc.nat(400), 3)),
      planBy(limitsBy(WINDOWS, ["tokens", "requests", "nanos"], fc.nat(400), 3)),
      planBy(limitsBy(WINDOWS, ["tokens", "requests", "nanos"], fc.nat(400), 3)),
    ),
    weights: { edit: 4 },
  },
  huge: {
    ...DENSE,
    tokensMax: 500_000_000,
    ttlMsMax: 20_000,
    prices: HIGH_PRICES,
    plans: one(
      planBy(
        limitsBy(["day", "lifetime"], ["tokens", "nanos"], fc.integer({ min: 1e9, max: 9e15 }), 2),
      ),
    ),
  },
  backwards: { ...DENSE, ids: 8, waits: fc.integer({ min: -3_600_000, max: 4000 }) },
} as const satisfies Record<string, Kind>;
export type KindName = keyof typeof KINDS;
export const KIND_NAMES = Object.keys(KINDS) as KindName[];

export function historyOf(name: KindName): fc.Arbitrary<History> {
  const kind: Kind = KINDS[name];
  const step: fc.Arbitrary<Step> = stepBy({ ...kind, weights: { ...WEIGHTS, ...kind.weights } });
  return fc.record({
    startMs: kind.starts,
    plans: kind.plans,
    steps: fc.array(step, { maxLength: kind.steps, size: "max" }),
  });
}
