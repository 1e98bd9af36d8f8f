// A ledger among others without its object: a state, the journal that it follows from, and chance that a seed gives.
import { NOTHING, plus, type Amounts } from "../../../../policies/ledger/amounts.ts";
import { bucketName } from "../../../../policies/ledger/bucket.ts";
import type { Entry } from "../../../../policies/ledger/entry.ts";
import { applyLease } from "../../../../policies/ledger/lease-entries.ts";
import {
  apply,
  newState,
  type EndedCall,
  type EndedCalls,
  type LedgerState,
} from "../../../../policies/ledger/state.ts";

export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform in [0, 1): mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  one<T>(list: readonly T[]): T | undefined {
    return list[this.below(list.length)];
  }

  uuid(): string {
    const hex = () => this.below(0x10000).toString(16).padStart(4, "0");
    return `${hex()}${hex()}-${hex()}-4${hex().slice(1)}-8${hex().slice(1)}-${hex()}${hex()}${hex()}`;
  }
}

/** A ledger: a state and the journal that it follows from. */
export class Node {
  readonly name: string;
  state: LedgerState = newState();
  readonly journal: Entry[] = [];
  /** What borrowers have reported, by the window's name. */
  readonly told = new Map<string, Amounts>();
  #ended = new Map<string, EndedCall>();

  constructor(name: string) {
    this.name = name;
  }

  get ended(): EndedCalls {
    return { find: (callId) => this.#ended.get(callId) ?? null };
  }

  record(entry: Entry | null): void {
    if (entry === null) return;
    this.journal.push(entry);
    const lend = entry.op === "return" ? this.state.leases.lent.get(entry.leaseId) : undefined;
    if (lend !== undefined && entry.op === "return") {
      const name = bucketName(lend.scope, lend.window, lend.key);
      this.told.set(name, plus(this.told.get(name) ?? NOTHING, entry.spent));
    }
    this.#follow(entry);
  }

  /** Forgets everything and starts from the journal. Says whether that came to the same. */
  crash(): boolean {
    const before = imageOf(this.state);
    this.state = newState();
    this.#ended = new Map();
    for (const entry of this.journal) this.#follow(entry);
    return imageOf(this.state) === before;
  }

  #follow(entry: Entry): void {
    if (!("callId" in entry)) {
      applyLease(this.state, this.state.leases, entry);
      return;
    }
    const call = this.state.calls.get(entry.callId);
    apply(this.state, entry, this.ended);
    if (call === undefined || this.state.calls.has(entry.callId)) return;
    const end = entry.op === "lapse" ? call.expired : entry;
    if (end !== null && ["settle", "release", "expire", "adjust"].includes(end.op))
      this.#ended.set(entry.callId, {
        hold: call.hold,
        end: end as EndedCall["end"],
        refunds: [],
      });
  }
}

function imageOf({ buckets, leases, calls }: LedgerState): string {
  return JSON.stringify([
    [...buckets],
    [...calls.keys()],
    [...leases.loans].map(([name, loan]) => [name, { ...loan, leases: [...loan.leases] }]),
    [...leases.asked],
    [...leases.unheard],
    [...leases.lent],
    [...leases.returned],
  ]);
}
