// What a ledger knows after one line of its journal, so that a start need not replay all of it. Whether there is one
// changes what a start costs and never what it comes to; only for lines that were pruned does it stand alone.
import type { Amounts } from "../policies/ledger/amounts.ts";
import type { AskEntry, HoldEntry, LendEntry } from "../policies/ledger/entry.ts";
import { lentWindows } from "../policies/ledger/lease.ts";
import { ratesOf } from "../policies/ledger/limit.ts";
import type { Loan, Unheard } from "../policies/ledger/loan.ts";
import type { PriceState } from "../policies/ledger/price.ts";
import type { RateBucket } from "../policies/ledger/rate.ts";
import { rateName } from "../policies/ledger/contribution.ts";
import { bucketsOf, type LedgerState, type OpenCall } from "../policies/ledger/state.ts";
import type { Buckets } from "./ledger-buckets.ts";
import type { Journal } from "./ledger-journal.ts";

const FORMAT = 1;
/** A row of SQLite holds 2 MB; a character takes up to three bytes. */
const PIECE_CHARS = 500_000;

export interface Snapshot {
  readonly format: typeof FORMAT;
  readonly seq: number;
  readonly atMs: number;
  readonly prices: readonly (readonly [name: string, price: PriceState])[];
  readonly rates: readonly (readonly [name: string, rate: RateBucket])[];
  /** What each rate drains a minute, the least that any hold was admitted under. */
  readonly drains: readonly (readonly [name: string, perMinute: number])[];
  readonly calls: readonly SavedCall[];
  readonly leases: SavedLeases;
  /** Not in those of earlier versions. */
  readonly zones?: readonly (readonly [zone: string, usedAtMs: number])[];
}

interface SavedCall {
  readonly heldSeq: number;
  readonly expiredSeq: number | null;
  readonly held: Amounts;
  readonly heldOutputTokens: number;
  readonly seenOutputTokens: number;
  readonly seenAtMs: number;
  readonly expiresAtMs: number;
  readonly contributions: readonly SavedContribution[];
}

type Contribution = OpenCall["contributions"][number];
type SavedContribution = Omit<Contribution, "rate"> & { readonly rate: string };

interface SavedLeases {
  readonly loans: readonly (readonly [
    string,
    Omit<Loan, "leases"> & { readonly leases: readonly (readonly [string, Amounts | null])[] },
  ])[];
  readonly asked: readonly AskEntry[];
  readonly unheard: readonly Unheard[];
  readonly lent: readonly LendEntry[];
  readonly returned: readonly string[];
  readonly staleMinute?: number;
}

export function takeSnapshot(
  state: LedgerState,
  journal: Journal,
  prices: ReadonlyMap<string, PriceState>,
  drains: ReadonlyMap<string, number>,
): Snapshot {
  const { loans, asked, unheard, lent, returned, staleMinute } = state.leases;
  const rateNames = new Map([...state.rates].map(([name, rate]) => [rate, name]));
  return {
    format: FORMAT,
    seq: journal.lastSeq,
    atMs: state.atMs,
    prices: [...prices],
    rates: [...state.rates],
    drains: [...drains],
    calls: [...state.calls].map(([callId, call]) => {
      const seqs = journal.open.get(callId);
      if (seqs === undefined) throw new Error(`No line holds an open call: ${callId}.`);
      const { held, heldOutputTokens, seenOutputTokens, seenAtMs, expiresAtMs } = call;
      const contributions = call.contributions.map(({ rate, ...rest }) => ({
        ...rest,
        rate: rateNames.get(rate) ?? "",
      }));
      const { heldSeq, expiredSeq } = seqs;
      return {
        heldSeq,
        expiredSeq,
        held,
        heldOutputTokens,
        seenOutputTokens,
        seenAtMs,
        expiresAtMs,
        contributions,
      };
    }),
    leases: {
      loans: [...loans].map(([name, { leases, ...loan }]) => [
        name,
        { ...loan, leases: [...leases] },
      ]),
      asked: [...asked.values()],
      unheard: [...unheard.values()],
      lent: [...lent.values()],
      returned: [...returned],
      staleMinute,
    },
    zones: [...state.zones],
  };
}

/** Puts what was saved into an empty state. */
export function restore(
  snapshot: Snapshot,
  state: LedgerState,
  journal: Journal,
  buckets: Buckets,
): void {
  state.atMs = snapshot.atMs;
  for (const [zone, usedAtMs] of snapshot.zones ?? []) state.zones.set(zone, usedAtMs);
  for (const [name, rate] of snapshot.rates) state.rates.set(name, rate);
  for (const call of snapshot.calls) restoreCall(call, state, journal, buckets);
  const { loans, asked, unheard, lent, returned, staleMinute = 0 } = snapshot.leases;
  state.leases.staleMinute = staleMinute;
  for (const [name, loan] of loans) {
    state.leases.loans.set(name, { ...loan, leases: new Map(loan.leases) });
    for (const [leaseId] of loan.leases) state.leases.borrowed.set(leaseId, name);
  }
  for (const ask of asked) state.leases.asked.set(ask.leaseId, ask);
  for (const report of unheard) state.leases.unheard.set(report.leaseId, report);
  for (const lend of lent) state.leases.lent.set(lend.leaseId, lend);
  for (const leaseId of returned) state.leases.returned.add(leaseId);
  // Leases are reckoned from memory.
  for (const { scope, window, key } of [
    ...state.leases.loans.values(),
    ...[...state.leases.lent.values()].flatMap(lentWindows),
  ])
    buckets.bringInOne(scope, window, key);
}

function restoreCall(
  saved: SavedCall,
  state: LedgerState,
  journal: Journal,
  buckets: Buckets,
): void {
  const { heldSeq, expiredSeq, contributions, ...rest } = saved;
  const hold = journal.read(heldSeq);
  const expired = expiredSeq === null ? null : journal.read(expiredSeq);
  if (hold?.op !== "hold" || (expired !== null && expired.op !== "expire"))
    throw new Error(`The snapshot names a hold that the journal does not have: ${heldSeq}.`);
  buckets.bringIn(hold.path, hold.session, hold.atMs, hold.older);
  state.calls.set(hold.callId, {
    ...rest,
    hold,
    expired,
    buckets: bucketsOf(state, hold),
    contributions: contributions.flatMap(({ rate: name, ...contribution }) => {
      const rate = state.rates.get(name);
      return rate === undefined ? [] : [{ ...contribution, rate }];
    }),
  });
  journal.open.set(hold.callId, { heldSeq, expiredSeq });
  state.nextDueMs = Math.min(state.nextDueMs, rest.expiresAtMs);
}

/** Rates that have drained say nothing that a new one would not. */
export function dropDrained(state: LedgerState, drains: Map<string, number>): void {
  const needed = new Set<RateBucket>();
  for (const { contributions } of state.calls.values())
    for (const { rate } of contributions) needed.add(rate);
  for (const [name, rate] of state.rates) {
    const perMinute = drains.get(name) ?? 0;
    if (needed.has(rate) || perMinute * (state.atMs - rate.atMs) < rate.debt) continue;
    state.rates.delete(name);
    drains.delete(name);
  }
}

/** The least that each rate of a hold drains a minute. */
export function noteDrains({ path }: HoldEntry, drains: Map<string, number>): void {
  for (const { scope, limits } of path.scopes)
    for (const { dimension, limit } of ratesOf(limits)) {
      const name = rateName(scope, dimension);
      drains.set(name, Math.min(limit, drains.get(name) ?? limit));
    }
}

/** In pieces, since a row is bounded and open calls are many. */
export function writeSnapshot(sql: SqlStorage, snapshot: Snapshot): void {
  const text = JSON.stringify(snapshot);
  sql.exec("DELETE FROM snapshot");
  for (let piece = 0; piece * PIECE_CHARS < text.length; piece++)
    sql.exec(
      "INSERT INTO snapshot (piece, body) VALUES (?, ?)",
      piece,
      text.slice(piece * PIECE_CHARS, (piece + 1) * PIECE_CHARS),
    );
}

/** Null where there is none, or only one of another version's. */
export function readSnapshot(sql: SqlStorage): Snapshot | null {
  const pieces = sql
    .exec<{ body: string }>("SELECT body FROM snapshot ORDER BY piece")
    .toArray()
    .map(({ body }) => body);
  if (pieces.length === 0) return null;
  // Written by `writeSnapshot`, of this version when it says so.
  const snapshot = JSON.parse(pieces.join("")) as Snapshot;
  return snapshot.format === FORMAT ? snapshot : null;
}
