// What a call holds and what it costs, at whatever prices. A failing property prints its seed.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NO_USAGE, type Usage } from "../../../../policies/account.ts";
import {
  CALL_TOKENS_MAX,
  costOf,
  heldAmounts,
  nanosOf,
} from "../../../../policies/ledger/charge.ts";
import { PRICES } from "./size-samples.ts";

const CALL = { inputTokens: 100, requests: 1, prices: { version: "p1", ...PRICES } } as const;

const REPORTED: Usage = {
  inputTokens: 90,
  cachedTokens: 40,
  cacheWriteTokens: 30,
  outputTokens: 300,
  reasoningTokens: 200,
};

const price = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 9_000_000_000_000 }));

describe("a hold", () => {
  it("is of input and output in each way in which they may be billed, at the dearest price", () => {
    expect(heldAmounts(CALL, 500)).toEqual({
      requests: 1,
      tokens: 600,
      nanos: 100 * 3_750 + 500 * 15_000,
      uncachedInputTokens: 100,
      cachedInputTokens: 100,
      cacheWriteTokens: 100,
      visibleOutputTokens: 500,
      reasoningTokens: 500,
      concurrency: 1,
    });
    const dearlyCached = { ...CALL.prices, cachedInputNanosPerMtok: 4_000_000_000 };
    expect(heldAmounts({ ...CALL, prices: dearlyCached }, 0).nanos).toBe(100 * 4_000);
    expect(heldAmounts({ ...CALL, requests: 0 }, 0)).toMatchObject({ requests: 0, concurrency: 1 });
  });
});

describe("a cost", () => {
  it("is of each kind of token at its own price", () => {
    expect(costOf(REPORTED, PRICES)).toBe(20 * 3_000 + 40 * 300 + 30 * 3_750 + 300 * 15_000);
    const without = { ...REPORTED, cachedTokens: 0, cacheWriteTokens: 0 };
    expect(costOf(without, PRICES)).toBe(90 * 3_000 + 300 * 15_000);
  });

  it("counts reasoning as the output that it is, and no second time", () => {
    expect(costOf({ ...REPORTED, reasoningTokens: 0 }, PRICES)).toBe(costOf(REPORTED, PRICES));
  });

  it("is rounded up once for the whole call, not once a kind", () => {
    const thirds = {
      inputNanosPerMtok: 400_000,
      cachedInputNanosPerMtok: 300_000,
      cacheWriteNanosPerMtok: 300_000,
      outputNanosPerMtok: 300_000,
    };
    const each = { ...NO_USAGE, inputTokens: 2, cachedTokens: 1, outputTokens: 1 };
    expect(costOf(each, thirds)).toBe(1);
    expect(costOf({ ...each, outputTokens: 2 }, thirds)).toBe(2);
    expect(costOf(NO_USAGE, thirds)).toBe(0);
  });

  it("is exact where tokens times price pass 2^53, and below 2^53 for any call of any catalog", () => {
    const dear = {
      inputNanosPerMtok: 8_999_999_999_999,
      cachedInputNanosPerMtok: 0,
      cacheWriteNanosPerMtok: 0,
      outputNanosPerMtok: 9e12,
    };
    const long = { ...NO_USAGE, inputTokens: 16_000_001 };
    expect(costOf(long, dear)).toBe(144_000_008_999_984);
    const most = { ...NO_USAGE, inputTokens: CALL_TOKENS_MAX, outputTokens: CALL_TOKENS_MAX };
    expect(costOf(most, dear)).toBeLessThan(Number.MAX_SAFE_INTEGER);
  });

  it("is what whole numbers of any size give, for all tokens and prices", () => {
    const tokens = fc.oneof(fc.nat(5_000), fc.nat(CALL_TOKENS_MAX / 4));
    fc.assert(
      fc.property(fc.array(fc.tuple(tokens, price), { maxLength: 4 }), (terms) => {
        const sum = terms.reduce((all, [count, each]) => all + BigInt(count) * BigInt(each), 0n);
        const up = sum % 1_000_000n === 0n ? 0n : 1n;
        expect(BigInt(nanosOf(terms))).toBe(sum / 1_000_000n + up);
      }),
    );
  });
});
