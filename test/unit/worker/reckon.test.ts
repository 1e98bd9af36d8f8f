// What a call is said to have used: a report that can be is taken at its word, and one that cannot is no better than none.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NO_USAGE, type Usage } from "../../../policies/account.ts";
import { findAnomaly } from "../../../policies/ledger/charge.ts";
import { reckonUsage, type Witnessed } from "../../../worker/reckon.ts";

const SEEN: Witnessed = {
  contextTokens: 8_192,
  answers: 1,
  reported: null,
  seenTokens: 2_000,
  seenReasoningTokens: 0,
  inputTokens: 120,
  heldOutputTokens: 4_000,
  unseenTokens: 0,
  isOver: true,
};

function reckon(reported: Partial<Usage> | null, of: Partial<Witnessed> = {}) {
  const usage = { ...NO_USAGE, inputTokens: 20, outputTokens: 2_000, ...reported };
  return reckonUsage({ ...SEEN, reported: reported === null ? null : usage, ...of });
}

describe("a report that can be", () => {
  it("is exact when the answer has ended, and a floor until then", () => {
    expect(reckon({ outputTokens: 1_900 })).toMatchObject({
      certainty: "exact",
      usage: { inputTokens: 20, outputTokens: 1_900 },
      anomaly: null,
    });
    expect(reckon({ outputTokens: 1_900 }, { isOver: false })).toMatchObject({
      certainty: "at_least",
      usage: { inputTokens: 20, outputTokens: 2_000 },
    });
  });

  it("may come to 16 contexts of its model for each answer, as where an engine goes round with tools of its own", () => {
    const usage = { inputTokens: 131_072, outputTokens: 131_072 };
    expect(reckon(usage)).toMatchObject({ certainty: "exact", usage, anomaly: null });
    const three = { inputTokens: 20, outputTokens: 3 * 131_072 };
    expect(reckon(three, { answers: 3 })).toMatchObject({ certainty: "exact", usage: three });
  });
});

describe("a report that cannot be", () => {
  it.each([
    { name: "output below nothing", usage: { outputTokens: -1 }, input: 20, output: 2_000 },
    { name: "half a token", usage: { outputTokens: 2_000.5 }, input: 20, output: 2_000 },
    { name: "more than any model writes", usage: { outputTokens: 1e12 }, input: 20, output: 2_000 },
    {
      name: "more than 16 contexts written",
      usage: { outputTokens: 131_073 },
      input: 20,
      output: 2_000,
    },
    {
      name: "more than 16 contexts read",
      usage: { inputTokens: 131_073 },
      input: 120,
      output: 2_000,
    },
    { name: "no number at all", usage: { outputTokens: NaN }, input: 20, output: 2_000 },
    { name: "input below nothing", usage: { inputTokens: -5 }, input: 120, output: 2_000 },
    { name: "more cached than read", usage: { cachedTokens: 50 }, input: 50, output: 2_000 },
    { name: "less cached than nothing", usage: { cachedTokens: -5 }, input: 20, output: 2_000 },
    {
      name: "more thought than written, which was left out of it",
      usage: { outputTokens: 10, reasoningTokens: 1_500 },
      input: 20,
      output: 3_500,
    },
  ])("is charged as what was seen, at least: $name", ({ usage, input, output }) => {
    const reckoned = reckon(usage);
    expect(reckoned).toMatchObject({
      certainty: "at_least",
      usage: { inputTokens: input, outputTokens: output },
    });
    expect(reckoned.anomaly).not.toBeNull();
  });

  it("counts thinking once that was seen and reported", () => {
    const of = { seenTokens: 1_010, seenReasoningTokens: 1_000 };
    expect(reckon({ outputTokens: 10, reasoningTokens: 1_500 }, of).usage).toMatchObject({
      outputTokens: 1_510,
      reasoningTokens: 1_500,
    });
  });
});

describe("an answer without a report", () => {
  it("is charged what may have been thought in its silence, at most what was held, ended or not", () => {
    for (const isOver of [true, false]) {
      const of = { isOver, seenTokens: 1, unseenTokens: 400 };
      expect(reckon(null, of).usage.outputTokens).toBe(401);
      expect(reckon(null, { ...of, heldOutputTokens: 256 }).usage.outputTokens).toBe(256);
    }
  });

  it("of which nothing was seen is unknown, unless it has ended", () => {
    expect(reckon(null, { isOver: false, seenTokens: 0 }).certainty).toBe("unknown");
    expect(reckon(null, { isOver: true, seenTokens: 0 }).certainty).toBe("at_least");
  });
});

it("whatever is reported, what is reckoned can be, and is never below what was seen unless that was reported", () => {
  const count = fc.oneof(fc.nat(5_000), fc.integer(), fc.double(), fc.constant(Infinity));
  fc.assert(
    fc.property(
      fc.record({
        inputTokens: count,
        cachedTokens: count,
        cacheWriteTokens: count,
        outputTokens: count,
        reasoningTokens: count,
      }),
      fc.record({
        seenTokens: fc.nat(3_000),
        unseenTokens: fc.nat(3_000),
        heldOutputTokens: fc.nat(3_000),
        isOver: fc.boolean(),
      }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (reported, of, share) => {
        const seenReasoningTokens = Math.floor(of.seenTokens * share);
        const reckoned = reckonUsage({ ...SEEN, ...of, seenReasoningTokens, reported });
        expect(findAnomaly(reckoned.usage)).toBeNull();
        if (reckoned.certainty === "exact") expect(reckoned.usage).toEqual(reported);
        else expect(reckoned.usage.outputTokens).toBeGreaterThanOrEqual(of.seenTokens);
      },
    ),
    { numRuns: 500 },
  );
});
