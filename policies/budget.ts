// Budget arithmetic: what an offer needs, which rung of a ladder a budget affords, and what a call is charged when
// it ends. Pure, in integers, and exact: products of tokens and prices are taken in BigInt, because they pass 2^53.
import type { Certainty, HoldRefusal, Offer, Usage } from "./account.ts";
import type { Dimension, Window } from "./tenant.ts";

/** What a call takes or gives in each dimension. */
export type Amounts = Readonly<Record<Dimension, number>>;

export const NOTHING: Amounts = { requests: 0, tokens: 0, nanos: 0 };

export function plus(a: Amounts, b: Amounts): Amounts {
  return {
    requests: a.requests + b.requests,
    tokens: a.tokens + b.tokens,
    nanos: a.nanos + b.nanos,
  };
}

export function minus(a: Amounts, b: Amounts): Amounts {
  return {
    requests: a.requests - b.requests,
    tokens: a.tokens - b.tokens,
    nanos: a.nanos - b.nanos,
  };
}

/** How far `a` lies above `b`, in each dimension by itself. */
export function above(a: Amounts, b: Amounts): Amounts {
  return {
    requests: Math.max(0, a.requests - b.requests),
    tokens: Math.max(0, a.tokens - b.tokens),
    nanos: Math.max(0, a.nanos - b.nanos),
  };
}

export type OfferPrices = Pick<
  Offer,
  "inputNanosPerMtok" | "cachedInputNanosPerMtok" | "outputNanosPerMtok"
>;

/** One limit with what is left of it now. `remaining` is negative after an overrun. */
export interface Room {
  readonly dimension: Dimension;
  readonly window: Window;
  readonly limit: number;
  readonly remaining: number;
  /** What calls in flight hold of it; most of that comes back when they settle. */
  readonly held: number;
  readonly resetAtMs: number;
}

export type Fit =
  | {
      readonly kind: "fits";
      readonly offer: Offer;
      readonly outputTokens: number;
      readonly needs: Amounts;
    }
  | {
      readonly kind: "refused";
      readonly reason: HoldRefusal["reason"];
      readonly binding: Room;
      readonly affordableTokens: number;
    };

/**
 * Tokens of one kind that one call may report. No model reads or writes as many (16 million of context, 4 million of
 * output, 100 answers), and at the dearest price of a catalog two such counts still cost less than 2^53 nanos.
 */
export const CALL_TOKENS_MAX = 500_000_000;

/**
 * How fast an engine is taken to write when nobody saw it: 100 tokens/s is above what hosted models of the kind that
 * think for long deliver to one stream, so that hanging up is never cheaper than staying.
 */
export const UNSEEN_TOKENS_PER_SECOND = 100;

const TOKENS_PER_PRICE = 1_000_000n;

/**
 * The first rung that the budget affords, with the cap it affords.
 *
 * A long answer clipped to its minimum is worse than a short one that is whole, so the ladder is walked twice: first
 * for a rung that gets its full cap or at least half of it, then for any rung that gets its minimum. All rooms are
 * weighed together; with no rooms the first rung fits as it is.
 */
export function fit(offers: readonly Offer[], rooms: readonly Room[], requests: 0 | 1): Fit {
  const rungs = offers.map((offer) => ({ offer, cap: affordableCap(offer, rooms, requests) }));
  const chosen =
    rungs.find(
      ({ offer, cap }) => cap >= Math.max(leastCap(offer), Math.ceil(fullCap(offer) / 2)),
    ) ?? rungs.find(({ offer, cap }) => cap >= leastCap(offer));
  if (chosen === undefined) return refuse(rungs, rooms, requests);
  const { offer, cap } = chosen;
  return { kind: "fits", offer, outputTokens: cap, needs: needsOf(offer, cap, requests) };
}

/** What a hold takes for an offer at a cap. Input is held at its dearer price: how much is cached is known only later. */
export function needsOf(offer: Offer, outputTokens: number, requests: 0 | 1): Amounts {
  return {
    requests,
    tokens: offer.inputTokens + outputTokens,
    nanos: nanosUp(heldInputCost(offer) + BigInt(outputTokens) * BigInt(offer.outputNanosPerMtok)),
  };
}

/** What a usage costs, rounded up once for the whole call. */
export function costOf(usage: Usage, prices: OfferPrices): number {
  return nanosUp(
    BigInt(usage.inputTokens - usage.cachedTokens) * BigInt(prices.inputNanosPerMtok) +
      BigInt(usage.cachedTokens) * BigInt(prices.cachedInputNanosPerMtok) +
      BigInt(usage.outputTokens) * BigInt(prices.outputNanosPerMtok),
  );
}

/** The largest cap, at most the offer's own, that every room holds beside the input; -1 when not even the input fits. */
export function affordableCap(offer: Offer, rooms: readonly Room[], requests: 0 | 1): number {
  let cap = fullCap(offer);
  for (const room of rooms) cap = Math.min(cap, capWithin(offer, room, requests));
  return cap;
}

function capWithin(offer: Offer, room: Room, requests: 0 | 1): number {
  if (isBlocked(room, needsOf(offer, 0, requests))) return -1;
  const remaining = Math.max(0, room.remaining);
  switch (room.dimension) {
    case "requests":
      return fullCap(offer);
    case "tokens":
      return Math.max(0, remaining - offer.inputTokens);
    case "nanos": {
      const price = BigInt(offer.outputNanosPerMtok);
      if (price === 0n) return fullCap(offer);
      const left = BigInt(remaining) * TOKENS_PER_PRICE - heldInputCost(offer);
      return left < 0n ? 0 : Math.min(fullCap(offer), Number(left / price));
    }
  }
}

/** A need of nothing is never blocked: a model without prices runs although the money is spent. */
function isBlocked(room: Room, needs: Amounts): boolean {
  const need = needs[room.dimension];
  return need > 0 && need > room.remaining;
}

interface RungCap {
  readonly offer: Offer;
  readonly cap: number;
}

/** Explains the rung that came nearest, by the limit that the caller would have to wait for longest. */
function refuse(rungs: readonly RungCap[], rooms: readonly Room[], requests: 0 | 1): Fit {
  const [nearest] = rungs.toSorted(
    (a, b) =>
      b.cap - a.cap ||
      a.offer.inputTokens + leastCap(a.offer) - (b.offer.inputTokens + leastCap(b.offer)),
  );
  if (nearest === undefined) throw new RangeError("A hold needs at least one offer.");
  const needs = needsOf(nearest.offer, leastCap(nearest.offer), requests);
  const blocking = rooms.filter((room) => isBlocked(room, needs));
  // Waiting is no use to a request that exceeds the whole limit. A closed account (limit 0) is still a matter of quota.
  const hopeless = blocking.find(
    (room) => needs[room.dimension] > room.limit && room.remaining > 0,
  );
  const [latest] = blocking.toSorted((a, b) => b.resetAtMs - a.resetAtMs);
  const binding = hopeless ?? latest;
  if (binding === undefined) throw new Error("A rung was refused although no limit blocks it.");
  // Told as used up, a client would give up until tomorrow on what is free again in seconds.
  const isBusy = blocking.every((room) => needs[room.dimension] <= room.remaining + room.held);
  const isUnfit = nearest.cap > 0 || hopeless !== undefined;
  return {
    kind: "refused",
    reason: isBusy ? "busy" : isUnfit ? "unfit" : "quota",
    binding,
    affordableTokens: Math.max(0, nearest.cap),
  };
}

function fullCap(offer: Offer): number {
  return Math.min(offer.outputTokens, CALL_TOKENS_MAX);
}

/** A caller that asks for less than the useful minimum gets what it asked for. */
function leastCap(offer: Offer): number {
  return Math.min(offer.outputTokensMin, fullCap(offer));
}

function heldInputCost(offer: Offer): bigint {
  return (
    BigInt(offer.inputTokens) *
    BigInt(Math.max(offer.inputNanosPerMtok, offer.cachedInputNanosPerMtok))
  );
}

function nanosUp(tokensTimesPrice: bigint): number {
  return Number((tokensTimesPrice + TOKENS_PER_PRICE - 1n) / TOKENS_PER_PRICE);
}

/** What a hold pinned that its charge depends on. */
export interface HeldCall extends OfferPrices {
  readonly requests: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

export interface Charge {
  readonly amounts: Amounts;
  /** The usage that was charged, which is the reported one only when that was sound and exact. */
  readonly usage: Usage;
  readonly certainty: Certainty;
  /** What was wrong with the reported usage, for the journal; null when nothing was. */
  readonly anomaly: string | null;
}

/**
 * What a dispatched call is charged.
 *
 * `exact`: what the engine reported. `at_least`: what was seen, with the held input where the engine had not named it.
 * Where nothing was seen (`unknown`, or a stream that broke before its first token, which a hidden thinker also looks
 * like) the output is what an engine could have written since the hold, at most what was held: never nothing, so that
 * hanging up is no free exit, and not the worst case either, so that a failed connection does not cost 32k tokens.
 */
export function chargeFor(
  call: HeldCall,
  reported: Usage,
  certainty: Certainty,
  elapsedMs: number,
): Charge {
  const anomaly = findAnomaly(reported);
  const usage = anomaly === null ? reported : salvage(reported);
  const sure = anomaly === null ? certainty : "unknown";
  if (sure === "exact") return chargeOf(call, usage, "exact", null);

  const inputTokens = usage.inputTokens > 0 ? usage.inputTokens : call.inputTokens;
  const isSeen = sure === "at_least" && usage.outputTokens > 0;
  const outputTokens = isSeen
    ? usage.outputTokens
    : Math.max(usage.outputTokens, Math.min(call.outputTokens, unseenTokens(elapsedMs)));
  const charged: Usage = { ...usage, inputTokens, outputTokens };
  return chargeOf(call, charged, sure, anomaly);
}

function chargeOf(
  call: HeldCall,
  usage: Usage,
  certainty: Certainty,
  anomaly: string | null,
): Charge {
  return {
    amounts: {
      requests: call.requests,
      tokens: usage.inputTokens + usage.outputTokens,
      nanos: costOf(usage, call),
    },
    usage,
    certainty,
    anomaly,
  };
}

/** At least one: an object's clock may stand still within a turn. */
function unseenTokens(elapsedMs: number): number {
  return Math.max(1, Math.ceil((Math.max(0, elapsedMs) * UNSEEN_TOKENS_PER_SECOND) / 1000));
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= CALL_TOKENS_MAX;
}

function findAnomaly(usage: Usage): string | null {
  const counts = [usage.inputTokens, usage.cachedTokens, usage.outputTokens, usage.reasoningTokens];
  if (!counts.every(isCount)) return `not counts: ${counts.map(String).join(", ")}`;
  if (usage.cachedTokens > usage.inputTokens)
    return `cached ${usage.cachedTokens} of input ${usage.inputTokens}`;
  if (usage.reasoningTokens > usage.outputTokens) {
    return `reasoning ${usage.reasoningTokens} of output ${usage.outputTokens}`;
  }
  return null;
}

/** The sound parts of an unsound usage, as a floor under the charge. Its cached share is not believed. */
function salvage(usage: Usage): Usage {
  const count = (value: number): number => (isCount(value) ? value : 0);
  const reasoningTokens = count(usage.reasoningTokens);
  return {
    inputTokens: count(usage.inputTokens),
    cachedTokens: 0,
    outputTokens: Math.max(count(usage.outputTokens), reasoningTokens),
    reasoningTokens,
  };
}
