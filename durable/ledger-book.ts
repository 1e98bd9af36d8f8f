// A ledger's state beside the journal that it follows from: one place writes an entry down, applies it and finds it again
// at the next start. Nothing here decides, and nothing waits.
import type { CallEntry, Entry, HoldEntry, Path } from "../policies/ledger/entry.ts";
import { lentWindows } from "../policies/ledger/lease.ts";
import { applyLease } from "../policies/ledger/lease-entries.ts";
import { apply, newState, type EndedCalls, type LedgerState } from "../policies/ledger/state.ts";
import { olderWindows } from "../policies/ledger/zones.ts";
import { Buckets } from "./ledger-buckets.ts";
import { Journal } from "./ledger-journal.ts";
import { Prices } from "./ledger-prices.ts";
import {
  dropDrained,
  noteDrains,
  readSnapshot,
  restore,
  takeSnapshot,
  writeSnapshot,
} from "./ledger-snapshot.ts";
import { logError } from "./log.ts";

/** Lines replayed in one read at a start. */
const REPLAYED_AT_ONCE = 1_000;

export class Book {
  readonly state: LedgerState = newState();
  readonly journal: Journal;
  readonly buckets: Buckets;
  readonly prices: Prices;
  readonly #sql: SqlStorage;
  readonly #drains: Map<string, number>;
  #snapshotSeq: number;
  #unreadable = 0;

  /** Throws where the journal has lost what nothing stands for: a ledger that forgot what was spent must not answer. */
  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.journal = new Journal(sql);
    this.buckets = new Buckets(sql, this.state);
    const snapshot = readSnapshot(sql);
    if (snapshot === null) {
      if (this.journal.prunedSeq() > 0)
        throw new Error("The snapshot that stands for pruned lines cannot be read.");
      this.buckets.forgetAll();
    } else restore(snapshot, this.state, this.journal, this.buckets);
    this.prices = new Prices(snapshot?.prices);
    this.#drains = new Map(snapshot?.drains);
    this.#snapshotSeq = snapshot?.seq ?? 0;
    this.#replay(this.#snapshotSeq);
  }

  get ended(): EndedCalls {
    return this.journal.endedBefore();
  }

  /** Entries since the last snapshot. */
  get entriesSinceSnapshot(): number {
    return this.journal.lastSeq - this.#snapshotSeq;
  }

  get snapshotSeq(): number {
    return this.#snapshotSeq;
  }

  /** Whether every line was understood. One that was not must be there for the version that understands it. */
  get isWhole(): boolean {
    return this.#unreadable === 0;
  }

  /** Before a decision on a path: whatever it is counted in is in memory. */
  bringIn(path: Path, session: string | null, atMs: number): void {
    const older = olderWindows(this.state.zones, path.zone, atMs);
    this.buckets.bringIn(path, session, atMs, older);
  }

  /** Writes an entry down and applies it, inside a transaction. Whatever throws, memory is not to be believed again. */
  record(entry: Entry): void {
    this.#follow(this.journal.append(entry), entry);
  }

  /** Stores what stands, inside a transaction; `keepSnapshot` once that is through. */
  saveSnapshot(): void {
    dropDrained(this.state, this.#drains);
    writeSnapshot(
      this.#sql,
      takeSnapshot(this.state, this.journal, this.prices.states, this.#drains),
    );
    this.buckets.save(this.state.atMs);
  }

  keepSnapshot(): void {
    this.#snapshotSeq = this.journal.lastSeq;
    this.buckets.keep();
  }

  #replay(afterSeq: number): void {
    let at = afterSeq;
    while (at < this.journal.lastSeq) {
      const before = at;
      for (const { seq, entry } of this.journal.after(at, REPLAYED_AT_ONCE)) {
        at = seq;
        if (entry === null) {
          this.#unreadable += 1;
          continue;
        }
        this.journal.follow(seq, entry);
        this.#follow(seq, entry);
      }
      if (at === before) break;
    }
    if (this.#unreadable === 0) return;
    logError("ledger-lines-of-newer-version", { lines: this.#unreadable });
  }

  #follow(seq: number, entry: Entry): void {
    const { state } = this;
    if (!("callId" in entry)) {
      this.#bringInLease(entry);
      applyLease(state, state.leases, entry);
      return;
    }
    const ended = this.journal.endedBefore(seq);
    const hold =
      entry.op === "hold"
        ? entry
        : (state.calls.get(entry.callId)?.hold ?? ended.find(entry.callId)?.hold);
    if (hold !== undefined) this.buckets.bringIn(hold.path, hold.session, hold.atMs, hold.older);
    apply(state, entry, ended);
    if (hold !== undefined) this.#price(entry, hold);
  }

  #price(entry: CallEntry, hold: HoldEntry): void {
    switch (entry.op) {
      case "hold":
        noteDrains(hold, this.#drains);
        this.prices.follow(this.state, hold, entry.atMs);
        return;
      case "settle":
      case "expire":
      case "adjust":
      case "release":
        this.prices.follow(this.state, hold, entry.atMs);
        return;
      case "extend":
      case "checkpoint":
      case "lapse":
      case "refund":
    }
  }

  #bringInLease(entry: Exclude<Entry, { readonly callId: string }>): void {
    const { lent } = this.state.leases;
    const lend = entry.op === "return" ? lent.get(entry.leaseId) : entry;
    const windows = entry.op === "ask" ? [entry] : lend?.op === "lend" ? lentWindows(lend) : [];
    for (const { scope, window, key } of windows) this.buckets.bringInOne(scope, window, key);
  }
}
