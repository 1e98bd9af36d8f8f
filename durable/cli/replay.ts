// Replays a journal's entries to the balances that they make, and says which of them cannot have happened: those are not
// followed. All arithmetic is the ledger's own (policies/ledger/).
import { DIMENSIONS, NOTHING, plus, type Amounts } from "../../policies/ledger/amounts.ts";
import type { CallEntry, Entry, LeaseEntry } from "../../policies/ledger/entry.ts";
import { lentWindows } from "../../policies/ledger/lease.ts";
import { applyLease } from "../../policies/ledger/lease-entries.ts";
import { lentAndUnreported } from "../../policies/ledger/loan.ts";
import { filled } from "../../policies/ledger/standing.ts";
import { apply, newState, type EndedCall, type OpenCall } from "../../policies/ledger/state.ts";
import type { LedgerPart } from "../../policies/ledger/whole.ts";
import { INSTANT_MAX } from "../../policies/ledger/window.ts";
import { limitsPassed, problemOf } from "./call-problems.ts";

/** A window of a scope, with what is not nothing. */
export interface Balance {
  readonly scope: string;
  readonly window: string;
  readonly key: string;
  readonly spent: Partial<Amounts>;
  readonly held: Partial<Amounts>;
  readonly over: Partial<Amounts>;
}

export class Replay {
  readonly #state = newState();
  readonly #ended = new Map<string, EndedCall>();
  #calls = 0;

  /** Why an entry cannot have happened; none: it was followed. */
  follow(entry: Entry): readonly string[] {
    if (entry.atMs < this.#state.atMs || entry.atMs >= INSTANT_MAX)
      return [`is of ${entry.atMs}, and the one before it of ${this.#state.atMs}`];
    if (!("callId" in entry)) {
      const problem = this.#problemOfLease(entry);
      if (problem !== null) return [problem];
      applyLease(this.#state, this.#state.leases, entry);
      return [];
    }
    const call = this.#state.calls.get(entry.callId);
    const ended = this.#ended.get(entry.callId);
    const problem = problemOf(entry, call, ended);
    if (problem !== null) return [`call ${entry.callId} ${problem}`];
    apply(this.#state, entry, { find: (callId) => this.#ended.get(callId) ?? null });
    this.#remember(entry, call);
    const after = this.#state.calls.get(entry.callId);
    if ((entry.op !== "hold" && entry.op !== "extend") || after === undefined) return [];
    return limitsPassed(this.#state, after).map((limit) => `call ${entry.callId} passed ${limit}`);
  }

  /** What no history may come to: below nothing, or held for no call. */
  check(): string[] {
    const held = new Map<object, Amounts>();
    for (const call of this.#state.calls.values())
      for (const bucket of call.buckets)
        held.set(bucket, plus(held.get(bucket) ?? NOTHING, call.held));
    const lent = new Map<string, Amounts>();
    for (const lend of this.#state.leases.lent.values())
      for (const { scope, window, key } of lentWindows(lend)) {
        const name = `${scope}|${window}|${key}`;
        lent.set(name, plus(lent.get(name) ?? NOTHING, lend.amounts));
      }
    return [...this.#state.buckets].flatMap(([name, bucket]) => {
      const expected = plus(held.get(bucket) ?? NOTHING, lent.get(name) ?? NOTHING);
      return DIMENSIONS.flatMap((of) => [
        ...(bucket.spent[of] < 0 ? [`${name} has spent ${bucket.spent[of]} ${of}`] : []),
        ...(bucket.held[of] === expected[of]
          ? []
          : [`${name} holds ${bucket.held[of]} ${of}, and its calls ${expected[of]}`]),
      ]);
    });
  }

  sums(): {
    readonly calls: number;
    readonly open: number;
    readonly suspended: number;
    readonly balances: readonly Balance[];
  } {
    const suspended = [...this.#state.calls.values()].filter(({ expired }) => expired !== null);
    return {
      calls: this.#calls,
      open: this.#state.calls.size - suspended.length,
      suspended: suspended.length,
      balances: [...this.#state.buckets]
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([, { scope, window, key, spent, held, over }]) => ({
          scope,
          window,
          key,
          spent: short(spent),
          held: short(held),
          over: short(over),
        })),
    };
  }

  /** As `sums`, with what each window has to do with other ledgers. */
  parts(): LedgerPart[] {
    const partOf = lentAndUnreported(this.#state.leases);
    return [...this.#state.buckets.values()].map((bucket) => {
      const { scope, window, key, spent, held, over } = bucket;
      return { scope, window, key, spent, held, over, ...partOf(bucket) };
    });
  }

  #problemOfLease(entry: LeaseEntry): string | null {
    const { asked, lent, returned, unheard, loans } = this.#state.leases;
    const { leaseId } = entry;
    const isLent = lent.has(leaseId) || returned.has(leaseId);
    const isBorrowed = [...loans.values()].some(({ leases }) => leases.get(leaseId) != null);
    switch (entry.op) {
      case "ask":
        return asked.has(leaseId) || isBorrowed ? `lease ${leaseId} was asked for before` : null;
      case "borrow":
        return asked.has(leaseId) ? null : `lease ${leaseId} was not asked for`;
      case "report":
        return isBorrowed ? null : `lease ${leaseId} was not borrowed`;
      case "heard":
        return unheard.has(leaseId) ? null : `lease ${leaseId} was not reported`;
      case "lend":
        return isLent ? `lease ${leaseId} was lent before` : null;
      case "return":
        return lent.has(leaseId) ? null : `lease ${leaseId} was not lent`;
    }
  }

  #remember(entry: CallEntry, before: OpenCall | undefined): void {
    const { callId, op } = entry;
    if (op === "hold") this.#calls += 1;
    const ended = this.#ended.get(callId);
    if (ended !== undefined) {
      if (op === "adjust") this.#ended.set(callId, { ...ended, end: entry });
      if (op === "refund")
        this.#ended.set(callId, { ...ended, refunds: [...ended.refunds, entry] });
      return;
    }
    if (before === undefined || this.#state.calls.has(callId)) return;
    const end = op === "lapse" ? before.expired : entry;
    if (end === null || !("op" in end) || !isEnd(end)) return;
    this.#ended.set(callId, { hold: before.hold, end, refunds: [] });
  }
}

function isEnd(entry: CallEntry): entry is EndedCall["end"] {
  return ["settle", "expire", "adjust", "release"].includes(entry.op);
}

export function short(amounts: Amounts): Partial<Amounts> {
  return Object.fromEntries(filled(amounts).map((dimension) => [dimension, amounts[dimension]]));
}
