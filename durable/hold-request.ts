// What a ledger asks of its caller's arguments before it looks at a balance: that they are counts within bounds and names
// within length, and a fingerprint that tells whether a call id came twice with the same ones.
import type {
  Checkpoint,
  Extension,
  HoldRequest,
  Offer,
  Refund,
  ScopeLimits,
  Settlement,
} from "../policies/account.ts";
import { DIMENSIONS } from "../policies/ledger/amounts.ts";
import { CALL_TOKENS_MAX } from "../policies/ledger/charge.ts";
import { LIMIT_MAX, limitFaults, LIMITS_MAX, RATE_MAX, WINDOWS } from "../policies/ledger/limit.ts";
import { isZone } from "../policies/ledger/window.ts";

/** The catalog's own bound: $9,000 a million tokens. */
const PRICE_MAX = 9_000_000_000_000;
/** No call runs longer between two signs of life; a hold that outlived its window by more would pin yesterday's budget. */
const TTL_MAX_MS = 24 * 60 * 60 * 1000;
/** Far more than a ladder has (four modes by a few models), few enough for one turn. */
const OFFERS_MAX = 64;
/** Organisation, tenant, key, user, experiment arm and tags. */
const SCOPES_MAX = 64;
const ID_CHARS_MAX = 256;
/** A scope is a kind and an id. */
const SCOPE_CHARS_MAX = 16 + ID_CHARS_MAX;
const STRATEGIES_MAX = 64;
/** Far above what any engine takes as `n`. */
const ANSWERS_MAX = 1_000;

// In the order in which the fingerprint lists them.
const OUTPUTS = ["outputTokens", "outputTokensMin", "sliceTokens"] as const;
const PRICES = [
  "inputNanosPerMtok",
  "outputNanosPerMtok",
  "cachedInputNanosPerMtok",
  "cacheWriteNanosPerMtok",
] as const;

// Each throws on what only a bug of the Worker can send: a fraction or a negative count would corrupt every later sum.

export function checkHold(request: HoldRequest): void {
  checkCallId(request.callId);
  checkKeyId(request.keyId);
  demandName("policyVersion", request.policyVersion);
  if (request.variant !== null) demandName("variant", request.variant);
  demandCount("requests", request.requests, 0, 1);
  demandCount("ttlMs", request.ttlMs, 1, TTL_MAX_MS);
  demandCount("answers", request.answers ?? 1, 1, ANSWERS_MAX);
  demandZone(request.zone);
  if (request.session !== null) {
    demandName("session", request.session);
    // It stands last in a bucket's name, after a bar.
    if (request.session.includes("|")) throw new RangeError("session must hold no bar.");
  }
  demandCount("scopes", request.scopes.length, 1, SCOPES_MAX);
  for (const scope of request.scopes) checkScope(scope);
  if (new Set(request.scopes.map(({ scope }) => scope)).size < request.scopes.length)
    throw new RangeError("scopes must not name one twice: it would be charged twice.");
  demandCount("offers", request.offers.length, 1, OFFERS_MAX);
  for (const offer of request.offers) checkOffer(offer);
}

export function checkExtension(extension: Extension): void {
  checkCheckpoint(extension);
  demandCount("outputTokens", extension.outputTokens, 0, LIMIT_MAX);
}

export function checkCheckpoint({ callId, seenOutputTokens, ttlMs }: Checkpoint): void {
  checkCallId(callId);
  demandCount("seenOutputTokens", seenOutputTokens, 0, LIMIT_MAX);
  demandCount("ttlMs", ttlMs, 1, TTL_MAX_MS);
}

/** Not its usage: that is an engine's word, and what is wrong with it is for the journal to say. */
export function checkSettlement({ callId, certainty, ending }: Settlement): void {
  checkCallId(callId);
  demandName("ending", ending);
  if (!["exact", "at_least", "unknown"].includes(certainty))
    throw new RangeError(`certainty is not known: ${String(certainty)}.`);
}

export function checkDebt(request: HoldRequest, settlement: Settlement): void {
  checkHold(request);
  checkSettlement(settlement);
  demandCount("offers", request.offers.length, 1, 1);
  if (request.callId !== settlement.callId)
    throw new RangeError("A debt and its settlement must be of one call.");
}

export function checkRefund({ callId, refundId, tokens, nanos }: Refund): void {
  checkCallId(callId);
  demandName("refundId", refundId);
  demandCount("tokens", tokens, 0, LIMIT_MAX);
  demandCount("nanos", nanos, 0, LIMIT_MAX);
  if (tokens + nanos === 0) throw new RangeError("A refund must be of something.");
}

export function checkCallId(callId: string): void {
  demandName("callId", callId);
}

export function checkKeyId(keyId: string): void {
  demandName("keyId", keyId);
}

function checkScope({ scope, limits, lender }: ScopeLimits): void {
  demandName("scope", scope, SCOPE_CHARS_MAX);
  if (lender !== undefined) demandName("lender", lender);
  demandCount("limits", limits.length, 0, LIMITS_MAX);
  for (const { dimension, window, limit, burst, hard } of limits) {
    if (!DIMENSIONS.includes(dimension)) throw new RangeError(`No such dimension: ${dimension}.`);
    if (!WINDOWS.includes(window)) throw new RangeError(`No such window: ${window}.`);
    demandCount("limit", limit, 0, LIMIT_MAX);
    if (burst !== undefined) demandCount("burst", burst, 1, RATE_MAX);
    if (typeof hard !== "boolean") throw new RangeError("hard must be true or false.");
  }
  const [fault] = limitFaults(limits, scope);
  if (fault !== undefined) throw new RangeError(`${fault.path}: ${fault.problem}.`);
}

function checkOffer(offer: Offer): void {
  demandCount("rung", offer.rung, 0, LIMIT_MAX);
  demandName("arm", offer.arm);
  demandCount("strategies", offer.strategies.length, 0, STRATEGIES_MAX);
  for (const strategy of offer.strategies) demandName("strategy", strategy);
  demandCount("inputTokens", offer.inputTokens, 0, CALL_TOKENS_MAX);
  for (const name of OUTPUTS) demandCount(name, offer[name], 0, LIMIT_MAX);
  if (offer.priceVersion !== null) demandName("priceVersion", offer.priceVersion);
  for (const name of PRICES) demandCount(name, offer[name], 0, PRICE_MAX);
}

export function demandCount(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(`${name} must be a whole number from ${least} to ${most}, not ${value}.`);
}

function demandZone(zone: string): void {
  if (!isZone(zone)) throw new RangeError(`zone must name an IANA zone, not ${String(zone)}.`);
}

/** Half a surrogate pair would come back from storage as another text. */
function demandName(name: string, value: string, most = ID_CHARS_MAX): void {
  if (typeof value !== "string" || value.length < 1 || value.length > most || !value.isWellFormed())
    throw new RangeError(`${name} must be a well-formed text of 1 to ${most} characters.`);
}

/**
 * 53 bits and no secret: it meets accidents of our own Worker under one call id, never an adversary, so a digest serves
 * where 5 KB of arguments would lie. Fields are listed, not walked, so that key order does not change the print.
 */
export function fingerprint(request: HoldRequest): number {
  return hash53(
    JSON.stringify([
      request.keyId,
      request.policyVersion,
      request.variant,
      request.requests,
      request.ttlMs,
      request.zone,
      request.session,
      request.scopes.map(({ scope, limits, lender }) => [
        scope,
        lender,
        limits.map(({ dimension, window, limit, burst, hard }) => [
          dimension,
          window,
          limit,
          burst,
          hard,
        ]),
      ]),
      request.offers.map((offer) => [
        offer.rung,
        offer.arm,
        offer.strategies,
        offer.inputTokens,
        ...OUTPUTS.map((name) => offer[name]),
        offer.priceVersion,
        ...PRICES.map((name) => offer[name]),
      ]),
      // Only where it says something, so that holds of the version before keep their print.
      ...((request.answers ?? 1) === 1 ? [] : [request.answers]),
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
