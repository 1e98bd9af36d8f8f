// Escrow: an owner of a budget lends parts of it to ledgers that admit by themselves (an organisation to its tenants, a
// busy tenant to its shards). What is lent is reserved at the owner until the borrower's own durable report ends the
// lease: freed by a clock it would be spent twice, as a simulation of lost messages showed (139 of 200, research 1.8).
//
// The lender's part stands here, and what both parts' entries do; the borrower's part is in `borrow.ts`.
import { combine, DIMENSIONS, minus, NOTHING, plus, type Amounts } from "./amounts.ts";
import { bucketName } from "./bucket.ts";
import type { AskEntry, BorrowEntry, LeaseEntry, LendEntry, ReturnEntry } from "./entry.ts";
import type { Limit } from "./limit.ts";
import { hasClosed, loanIn, type LeaseState, type Loan } from "./loan.ts";
import { bucketIn, type LedgerState } from "./state.ts";

/** Of a limit, a lease takes this share at most: small, because a lease can lie idle. */
const QUANTUM_SHARE = 0.01;
/** Or what so many requests like the one that asks would take, so that not every request asks. */
const QUANTUM_REQUESTS = 4;
/** And of what is left this share, so that the first who ask leave something for the others. */
const AHEAD_SHARE = 1 / 8;
/** From here on nothing is lent ahead: each request gets what it needs and no more. */
const LAST_SHARE = 0.05;

/**
 * An ask that is older is answered with nothing, so that the ids of ended leases need not be kept longer. The lender's own
 * clock decides both, by the minute that stands in the id, and it never goes back: an id that was dropped is always old.
 */
const ASK_MINUTES_MAX = 24 * 60;
const MINUTE_MS = 60_000;

/** Loans that each ask looks at, one that it makes itself and some older: more than come, so that none stay for good. */
const LOANS_SEEN_PER_ASK = 3;
/** How long a window has to be over: its last calls have ended, and so have what corrects them. */
const CLOSED_KEPT_MS = 2 * 24 * 60 * MINUTE_MS;

/**
 * Why a borrower asks. `need`: a call waits for it, and others are asking too. `ahead`: a call waits, and it is the only
 * ask, which may bring more. `early`: nobody waits yet, so that in the end it brings nothing.
 */
export type Purpose = "need" | "ahead" | "early";

/** Names a lease for ever: chance tells it from all others, and it says when it was asked for. */
export function leaseIdAt(uuid: string, atMs: number): string {
  return `${uuid}:${Math.floor(atMs / MINUTE_MS)}`;
}

function isStale(leaseId: string, atMs: number): boolean {
  const minute = Number(leaseId.slice(leaseId.lastIndexOf(":") + 1));
  return !(Math.floor(atMs / MINUTE_MS) - minute <= ASK_MINUTES_MAX);
}

/** The most that a lease for such a need takes of a limit: what a borrower may leave idle. */
export function quantumOf(limit: number, needed: number): number {
  return Math.max(Math.floor(limit * QUANTUM_SHARE), QUANTUM_REQUESTS * needed);
}

export function isNothing(amounts: Amounts): boolean {
  return DIMENSIONS.every((of) => amounts[of] === 0);
}

export interface LendDecision {
  readonly amounts: Amounts;
  /** Nothing was lent although there would be enough if what is held and lent came back unspent. */
  readonly isBusy: boolean;
  readonly entry: LendEntry | null;
}

/**
 * What a lender lends: at least what was asked for in every dimension, or nothing. The same lease again gets the same
 * answer; one that has ended, and one that was asked for long ago, gets nothing.
 *
 * An ask for nothing is for a tab: a lease that reserves nothing, to report on it what no lease covered.
 */
export function decideLend(
  state: LedgerState,
  { leaseId, scope, window, key, amounts: needs }: AskEntry,
  borrower: string,
  limits: readonly Limit[],
  purpose: Purpose,
  atMs: number,
): LendDecision {
  const { lent, returned } = state.leases;
  const known = lent.get(leaseId);
  if (known !== undefined) return { amounts: known.amounts, isBusy: false, entry: null };
  const refused = { amounts: NOTHING, isBusy: false, entry: null };
  if (returned.has(leaseId) || isStale(leaseId, atMs)) return refused;
  const bucket = state.buckets.get(bucketName(scope, window, key));
  const spent = bucket?.spent ?? NOTHING;
  const taken = plus(spent, bucket?.held ?? NOTHING);
  let isShort = false;
  const granted = { ...NOTHING } as Record<keyof Amounts, number>;
  for (const dimension of DIMENSIONS) {
    const needed = needs[dimension];
    if (needed === 0) continue;
    const limit = limits.find((one) => one.window === window && one.dimension === dimension)?.limit;
    // Whoever asks for it believes in a limit. To re-read what became of an ask a borrower names none.
    if (limit === undefined || needed > limit - spent[dimension]) return refused;
    if (needed > limit - taken[dimension]) isShort = true;
    granted[dimension] = portion(limit, limit - taken[dimension], needed, purpose);
  }
  if (isShort) return { ...refused, isBusy: true };
  if (isNothing(granted) && !isNothing(needs)) return refused;
  const entry: LendEntry = {
    op: "lend",
    leaseId,
    atMs,
    borrower,
    scope,
    window,
    key,
    amounts: granted,
  };
  return { amounts: granted, isBusy: false, entry };
}

function portion(limit: number, left: number, needed: number, purpose: Purpose): number {
  const least = purpose === "early" ? 0 : needed;
  if (purpose === "need" || left <= limit * LAST_SHARE) return least;
  const ahead = Math.min(quantumOf(limit, needed), Math.floor(left * AHEAD_SHARE));
  // For whole requests: a part of one would lie idle until the next lease.
  return Math.max(least, ahead - (ahead % needed));
}

/** The lender hears a report. Null when it has heard it before, or never lent so. */
export function decideReturn(
  { lent }: LeaseState,
  leaseId: string,
  spent: Amounts,
  atMs: number,
): ReturnEntry | null {
  return lent.has(leaseId) ? { op: "return", leaseId, atMs, spent } : null;
}

/** Follows an entry, as `apply` does for calls. */
export function applyLease(state: LedgerState, leases: LeaseState, entry: LeaseEntry): void {
  state.atMs = Math.max(state.atMs, entry.atMs);
  switch (entry.op) {
    case "ask": {
      leases.asked.set(entry.leaseId, entry);
      const bucket = bucketIn(state, entry.scope, entry.window, entry.key);
      const loan = loanIn(leases, bucket, entry.lender);
      dropClosed(leases, loan, entry.atMs);
      const needed = DIMENSIONS.filter((of) => entry.amounts[of] > 0);
      loan.limited = [...new Set([...loan.limited, ...needed])];
      loan.leases.set(entry.leaseId, null);
      return;
    }
    case "borrow":
      borrow(state, leases, entry);
      return;
    case "report":
      for (const loan of leases.loans.values()) {
        if (!loan.leases.delete(entry.leaseId)) continue;
        loan.reported = plus(loan.reported, entry.spent);
        leases.unheard.set(entry.leaseId, { ...entry, lender: loan.lender });
        dropSettled(state, leases, loan);
        return;
      }
      return;
    case "heard":
      leases.unheard.delete(entry.leaseId);
      return;
    case "lend": {
      const bucket = bucketIn(state, entry.scope, entry.window, entry.key);
      bucket.held = plus(bucket.held, entry.amounts);
      leases.lent.set(entry.leaseId, entry);
      return;
    }
    case "return":
      takeBack(state, leases, entry.leaseId, entry.spent, entry.atMs);
  }
}

function borrow(state: LedgerState, leases: LeaseState, { leaseId, amounts }: BorrowEntry): void {
  const ask = leases.asked.get(leaseId);
  if (ask === undefined) return;
  leases.asked.delete(leaseId);
  const loan = loanIn(leases, bucketIn(state, ask.scope, ask.window, ask.key), ask.lender);
  if (!isNothing(amounts) || isNothing(ask.amounts)) {
    loan.leases.set(leaseId, amounts);
    return;
  }
  loan.leases.delete(leaseId);
  dropSettled(state, leases, loan);
}

function takeBack(
  state: LedgerState,
  leases: LeaseState,
  leaseId: string,
  spent: Amounts,
  atMs: number,
): void {
  const lend = leases.lent.get(leaseId);
  if (lend === undefined) return;
  leases.lent.delete(leaseId);
  leases.returned.add(leaseId);
  // In the order in which they ended, so that an old one behind a younger one waits a little longer.
  for (const old of leases.returned) {
    if (!isStale(old, atMs)) break;
    leases.returned.delete(old);
  }
  const bucket = bucketIn(state, lend.scope, lend.window, lend.key);
  bucket.held = minus(bucket.held, lend.amounts);
  bucket.spent = plus(bucket.spent, spent);
  // Only a tab reports what was not lent; what is beside a lease's own dimensions has no limit to go over.
  if (isNothing(lend.amounts)) bucket.over = plus(bucket.over, spent);
}

/** A loan with nothing borrowed and nothing to report says no more than none. */
function dropSettled(state: LedgerState, leases: LeaseState, loan: Loan): void {
  if (loan.leases.size > 0) return;
  const name = bucketName(loan.scope, loan.window, loan.key);
  const spent = state.buckets.get(name)?.spent ?? NOTHING;
  if (isNothing(combine(spent, loan.reported, (a, b) => a - b))) leases.loans.delete(name);
}

/** Drops loans of windows that are long over, and looks at the rest again when all others were seen. */
function dropClosed(leases: LeaseState, made: Loan, atMs: number): void {
  const { loans } = leases;
  const oldest = [...firstOf(loans, LOANS_SEEN_PER_ASK)];
  for (const [name, loan] of oldest) {
    if (loan === made) continue;
    loans.delete(name);
    const isOver = hasClosed(loan, atMs - CLOSED_KEPT_MS);
    if (loan.leases.size > 0 || !isOver) loans.set(name, loan);
  }
}

function* firstOf<K, V>(map: ReadonlyMap<K, V>, max: number): Generator<readonly [K, V]> {
  let count = 0;
  for (const entry of map) {
    if (count++ >= max) return;
    yield entry;
  }
}
