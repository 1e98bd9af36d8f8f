// What each operation of a ledger does to its book. All of it runs inside one transaction of ledger.ts, synchronously,
// with the time as an argument.
import type {
  Hold,
  HoldAnswer,
  HoldRefusal,
  HoldRequest,
  Meter,
  SettleAnswer,
  Settlement,
  Usage,
} from "../policies/account.ts";
import {
  above,
  chargeFor,
  fit,
  minus,
  NOTHING,
  plus,
  type Amounts,
  type Charge,
  type Room,
} from "../policies/budget.ts";
import { windowEndMs, windowKey } from "../policies/calendar.ts";
import type { Limit } from "../policies/tenant.ts";
import { fingerprint } from "./hold-request.ts";
import type { Book, Posting } from "./ledger-book.ts";
import { balanceIn, chargedTo, heldBy, heldCall, openCall, type CallRow } from "./ledger-rows.ts";

export type ReleaseAnswer =
  | { readonly kind: "released" }
  | Exclude<SettleAnswer, { kind: "settled" }>;

const NO_USAGE: Usage = { inputTokens: 0, cachedTokens: 0, outputTokens: 0, reasoningTokens: 0 };

/** A posting that moves nothing and says nothing; each operation says what differs. */
const SILENT = {
  held: NOTHING,
  spent: NOTHING,
  over: NOTHING,
  usage: NO_USAGE,
  certainty: null,
  ending: null,
  anomaly: null,
} satisfies Omit<Posting, "op">;

export function admit(book: Book, request: HoldRequest, nowMs: number): HoldAnswer {
  const print = fingerprint(request);
  const known = book.findCall(request.callId);
  if (known !== null) {
    if (known.fingerprint !== print) return { kind: "mismatch", callId: request.callId };
    // Also when the call has ended: the answer was given, and asking again does not change how the hold ended.
    return JSON.parse(known.answer) as Hold;
  }
  // After the known call: what was held before the key was revoked runs to its end.
  if (book.isRevoked(request.keyId)) return { kind: "revoked", keyId: request.keyId };
  const rooms = request.limits.map((limit) => roomIn(book, limit, nowMs));
  const outcome = fit(request.offers, rooms, request.requests);
  if (outcome.kind === "refused") {
    const { binding, reason, affordableTokens } = outcome;
    return {
      kind: "refused",
      reason,
      scope: "tenant",
      ...readMeter(binding, NOTHING, nowMs),
      affordableTokens,
      meters: rooms.map((room) => readMeter(room, NOTHING, nowMs)),
    } satisfies HoldRefusal;
  }
  const { offer, outputTokens, needs } = outcome;
  const hold: Hold = {
    kind: "held",
    callId: request.callId,
    rung: offer.rung,
    outputTokens,
    heldTokens: needs.tokens,
    heldNanos: needs.nanos,
    expiresAtMs: nowMs + request.ttlMs,
    // Until budgets price themselves.
    lambda: 0,
    meters: rooms.map((room) => readMeter(room, needs, nowMs)),
  };
  const call = openCall(request, offer, hold, print, nowMs);
  const usage = { ...NO_USAGE, inputTokens: offer.inputTokens, outputTokens };
  book.addCall(call);
  book.post(call, { ...SILENT, op: "hold", held: needs, usage }, nowMs);
  return hold;
}

export function settle(book: Book, settlement: Settlement, nowMs: number): SettleAnswer {
  const call = book.findCall(settlement.callId);
  if (call === null) return { kind: "missing" };
  switch (call.state) {
    case "open": {
      const { usage, certainty, ending } = settlement;
      const charge = chargeFor(heldCall(call), usage, certainty, nowMs - call.held_at_ms);
      return close(book, call, charge, { op: "settle", ending }, nowMs);
    }
    case "expired":
      return correct(book, call, settlement, nowMs);
    case "settled":
    case "released":
      return { kind: "already", state: call.state };
  }
}

export function release(book: Book, callId: string, nowMs: number): ReleaseAnswer {
  const call = book.findCall(callId);
  if (call === null) return { kind: "missing" };
  if (call.state !== "open") return { kind: "already", state: call.state };
  book.post(call, { ...SILENT, op: "release", held: minus(NOTHING, heldBy(call)) }, nowMs);
  book.endCall(callId, "released", NOTHING);
  return { kind: "released" };
}

/** Expires up to `max` due holds. Each was perhaps sent: it pays its input, and the output that its lifetime allows. */
export function sweep(book: Book, nowMs: number, max: number): void {
  for (const call of book.dueCalls(nowMs, max)) {
    const charge = chargeFor(heldCall(call), NO_USAGE, "unknown", lifetimeMs(call));
    close(book, call, charge, { op: "expire", ending: "expired" }, nowMs);
  }
}

/** Above the hold the truth is posted all the same, and recorded as over: the window then refuses until it fits. */
function close(
  book: Book,
  call: CallRow,
  { amounts, usage, certainty, anomaly }: Charge,
  how: { readonly op: "settle" | "expire"; readonly ending: string },
  nowMs: number,
): SettleAnswer {
  const held = minus(NOTHING, heldBy(call));
  const over = above(amounts, heldBy(call));
  book.post(call, { ...how, held, spent: amounts, over, usage, certainty, anomaly }, nowMs);
  book.endCall(call.call_id, how.op === "settle" ? "settled" : "expired", amounts);
  return answerOf(amounts, over);
}

/**
 * A settlement that comes after expiry. Exact replaces the estimate, up or down; a broken stream's floor only raises
 * it; `unknown` says nothing that expiry did not. What it raises is over, because the rest of the hold was given back.
 */
function correct(book: Book, call: CallRow, settlement: Settlement, nowMs: number): SettleAnswer {
  const charge = chargeFor(
    heldCall(call),
    settlement.usage,
    settlement.certainty,
    lifetimeMs(call),
  );
  const { amounts, usage, certainty, anomaly } = charge;
  if (certainty === "unknown") return { kind: "already", state: "expired" };
  const before = chargedTo(call);
  const over = above(amounts, before);
  const spent = certainty === "exact" ? minus(amounts, before) : over;
  const after = plus(before, spent);
  const { ending } = settlement;
  book.post(
    call,
    { op: "adjust", held: NOTHING, spent, over, usage, certainty, ending, anomaly },
    nowMs,
  );
  book.endCall(call.call_id, "settled", after);
  return answerOf(after, over);
}

function lifetimeMs(call: CallRow): number {
  return call.expires_at_ms - call.held_at_ms;
}

function roomIn(book: Book, { dimension, window, limit }: Limit, nowMs: number): Room {
  const { spent, held } = balanceIn(book.balance(window, windowKey(window, nowMs)), dimension);
  const remaining = limit - spent - held;
  return { dimension, window, limit, remaining, held, resetAtMs: windowEndMs(window, nowMs) };
}

function answerOf(charged: Amounts, over: Amounts): SettleAnswer {
  return {
    kind: "settled",
    chargedTokens: charged.tokens,
    chargedNanos: charged.nanos,
    overTokens: over.tokens,
  };
}

function readMeter(
  { dimension, window, limit, remaining, resetAtMs }: Room,
  taken: Amounts,
  nowMs: number,
): Meter {
  return {
    dimension,
    window,
    limit,
    remaining: Math.max(0, remaining - taken[dimension]),
    resetAtMs,
    resetInMs: resetAtMs - nowMs,
  };
}
