// Decides what becomes of holds that nobody ended: each expires once, and of a hard limit's what is left stays reserved
// until an exact figure had time to come.
import { NO_USAGE } from "../account.ts";
import { chargeFor, overOf } from "./charge.ts";
import type { ExpireEntry, LapseEntry } from "./entry.ts";
import { seenOf } from "./settle.ts";
import type { LedgerState, OpenCall } from "./state.ts";

/** How long a late exact usage may take: a worker that lost its ledger for a while, or a provider's own record. */
export const SUSPENSE_MS = 600_000;

/** Entries for up to `max` due calls, the longest due first. Apply them, and ask again for the rest. */
export function decideSweep(
  state: LedgerState,
  nowMs: number,
  max: number,
): (ExpireEntry | LapseEntry)[] {
  if (nowMs < state.nextDueMs) return [];
  const due = [...state.calls.values()]
    .filter(({ expiresAtMs }) => expiresAtMs <= nowMs)
    .toSorted((a, b) => a.expiresAtMs - b.expiresAtMs);
  return due.slice(0, max).map((call) => endOf(call, nowMs));
}

/** When the next call is due, exactly; call it once the due ones have ended. */
export function nextDueMs(state: LedgerState): number {
  let next = Infinity;
  for (const { expiresAtMs } of state.calls.values()) next = Math.min(next, expiresAtMs);
  return next;
}

/** Each was perhaps sent: it pays its input, and the output that its lifetime allows beyond what was seen. */
function endOf(call: OpenCall, nowMs: number): ExpireEntry | LapseEntry {
  const { callId, path } = call.hold;
  if (call.expired !== null) return { op: "lapse", callId, atMs: nowMs };
  const charge = chargeFor(call.hold, seenOf(call, call.expiresAtMs), NO_USAGE, "unknown");
  const isHard = path.scopes.some(({ limits }) => limits.some(({ hard }) => hard));
  return {
    op: "expire",
    callId,
    atMs: nowMs,
    ending: "expired",
    over: overOf(charge.charged, call.held),
    suspendedUntilMs: isHard ? nowMs + SUSPENSE_MS : null,
    ...charge,
  };
}
