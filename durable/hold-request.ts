// What a ledger asks of a hold's arguments before it looks at a balance: that they are counts within bounds, and a
// fingerprint that tells whether a call id came twice with the same ones.
import type { HoldRequest } from "../policies/account.ts";
import { CALL_TOKENS_MAX } from "../policies/budget.ts";
import { LIMIT_MAX } from "../policies/tenant.ts";

/** The catalog's own bound: $9,000 a million tokens. */
const PRICE_MAX = 9_000_000_000_000;
/** No call runs longer; a hold that outlived its window by more would pin yesterday's budget. */
const TTL_MAX_MS = 24 * 60 * 60 * 1000;
/** Far more than a ladder has (four modes by a few models), few enough for one turn. */
const OFFERS_MAX = 64;

/** Throws on what only a bug of the Worker can send: a fraction or a negative count would corrupt every later sum. */
export function checkHold(request: HoldRequest): void {
  demand("ttlMs", request.ttlMs, 1, TTL_MAX_MS);
  demand("requests", request.requests, 0, 1);
  demand("offers", request.offers.length, 1, OFFERS_MAX);
  for (const { limit } of request.limits) demand("limit", limit, 0, LIMIT_MAX);
  for (const offer of request.offers) {
    demand("inputTokens", offer.inputTokens, 0, CALL_TOKENS_MAX);
    demand("outputTokens", offer.outputTokens, 0, LIMIT_MAX);
    demand("outputTokensMin", offer.outputTokensMin, 0, LIMIT_MAX);
    demand("inputNanosPerMtok", offer.inputNanosPerMtok, 0, PRICE_MAX);
    demand("cachedInputNanosPerMtok", offer.cachedInputNanosPerMtok, 0, PRICE_MAX);
    demand("outputNanosPerMtok", offer.outputNanosPerMtok, 0, PRICE_MAX);
  }
}

function demand(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(`${name} must be a whole number from ${least} to ${most}, not ${value}.`);
}

/**
 * 53 bits and no secret: it meets accidents of our own Worker under one call id, never an adversary, so a digest serves
 * where 5 KB of arguments would lie. Fields are listed, not walked, so that key order does not change the print.
 */
export function fingerprint(request: HoldRequest): number {
  return hash53(
    JSON.stringify([
      request.requestId,
      request.keyId,
      request.policyVersion,
      request.variant,
      request.requests,
      request.ttlMs,
      request.limits.map(({ dimension, window, limit }) => [dimension, window, limit]),
      request.offers.map((offer) => [
        offer.rung,
        offer.arm,
        offer.strategies,
        offer.inputTokens,
        offer.outputTokens,
        offer.outputTokensMin,
        offer.priceVersion,
        offer.inputNanosPerMtok,
        offer.outputNanosPerMtok,
        offer.cachedInputNanosPerMtok,
      ]),
    ]),
  );
}

/** Two lanes of multiply and xor over UTF-16 units with Murmur3's finaliser (cyrb53, public domain). */
function hash53(text: string): number {
  let low = 0x41c6ce57;
  let high = 0xdeadbeef;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    high = Math.imul(high ^ unit, 0x9e3779b1);
    low = Math.imul(low ^ unit, 0x5f356495);
  }
  high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
  return 0x1_0000_0000 * (0x1f_ffff & low) + (high >>> 0);
}
