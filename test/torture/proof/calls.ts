// A journal as the proofs read it: its calls from their hold to their end, and what stood after every line.
import type { Dimension } from "../../../policies/ledger/amounts.ts";
import type { CallEntry, HoldEntry } from "../../../policies/ledger/entry.ts";
import { parseLine } from "../../../policies/ledger/parse-line.ts";
import { apply, newState, type EndedCall } from "../../../policies/ledger/state.ts";

export type Posted = Extract<CallEntry, { readonly charged: unknown }>;

export interface ProofCall {
  readonly hold: HoldEntry;
  /** In order; exactly one, or two where a late settlement corrected an expiry. */
  readonly ends: (Posted | Extract<CallEntry, { readonly op: "release" }>)[];
  heldOutputTokens: number;
  /** Before its end: what was last seen, and when. */
  seenOutputTokens: number;
  seenAtMs: number;
}

export interface Told {
  readonly calls: ReadonlyMap<string, ProofCall>;
  readonly entries: number;
  /** What was left of the tenant's limit in the open window, after every line and before the first. */
  readonly remaining: ReadonlySet<number>;
  /** The most that spent and held came to without what went over. */
  readonly highest: number;
}

/** `journal`: as exported, from its first line on. */
export function readCalls(journal: string, dimension: Dimension, limit: number): Told {
  const state = newState();
  const calls = new Map<string, ProofCall>();
  const ended = new Map<string, EndedCall>();
  const remaining = new Set([limit]);
  let [highest, entries] = [0, 0];
  for (const text of journal.split("\n")) {
    if (text === "" || text.startsWith('{"chain"')) continue;
    const line = parseLine(text);
    if (line.kind === "faulty") throw new Error(`${text}: ${JSON.stringify(line.faults)}`);
    const { entry } = line.value;
    entries += 1;
    if (!("callId" in entry)) continue;
    follow(calls, entry);
    apply(state, entry, { find: (callId) => ended.get(callId) ?? null });
    const call = calls.get(entry.callId);
    if (call !== undefined && isEnd(entry))
      ended.set(entry.callId, { hold: call.hold, end: entry, refunds: [] });
    for (const { scope, window, spent, held, over } of state.buckets.values()) {
      if (scope !== "tenant" || window !== "day") continue;
      const stands = spent[dimension] + held[dimension];
      remaining.add(limit - stands);
      highest = Math.max(highest, stands - over[dimension]);
    }
  }
  return { calls, entries, remaining, highest };
}

function follow(calls: Map<string, ProofCall>, entry: CallEntry): void {
  if (entry.op === "hold") {
    const { heldOutputTokens, atMs } = entry;
    const seen = { seenOutputTokens: 0, seenAtMs: atMs };
    calls.set(entry.callId, { hold: entry, ends: [], heldOutputTokens, ...seen });
    return;
  }
  const call = calls.get(entry.callId);
  if (call === undefined) throw new Error(`Nothing was held for ${entry.callId}.`);
  if (isEnd(entry)) call.ends.push(entry);
  if (entry.op === "extend") call.heldOutputTokens = entry.heldOutputTokens;
  if (entry.op !== "extend" && entry.op !== "checkpoint") return;
  call.seenOutputTokens = Math.max(call.seenOutputTokens, entry.seenOutputTokens);
  call.seenAtMs = entry.atMs;
}

function isEnd(entry: CallEntry): entry is ProofCall["ends"][number] {
  return ["settle", "expire", "adjust", "release"].includes(entry.op);
}
