// What is owed for a call that was sent while no ledger could be asked: it was used, so that it is posted as it is, whatever
// the limits say.
import type { HoldRequest, SettleAnswer, Settlement } from "../account.ts";
import { NOTHING } from "./amounts.ts";
import { chargeFor, overOf } from "./charge.ts";
import type { CallEntry, SettleEntry } from "./entry.ts";
import { entryOf } from "./hold.ts";
import { decideSettlement, settled } from "./settle.ts";
import type { EndedCalls, LedgerState } from "./state.ts";
import { olderWindows } from "./zones.ts";

export interface DebtDecision {
  readonly answer: SettleAnswer;
  /** In this order and in one turn; none when it was posted before. */
  readonly entries: readonly CallEntry[];
}

/**
 * A hold of nothing and its settlement. Nothing was reserved, so that all of it is over; of a budget that another ledger
 * owns, the owner hears of it by a tab. A rate has passed by. `request` has the one offer that was sent.
 */
export function decideDebt(
  state: LedgerState,
  ended: EndedCalls,
  request: HoldRequest,
  settlement: Settlement,
  fingerprint: number,
  nowMs: number,
): DebtDecision {
  const { callId, usage, certainty, ending } = settlement;
  const [offer] = request.offers;
  if (offer === undefined) throw new RangeError("A debt needs the offer that was sent.");
  if (state.calls.has(callId) || ended.find(callId) !== null) {
    const { answer, entry } = decideSettlement(state, ended, settlement, nowMs);
    return { answer, entries: entry === null ? [] : [entry] };
  }
  const scopes = request.scopes.map((of) => ({
    ...of,
    limits: of.limits.filter(({ window }) => window !== "minute"),
  }));
  const sizes = { outputTokens: offer.outputTokens, heldOutputTokens: 0 };
  const older = olderWindows(state.zones, request.zone, nowMs);
  const entry = entryOf({ ...request, scopes }, offer, sizes, older, fingerprint, nowMs);
  const hold = { ...entry, isDebt: true } as const;
  const unseen = { heldOutputTokens: 0, seenOutputTokens: 0, unseenMs: 0 };
  const charge = chargeFor(hold, unseen, usage, certainty);
  const over = overOf(charge.charged, NOTHING);
  const posted: SettleEntry = { op: "settle", callId, atMs: nowMs, ending, over, ...charge };
  return { answer: settled(charge.charged, over), entries: [hold, posted] };
}
