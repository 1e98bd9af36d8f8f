// Which rung of a ladder a budget affords, with which cap, and how much of it at first. A failing property prints its seed.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Offer } from "../../../../policies/account.ts";
import type { Amounts } from "../../../../policies/ledger/amounts.ts";
import { heldAmounts } from "../../../../policies/ledger/charge.ts";
import type { Room } from "../../../../policies/ledger/room.ts";
import { affordableOutput, fit, pricesOf, wishesOf } from "../../../../policies/ledger/size.ts";
import { ladders, needsOf, offer, offers, requests, room, rooms } from "./size-samples.ts";

const FREE = {
  inputNanosPerMtok: 0,
  cachedInputNanosPerMtok: 0,
  cacheWriteNanosPerMtok: 0,
  outputNanosPerMtok: 0,
};

describe("fit", () => {
  it("takes the first rung as it is when there are no limits", () => {
    expect(fit([offer(), offer({ rung: 1 })], [], 1)).toEqual({
      kind: "fits",
      offer: offer(),
      outputTokens: 1_000,
      heldOutputTokens: 1_000,
      needs: {
        requests: 1,
        tokens: 1_100,
        nanos: 100 * 3_750 + 1_000 * 15_000,
        uncachedInputTokens: 100,
        cachedInputTokens: 100,
        cacheWriteTokens: 100,
        visibleOutputTokens: 1_000,
        reasoningTokens: 1_000,
        concurrency: 1,
      },
    });
  });

  it("clips a rung to what is left when that is at least half of its cap", () => {
    expect(fit([offer(), offer({ rung: 1, outputTokens: 200 })], [room(600)], 1)).toMatchObject({
      kind: "fits",
      offer: { rung: 0 },
      outputTokens: 500,
    });
  });

  it("prefers a whole lower rung to a higher one that is clipped below half", () => {
    expect(fit([offer(), offer({ rung: 1, outputTokens: 200 })], [room(599)], 1)).toMatchObject({
      kind: "fits",
      offer: { rung: 1 },
      outputTokens: 200,
    });
  });

  it("takes the first rung that gets its minimum when none gets half", () => {
    expect(fit([offer(), offer({ rung: 1, outputTokens: 900 })], [room(300)], 1)).toMatchObject({
      kind: "fits",
      offer: { rung: 0 },
      outputTokens: 200,
    });
  });

  it("grants a caller that asks for less than the minimum what it asks for", () => {
    const little = [offer({ outputTokens: 10 })];
    expect(fit(little, [room(110)], 1)).toMatchObject({ kind: "fits", outputTokens: 10 });
    expect(fit(little, [room(109)], 1)).toMatchObject({ kind: "refused" });
  });

  it("counts the cap in money when money is what is short, with input at the dearest it may cost", () => {
    const money = (remaining: number) => [
      room(remaining, { dimension: "nanos", limit: 10_000_000 }),
    ];
    const needs = { nanos: 9_000_000 };
    expect(fit([offer()], money(9_000_000), 1)).toMatchObject({ outputTokens: 575, needs });
    expect(fit([offer()], money(8_999_999), 1)).toMatchObject({ outputTokens: 574 });
  });

  it.each(["visibleOutputTokens", "reasoningTokens"] as const)(
    "holds the whole output as %s, and input not",
    (dimension) => {
      expect(fit([offer()], [room(600, { dimension })], 1)).toMatchObject({ outputTokens: 600 });
      expect(fit([offer()], [room(63, { dimension })], 1).kind).toBe("refused");
    },
  );

  it.each(["uncachedInputTokens", "cachedInputTokens", "cacheWriteTokens"] as const)(
    "holds the whole input as %s, and output not",
    (dimension) => {
      expect(fit([offer()], [room(100, { dimension })], 1)).toMatchObject({ outputTokens: 1_000 });
      expect(fit([offer()], [room(99, { dimension })], 1).kind).toBe("refused");
    },
  );

  it("lets a model without prices run although the money is overspent, but not one with prices", () => {
    const spent = room(-5, { dimension: "nanos", limit: 10 });
    expect(fit([offer(FREE)], [spent], 1)).toMatchObject({ kind: "fits", outputTokens: 1_000 });
    expect(fit([offer()], [spent], 1)).toMatchObject({ kind: "refused", reason: "quota" });
  });

  it("lets a sub-call run although the requests are used up, but not a request", () => {
    const used = room(0, { dimension: "requests", limit: 5 });
    expect(fit([offer()], [used], 0).kind).toBe("fits");
    expect(fit([offer()], [used], 1)).toMatchObject({ reason: "quota", affordableTokens: 0 });
  });

  it("takes no offer at all for a bug", () => {
    expect(() => fit([], [room(0)], 1)).toThrow(RangeError);
  });
});

describe("of a call that extends", () => {
  const sliced = offer({ outputTokens: 4_000, sliceTokens: 500 });

  it("only the first slice is held, of a cap that the budget affords whole", () => {
    const held = { outputTokens: 4_000, heldOutputTokens: 500, needs: { tokens: 600 } };
    expect(fit([sliced], [room(4_100)], 1)).toMatchObject(held);
    expect(fit([sliced], [room(3_100)], 1)).toMatchObject({
      outputTokens: 3_000,
      heldOutputTokens: 500,
    });
  });

  it("the first slice is never less than the useful minimum, nor more than the cap", () => {
    const thin = offer({ sliceTokens: 1 });
    expect(fit([thin], [], 1)).toMatchObject({ outputTokens: 1_000, heldOutputTokens: 64 });
    expect(fit([thin], [room(163)], 1).kind).toBe("refused");
    const thick = offer({ sliceTokens: 9_000 });
    expect(fit([thick], [], 1)).toMatchObject({ outputTokens: 1_000, heldOutputTokens: 1_000 });
  });

  it.each([
    ["refills", { window: "minute" as const }],
    ["another ledger lends from", { isLent: true }],
  ])("only the first slice has to fit a limit that %s", (_, changes) => {
    const whole = { outputTokens: 4_000, heldOutputTokens: 500 };
    expect(fit([sliced], [room(600, changes)], 1)).toMatchObject(whole);
    // When not even that fits, it gets what there is.
    expect(fit([sliced], [room(599, changes)], 1)).toMatchObject({ outputTokens: 499 });
    const atOnce = offer({ outputTokens: 4_000 });
    expect(fit([atOnce], [room(600, changes)], 1)).toMatchObject({ outputTokens: 500 });
  });
});

describe("what a call would borrow", () => {
  it("is the first rung's first slice, or else the least that any rung is of use with", () => {
    const ladder = [
      offer({ sliceTokens: 500 }),
      offer({ rung: 1, inputTokens: 20, outputTokensMin: 30 }),
    ];
    expect(wishesOf(ladder, 1)).toMatchObject([
      { requests: 1, tokens: 600, concurrency: 1 },
      { requests: 1, tokens: 50, concurrency: 1 },
    ]);
    expect(wishesOf(ladder, 0)).toMatchObject([{ requests: 0 }, { requests: 0 }]);
    expect(wishesOf([], 1)).toEqual([]);
  });
});

describe("for all ladders and limits", () => {
  const isPassed = (needs: Amounts, limits: readonly Room[]): boolean =>
    limits.some(({ dimension, remaining }) => needs[dimension] > 0 && needs[dimension] > remaining);
  const least = (one: Offer): number => Math.min(one.outputTokensMin, one.outputTokens);
  const slice = (one: Offer): number =>
    Math.max(least(one), Math.min(one.sliceTokens, one.outputTokens));

  /** Reckoned from what each limit affords by itself. */
  const capOf = (one: Offer, limits: readonly Room[], count: 0 | 1): number => {
    const call = { inputTokens: one.inputTokens, requests: count, prices: pricesOf(one) };
    const caps = limits.map((limit) => {
      const within = affordableOutput(call, one.outputTokens, [limit]);
      const grows = limit.window === "minute" || limit.isLent;
      return grows && within >= slice(one) ? one.outputTokens : within;
    });
    return Math.min(one.outputTokens, ...caps);
  };

  it("a hold passes no limit, and has at least the minimum and at most the cap", () => {
    fc.assert(
      fc.property(ladders, rooms, requests, (ladder, limits, count) => {
        const outcome = fit(ladder, limits, count);
        if (outcome.kind === "refused") return;
        const { offer: chosen, outputTokens, heldOutputTokens, needs } = outcome;
        expect(needs).toEqual(needsOf(chosen, heldOutputTokens, count));
        expect(isPassed(needs, limits)).toBe(false);
        expect(heldOutputTokens).toBe(Math.min(outputTokens, slice(chosen)));
        expect(outputTokens).toBeLessThanOrEqual(chosen.outputTokens);
        expect(heldOutputTokens).toBeGreaterThanOrEqual(least(chosen));
        // What neither refills nor is lent has to hold the whole cap.
        const fixed = limits.filter(({ window, isLent }) => window !== "minute" && !isLent);
        expect(isPassed(needsOf(chosen, outputTokens, count), fixed)).toBe(false);
      }),
    );
  });

  it("the output afforded is the largest: one token more would pass a limit", () => {
    fc.assert(
      fc.property(offers, rooms, requests, (one, limits, count) => {
        const call = { inputTokens: one.inputTokens, requests: count, prices: pricesOf(one) };
        const most = affordableOutput(call, one.outputTokens, limits);
        const passes = (outputTokens: number): boolean =>
          isPassed(heldAmounts(call, outputTokens), limits);
        if (most >= 0) expect(passes(most)).toBe(false);
        if (most < one.outputTokens) expect(passes(most + 1)).toBe(true);
      }),
    );
  });

  it("the first rung is taken that fits well, else the first that fits at all, and none only when none does", () => {
    fc.assert(
      fc.property(ladders, rooms, requests, (ladder, limits, count) => {
        const rungs = ladder.map((one) => ({ one, cap: capOf(one, limits, count) }));
        const fitting = rungs.filter(({ one, cap }) => cap >= least(one));
        const well = fitting.find(({ one, cap }) => cap * 2 >= one.outputTokens);
        const taken = well ?? fitting[0];
        const outcome = fit(ladder, limits, count);
        if (taken === undefined) expect(outcome.kind).toBe("refused");
        else expect(outcome).toMatchObject({ offer: taken.one, outputTokens: taken.cap });
      }),
    );
  });

  it("what fits still fits when every limit has more room", () => {
    const moreRoom = fc.integer({ min: 0, max: 100_000 });
    fc.assert(
      fc.property(ladders, rooms, requests, moreRoom, (ladder, limits, count, more) => {
        if (fit(ladder, limits, count).kind === "refused") return;
        const wider = limits.map((one) => ({ ...one, remaining: one.remaining + more }));
        expect(fit(ladder, wider, count).kind).toBe("fits");
      }),
    );
  });

  it("a refusal names a limit that blocks, and an affordable size that fits", () => {
    fc.assert(
      fc.property(ladders, rooms, requests, (ladder, limits, count) => {
        const outcome = fit(ladder, limits, count);
        if (outcome.kind !== "refused") return;
        expect(limits).toContain(outcome.binding);
        const isBlocked = ladder.some((one) =>
          isPassed(needsOf(one, least(one), count), [outcome.binding]),
        );
        expect(isBlocked).toBe(true);
        if (outcome.affordableTokens === 0) return;
        expect(["quota", "concurrency"]).not.toContain(outcome.reason);
        const smaller = ladder.map((one) => ({ ...one, outputTokens: outcome.affordableTokens }));
        expect(fit(smaller, limits, count).kind).toBe("fits");
      }),
    );
  });
});
