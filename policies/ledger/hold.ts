// Decides a hold: the whole of admission as one function of the state and the time, so that nothing can come between the
// check and the entry that acts on it.
import type { Hold, HoldAnswer, HoldRequest, Offer } from "../account.ts";
import type { Amounts } from "./amounts.ts";
import { heldAmounts } from "./charge.ts";
import type { HoldEntry } from "./entry.ts";
import { metersOf, roomsFor, type Room } from "./room.ts";
import { fit, pricesOf } from "./size.ts";
import type { EndedCalls, LedgerState } from "./state.ts";
import { olderWindows, type OlderWindow } from "./zones.ts";

/** An answer, and the entry that makes it true; null when nothing changes. */
export interface Decision<Answer, E> {
  readonly answer: Answer;
  readonly entry: E | null;
}

/** `fingerprint`: of the request's arguments. `lambda`: the budget's price now. */
export function decideHold(
  state: LedgerState,
  ended: EndedCalls,
  request: HoldRequest,
  fingerprint: number,
  lambda: number,
  nowMs: number,
): Decision<HoldAnswer, HoldEntry> {
  const known = state.calls.get(request.callId) ?? ended.find(request.callId);
  const { session, zone } = request;
  const older = olderWindows(state.zones, zone, nowMs);
  if (known !== null) {
    const { hold } = known;
    if (hold.fingerprint !== fingerprint)
      return { answer: { kind: "mismatch", callId: request.callId }, entry: null };
    // Also when the call has ended: the answer was given, and asking again does not change how the hold ended.
    return {
      answer: holdAnswer(
        hold,
        lambda,
        roomsFor(state, request, session, older, nowMs, nowMs),
        nowMs,
      ),
      entry: null,
    };
  }
  const rooms = roomsFor(state, request, session, older, nowMs, nowMs);
  const fitted = fit(request.offers, rooms, request.requests);
  if (fitted.kind === "refused") {
    const { binding, reason, affordableTokens, waitMs } = fitted;
    const resetAtMs = waitMs === null ? binding.resetAtMs : nowMs + waitMs;
    const { scope, dimension, window, limit, remaining } = binding;
    return {
      answer: {
        kind: "refused",
        reason,
        scope,
        dimension,
        window,
        limit,
        remaining: Math.max(0, remaining),
        resetAtMs,
        resetInMs: resetAtMs === null ? null : resetAtMs - nowMs,
        affordableTokens,
        meters: metersOf(rooms, nowMs),
      },
      entry: null,
    };
  }
  const { offer, outputTokens, heldOutputTokens, needs } = fitted;
  const sizes = { outputTokens, heldOutputTokens };
  const entry = entryOf(request, offer, sizes, older, fingerprint, nowMs);
  return { answer: holdAnswer(entry, lambda, rooms, nowMs, needs), entry };
}

export function entryOf(
  request: HoldRequest,
  offer: Offer,
  sizes: Pick<HoldEntry, "outputTokens" | "heldOutputTokens">,
  older: readonly OlderWindow[],
  fingerprint: number,
  nowMs: number,
): HoldEntry {
  const {
    callId,
    scopes,
    zone,
    keyId,
    policyVersion,
    variant,
    requests,
    ttlMs,
    answers = 1,
  } = request;
  const { arm, strategies, rung, inputTokens } = offer;
  return {
    op: "hold",
    callId,
    atMs: nowMs,
    fingerprint,
    path: { zone, scopes },
    session: hasSessionLimit(request) ? request.session : null,
    prices: pricesOf(offer),
    words: { keyId, policyVersion, variant, arm, strategies },
    requests,
    rung,
    inputTokens,
    ...sizes,
    ttlMs,
    ...(older.length === 0 ? {} : { older }),
    ...(answers === 1 ? {} : { answers }),
  };
}

function holdAnswer(
  hold: HoldEntry,
  lambda: number,
  rooms: readonly Room[],
  nowMs: number,
  taken?: Amounts,
): Hold {
  const { tokens, nanos } = heldAmounts(hold, hold.heldOutputTokens);
  return {
    kind: "held",
    callId: hold.callId,
    rung: hold.rung,
    outputTokens: hold.outputTokens,
    heldOutputTokens: hold.heldOutputTokens,
    heldTokens: tokens,
    heldNanos: nanos,
    expiresAtMs: hold.atMs + hold.ttlMs,
    lambda,
    meters: metersOf(rooms, nowMs, taken),
  };
}

/** Elsewhere the conversation's name would only make the journal longer. */
function hasSessionLimit({ scopes }: HoldRequest): boolean {
  return scopes.some(({ limits }) => limits.some(({ window }) => window === "session"));
}
