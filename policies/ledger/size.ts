// How much a call holds: which rung of a ladder a budget affords, with which cap, and how much of the cap at first.
import type { HoldRefusal, Offer } from "../account.ts";
import type { Amounts } from "./amounts.ts";
import { CALL_TOKENS_MAX, heldAmounts, inputPriceMax } from "./charge.ts";
import type { PinnedPrices } from "./entry.ts";
import type { Room } from "./room.ts";

export type Fit =
  | {
      readonly kind: "fits";
      readonly offer: Offer;
      /** The cap that goes upstream. */
      readonly outputTokens: number;
      readonly heldOutputTokens: number;
      readonly needs: Amounts;
    }
  | {
      readonly kind: "refused";
      readonly reason: HoldRefusal["reason"];
      readonly binding: Room;
      readonly affordableTokens: number;
      /** Until the binding room would hold the request; null when its window has to turn, or nothing helps. */
      readonly waitMs: number | null;
    };

/**
 * The first rung that the budget affords, with the cap it affords.
 *
 * A long answer clipped to its minimum is worse than a short one that is whole, so the ladder is walked twice: first for
 * a rung that gets its full cap or at least half of it, then for any rung that gets its minimum. All rooms are weighed
 * together; with no rooms the first rung fits as it is.
 */
export function fit(offers: readonly Offer[], rooms: readonly Room[], requests: 0 | 1): Fit {
  const rungs = offers.map((offer) => ({ offer, cap: affordableCap(offer, rooms, requests) }));
  const chosen =
    rungs.find(
      ({ offer, cap }) => cap >= Math.max(leastCap(offer), Math.ceil(fullCap(offer) / 2)),
    ) ?? rungs.find(({ offer, cap }) => cap >= leastCap(offer));
  if (chosen === undefined) return refuse(rungs, rooms, requests);
  const { offer, cap } = chosen;
  const heldOutputTokens = Math.min(cap, sliceOf(offer));
  const needs = needsOf(offer, heldOutputTokens, requests);
  return { kind: "fits", offer, outputTokens: cap, heldOutputTokens, needs };
}

/** The most output, at most `wished`, that the rooms hold for a call whose own hold they have been rid of. */
export function affordableOutput(
  call: { readonly inputTokens: number; readonly requests: 0 | 1; readonly prices: PinnedPrices },
  wished: number,
  rooms: readonly Room[],
): number {
  let cap = wished;
  for (const room of rooms) cap = Math.min(cap, outputWithin(call, room, wished));
  return cap;
}

function affordableCap(offer: Offer, rooms: readonly Room[], requests: 0 | 1): number {
  const call = { inputTokens: offer.inputTokens, requests, prices: pricesOf(offer) };
  const full = fullCap(offer);
  const slice = sliceOf(offer);
  let cap = full;
  for (const room of rooms) {
    const within = outputWithin(call, room, full);
    // A rate refills while the answer is written, and more can be lent, so that of a call that extends only the first
    // slice has to fit now.
    const isRefilled = room.window === "minute" || room.isLent;
    cap = Math.min(cap, isRefilled && within >= slice ? full : within);
  }
  return cap;
}

/** -1 when not even the input fits. */
function outputWithin(
  call: { readonly inputTokens: number; readonly requests: 0 | 1; readonly prices: PinnedPrices },
  room: Room,
  wished: number,
): number {
  const needs = heldAmounts(call, 0);
  if (isBlocked(room, needs)) return -1;
  const remaining = Math.max(0, room.remaining);
  switch (room.dimension) {
    case "requests":
    case "concurrency":
    case "uncachedInputTokens":
    case "cachedInputTokens":
    case "cacheWriteTokens":
      return wished;
    case "tokens":
      return Math.max(0, remaining - call.inputTokens);
    case "visibleOutputTokens":
    case "reasoningTokens":
      return remaining;
    case "nanos": {
      const price = call.prices.outputNanosPerMtok;
      if (price === 0) return wished;
      const left =
        BigInt(remaining) * 1_000_000n -
        BigInt(call.inputTokens) * BigInt(inputPriceMax(call.prices));
      const output = left / BigInt(price);
      return left < 0n ? 0 : output > BigInt(wished) ? wished : Number(output);
    }
  }
}

/** A need of nothing is never blocked: a model without prices runs although the money is spent. */
function isBlocked(room: Room, needs: Amounts): boolean {
  const need = needs[room.dimension];
  return need > 0 && need > room.remaining;
}

/** What the call needs of the room before it is any use; an output of nothing is none. */
function leastNeeds(offer: Offer, requests: 0 | 1): Amounts {
  return needsOf(offer, leastCap(offer), requests);
}

function needsOf(offer: Offer, outputTokens: number, requests: 0 | 1): Amounts {
  return heldAmounts(
    { inputTokens: offer.inputTokens, requests, prices: pricesOf(offer) },
    outputTokens,
  );
}

/**
 * What a call that is refused for want of a loan would borrow, the better first: enough for the first rung as it would like
 * to begin, and enough for the rung that needs least at its least.
 */
export function wishesOf(offers: readonly Offer[], requests: 0 | 1): Amounts[] {
  const [first] = offers;
  const [least] = offers
    .map((offer) => leastNeeds(offer, requests))
    .toSorted((a, b) => a.nanos - b.nanos || a.tokens - b.tokens);
  if (first === undefined || least === undefined) return [];
  return [needsOf(first, sliceOf(first), requests), least];
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
  const needs = leastNeeds(nearest.offer, requests);
  const blocking = rooms.filter((room) => isBlocked(room, needs));
  // Waiting is no use to a request that exceeds the whole limit. A closed account (limit 0) is still a matter of quota.
  const hopeless = blocking.find(
    (room) => needs[room.dimension] > room.atOnce && room.remaining > 0,
  );
  const [latest] = blocking.toSorted((a, b) => resetOf(b) - resetOf(a));
  const binding = hopeless ?? latest;
  if (binding === undefined) throw new Error("A rung was refused although no limit blocks it.");
  const affordableTokens = Math.max(0, nearest.cap);
  const waitMs = binding.waitMs?.(needs[binding.dimension]) ?? null;
  const reason = reasonOf(binding, blocking, needs, affordableTokens > 0 || hopeless !== undefined);
  return { kind: "refused", reason, binding, affordableTokens, waitMs };
}

function reasonOf(
  binding: Room,
  blocking: readonly Room[],
  needs: Amounts,
  isUnfit: boolean,
): HoldRefusal["reason"] {
  if (blocking.some(({ isLent }) => isLent) && blocking.every(({ isLent }) => isLent))
    return "unlent";
  if (isStopped(binding)) return "quota";
  if (binding.dimension === "concurrency") return "concurrency";
  if (binding.window === "minute")
    return needs[binding.dimension] > binding.atOnce ? "unfit" : "rate";
  // Told as used up, a client would give up until tomorrow on what is free again in seconds.
  const isBusy = blocking.every((room) => needs[room.dimension] <= soonIn(room));
  return isBusy ? "busy" : isUnfit ? "unfit" : "quota";
}

/** A limit of no calls at once is how somebody is stopped: there is no call whose end would help. */
function isStopped({ dimension, limit }: Room): boolean {
  return dimension === "concurrency" && limit === 0;
}

/** What of it may be free without its window turning: calls in flight end, a rate refills, more is lent. */
function soonIn({ window, isLent, atOnce, remaining, held }: Room): number {
  return window === "minute" || isLent ? atOnce : remaining + held;
}

/**
 * A limit that never turns is the one to tell: nobody has to wait for anything else. The last to tell are those whose
 * windows nobody waits for: calls end, and more may be lent, before they turn.
 */
function resetOf(room: Room): number {
  const { dimension, isLent, resetAtMs } = room;
  if (isLent) return -1;
  if (dimension === "concurrency" && !isStopped(room)) return 0;
  return resetAtMs ?? Number.MAX_SAFE_INTEGER;
}

export function pricesOf(offer: Offer): PinnedPrices {
  return {
    version: offer.priceVersion,
    inputNanosPerMtok: offer.inputNanosPerMtok,
    cachedInputNanosPerMtok: offer.cachedInputNanosPerMtok,
    cacheWriteNanosPerMtok: offer.cacheWriteNanosPerMtok,
    outputNanosPerMtok: offer.outputNanosPerMtok,
  };
}

function fullCap(offer: Offer): number {
  return Math.min(offer.outputTokens, CALL_TOKENS_MAX);
}

/** A caller that asks for less than the useful minimum gets what it asked for. */
function leastCap(offer: Offer): number {
  return Math.min(offer.outputTokensMin, fullCap(offer));
}

function sliceOf(offer: Offer): number {
  return Math.max(leastCap(offer), Math.min(offer.sliceTokens, fullCap(offer)));
}
