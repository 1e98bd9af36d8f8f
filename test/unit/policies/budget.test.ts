// What fits a budget, what a call costs and what it is charged when it ends. A failing property prints its seed.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Offer, Usage } from "../../../policies/account.ts";
import {
  affordableCap,
  CALL_TOKENS_MAX,
  chargeFor,
  costOf,
  fit,
  needsOf,
  UNSEEN_TOKENS_PER_SECOND,
  type HeldCall,
  type Room,
} from "../../../policies/budget.ts";
import { DIMENSIONS, LIMIT_MAX, WINDOWS } from "../../../policies/tenant.ts";

const PRICES = {
  inputNanosPerMtok: 3_000_000_000,
  cachedInputNanosPerMtok: 300_000_000,
  outputNanosPerMtok: 15_000_000_000,
};

function offer(changes: Partial<Offer> = {}): Offer {
  return {
    rung: 0,
    arm: "large/long",
    strategies: [],
    inputTokens: 100,
    outputTokens: 1_000,
    outputTokensMin: 64,
    priceVersion: "p1",
    ...PRICES,
    ...changes,
  };
}

function room(remaining: number, changes: Partial<Room> = {}): Room {
  return {
    dimension: "tokens",
    window: "day",
    limit: 10_000,
    remaining,
    held: 0,
    resetAtMs: 1_000,
    ...changes,
  };
}

const anOffer: fc.Arbitrary<Offer> = fc
  .record({
    inputTokens: fc.integer({ min: 0, max: 3_000 }),
    outputTokens: fc.integer({ min: 0, max: 5_000 }),
    outputTokensMin: fc.integer({ min: 1, max: 200 }),
    inputNanosPerMtok: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 9_000_000_000_000 })),
    cachedInputNanosPerMtok: fc.integer({ min: 0, max: 9_000_000_000 }),
    outputNanosPerMtok: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 9_000_000_000_000 })),
  })
  .map(offer);

const aLadder = fc
  .array(anOffer, { minLength: 1, maxLength: 5 })
  .map((offers) => offers.map((each, rung) => ({ ...each, rung })));

const aRoom: fc.Arbitrary<Room> = fc.record({
  dimension: fc.constantFrom(...DIMENSIONS),
  window: fc.constantFrom(...WINDOWS),
  limit: fc.integer({ min: 0, max: LIMIT_MAX }),
  remaining: fc.oneof(
    fc.integer({ min: -100, max: 6_000 }),
    fc.integer({ min: 0, max: 60_000_000_000 }),
    fc.integer({ min: 0, max: LIMIT_MAX }),
  ),
  held: fc.integer({ min: 0, max: 6_000 }),
  resetAtMs: fc.integer({ min: 0, max: 1_000_000 }),
});

const rooms = fc.array(aRoom, { maxLength: 6 });
const requests = fc.constantFrom<0 | 1>(0, 1);

describe("a refusal by what calls in flight hold", () => {
  it.each([
    { reason: "busy", remaining: 10, held: 5_000, because: "what is held would do" },
    { reason: "quota", remaining: 10, held: 50, because: "what is held would not do either" },
    { reason: "quota", remaining: 10, held: 0, because: "nothing is held" },
  ])("is $reason with $remaining left and $held held: $because", ({ reason, remaining, held }) => {
    const asked = offer({ inputTokens: 100, outputTokens: 1_000, outputTokensMin: 64 });
    expect(fit([asked], [room(remaining, { held })], 1)).toMatchObject({ kind: "refused", reason });
  });

  it("is not busy while another limit is used up", () => {
    const asked = offer({ inputTokens: 100, outputTokens: 1_000, outputTokensMin: 64 });
    const spent = room(0, { dimension: "requests", limit: 5 });
    expect(fit([asked], [room(10, { held: 5_000 }), spent], 1)).toMatchObject({ reason: "quota" });
  });
});

describe("fit", () => {
  it("takes the first rung as it is when there are no limits", () => {
    expect(fit([offer(), offer({ rung: 1 })], [], 1)).toEqual({
      kind: "fits",
      offer: offer(),
      outputTokens: 1_000,
      needs: { requests: 1, tokens: 1_100, nanos: 300_000 + 15_000_000 },
    });
  });

  it("clips a rung to what is left when that is at least half of its cap", () => {
    const outcome = fit([offer(), offer({ rung: 1, outputTokens: 200 })], [room(600)], 1);
    expect(outcome).toMatchObject({ kind: "fits", offer: { rung: 0 }, outputTokens: 500 });
  });

  it("prefers a whole lower rung to a higher one that is clipped below half", () => {
    const outcome = fit([offer(), offer({ rung: 1, outputTokens: 200 })], [room(599)], 1);
    expect(outcome).toMatchObject({ kind: "fits", offer: { rung: 1 }, outputTokens: 200 });
  });

  it("takes the first rung that gets its minimum when none gets half", () => {
    const outcome = fit([offer(), offer({ rung: 1, outputTokens: 900 })], [room(300)], 1);
    expect(outcome).toMatchObject({ kind: "fits", offer: { rung: 0 }, outputTokens: 200 });
  });

  it("grants a caller that asks for less than the minimum what it asks for", () => {
    expect(fit([offer({ outputTokens: 10 })], [room(110)], 1)).toMatchObject({
      kind: "fits",
      outputTokens: 10,
    });
    expect(fit([offer({ outputTokens: 10 })], [room(109)], 1)).toMatchObject({ kind: "refused" });
  });

  it("counts the cap in money when money is what is short", () => {
    const money = room(9_000_000, { dimension: "nanos", limit: 10_000_000 });
    expect(fit([offer()], [money], 1)).toMatchObject({
      kind: "fits",
      outputTokens: 580,
      needs: { nanos: 9_000_000 },
    });
  });

  it("lets a model without prices run although the money is overspent", () => {
    const free = offer({ inputNanosPerMtok: 0, cachedInputNanosPerMtok: 0, outputNanosPerMtok: 0 });
    const spent = room(-5, { dimension: "nanos", limit: 10 });
    expect(fit([free], [spent], 1)).toMatchObject({ kind: "fits", outputTokens: 1_000 });
    expect(fit([offer()], [spent], 1)).toMatchObject({ kind: "refused", reason: "quota" });
  });

  it("lets a sub-call run although the requests are used up, but not a request", () => {
    const used = room(0, { dimension: "requests", limit: 5 });
    expect(fit([offer()], [used], 0).kind).toBe("fits");
    expect(fit([offer()], [used], 1)).toMatchObject({
      kind: "refused",
      reason: "quota",
      affordableTokens: 0,
    });
  });

  it("says unfit and how much would fit while a smaller answer is affordable", () => {
    expect(fit([offer()], [room(150)], 1)).toMatchObject({
      kind: "refused",
      reason: "unfit",
      affordableTokens: 50,
    });
  });

  it("says quota when nothing would fit beside the input", () => {
    expect(fit([offer()], [room(100)], 1)).toMatchObject({
      kind: "refused",
      reason: "quota",
      affordableTokens: 0,
    });
    expect(fit([offer()], [room(0)], 1)).toMatchObject({
      kind: "refused",
      reason: "quota",
      affordableTokens: 0,
    });
  });

  it("says unfit, not quota, to a request that no window would ever hold", () => {
    const small = room(120, { limit: 150 });
    expect(fit([offer({ inputTokens: 140 })], [small], 1)).toMatchObject({
      reason: "unfit",
      affordableTokens: 0,
    });
    expect(fit([offer()], [room(0, { limit: 0 })], 1)).toMatchObject({ reason: "quota" });
  });

  it("names the blocking limit that turns last", () => {
    const day = room(0, { resetAtMs: 1_000 });
    const month = room(50, { window: "month", resetAtMs: 2_000 });
    const loose = room(9_000, { dimension: "requests", window: "month", resetAtMs: 2_000 });
    expect(fit([offer()], [loose, day, month], 1)).toMatchObject({
      kind: "refused",
      binding: month,
    });
    expect(fit([offer()], [loose, day], 1)).toMatchObject({ kind: "refused", binding: day });
  });

  it("never exceeds any limit at admission, and grants at least the minimum and at most the cap", () => {
    fc.assert(
      fc.property(aLadder, rooms, requests, (offers, limits, count) => {
        const outcome = fit(offers, limits, count);
        if (outcome.kind === "refused") return;
        for (const { dimension, remaining } of limits) {
          const need = outcome.needs[dimension];
          expect(need === 0 || need <= remaining).toBe(true);
        }
        expect(outcome.outputTokens).toBeLessThanOrEqual(outcome.offer.outputTokens);
        expect(outcome.outputTokens).toBeGreaterThanOrEqual(
          Math.min(outcome.offer.outputTokens, outcome.offer.outputTokensMin),
        );
        expect(outcome.needs).toEqual(needsOf(outcome.offer, outcome.outputTokens, count));
      }),
    );
  });

  it("affords the largest cap: one token more would break a limit", () => {
    fc.assert(
      fc.property(anOffer, rooms, requests, (one, limits, count) => {
        const cap = affordableCap(one, limits, count);
        const breaks = (outputTokens: number): boolean => {
          const needs = needsOf(one, outputTokens, count);
          return limits.some(
            ({ dimension, remaining }) => needs[dimension] > 0 && needs[dimension] > remaining,
          );
        };
        if (cap >= 0) expect(breaks(cap)).toBe(false);
        if (cap < one.outputTokens) expect(breaks(cap + 1)).toBe(true);
      }),
    );
  });

  it("takes the first rung that fits well, else the first that fits at all, and refuses only when none does", () => {
    fc.assert(
      fc.property(aLadder, rooms, requests, (offers, limits, count) => {
        const caps = offers.map((each) => affordableCap(each, limits, count));
        const least = offers.map((each) => Math.min(each.outputTokensMin, each.outputTokens));
        const isWell = (index: number): boolean =>
          (caps[index] ?? -1) >= (least[index] ?? 0) &&
          (caps[index] ?? -1) * 2 >= (offers[index]?.outputTokens ?? 0);
        const well = offers.findIndex((_, index) => isWell(index));
        const any = offers.findIndex((_, index) => (caps[index] ?? -1) >= (least[index] ?? 0));
        const outcome = fit(offers, limits, count);
        if (any === -1) expect(outcome.kind).toBe("refused");
        else
          expect(outcome).toMatchObject({
            kind: "fits",
            offer: { rung: well === -1 ? any : well },
          });
      }),
    );
  });

  it("still fits when every limit has more room", () => {
    fc.assert(
      fc.property(
        aLadder,
        rooms,
        requests,
        fc.integer({ min: 0, max: 100_000 }),
        (offers, limits, count, more) => {
          if (fit(offers, limits, count).kind === "refused") return;
          const wider = limits.map((each) => ({ ...each, remaining: each.remaining + more }));
          expect(fit(offers, wider, count).kind).toBe("fits");
        },
      ),
    );
  });

  it("a refusal names a limit that really blocks, and an affordable size that really fits", () => {
    fc.assert(
      fc.property(aLadder, rooms, requests, (offers, limits, count) => {
        const outcome = fit(offers, limits, count);
        if (outcome.kind !== "refused") return;
        expect(limits).toContain(outcome.binding);
        if (outcome.affordableTokens === 0) return;
        expect(["unfit", "busy"]).toContain(outcome.reason);
        const smaller = offers.map((each) => ({ ...each, outputTokens: outcome.affordableTokens }));
        expect(fit(smaller, limits, count).kind).toBe("fits");
      }),
    );
  });
});

describe("costOf", () => {
  const usage = (inputTokens: number, cachedTokens: number, outputTokens: number): Usage => ({
    inputTokens,
    cachedTokens,
    outputTokens,
    reasoningTokens: 0,
  });

  it("prices cached input at its own price and the rest at the full one", () => {
    expect(costOf(usage(1_000_000, 400_000, 0), PRICES)).toBe(600_000 * 3_000 + 400_000 * 300);
  });

  it("rounds up once for the whole call, not once a kind", () => {
    const thirds = {
      inputNanosPerMtok: 400_000,
      cachedInputNanosPerMtok: 300_000,
      outputNanosPerMtok: 300_000,
    };
    expect(costOf(usage(2, 1, 1), thirds)).toBe(1);
    expect(costOf(usage(2, 1, 2), thirds)).toBe(2);
    expect(costOf(usage(0, 0, 0), thirds)).toBe(0);
  });

  it("stays exact where tokens times price pass 2^53", () => {
    const dear = {
      inputNanosPerMtok: 8_999_999_999_999,
      cachedInputNanosPerMtok: 0,
      outputNanosPerMtok: 0,
    };
    expect(costOf(usage(16_000_001, 0, 0), dear)).toBe(144_000_008_999_984);
    expect(
      costOf(usage(CALL_TOKENS_MAX, 0, CALL_TOKENS_MAX), { ...dear, outputNanosPerMtok: 9e12 }),
    ).toBeLessThan(Number.MAX_SAFE_INTEGER);
  });

  it("never costs more than was held for at least as many tokens", () => {
    fc.assert(
      fc.property(
        anOffer,
        fc.nat(3_000),
        fc.nat(3_000),
        fc.nat(5_000),
        (one, input, cached, output) => {
          const inputTokens = Math.min(input, one.inputTokens);
          const spent = usage(
            inputTokens,
            Math.min(cached, inputTokens),
            Math.min(output, one.outputTokens),
          );
          expect(costOf(spent, one)).toBeLessThanOrEqual(needsOf(one, one.outputTokens, 1).nanos);
        },
      ),
    );
  });
});

describe("chargeFor", () => {
  const call: HeldCall = { requests: 1, inputTokens: 100, outputTokens: 2_000, ...PRICES };
  const seen: Usage = {
    inputTokens: 90,
    cachedTokens: 40,
    outputTokens: 300,
    reasoningTokens: 200,
  };
  const nothing: Usage = { inputTokens: 0, cachedTokens: 0, outputTokens: 0, reasoningTokens: 0 };

  it("charges an exact usage as it is, also when it is nothing", () => {
    expect(chargeFor(call, seen, "exact", 5_000)).toMatchObject({
      amounts: { requests: 1, tokens: 390, nanos: costOf(seen, PRICES) },
      usage: seen,
      certainty: "exact",
      anomaly: null,
    });
    expect(chargeFor(call, nothing, "exact", 5_000).amounts).toEqual({
      requests: 1,
      tokens: 0,
      nanos: 0,
    });
  });

  it("charges an exact usage above the hold in full", () => {
    expect(chargeFor(call, { ...seen, outputTokens: 9_000 }, "exact", 0).amounts.tokens).toBe(
      9_090,
    );
  });

  it("charges what was seen of a broken stream, with the held input when the engine had not named it", () => {
    expect(chargeFor(call, seen, "at_least", 60_000).usage).toEqual(seen);
    expect(
      chargeFor(call, { ...nothing, outputTokens: 7 }, "at_least", 60_000).amounts.tokens,
    ).toBe(107);
  });

  it("charges an unseen answer by the time it had, at most what was held and never nothing", () => {
    const tokens = (elapsedMs: number): number =>
      chargeFor(call, nothing, "unknown", elapsedMs).amounts.tokens;
    expect(tokens(0)).toBe(101);
    expect(tokens(5_000)).toBe(100 + 5 * UNSEEN_TOKENS_PER_SECOND);
    expect(tokens(3_600_000)).toBe(2_100);
    expect(chargeFor(call, nothing, "at_least", 5_000).amounts.tokens).toBe(600);
  });

  it("never charges an unknown less than was seen of it", () => {
    expect(chargeFor(call, { ...seen, outputTokens: 2_500 }, "unknown", 1_000).amounts.tokens).toBe(
      2_590,
    );
  });

  it.each([
    ["negative", { ...seen, outputTokens: -1 }],
    ["fractional", { ...seen, inputTokens: 1.5 }],
    ["not a number", { ...seen, reasoningTokens: Number.NaN }],
    ["endless", { ...seen, outputTokens: Number.POSITIVE_INFINITY }],
    ["absurd", { ...seen, outputTokens: CALL_TOKENS_MAX + 1 }],
    ["more cached than read", { ...seen, cachedTokens: 91 }],
    ["more reasoning than written", { ...seen, reasoningTokens: 301 }],
  ])("settles a usage that is %s as unknown and records the anomaly", (_, usage) => {
    const charge = chargeFor(call, usage, "exact", 5_000);
    expect(charge.certainty).toBe("unknown");
    expect(charge.anomaly).not.toBeNull();
    expect(charge.amounts.tokens).toBeGreaterThanOrEqual(90 + 500);
  });

  it("charges whole, finite, non-negative amounts for any report whatever, and never less than the request", () => {
    const count = fc.oneof(fc.integer(), fc.double(), fc.nat(5_000));
    const usage = fc.record({
      inputTokens: count,
      cachedTokens: count,
      outputTokens: count,
      reasoningTokens: count,
    });
    const certainty = fc.constantFrom("exact" as const, "at_least" as const, "unknown" as const);
    fc.assert(
      fc.property(
        usage,
        certainty,
        fc.integer({ min: -10, max: 1e9 }),
        (reported, sure, elapsedMs) => {
          const charge = chargeFor(call, reported, sure, elapsedMs);
          for (const dimension of DIMENSIONS) {
            expect(Number.isSafeInteger(charge.amounts[dimension])).toBe(true);
            expect(charge.amounts[dimension]).toBeGreaterThanOrEqual(0);
          }
          if (charge.certainty !== "exact") expect(charge.amounts.tokens).toBeGreaterThan(0);
        },
      ),
    );
  });
});
