// A ledger's journal as a journey reads it: each line with the words of its call, and with what it changed in the tenant's
// own day.
import { minus, NOTHING, plus, type Amounts } from "../../../policies/ledger/amounts.ts";
import { parseLine } from "../../../policies/ledger/parse-line.ts";
import type { CallEntry, HoldEntry } from "../../../policies/ledger/entry.ts";
import {
  apply,
  newState,
  type EndedCall,
  type LedgerState,
} from "../../../policies/ledger/state.ts";
import { NO_USAGE, type Certainty, type Usage } from "../../../policies/account.ts";

/** What ends a call; beside holds there are extensions and checkpoints, which keep it going. */
const ENDS: readonly string[] = ["settle", "release", "expire", "adjust"];

export function isEnd({ op }: JournalRow): boolean {
  return ENDS.includes(op);
}

export interface JournalRow {
  readonly seq: number;
  readonly op: CallEntry["op"];
  readonly callId: string;
  /** A call is named by its request and its number. */
  readonly requestId: string;
  readonly keyId: string;
  readonly arm: string;
  readonly strategies: readonly string[];
  /** All output that is held for the call from now on. */
  readonly heldOutputTokens: number;
  readonly ending: string | null;
  readonly certainty: Certainty | null;
  readonly anomaly: string | null;
  /** Of a hold: what it holds. */
  readonly usage: Usage;
  readonly held: Amounts;
  readonly spent: Amounts;
  readonly over: Amounts;
}

/** All lines from the first on: balances are made of them. */
export function readJournal(lines: readonly string[]): JournalRow[] {
  const state = newState();
  const holds = new Map<string, HoldEntry>();
  const outputs = new Map<string, number>();
  const ended = new Map<string, EndedCall>();
  return lines.flatMap((text): JournalRow[] => {
    const line = parseLine(text);
    if (line.kind === "faulty") throw new Error(`A line is faulty: ${JSON.stringify(line.faults)}`);
    const { seq, entry } = line.value;
    // Leases of an organisation are no call's.
    if (!("callId" in entry)) return [];
    if (entry.op === "hold") holds.set(entry.callId, entry);
    if ("heldOutputTokens" in entry) outputs.set(entry.callId, entry.heldOutputTokens);
    const hold = holds.get(entry.callId);
    if (hold === undefined) throw new Error(`Nothing was held for ${entry.callId}.`);
    const heldOutputTokens = outputs.get(entry.callId) ?? 0;
    const before = dayOf(state);
    apply(state, entry, { find: (callId) => ended.get(callId) ?? null });
    const after = dayOf(state);
    const { op, callId } = entry;
    if (op === "settle" || op === "expire" || op === "adjust" || op === "release")
      ended.set(callId, { hold, end: entry, refunds: [] });
    const holding = { ...NO_USAGE, inputTokens: hold.inputTokens, outputTokens: heldOutputTokens };
    return [
      {
        seq,
        op,
        callId,
        requestId: callId.slice(0, callId.lastIndexOf(":")),
        keyId: hold.words.keyId,
        arm: hold.words.arm,
        strategies: hold.words.strategies,
        heldOutputTokens,
        ending: "ending" in entry ? entry.ending : null,
        certainty: "certainty" in entry ? entry.certainty : null,
        anomaly: "anomaly" in entry ? entry.anomaly : null,
        usage: "usage" in entry ? entry.usage : holding,
        held: minus(after.held, before.held),
        spent: minus(after.spent, before.spent),
        over: minus(after.over, before.over),
      },
    ];
  });
}

interface Day {
  readonly spent: Amounts;
  readonly held: Amounts;
  readonly over: Amounts;
}

/** All days of the tenant together, so that a run over midnight does not matter. */
function dayOf(state: LedgerState): Day {
  let day: Day = { spent: NOTHING, held: NOTHING, over: NOTHING };
  for (const { scope, window, spent, held, over } of state.buckets.values()) {
    if (scope !== "tenant" || window !== "day") continue;
    day = { spent: plus(day.spent, spent), held: plus(day.held, held), over: plus(day.over, over) };
  }
  return day;
}
