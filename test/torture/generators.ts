// Histories by chance. Several kinds, because each finds faults that others miss: one with loose limits and many calls
// found nothing in 200,000 histories that a dense one finds at once (research, section 1.7).
import fc from "fast-check";
import { DIMENSIONS } from "../../policies/ledger/amounts.ts";
import type { History, Step } from "./history.ts";
import { HIGH_PRICES, limitsBy, one, planBy, PRICES, tight, WINDOWS } from "./plan-chance.ts";
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

const EDITED = planBy(limitsBy(WINDOWS, ["tokens", "requests", "nanos"], fc.nat(400), 3));
const FEW = limitsBy(
  ["hour", "day", "month"],
  ["tokens", "requests"],
  fc.integer({ min: 1, max: 60 }),
  2,
);
const FAR_ZONES = fc.constantFrom(
  "UTC",
  "Europe/Berlin",
  "America/Los_Angeles",
  "Asia/Kathmandu",
  "Pacific/Kiritimati",
  "GMT",
);
const MONTH_END_MS = Date.UTC(2026, 11, 1);

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
    plans: fc.tuple(EDITED, EDITED, EDITED),
    weights: { edit: 4 },
  },
  // An edit of the zone alone, near the turns of windows: calendars that lie before and behind each other.
  zones: {
    ...WIDE,
    steps: 40,
    ids: 12,
    tokensMax: 15,
    ttlMsMax: HOUR_MS,
    waits: fc.oneof(fc.nat(HOUR_MS), fc.constantFrom(HOUR_MS, 9 * HOUR_MS, 24 * HOUR_MS)),
    plans: fc
      .tuple(
        fc.record({ tenant: FEW, key: FEW, user: FEW }),
        fc.tuple(FAR_ZONES, FAR_ZONES, FAR_ZONES),
      )
      .map(([limits, zones]) => {
        const [first, ...others] = zones.map((zone) => ({ ...limits, zone }));
        return [first ?? { ...limits, zone: "UTC" }, ...others] as const;
      }),
    starts: fc.integer({ min: -24, max: 24 }).map((hours) => MONTH_END_MS + hours * HOUR_MS),
    weights: { edit: 4, extend: 6, crash: 2 },
  },
  // Credits of calls that expired, and then what they really used.
  credits: {
    ...DENSE,
    ids: 3,
    tokensMax: 12,
    prices: fc.constant({
      input: 1_000_000,
      cached: 1_000_000,
      cacheWrite: 1_000_000,
      output: 1_000_000,
    }),
    plans: fc.constant([{ zone: "UTC", tenant: [], key: [], user: [] }] as const),
    weights: { refund: 14, settle: 8, wait: 8, extend: 0, release: 0, snapshot: 0, crash: 0 },
  },
  // Input that is billed far above its hold, beside calls that still write.
  overdrafts: {
    ...DENSE,
    ids: 8,
    ttlMsMax: 20_000,
    plans: one(
      fc.integer({ min: 2, max: 14 }).map((limit) => ({
        zone: "UTC",
        tenant: [{ dimension: "cachedInputTokens", window: "lifetime", limit, hard: true }],
        key: [],
        user: [],
      })),
    ),
    weights: {
      hold: 14,
      extend: 14,
      settle: 3,
      wait: 1,
      checkpoint: 0,
      snapshot: 0,
      alarm: 0,
      again: 0,
      release: 0,
      crash: 0,
      refund: 0,
    },
  },
  // One limit that a few calls fill, and calls that are still running when its window turns.
  turns: {
    ...DENSE,
    steps: 40,
    ids: 4,
    tokensMax: 30,
    ttlMsMax: 9 * HOUR_MS,
    waits: fc.oneof(fc.nat(60_000), fc.constantFrom(HOUR_MS, HOUR_MS / 2)),
    plans: one(
      fc.record({ limit: fc.integer({ min: 20, max: 50 }), hard: fc.boolean() }).map((of) => ({
        zone: "UTC",
        tenant: [{ ...of, dimension: "visibleOutputTokens", window: "hour" }],
        key: [],
        user: [],
      })),
    ),
    weights: { extend: 14, settle: 2, release: 0, checkpoint: 1, again: 0, crash: 0, refund: 0 },
  },
  // Large holds that are used little and end late, so that what they had taken has drained when it comes back.
  returns: {
    ...DENSE,
    steps: 40,
    ids: 12,
    tokensMax: 60,
    ttlMsMax: 900_000,
    waits: fc.constantFrom(1, 20_000, 40_000),
    plans: one(
      fc
        .record({
          limit: fc.integer({ min: 30, max: 120 }),
          burst: fc.integer({ min: 25, max: 40 }),
          dimension: fc.constant("visibleOutputTokens" as const),
        })
        .map((of) => ({
          zone: "UTC",
          tenant: [{ ...of, window: "minute" as const, hard: true }],
          key: [],
          user: [],
        })),
    ),
    weights: {
      hold: 12,
      settle: 1,
      release: 14,
      wait: 6,
      extend: 0,
      checkpoint: 0,
      again: 0,
      crash: 0,
      refund: 0,
    },
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
