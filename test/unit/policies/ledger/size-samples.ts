// Offers and rooms to size holds by: one of each that is easy to reckon with, and any.
import fc from "fast-check";
import type { Offer } from "../../../../policies/account.ts";
import { DIMENSIONS, type Amounts } from "../../../../policies/ledger/amounts.ts";
import { heldAmounts } from "../../../../policies/ledger/charge.ts";
import { LIMIT_MAX, WINDOWS } from "../../../../policies/ledger/limit.ts";
import type { Room } from "../../../../policies/ledger/room.ts";
import { pricesOf } from "../../../../policies/ledger/size.ts";

export const PRICES = {
  inputNanosPerMtok: 3_000_000_000,
  cachedInputNanosPerMtok: 300_000_000,
  cacheWriteNanosPerMtok: 3_750_000_000,
  outputNanosPerMtok: 15_000_000_000,
};

/** 100 tokens of input and 1,000 of output, of use from 64 on, held whole. */
export function offer(changes: Partial<Offer> = {}): Offer {
  return {
    rung: 0,
    arm: "large/long",
    strategies: [],
    inputTokens: 100,
    outputTokens: 1_000,
    outputTokensMin: 64,
    sliceTokens: changes.outputTokens ?? 1_000,
    priceVersion: "p1",
    ...PRICES,
    ...changes,
  };
}

/** What is left of 10,000 tokens a day, of which calls in flight hold nothing. */
export function room(remaining: number, changes: Partial<Room> = {}): Room {
  return {
    scope: "tenant",
    dimension: "tokens",
    window: "day",
    limit: 10_000,
    atOnce: changes.limit ?? 10_000,
    remaining,
    held: 0,
    isLent: false,
    resetAtMs: 1_000,
    waitMs: null,
    ...changes,
  };
}

export function needsOf(one: Offer, outputTokens: number, count: 0 | 1): Amounts {
  const { inputTokens } = one;
  return heldAmounts({ inputTokens, requests: count, prices: pricesOf(one) }, outputTokens);
}

const price = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 9_000_000_000_000 }));

export const offers: fc.Arbitrary<Offer> = fc
  .record({
    inputTokens: fc.integer({ min: 0, max: 3_000 }),
    outputTokens: fc.integer({ min: 0, max: 5_000 }),
    outputTokensMin: fc.integer({ min: 1, max: 200 }),
    sliceTokens: fc.integer({ min: 0, max: 6_000 }),
    inputNanosPerMtok: price,
    cachedInputNanosPerMtok: fc.integer({ min: 0, max: 9_000_000_000 }),
    cacheWriteNanosPerMtok: price,
    outputNanosPerMtok: price,
  })
  .map(offer);

export const ladders: fc.Arbitrary<Offer[]> = fc
  .array(offers, { minLength: 1, maxLength: 5 })
  .map((list) => list.map((one, rung) => ({ ...one, rung })));

export const rooms: fc.Arbitrary<Room[]> = fc.array(
  fc.record({
    scope: fc.constantFrom("tenant", "key:k", "user:u"),
    dimension: fc.constantFrom(...DIMENSIONS),
    window: fc.constantFrom(...WINDOWS),
    limit: fc.integer({ min: 0, max: LIMIT_MAX }),
    atOnce: fc.integer({ min: 0, max: LIMIT_MAX }),
    remaining: fc.oneof(
      fc.integer({ min: -100, max: 6_000 }),
      fc.integer({ min: 0, max: 60_000_000_000 }),
      fc.integer({ min: 0, max: LIMIT_MAX }),
    ),
    held: fc.integer({ min: 0, max: 6_000 }),
    isLent: fc.boolean(),
    resetAtMs: fc.option(fc.integer({ min: 0, max: 1_000_000 })),
    waitMs: fc.constant(null),
  }),
  { maxLength: 6 },
);

export const requests = fc.constantFrom<0 | 1>(0, 1);
