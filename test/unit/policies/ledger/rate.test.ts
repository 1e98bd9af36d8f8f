// The meter of a rate: what it lets through in any window, and what comes back of a hold. A failing property prints its
// seed.
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { RATE_MAX } from "../../../../policies/ledger/limit.ts";
import {
  add,
  DEBT_MAX,
  drain,
  emptyRate,
  giveBack,
  roomIn,
  RUNS_MAX,
  waitMs,
  type Pin,
  type RateBucket,
} from "../../../../policies/ledger/rate.ts";

const SCALE = 60_000;

/** What one hold has been, in units x 60,000: `scaled` is what is left of it after what it gave back. */
interface Taken {
  readonly atMs: number;
  readonly pin: Pin;
  readonly units: number;
  scaled: number;
  isOpen: boolean;
}

type GiveBack = typeof giveBack;

/** Takes out whatever the hold had added, as long as there is anything: the rule that passes the limit. */
const giveBackNaively: GiveBack = (bucket, perMinute, _pin, units, nowMs) => {
  drain(bucket, perMinute, nowMs);
  const given = Math.min(bucket.debt, units * SCALE);
  bucket.debt -= given;
  return given / SCALE;
};

/** A meter with a record of all that went through it. */
class Meter {
  readonly bucket: RateBucket = emptyRate();
  readonly taken: Taken[] = [];
  readonly bills: { readonly atMs: number; readonly scaled: number }[] = [];
  readonly perMinute: number;
  readonly burst: number;
  readonly back: GiveBack;
  nowMs = 1_000_000;

  constructor(perMinute: number, burst: number, back: GiveBack = giveBack) {
    this.perMinute = perMinute;
    this.burst = burst;
    this.back = back;
  }

  hold(units: number): Taken | null {
    if (units > roomIn(this.bucket, this.perMinute, this.burst, this.nowMs)) return null;
    const pin = add(this.bucket, this.perMinute, units, this.nowMs);
    const taken = { atMs: this.nowMs, pin, units, scaled: units * SCALE, isOpen: true };
    this.taken.push(taken);
    return taken;
  }

  settle(taken: Taken, used: number): void {
    taken.isOpen = false;
    if (used > taken.units) {
      add(this.bucket, this.perMinute, used - taken.units, this.nowMs);
      this.bills.push({ atMs: this.nowMs, scaled: (used - taken.units) * SCALE });
      return;
    }
    drain(this.bucket, this.perMinute, this.nowMs);
    const before = this.bucket.debt;
    const unused = taken.units - used;
    const units = this.back(this.bucket, this.perMinute, taken.pin, unused, this.nowMs);
    const given = before - this.bucket.debt;
    expect(given).toBeLessThanOrEqual(unused * SCALE);
    expect(units).toBe(Math.floor(given / SCALE));
    taken.scaled -= given;
  }

  /** How far the holds of the worst window lie above what it allows; at most 0 when the promise holds. */
  excess(): number {
    let worst = -this.burst * SCALE;
    // The worst window that ends with a hold, from the worst that ended with the one before: a hold earlier it is
    // larger by that hold, and allows less by the time between.
    let sum = 0;
    let lastMs = 0;
    for (const { atMs, scaled } of this.taken) {
      sum = Math.max(0, sum - this.perMinute * (atMs - lastMs)) + scaled;
      lastMs = atMs;
      worst = Math.max(worst, sum - this.burst * SCALE);
    }
    return worst;
  }

  /** The debt of a meter in which every hold was from the start what it is now. */
  ideal(): number {
    const events = [...this.taken, ...this.bills].toSorted((a, b) => a.atMs - b.atMs);
    let debt = 0;
    let lastMs = 0;
    for (const { atMs, scaled } of events) {
      debt = Math.max(0, debt - this.perMinute * (atMs - lastMs)) + scaled;
      lastMs = atMs;
    }
    return Math.max(0, debt - this.perMinute * (this.nowMs - lastMs));
  }
}

/** `share` of what is there now, so that traces are as often about full and empty meters as about the middle. */
type Step =
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "hold"; readonly share: number }
  | { readonly kind: "settle"; readonly pick: number; readonly share: number };

const share = fc.double({ min: 0, max: 1, noNaN: true });
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant("wait" as const),
    ms: fc.oneof(fc.nat(2000), fc.nat(90_000), fc.constant(0)),
  }),
  fc.record({ kind: fc.constant("hold" as const), share }),
  fc.record({
    kind: fc.constant("settle" as const),
    pick: fc.nat(1000),
    // Above 1: a bill above its hold.
    share: fc.oneof(share, fc.constant(0), fc.double({ min: 1, max: 1.5, noNaN: true })),
  }),
);
const anyRate = fc.constantFrom([60, 60], [60, 7], [7, 60], [1, 1], [60_000, 30_000], [1, 100]);
/** Many holds in flight, small beside the burst, on a meter that is never quite empty: where levels pile up. */
const denseStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(50) }),
  fc.record({
    kind: fc.constant("hold" as const),
    share: fc.double({ min: 0, max: 0.1, noNaN: true }),
  }),
  fc.record({ kind: fc.constant("settle" as const), pick: fc.nat(1000), share }),
);
const traces: readonly (readonly [string, fc.Arbitrary<Step[]>])[] = [
  ["wide", fc.array(anyStep, { maxLength: 60 })],
  ["dense", fc.array(denseStep, { minLength: 20, maxLength: 120 })],
];

function run(steps: readonly Step[], meter: Meter, check: (meter: Meter) => void): void {
  for (const step of steps) {
    if (step.kind === "wait") meter.nowMs += step.ms;
    if (step.kind === "hold") {
      const room = Math.max(0, roomIn(meter.bucket, meter.perMinute, meter.burst, meter.nowMs));
      meter.hold(Math.max(1, Math.ceil(room * step.share)));
    }
    if (step.kind === "settle") {
      const open = meter.taken.filter(({ isOpen }) => isOpen);
      const taken = open[step.pick % Math.max(1, open.length)];
      if (taken !== undefined) meter.settle(taken, Math.ceil(taken.units * step.share));
    }
    check(meter);
  }
}

describe.each(traces)("for all traces of holds, settlements and time (%s)", (_, steps) => {
  test("P12: what checks admitted, net of what came back, is in any W minutes at most rate x W + burst", () => {
    fc.assert(
      fc.property(steps, anyRate, (trace, [perMinute, burst]) => {
        run(trace, new Meter(perMinute!, burst!), (meter) => {
          expect(meter.excess()).toBeLessThanOrEqual(0);
        });
      }),
      { numRuns: 1000 },
    );
  });

  test("the debt is what it would be had every hold been the smaller from the start, exactly", () => {
    fc.assert(
      fc.property(steps, anyRate, (trace, [perMinute, burst]) => {
        run(trace, new Meter(perMinute!, burst!), (meter) => {
          drain(meter.bucket, meter.perMinute, meter.nowMs);
          expect(meter.bucket.debt).toBe(meter.ideal());
        });
      }),
      { numRuns: 1000 },
    );
  });

  test("all figures are integers of at most 2^53, none is negative, and levels rise", () => {
    fc.assert(
      fc.property(steps, anyRate, (trace, [perMinute, burst]) => {
        run(trace, new Meter(perMinute!, burst!), ({ bucket }) => {
          const { debt, atMs, adds, firsts, lows } = bucket;
          const figures = [debt, atMs, adds, ...firsts, ...lows];
          expect(figures.every((figure) => Number.isSafeInteger(figure) && figure >= 0)).toBe(true);
          expect(lows).toEqual([...new Set(lows)].toSorted((a, b) => a - b));
          expect(firsts).toEqual([...new Set(firsts)].toSorted((a, b) => a - b));
          expect(lows.at(-1) ?? 0).toBe(debt);
        });
      }),
    );
  });

  test("what fits is admitted, one unit more is not, and after the wait it fits and not before", () => {
    fc.assert(
      fc.property(steps, anyRate, share, (trace, [perMinute, burst], part) => {
        const meter = new Meter(perMinute!, burst!);
        run(trace, meter, () => {});
        const { bucket, nowMs } = meter;
        const units = Math.max(1, Math.round(meter.burst * part));
        const wait = waitMs(bucket, meter.perMinute, meter.burst, units, nowMs) ?? -1;
        const roomAt = (ms: number): number => roomIn(bucket, meter.perMinute, meter.burst, ms);
        expect(roomAt(nowMs + wait)).toBeGreaterThanOrEqual(units);
        if (wait > 0) expect(roomAt(nowMs + wait - 1)).toBeLessThan(units);
        const before = structuredClone(bucket);
        roomAt(nowMs + 5);
        expect(bucket).toEqual(before);
      }),
    );
  });
});

test("the promise is one that a meter which gives back naively breaks", () => {
  const steps = traces[0]![1];
  const verdict = fc.check(
    fc.property(steps, (trace) => {
      run(trace, new Meter(60, 60, giveBackNaively), (meter) => {
        expect(meter.excess()).toBeLessThanOrEqual(0);
      });
    }),
    { numRuns: 5000, seed: 20_264 },
  );
  expect(verdict.failed).toBe(true);
});

describe("giving back", () => {
  /** A hold of the whole burst drains, others fill the meter again, and then it settles at nothing. */
  const settleLate = (back: GiveBack): { readonly excess: number; readonly admitted: boolean } => {
    const meter = new Meter(60, 60, back);
    const early = meter.hold(60)!;
    meter.nowMs += 60_000;
    meter.hold(60);
    meter.settle(early, 0);
    const admitted = meter.hold(60) !== null;
    return { excess: meter.excess() / SCALE, admitted };
  };

  it("naive-give-back: at most what the hold added lets 120 through at once where 60 may", () => {
    expect(settleLate(giveBackNaively)).toEqual({ excess: 60, admitted: true });
    expect(settleLate(giveBack)).toEqual({ excess: 0, admitted: false });
  });

  it("returns the rest of a hold that nothing drained", () => {
    const meter = new Meter(60, 100);
    meter.settle(meter.hold(100)!, 30);
    expect(roomIn(meter.bucket, 60, 100, meter.nowMs)).toBe(70);
  });

  it("returns nothing of a hold since which the meter was empty, and nothing twice", () => {
    const bucket = emptyRate();
    const early = add(bucket, 60, 10, 0);
    const late = add(bucket, 60, 10, 20_000);
    expect(giveBack(bucket, 60, early, 10, 20_000)).toBe(0);
    expect(giveBack(bucket, 60, late, 10, 20_000)).toBe(10);
    expect(giveBack(bucket, 60, late, 10, 20_000)).toBe(0);
    expect(bucket).toEqual({ debt: 0, atMs: 20_000, adds: 2, firsts: [], lows: [] });
  });

  it("returns no more than the lowest level since the hold", () => {
    const bucket = emptyRate();
    const early = add(bucket, 60, 10, 0);
    // Down to 4, then up to 54.
    add(bucket, 60, 50, 6000);
    expect(giveBack(bucket, 60, early, 10, 6000)).toBe(4);
    expect(bucket.debt).toBe(50 * SCALE);
  });

  it("returns an older hold whole although younger ones settled before it", () => {
    const meter = new Meter(60, 100);
    const holds = [20, 20, 20, 20, 20].map((units) => meter.hold(units)!);
    for (const taken of holds.toReversed()) meter.settle(taken, 4);
    expect(roomIn(meter.bucket, 60, 100, meter.nowMs)).toBe(80);
  });

  it("a part of a unit that has not drained comes back too, and counts as none", () => {
    const bucket = emptyRate();
    const pin = add(bucket, 1, 1, 0);
    expect(giveBack(bucket, 1, pin, 1, 30_000)).toBe(0);
    expect(bucket.debt).toBe(0);
  });

  it("past the levels that are remembered it returns less or the same, never more", () => {
    const meter = new Meter(60, 3 * RUNS_MAX);
    const large = meter.hold(1000)!;
    // Down to 3, which is all that may come back of it, and then a level for each of many.
    meter.nowMs += 997_000;
    const small = Array.from({ length: RUNS_MAX + 10 }, () => meter.hold(1)!);
    expect(meter.bucket.lows.length).toBeLessThan(RUNS_MAX);
    meter.settle(large, 0);
    expect(meter.bucket.debt).toBe(small.length * SCALE);
    expect(meter.bucket.debt).toBe(meter.ideal());
    for (const taken of small) meter.settle(taken, 0);
    // One was merged with the large hold, which took all that their level gave.
    expect(meter.bucket.debt).toBe(SCALE);
    expect(meter.excess()).toBeLessThanOrEqual(0);
  });

  it("with thousands in flight it stays bounded and keeps the promise", () => {
    const units = 10;
    const meter = new Meter(600, 5 * RUNS_MAX * units);
    let random = 7;
    const draw = (below: number): number => {
      random = (random * 48_271) % 2_147_483_647;
      return random % below;
    };
    for (let turn = 0; turn < 8 * RUNS_MAX; turn += 1) {
      meter.nowMs += draw(3) === 0 ? 1 : 0;
      if (meter.hold(units) === null || draw(4) === 0) {
        const open = meter.taken.filter(({ isOpen }) => isOpen);
        meter.settle(open[draw(open.length)]!, draw(units));
      }
      expect(meter.bucket.lows.length).toBeLessThanOrEqual(RUNS_MAX);
    }
    drain(meter.bucket, meter.perMinute, meter.nowMs);
    expect(meter.bucket.debt).toBeGreaterThanOrEqual(meter.ideal());
    expect(meter.excess()).toBeLessThanOrEqual(0);
  });
});

describe("a meter", () => {
  it("posts a bill above its hold and admits nothing until it has drained", () => {
    const bucket = emptyRate();
    add(bucket, 60, 100, 0);
    expect(roomIn(bucket, 60, 60, 0)).toBe(-40);
    expect(roomIn(bucket, 60, 60, 1)).toBe(-40);
    expect(roomIn(bucket, 60, 60, 1000)).toBe(-39);
    expect(waitMs(bucket, 60, 60, 1, 0)).toBe(41_000);
  });

  it("says never to what is larger than its burst, and 0 to what fits", () => {
    expect(waitMs(emptyRate(), 60, 60, 61, 0)).toBe(null);
    expect(waitMs(emptyRate(), 60, 60, 60, 0)).toBe(0);
  });

  it("stands still while the clock is behind, and drains no time twice", () => {
    const bucket = emptyRate();
    add(bucket, 60, 60, 100_000);
    expect(roomIn(bucket, 60, 60, 40_000)).toBe(0);
    add(bucket, 60, 0, 40_000);
    expect(bucket.atMs).toBe(100_000);
    expect(roomIn(bucket, 60, 60, 101_000)).toBe(1);
  });

  it("lets a lowered burst only refuse", () => {
    const bucket = emptyRate();
    add(bucket, 60, 50, 0);
    expect(roomIn(bucket, 60, 20, 0)).toBe(-30);
    expect(waitMs(bucket, 60, 20, 20, 0)).toBe(50_000);
  });

  it("keeps the rate when that was edited on the way: at most the largest counts", () => {
    const rates = [60, 600, 7];
    fc.assert(
      fc.property(
        traces[0]![1],
        fc.array(fc.nat(2), { minLength: 60, maxLength: 60 }),
        (trace, picks) => {
          const bucket = emptyRate();
          const meter = new Meter(600, 60);
          let nowMs = 0;
          trace.forEach((step, index) => {
            const perMinute = rates[picks[index]!]!;
            if (step.kind === "wait") nowMs += step.ms;
            if (step.kind !== "hold") return;
            const room = roomIn(bucket, perMinute, 60, nowMs);
            const units = Math.max(1, Math.ceil(room * step.share));
            if (units > room) return;
            const pin = add(bucket, perMinute, units, nowMs);
            meter.taken.push({ atMs: nowMs, pin, units, scaled: units * SCALE, isOpen: false });
          });
          expect(meter.excess()).toBeLessThanOrEqual(0);
        },
      ),
    );
  });
});

describe("at the bounds", () => {
  it("the largest rate and burst are exact", () => {
    const bucket = emptyRate();
    const pin = add(bucket, RATE_MAX, RATE_MAX, 0);
    expect(bucket.debt).toBe(DEBT_MAX);
    expect(Number.isSafeInteger(DEBT_MAX)).toBe(true);
    expect(DEBT_MAX).toBeLessThan(9e15);
    expect(roomIn(bucket, RATE_MAX, RATE_MAX, 0)).toBe(0);
    expect(roomIn(bucket, RATE_MAX, RATE_MAX, 1)).toBe(Math.floor(RATE_MAX / SCALE));
    expect(waitMs(bucket, RATE_MAX, RATE_MAX, RATE_MAX, 0)).toBe(60_000);
    expect(giveBack(bucket, RATE_MAX, pin, RATE_MAX - 1, 0)).toBe(RATE_MAX - 1);
    expect(bucket.debt).toBe(SCALE);
  });

  it("a quotient next to a whole number is not rounded up to it", () => {
    const bucket = emptyRate();
    add(bucket, 1, 1, 0);
    // All but one 60,000th of a unit has drained.
    expect(roomIn(bucket, 1, RATE_MAX, 59_999)).toBe(RATE_MAX - 1);
    expect(waitMs(bucket, 1, RATE_MAX, RATE_MAX, 59_999)).toBe(1);
  });

  it("a bill beyond all bounds fills the meter and no more, and its wait is a date", () => {
    const bucket = emptyRate();
    add(bucket, 1, Number.MAX_SAFE_INTEGER, 0);
    add(bucket, 1, Number.MAX_SAFE_INTEGER, 0);
    expect(bucket.debt).toBe(DEBT_MAX);
    const wait = waitMs(bucket, 1, 1, 1, Date.UTC(2026, 0, 1)) ?? Number.NaN;
    expect(Number.isNaN(new Date(Date.UTC(2026, 0, 1) + wait).getTime())).toBe(false);
  });

  it("no time that can pass makes a debt that is not whole", () => {
    const any = fc.integer({ min: 1, max: RATE_MAX });
    const later = fc.oneof(fc.nat(100_000), fc.integer({ min: 0, max: 8.64e15 }));
    fc.assert(
      fc.property(any, any, later, (perMinute, units, nowMs) => {
        const bucket = emptyRate();
        add(bucket, perMinute, units, 0);
        drain(bucket, perMinute, nowMs);
        const exact = BigInt(units) * BigInt(SCALE) - BigInt(perMinute) * BigInt(nowMs);
        expect(BigInt(bucket.debt)).toBe(exact > 0n ? exact : 0n);
      }),
    );
  });
});
