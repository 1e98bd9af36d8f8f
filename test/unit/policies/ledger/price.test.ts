// The price of a budget: when it rises, when it falls, and that a day's budget lasts the day. A failing property prints
// its seed.
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import {
  DWELL_SHARE,
  FALLS_ABOVE,
  LAMBDA_FIRST,
  LAMBDA_MAX,
  newPrice,
  PRESSURE_MAX,
  priceBounds,
  RISES_BELOW,
  tightestLambda,
  updatePrice,
  type PriceState,
} from "../../../../policies/ledger/price.ts";

const DAY_MS = 86_400_000;
const bounds = priceBounds(DAY_MS);
const dwellMs = bounds.halfLifeMs * DWELL_SHARE;

/** Spends `rate(now, lambda)` every `everyMs` until the day is over or `untilMs`; returns each state. */
function day(
  limit: number,
  everyMs: number,
  rate: (nowMs: number, lambda: number) => number,
  untilMs = DAY_MS,
): PriceState[] {
  const states = [newPrice(0)];
  let spent = 0;
  for (let nowMs = everyMs; nowMs < untilMs; nowMs += everyMs) {
    const last = states.at(-1)!;
    spent = Math.min(limit, spent + Math.round(rate(nowMs, last.lambda)));
    const budget = { remaining: limit - spent, spent, endsAtMs: DAY_MS };
    states.push(updatePrice(last, budget, nowMs, bounds));
  }
  return states;
}

const lambdas = (states: readonly PriceState[]): number[] => states.map(({ lambda }) => lambda);

describe("for any figures", () => {
  const odd = fc.constantFrom(0, -1, Number.NaN, Number.POSITIVE_INFINITY, -Infinity, 0.5, 2 ** 60);
  const units = fc.oneof({ weight: 9, arbitrary: fc.integer({ min: -100, max: 9e15 }) }, odd);
  const budget = fc.record({
    remaining: fc.oneof(units, fc.constant(0)),
    spent: units,
    endsAtMs: fc.oneof(fc.constant(null), fc.nat(3 * DAY_MS), odd),
  });
  const times = fc.oneof({ weight: 9, arbitrary: fc.nat(2 * DAY_MS) }, odd);
  const history = fc.array(fc.tuple(budget, times), { maxLength: 40 });
  const someBounds = fc.record({
    floor: fc.constantFrom(0, 0.1),
    ceiling: fc.constantFrom(0.5, LAMBDA_MAX),
    halfLifeMs: fc.constantFrom(1, 10_000, bounds.halfLifeMs),
  });

  test("lambda stays between floor and ceiling, and no figure is none", () => {
    fc.assert(
      fc.property(history, someBounds, (updates, limits) => {
        let state = newPrice(0, limits.floor);
        for (const [now, atMs] of updates) {
          state = updatePrice(state, now, atMs, limits);
          const { endsAtMs, ...figures } = state;
          expect(Object.values(figures).every(Number.isFinite)).toBe(true);
          expect(endsAtMs === null || Number.isSafeInteger(endsAtMs)).toBe(true);
          expect(state.lambda).toBeGreaterThanOrEqual(limits.floor);
          expect(state.lambda).toBeLessThanOrEqual(limits.ceiling);
          expect(state.pressure).toBeGreaterThanOrEqual(0);
          expect(state.pressure).toBeLessThanOrEqual(PRESSURE_MAX);
        }
      }),
    );
  });

  test("more spent, or less left, never makes the next price lower", () => {
    const limits = fc.integer({ min: 1, max: 9e15 });
    const part = fc.double({ min: 0, max: 1, noNaN: true });
    const lambda = fc.oneof(
      fc.constant(0),
      fc.double({ min: LAMBDA_FIRST, max: LAMBDA_MAX, noNaN: true }),
    );
    const burn = fc.double({ min: 0, max: 1e6, noNaN: true });
    const elapsed = fc.oneof(fc.integer({ min: 1, max: DAY_MS }), fc.constant(dwellMs));
    fc.assert(
      fc.property(
        limits,
        part,
        part,
        lambda,
        burn,
        elapsed,
        (limit, a, b, start, burnPerMs, ms) => {
          const endsAtMs = 2 * DAY_MS;
          const state = { ...newPrice(0), lambda: start, burnPerMs, endsAtMs };
          const [less, more] = [a, b]
            .toSorted((x, y) => x - y)
            .map((share) => Math.floor(limit * share));
          const after = (spent: number): number =>
            updatePrice(state, { remaining: limit - spent, spent, endsAtMs }, ms, bounds).lambda;
          expect(after(more!)).toBeGreaterThanOrEqual(after(less!));
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("the same updates give the same price, and none changes a state that was given", () => {
    fc.assert(
      fc.property(history, (updates) => {
        const replay = (): PriceState[] => {
          const states = [Object.freeze(newPrice(0))];
          for (const [now, atMs] of updates)
            states.push(Object.freeze(updatePrice(states.at(-1)!, now, atMs, bounds)));
          return states;
        };
        expect(replay()).toEqual(replay());
      }),
    );
  });

  test("lambda changes at most once in a dwell, but for what a new window frees", () => {
    const spends = fc.array(fc.tuple(fc.integer({ min: 1, max: 600_000 }), fc.nat(5000)), {
      maxLength: 100,
    });
    fc.assert(
      fc.property(spends, (calls) => {
        let state = newPrice(0);
        let changedAtMs = 0;
        let nowMs = 0;
        let spent = 0;
        for (const [afterMs, cost] of calls) {
          nowMs += afterMs;
          spent += cost;
          const budget = { remaining: 100_000 - spent, spent, endsAtMs: 10 * DAY_MS };
          const next = updatePrice(state, budget, nowMs, bounds);
          if (next.lambda !== state.lambda) {
            expect(nowMs - changedAtMs).toBeGreaterThanOrEqual(dwellMs);
            changedAtMs = nowMs;
          }
          state = next;
        }
      }),
    );
  });
});

describe("the price", () => {
  it("stays 0 under a steady burn that uses the budget up exactly, and under any slower one", () => {
    for (const share of [1, 0.9, 0.5, 0])
      expect(new Set(lambdas(day(864_000, 60_000, () => 600 * share)))).toEqual(new Set([0]));
  });

  it("rises under twice the burn, to the ceiling when nothing answers it", () => {
    const seen = lambdas(day(864_000, 60_000, () => 1200, DAY_MS / 2));
    expect(seen.toSorted((a, b) => a - b)).toEqual(seen);
    expect(Math.max(...seen)).toBe(LAMBDA_MAX);
  });

  it("settles where demand meets the pace: twice the burn, that a price of 1 would halve, comes to about 1", () => {
    const seen = lambdas(day(8_640_000, 60_000, (_, lambda) => (2 * 6000) / (1 + lambda)));
    const later = seen.slice(seen.length / 2, -60);
    expect(Math.min(...later)).toBeGreaterThan(0.7);
    expect(Math.max(...later)).toBeLessThan(1.5);
  });

  it("falls to 0 once the burn is over, also when nobody asked in between", () => {
    const burnt = day(864_000, 60_000, () => 1200, DAY_MS / 4).at(-1)!;
    expect(burnt.lambda).toBeGreaterThan(1);
    const { spent } = burnt;
    const quiet = { remaining: 864_000 - spent, spent, endsAtMs: DAY_MS };
    expect(updatePrice(burnt, quiet, DAY_MS - 4 * 3_600_000, bounds).lambda).toBe(0);
  });

  it("stands between the bands, in either direction", () => {
    const stands = (pressure: number): boolean => {
      const endsAtMs = 10 * dwellMs;
      const burnPerMs = 1;
      const state = { ...newPrice(0), lambda: 1, burnPerMs, endsAtMs };
      // No spending: the burn fades by the dwell alone.
      const remaining = Math.round(pressure * 2 ** -DWELL_SHARE * (endsAtMs - dwellMs));
      return updatePrice(state, { remaining, spent: 0, endsAtMs }, dwellMs, bounds).lambda === 1;
    };
    expect([RISES_BELOW + 0.01, 1, FALLS_ABOVE - 0.01].map(stands)).toEqual([true, true, true]);
    expect([RISES_BELOW - 0.01, FALLS_ABOVE + 0.01].map(stands)).toEqual([false, false]);
  });

  it("counts a refund as no burn, and what was spent in a new window from its start", () => {
    const endsAtMs = DAY_MS;
    const before = { ...newPrice(0), spent: 1000, endsAtMs };
    const refunded = { remaining: 900, spent: 100, endsAtMs };
    expect(updatePrice(before, refunded, 1000, bounds).burnPerMs).toBe(0);
    const turned = { ...refunded, endsAtMs: 2 * DAY_MS };
    expect(updatePrice(before, turned, 1000, bounds).burnPerMs).toBeGreaterThan(0);
  });

  it("takes what was spent before its first look for no burn", () => {
    const half = { remaining: 500_000, spent: 500_000, endsAtMs: DAY_MS };
    const first = updatePrice(newPrice(DAY_MS / 2), half, DAY_MS / 2 + 1000, bounds);
    expect(first.burnPerMs).toBe(0);
    const second = { ...half, remaining: 499_000, spent: 501_000 };
    expect(updatePrice(first, second, DAY_MS / 2 + 2000, bounds).burnPerMs).toBeGreaterThan(0);
  });

  it("does not carry into the next window what a budget that ran dry had driven it to", () => {
    const dry = day(864_000, 60_000, () => 1800).at(-1)!;
    expect(dry.lambda).toBe(LAMBDA_MAX);
    const fresh = { remaining: 864_000, spent: 0, endsAtMs: 2 * DAY_MS };
    expect(updatePrice(dry, fresh, DAY_MS, bounds).lambda).toBe(0);
  });

  it("goes on in the next window where the demand does", () => {
    const last = day(8_640_000, 60_000, (_, lambda) => 12_000 / (1 + lambda)).at(-1)!;
    const fresh = { remaining: 8_640_000, spent: 0, endsAtMs: 2 * DAY_MS };
    expect(updatePrice(last, fresh, DAY_MS, bounds).lambda).toBeGreaterThan(0.5);
  });

  it("has no pace to keep, and no price, where a window never turns", () => {
    const spent = { remaining: 1, spent: 1_000_000, endsAtMs: null };
    let state = newPrice(0);
    for (let nowMs = 0; nowMs < DAY_MS; nowMs += dwellMs)
      state = updatePrice(state, { ...spent, spent: 1_000_000 + nowMs }, nowMs, bounds);
    expect(state.lambda).toBe(0);
    expect(state.burnPerMs).toBeGreaterThan(0);
  });

  it("smooths by time and not by count: quiet in one step or in many is the same", () => {
    const start = { ...newPrice(0), burnPerMs: 8, endsAtMs: DAY_MS };
    const quiet = { remaining: 100, spent: 0, endsAtMs: DAY_MS };
    let state: PriceState = start;
    for (let part = 1; part <= 10; part += 1)
      state = updatePrice(state, quiet, (part * bounds.halfLifeMs) / 10, bounds);
    expect(state.burnPerMs).toBeCloseTo(4, 9);
    expect(updatePrice(start, quiet, bounds.halfLifeMs, bounds).burnPerMs).toBeCloseTo(4, 9);
  });

  it("is the same state while no time passes or the clock is back; the spending is counted later", () => {
    const state = updatePrice(
      newPrice(0),
      { remaining: 9, spent: 0, endsAtMs: DAY_MS },
      500,
      bounds,
    );
    const more = { remaining: 4, spent: 5, endsAtMs: DAY_MS };
    expect(updatePrice(state, more, 500, bounds)).toBe(state);
    expect(updatePrice(state, more, 499, bounds)).toBe(state);
    expect(updatePrice(state, more, 1000, bounds).burnPerMs).toBeGreaterThan(0);
  });

  it("of tokens is the same as of money at any price a token", () => {
    const tokens = day(864_000, 60_000, () => 1200, DAY_MS / 4);
    const nanos = day(864_000 * 4096, 60_000, () => 1200 * 4096, DAY_MS / 4);
    expect(lambdas(nanos)).toEqual(lambdas(tokens));
  });

  it("of several limits is the tightest one's, and 0 of none", () => {
    const prices = [0.5, 2, 0].map((lambda) => ({ ...newPrice(0), lambda }));
    expect(tightestLambda(prices)).toBe(2);
    expect(tightestLambda([])).toBe(0);
  });
});

/** Expected score by difficulty, and cost in thousandths of a dollar. */
const ARMS = [
  { score: (difficulty: number) => 0.85 - 0.6 * difficulty, cost: 0.02 },
  { score: (difficulty: number) => 0.92 - 0.45 * difficulty, cost: 0.06 },
  { score: (difficulty: number) => 0.96 - 0.25 * difficulty, cost: 1.2 },
];
const CALLS = 6000;

interface Outcome {
  readonly spentShare: number;
  readonly meanScore: number;
  readonly refusedShare: number;
  readonly firstRefusalShare: number;
}

/** A day of calls that would cost `demand` times the budget on the arms that lambda 0 chooses. */
function simulate(seed: number, demand: number, isPriced: boolean): Outcome {
  let random = seed;
  const draw = (): number => {
    random = (random * 48_271) % 2_147_483_647;
    return random / 2_147_483_647;
  };
  const limit = Math.round((CALLS * 1_200_000) / demand);
  let price = newPrice(0);
  let [nowMs, spent, score, refused, firstRefusalMs, calls] = [0, 0, 0, 0, DAY_MS, 0];
  for (;;) {
    nowMs += Math.ceil((-Math.log(draw()) * DAY_MS) / CALLS);
    if (nowMs >= DAY_MS) break;
    calls += 1;
    const budget = { remaining: limit - spent, spent, endsAtMs: DAY_MS };
    price = updatePrice(price, budget, nowMs, bounds);
    const lambda = isPriced ? price.lambda : 0;
    const difficulty = draw();
    const noise = 0.4 + 1.2 * draw();
    const chosen = ARMS.map((arm) => ({
      ...arm,
      utility: arm.score(difficulty) - lambda * arm.cost,
    }))
      .toSorted((a, b) => b.utility - a.utility)
      .find(({ cost }) => Math.ceil(cost * noise * 1e6) <= limit - spent);
    if (chosen === undefined) {
      refused += 1;
      firstRefusalMs = Math.min(firstRefusalMs, nowMs);
    } else {
      spent += Math.ceil(chosen.cost * noise * 1e6);
      score += chosen.score(difficulty);
    }
  }
  return {
    spentShare: spent / limit,
    meanScore: score / calls,
    refusedShare: refused / calls,
    firstRefusalShare: firstRefusalMs / DAY_MS,
  };
}

describe("a day of calls that want more than the budget", () => {
  const cases = [1, 2, 3, 4, 5].flatMap((seed) => [2, 4].map((demand) => [seed, demand] as const));

  it.each(cases)(
    "seed %i, demand x %i: over 0.95 of it is spent and nobody refused before the last half hour",
    (seed, demand) => {
      const priced = simulate(seed, demand, true);
      expect(priced.spentShare).toBeGreaterThan(0.95);
      expect(priced.firstRefusalShare).toBeGreaterThan(47 / 48);
      expect(priced.refusedShare).toBeLessThan(0.01);
    },
  );

  it.each(cases)(
    "seed %i, demand x %i: without a price it is dry by 1 / demand, and answers are worth less",
    (seed, demand) => {
      const unpriced = simulate(seed, demand, false);
      expect(unpriced.firstRefusalShare).toBeLessThan(1.1 / demand);
      expect(unpriced.refusedShare).toBeGreaterThan(0.9 - 1 / demand);
      expect(simulate(seed, demand, true).meanScore).toBeGreaterThan(1.5 * unpriced.meanScore);
    },
  );

  it("one that fits is not touched", () => {
    expect(simulate(1, 0.8, true)).toEqual(simulate(1, 0.8, false));
  });
});
