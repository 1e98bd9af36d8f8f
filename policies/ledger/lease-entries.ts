// What the entries of escrow do at either part of it, the owner of a budget and the borrower (lease.ts, borrow.ts).
import { combine, DIMENSIONS, minus, NOTHING, plus, type Amounts } from "./amounts.ts";
import { bucketName } from "./bucket.ts";
import type { BorrowEntry, LeaseEntry, ReportEntry } from "./entry.ts";
import { noteReturned } from "./lease-id.ts";
import { isNothing, isPresent, lentWindows } from "./lease.ts";
import { hasClosed, loanIn, type LeaseState, type Loan } from "./loan.ts";
import { bucketIn, type LedgerState } from "./state.ts";
import { zoneOf } from "./window.ts";
import { noteZone } from "./zones.ts";

/** Loans that each ask looks at, one that it makes itself and some older: more than come, so that none stay for good. */
const LOANS_SEEN_PER_ASK = 3;
/** How long a window has to be over: its last calls have ended, and so have what corrects them. */
const CLOSED_KEPT_MS = 2 * 24 * 60 * 60_000;

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
      leases.borrowed.set(entry.leaseId, bucketName(loan.scope, loan.window, loan.key));
      return;
    }
    case "borrow":
      borrow(state, leases, entry);
      return;
    case "report":
      report(state, leases, entry);
      return;
    case "heard":
      leases.unheard.delete(entry.leaseId);
      return;
    case "lend": {
      for (const { scope, window, key } of lentWindows(entry)) {
        const bucket = bucketIn(state, scope, window, key);
        bucket.held = plus(bucket.held, entry.amounts);
      }
      leases.lent.set(entry.leaseId, entry);
      if (isPresent(entry, entry.atMs)) noteZone(state.zones, zoneOf(entry.key), entry.atMs);
      return;
    }
    case "return":
      takeBack(state, leases, entry.leaseId, entry.spent, entry.atMs);
  }
}

function borrow(
  state: LedgerState,
  leases: LeaseState,
  { leaseId, amounts, atMs }: BorrowEntry,
): void {
  const ask = leases.asked.get(leaseId);
  if (ask === undefined) return;
  leases.asked.delete(leaseId);
  const loan = loanIn(leases, bucketIn(state, ask.scope, ask.window, ask.key), ask.lender);
  if (!isNothing(amounts) || isNothing(ask.amounts)) {
    loan.leases.set(leaseId, amounts);
    if (!isNothing(amounts)) loan.movedAtMs = atMs;
    return;
  }
  loan.leases.delete(leaseId);
  leases.borrowed.delete(leaseId);
  dropSettled(state, leases, loan);
}

function report(state: LedgerState, leases: LeaseState, entry: ReportEntry): void {
  const { leaseId } = entry;
  const loan = leases.loans.get(leases.borrowed.get(leaseId) ?? "");
  leases.borrowed.delete(leaseId);
  if (loan?.leases.delete(leaseId) !== true) return;
  loan.reported = plus(loan.reported, entry.spent);
  const { lender, scope, window, key } = loan;
  leases.unheard.set(leaseId, { ...entry, lender, of: { scope, window, key } });
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
  noteReturned(leases, leaseId, atMs);
  // Only a tab reports what was not lent; what is beside a lease's own dimensions has no limit to go over.
  const over = isNothing(lend.amounts) ? spent : NOTHING;
  for (const { scope, window, key } of lentWindows(lend)) {
    const bucket = bucketIn(state, scope, window, key);
    bucket.held = minus(bucket.held, lend.amounts);
    bucket.spent = plus(bucket.spent, spent);
    if (over !== NOTHING) bucket.over = plus(bucket.over, over);
    const { returned } = bucket;
    bucket.returned = { spent: plus(returned.spent, spent), over: plus(returned.over, over) };
  }
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
