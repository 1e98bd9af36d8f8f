// Why an entry of a call cannot have happened, given the calls before it: the ledger decides so that it cannot, and a journal
// that says otherwise was made by something else.
import {
  above,
  DIMENSIONS,
  minus,
  NOTHING,
  plus,
  type Amounts,
} from "../../policies/ledger/amounts.ts";
import { bucketName } from "../../policies/ledger/bucket.ts";
import { costOf, heldAmounts, overOf } from "../../policies/ledger/charge.ts";
import type {
  AdjustEntry,
  CallEntry,
  ExpireEntry,
  HoldEntry,
  RefundEntry,
  SettleEntry,
} from "../../policies/ledger/entry.ts";
import { filled } from "../../policies/ledger/standing.ts";
import {
  pinnedKey,
  type EndedCall,
  type LedgerState,
  type OpenCall,
} from "../../policies/ledger/state.ts";
import { isZone } from "../../policies/ledger/window.ts";

export function problemOf(
  entry: CallEntry,
  call: OpenCall | undefined,
  ended: EndedCall | undefined,
): string | null {
  if (entry.op === "hold") {
    if (call !== undefined || ended !== undefined) return "was held before";
    const { zone } = entry.path;
    return isZone(zone) ? null : `was held in a zone that is none, "${zone}"`;
  }
  if (call === undefined && ended === undefined) return "was never held";
  switch (entry.op) {
    case "extend":
      if (call === undefined || call.expired !== null) return "had ended when it was extended";
      return entry.heldOutputTokens < call.heldOutputTokens ||
        entry.heldOutputTokens > call.hold.outputTokens
        ? `was extended from ${call.heldOutputTokens} to ${entry.heldOutputTokens}, of ${call.hold.outputTokens}`
        : null;
    case "checkpoint":
      return call === undefined || call.expired !== null ? "had ended at its checkpoint" : null;
    case "release":
      return call === undefined || call.expired !== null ? "ended twice" : null;
    case "settle":
    case "expire":
      if (call === undefined || call.expired !== null) return "ended twice";
      return wrongFigures(entry, call.hold, overOf(entry.charged, call.held));
    case "lapse":
      return call === undefined || call.expired === null ? "was not in suspense" : null;
    case "adjust":
      return problemOfAdjustment(entry, call, ended);
    case "refund":
      return problemOfRefund(entry, call, ended);
  }
}

/** The limits of its hold that a call passed when it was held or extended. What is lent is the lender's to bound. */
export function limitsPassed(state: LedgerState, call: OpenCall): string[] {
  const { hold, heldOutputTokens } = call;
  if (hold.isDebt === true) return [];
  const needed = heldAmounts(hold, heldOutputTokens);
  return hold.path.scopes.flatMap(({ scope, limits, lender }) =>
    limits.flatMap(({ dimension, window, limit }) => {
      const key = pinnedKey(window, hold.path.zone, hold.session, hold.atMs);
      if (lender !== undefined || key === null || needed[dimension] === 0) return [];
      const bucket = state.buckets.get(bucketName(scope, window, key));
      const taken = (bucket?.spent[dimension] ?? 0) + (bucket?.held[dimension] ?? 0);
      return taken <= limit ? [] : [`${limit} ${dimension} a ${window} of ${scope}: ${taken}`];
    }),
  );
}

function problemOfAdjustment(
  entry: AdjustEntry,
  call: OpenCall | undefined,
  ended: EndedCall | undefined,
): string | null {
  const expiry = call === undefined ? ended?.end : call.expired;
  const hold = call?.hold ?? ended?.hold;
  if (hold === undefined || expiry?.op !== "expire")
    return "was corrected although it did not expire";
  const raised = above(entry.charged, expiry.charged);
  const over = overOf(raised, call?.held ?? NOTHING);
  return wrongFigures(entry, hold, over, refundedOf(ended));
}

function problemOfRefund(
  { refundId, amounts }: RefundEntry,
  call: OpenCall | undefined,
  ended: EndedCall | undefined,
): string | null {
  if (call !== undefined || ended === undefined) return "was refunded before it ended";
  if (ended.refunds.some((refund) => refund.refundId === refundId))
    return `was refunded twice as ${refundId}`;
  const charged = ended.end.op === "release" ? NOTHING : ended.end.charged;
  const left = minus(charged, refundedOf(ended));
  return filled(above(amounts, left)).length > 0 ? "was refunded more than it was charged" : null;
}

function refundedOf(ended: EndedCall | undefined): Amounts {
  return (ended?.refunds ?? []).reduce((sum, { amounts }) => plus(sum, amounts), NOTHING);
}

/** What was charged must follow from usage and pinned prices, and what went over from what was reserved. */
function wrongFigures(
  { usage, charged, over }: SettleEntry | ExpireEntry | AdjustEntry,
  hold: HoldEntry,
  expectedOver: Amounts,
  /** Stays charged whatever a correction says. */
  refunded = NOTHING,
): string | null {
  const tokens = Math.max(usage.inputTokens + usage.outputTokens, refunded.tokens);
  const nanos = Math.max(costOf(usage, hold.prices), refunded.nanos);
  if (charged.tokens !== tokens || charged.nanos !== nanos)
    return `was charged ${charged.tokens} tokens and ${charged.nanos} nanos for ${tokens} and ${nanos}`;
  return DIMENSIONS.some((of) => over[of] !== expectedOver[of])
    ? "says another overrun than its hold gives"
    : null;
}
