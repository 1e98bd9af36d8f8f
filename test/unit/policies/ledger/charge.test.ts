// What a call is charged when it ends. A failing property prints its seed.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NO_USAGE, type Usage } from "../../../../policies/account.ts";
import {
  DIMENSIONS,
  minus,
  NOTHING,
  plus,
  type Amounts,
} from "../../../../policies/ledger/amounts.ts";
import {
  CALL_TOKENS_MAX,
  chargeFor,
  costOf,
  heldAmounts,
  overOf,
  restOf,
  UNSEEN_TOKENS_PER_SECOND,
  type Seen,
} from "../../../../policies/ledger/charge.ts";
import type { HoldEntry } from "../../../../policies/ledger/entry.ts";
import { PRICES } from "./size-samples.ts";

/** 100 tokens of input, 2,000 of output. */
const HOLD: HoldEntry = {
  op: "hold",
  callId: "r:0",
  atMs: 0,
  fingerprint: 1,
  path: { zone: "UTC", scopes: [] },
  session: null,
  prices: { version: "p1", ...PRICES },
  words: { keyId: "k", policyVersion: "1", variant: null, arm: "large/long", strategies: [] },
  requests: 1,
  rung: 0,
  inputTokens: 100,
  outputTokens: 2_000,
  heldOutputTokens: 2_000,
  ttlMs: 60_000,
};

const REPORTED: Usage = {
  inputTokens: 90,
  cachedTokens: 40,
  cacheWriteTokens: 30,
  outputTokens: 300,
  reasoningTokens: 200,
};

function unseenFor(unseenMs: number, changes: Partial<Seen> = {}): Seen {
  return { heldOutputTokens: 2_000, seenOutputTokens: 0, unseenMs, ...changes };
}

const certainties = fc.constantFrom("exact" as const, "at_least" as const, "unknown" as const);
const knowledge: fc.Arbitrary<Seen> = fc.record({
  heldOutputTokens: fc.integer({ min: 1, max: 2_000 }),
  seenOutputTokens: fc.nat(2_500),
  unseenMs: fc.oneof(fc.nat(30_000), fc.integer({ min: -10, max: 1e9 })),
});
/** Of a call within its hold of 100 and `outputMax`. */
const sound = (outputMax: number): fc.Arbitrary<Usage> =>
  fc
    .tuple(fc.nat(100), fc.nat(100), fc.nat(100), fc.nat(outputMax), fc.nat(outputMax))
    .map(([inputTokens, cached, written, outputTokens, reasoning]) => {
      const cachedTokens = Math.min(cached, inputTokens);
      const cacheWriteTokens = Math.min(written, inputTokens - cachedTokens);
      const reasoningTokens = Math.min(reasoning, outputTokens);
      return { inputTokens, cachedTokens, cacheWriteTokens, outputTokens, reasoningTokens };
    });
const price = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 9_000_000_000_000 }));

describe("a charge", () => {
  it("of an exact usage is that usage in its parts, also when it is nothing", () => {
    expect(chargeFor(HOLD, unseenFor(5_000), REPORTED, "exact")).toEqual({
      charged: {
        requests: 1,
        tokens: 390,
        nanos: costOf(REPORTED, PRICES),
        uncachedInputTokens: 20,
        cachedInputTokens: 40,
        cacheWriteTokens: 30,
        visibleOutputTokens: 100,
        reasoningTokens: 200,
        concurrency: 0,
      },
      usage: REPORTED,
      certainty: "exact",
      anomaly: null,
    });
    const nothing = chargeFor(HOLD, unseenFor(5_000), NO_USAGE, "exact");
    expect(nothing).toMatchObject({ charged: { ...NOTHING, requests: 1 }, usage: NO_USAGE });
  });

  it("of an exact usage is whole above what was held, and below what was seen", () => {
    const seen = unseenFor(0, { seenOutputTokens: 700 });
    const more = { ...REPORTED, outputTokens: 9_000 };
    expect(chargeFor(HOLD, seen, more, "exact").charged.tokens).toBe(9_090);
    expect(chargeFor(HOLD, seen, REPORTED, "exact").charged.tokens).toBe(390);
  });

  it("of a broken stream is what was seen, with the held input when the engine had not named it", () => {
    expect(chargeFor(HOLD, unseenFor(60_000), REPORTED, "at_least").usage).toEqual(REPORTED);
    const unnamed = { ...NO_USAGE, outputTokens: 7 };
    const charge = chargeFor(HOLD, unseenFor(60_000), unnamed, "at_least");
    expect(charge).toMatchObject({ certainty: "at_least", charged: { tokens: 107 } });
  });

  it("of a broken stream is no less than a checkpoint had seen, at most what was held", () => {
    const tokens = (seenOutputTokens: number): number =>
      chargeFor(HOLD, unseenFor(60_000, { seenOutputTokens }), REPORTED, "at_least").charged.tokens;
    expect(tokens(299)).toBe(390);
    expect(tokens(800)).toBe(890);
    expect(tokens(2_500)).toBe(2_090);
  });

  it("of an unseen answer is what the time allowed, at most what was held and never nothing", () => {
    const tokens = (unseenMs: number): number =>
      chargeFor(HOLD, unseenFor(unseenMs), NO_USAGE, "unknown").charged.tokens;
    expect(tokens(-5)).toBe(101);
    expect(tokens(0)).toBe(101);
    expect(tokens(5_000)).toBe(100 + 5 * UNSEEN_TOKENS_PER_SECOND);
    expect(tokens(3_600_000)).toBe(2_100);
    // A hidden thinker that broke before its first word looks like it.
    const blank = chargeFor(HOLD, unseenFor(5_000), NO_USAGE, "at_least");
    expect(blank.charged.tokens).toBe(600);
  });

  it("of several unseen answers is what the time allowed each of them, at most what was held of all", () => {
    const tokens = (answers: number, unseenMs: number): number =>
      chargeFor({ ...HOLD, answers }, unseenFor(unseenMs), NO_USAGE, "unknown").charged.tokens;
    expect(tokens(4, 3_000)).toBe(100 + 4 * 3 * UNSEEN_TOKENS_PER_SECOND);
    expect(tokens(4, 0)).toBe(104);
    expect(tokens(4, 3_600_000)).toBe(2_100);
  });

  it("of an unseen answer begins at its last checkpoint, and ends with what was held until then", () => {
    const tokens = (changes: Partial<Seen>): number =>
      chargeFor(HOLD, unseenFor(2_000, changes), NO_USAGE, "unknown").charged.tokens;
    expect(tokens({ seenOutputTokens: 700 })).toBe(100 + 700 + 200);
    expect(tokens({ seenOutputTokens: 700, heldOutputTokens: 800 })).toBe(100 + 800);
    expect(tokens({ seenOutputTokens: 700, heldOutputTokens: 700 })).toBe(100 + 700);
  });

  it("of an unknown end is no less than was reported of it, also above what was held", () => {
    const more = { ...REPORTED, outputTokens: 2_500 };
    const charge = chargeFor(HOLD, unseenFor(1_000), more, "unknown");
    expect(charge.charged.tokens).toBe(2_590);
  });

  it.each([
    ["negative", { outputTokens: -1 }],
    ["fractional", { inputTokens: 90.5 }],
    ["not a number", { reasoningTokens: Number.NaN }],
    ["endless", { outputTokens: Number.POSITIVE_INFINITY }],
    ["absurd", { outputTokens: CALL_TOKENS_MAX + 1 }],
    ["a negative cache write", { cacheWriteTokens: -1 }],
    ["more cached than read", { cachedTokens: 91, cacheWriteTokens: 0 }],
    ["more cached and written than read", { cachedTokens: 40, cacheWriteTokens: 51 }],
    ["more reasoning than written", { reasoningTokens: 301 }],
  ])("of a usage that is %s is one of an unknown end, and says what was wrong", (_, changes) => {
    const charge = chargeFor(HOLD, unseenFor(5_000), { ...REPORTED, ...changes }, "exact");
    expect(charge.certainty).toBe("unknown");
    expect(charge.anomaly).toMatch(/^not counts: |^cached \d+ and \d+ of|^reasoning \d+ of/);
    expect(charge.charged.tokens).toBeGreaterThanOrEqual(90 + 500);
    // Its cached share is not believed, and the price of a write not charged.
    expect(charge.charged).toMatchObject({ cachedInputTokens: 0, cacheWriteTokens: 0 });
  });

  it.each([
    ["all input cached or written", { cachedTokens: 40, cacheWriteTokens: 50 }],
    ["all output reasoning", { reasoningTokens: 300 }],
    ["as much as one call may", { outputTokens: CALL_TOKENS_MAX }],
  ])("of a usage with %s is exact", (_, changes) => {
    const usage = { ...REPORTED, ...changes };
    const charge = chargeFor(HOLD, unseenFor(5_000), usage, "exact");
    expect(charge).toMatchObject({ certainty: "exact", anomaly: null, usage });
  });

  it("of an unsound usage has its sound parts as a floor", () => {
    const thought = { ...REPORTED, outputTokens: -1, reasoningTokens: 1_500 };
    const charge = chargeFor(HOLD, unseenFor(0), thought, "exact");
    expect(charge.charged).toMatchObject({ tokens: 1_590, reasoningTokens: 1_500 });
    const unread = { ...REPORTED, inputTokens: Number.NaN };
    expect(chargeFor(HOLD, unseenFor(0), unread, "exact").charged.tokens).toBe(100 + 300);
  });
});

describe("for all usages", () => {
  const any = fc.oneof(fc.integer(), fc.double(), fc.nat(5_000));
  const anything: fc.Arbitrary<Usage> = fc.record({
    inputTokens: any,
    cachedTokens: any,
    cacheWriteTokens: any,
    outputTokens: any,
    reasoningTokens: any,
  });

  it("a charge is whole, finite and not negative in every dimension, and something unless it is exact", () => {
    const reports = fc.oneof(anything, sound(3_000));
    fc.assert(
      fc.property(reports, certainties, knowledge, (reported, certainty, seen) => {
        const { charged, ...charge } = chargeFor(HOLD, seen, reported, certainty);
        for (const dimension of DIMENSIONS) {
          expect(Number.isSafeInteger(charged[dimension])).toBe(true);
          expect(charged[dimension]).toBeGreaterThanOrEqual(0);
        }
        expect(partsOf(charged)).toBe(charged.tokens);
        expect(charged).toMatchObject({ requests: 1, concurrency: 0 });
        if (charge.certainty !== "exact") expect(charged.tokens).toBeGreaterThan(0);
      }),
    );
  });

  it("a charge never passes what was held for at least as many tokens, at any prices", () => {
    const prices = fc.record({
      version: fc.constant(null),
      inputNanosPerMtok: price,
      cachedInputNanosPerMtok: price,
      cacheWriteNanosPerMtok: price,
      outputNanosPerMtok: price,
    });
    const reports = sound(2_000);
    fc.assert(
      fc.property(reports, certainties, prices, knowledge, (reported, certainty, pinned, known) => {
        const hold = { ...HOLD, prices: pinned };
        const seen = { ...known, heldOutputTokens: 2_000 };
        const { charged } = chargeFor(hold, seen, reported, certainty);
        expect(overOf(charged, heldAmounts(hold, 2_000))).toEqual(NOTHING);
      }),
    );
  });

  it("no charge falls because more was seen or more time went by, nor because less was heard", () => {
    const more = fc.record({ seenOutputTokens: fc.nat(500), unseenMs: fc.nat(5_000) });
    fc.assert(
      fc.property(sound(3_000), certainties, knowledge, more, (reported, certainty, seen, by) => {
        const of = (known: Seen): number =>
          chargeFor(HOLD, known, reported, certainty).charged.tokens;
        const { seenOutputTokens, unseenMs } = seen;
        const tokens = of(seen);
        expect(
          of({ ...seen, seenOutputTokens: seenOutputTokens + by.seenOutputTokens }),
        ).toBeGreaterThanOrEqual(tokens);
        expect(of({ ...seen, unseenMs: unseenMs + by.unseenMs })).toBeGreaterThanOrEqual(tokens);
        const unheard = chargeFor(HOLD, seen, reported, "unknown").charged.tokens;
        if (certainty === "at_least") expect(unheard).toBeGreaterThanOrEqual(tokens);
      }),
    );
  });

  it("what is left of a reserve and what goes over make it up with the charge", () => {
    const amount = fc.nat(1_000);
    const amounts = fc
      .tuple(...DIMENSIONS.map(() => amount))
      .map(
        (counts) =>
          Object.fromEntries(DIMENSIONS.map((of, index) => [of, counts[index]])) as Amounts,
      );
    fc.assert(
      fc.property(amounts, amounts, (reserved, charged) => {
        const [rest, over] = [restOf(reserved, charged), overOf(charged, reserved)];
        expect(plus(rest, charged)).toEqual(plus(reserved, over));
        for (const of of DIMENSIONS) {
          expect(Math.min(rest[of], over[of])).toBe(0);
          expect(minus(rest, over)[of]).toBe(reserved[of] - charged[of]);
        }
      }),
    );
  });
});

function partsOf(amounts: Amounts): number {
  const { uncachedInputTokens, cachedInputTokens, cacheWriteTokens } = amounts;
  const { visibleOutputTokens, reasoningTokens } = amounts;
  return (
    uncachedInputTokens +
    cachedInputTokens +
    cacheWriteTokens +
    visibleOutputTokens +
    reasoningTokens
  );
}
