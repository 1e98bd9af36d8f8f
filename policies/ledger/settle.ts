// Decides how a call ends: settled, released, corrected after expiry, or refunded. Each call ends once.
import type { Refund, RefundAnswer, ReleaseAnswer, SettleAnswer, Settlement } from "../account.ts";
import { above, combine, minus, NOTHING, plus, type Amounts } from "./amounts.ts";
import { chargeFor, overOf, type Charge, type Seen } from "./charge.ts";
import type {
  AdjustEntry,
  ExpireEntry,
  HoldEntry,
  RefundEntry,
  ReleaseEntry,
  SettleEntry,
} from "./entry.ts";
import { notOpen } from "./extend.ts";
import type { Decision } from "./hold.ts";
import type { EndedCall, EndedCalls, LedgerState, OpenCall } from "./state.ts";

/** Each look at an ended call reads its refunds from the journal; a call that needs more is one for a person. */
export const REFUNDS_PER_CALL_MAX = 32;

export function decideSettlement(
  state: LedgerState,
  ended: EndedCalls,
  settlement: Settlement,
  nowMs: number,
): Decision<SettleAnswer, SettleEntry | AdjustEntry> {
  const { callId, usage, certainty, ending } = settlement;
  const call = state.calls.get(callId);
  if (call !== undefined && call.expired === null) {
    const charge = chargeFor(call.hold, seenOf(call, nowMs), usage, certainty);
    const over = overOf(charge.charged, call.held);
    const entry: SettleEntry = { op: "settle", callId, atMs: nowMs, ending, over, ...charge };
    return { answer: settled(charge.charged, over), entry };
  }
  const past = ended.find(callId);
  const expiry = call?.expired ?? past?.end;
  const hold = call?.hold ?? past?.hold;
  if (expiry === undefined || hold === undefined || expiry.op !== "expire")
    return { answer: notOpen(state, ended, callId), entry: null };
  // What may have been written unseen was charged then; nothing is guessed a second time.
  const { outputTokens } = expiry.usage;
  const seen = { heldOutputTokens: outputTokens, seenOutputTokens: outputTokens, unseenMs: 0 };
  const refunded = refundedOf(past);
  const reserved = call?.held ?? NOTHING;
  const entry = correction(hold, expiry, seen, reserved, refunded, settlement, nowMs);
  if (entry === null) return { answer: { kind: "already", state: "expired" }, entry: null };
  return { answer: settled(entry.charged, entry.over), entry };
}

/**
 * A settlement that comes after expiry. Exact replaces the estimate, up or down; a broken stream's floor only raises
 * it; `unknown` says nothing that expiry did not, nor does a floor that saw no output and no more input. What it raises
 * beyond the suspense is over: it was given back.
 */
function correction(
  hold: HoldEntry,
  expiry: ExpireEntry,
  seen: Seen,
  reserved: Amounts,
  refunded: Amounts,
  { callId, usage, certainty, ending }: Settlement,
  nowMs: number,
): AdjustEntry | null {
  const charge = chargeFor(hold, seen, usage, certainty);
  if (charge.certainty === "unknown") return null;
  const isBlank = charge.certainty === "at_least" && usage.outputTokens === 0;
  if (isBlank && !isHigher(charge, expiry)) return null;
  const raised = raise(charge, expiry);
  // What was refunded stays charged: its window was credited with it, and would be a second time.
  const charged = combine(raised.charged, refunded, Math.max);
  const over = overOf(above(charged, expiry.charged), reserved);
  return { op: "adjust", callId, atMs: nowMs, ending, ...raised, charged, over };
}

function raise(charge: Charge, expiry: ExpireEntry): Charge {
  if (charge.certainty === "exact" || isHigher(charge, expiry)) return charge;
  const { charged, usage } = expiry;
  return { ...charge, charged, usage };
}

function isHigher({ charged }: Charge, expiry: ExpireEntry): boolean {
  return charged.tokens > expiry.charged.tokens;
}

export function decideRelease(
  state: LedgerState,
  ended: EndedCalls,
  callId: string,
  nowMs: number,
): Decision<ReleaseAnswer, ReleaseEntry> {
  const call = state.calls.get(callId);
  if (call === undefined || call.expired !== null)
    return { answer: notOpen(state, ended, callId), entry: null };
  return { answer: { kind: "released" }, entry: { op: "release", callId, atMs: nowMs } };
}

export function decideRefund(
  state: LedgerState,
  ended: EndedCalls,
  { callId, refundId, tokens, nanos }: Refund,
  nowMs: number,
): Decision<RefundAnswer, RefundEntry> {
  if (state.calls.has(callId)) return { answer: { kind: "open" }, entry: null };
  const call = ended.find(callId);
  if (call === null) return { answer: { kind: "missing" }, entry: null };
  const amounts: Amounts = { ...NOTHING, tokens, nanos };
  const same = call.refunds.find((refund) => refund.refundId === refundId);
  if (same !== undefined) {
    const isSame = same.amounts.tokens === tokens && same.amounts.nanos === nanos;
    return { answer: isSame ? { kind: "refunded" } : { kind: "mismatch", refundId }, entry: null };
  }
  if (call.refunds.length >= REFUNDS_PER_CALL_MAX) {
    const answer = { kind: "too-many", refundsMax: REFUNDS_PER_CALL_MAX } as const;
    return { answer, entry: null };
  }
  const charged = call.end.op === "release" ? NOTHING : call.end.charged;
  const left = minus(charged, refundedOf(call));
  if (tokens > left.tokens || nanos > left.nanos) {
    const answer = { kind: "too-much", tokensLeft: left.tokens, nanosLeft: left.nanos } as const;
    return { answer, entry: null };
  }
  const entry: RefundEntry = { op: "refund", callId, refundId, atMs: nowMs, amounts };
  return { answer: { kind: "refunded" }, entry };
}

function refundedOf(call: EndedCall | null): Amounts {
  return (call?.refunds ?? []).reduce((sum, { amounts }) => plus(sum, amounts), NOTHING);
}

export function seenOf(call: OpenCall, nowMs: number): Seen {
  const { heldOutputTokens, seenOutputTokens, seenAtMs } = call;
  return { heldOutputTokens, seenOutputTokens, unseenMs: nowMs - seenAtMs };
}

export function settled(charged: Amounts, over: Amounts): SettleAnswer {
  return {
    kind: "settled",
    chargedTokens: charged.tokens,
    chargedNanos: charged.nanos,
    overTokens: over.tokens,
  };
}
