// The borrower's part of escrow (lease.ts): what it asks for and when, and what it gives back. It writes down that it asks
// before it asks, and that it gives back before it gives back, and says both again until it was answered.
import { combine, DIMENSIONS, minus, NOTHING, type Amounts, type Dimension } from "./amounts.ts";
import { bucketName } from "./bucket.ts";
import type {
  AskEntry,
  BorrowEntry,
  HeardEntry,
  LeasedWindow,
  Path,
  ReportEntry,
} from "./entry.ts";
import { leaseIdAt } from "./lease-id.ts";
import { isNothing, quantumOf, type Purpose } from "./lease.ts";
import type { Limit } from "./limit.ts";
import { freeOf, isLeased, leasedOf, unreportedOf, type LeaseState, type Loan } from "./loan.ts";
import { pinnedKey, type LedgerState } from "./state.ts";

/** When less than this share of a quantum is left, more is asked for before a call has to wait for it. */
const EARLY_SHARE = 0.5;
/** Asks of one window that may wait for their answers: one a waiting call, and far more than a burst has. */
const ASKS_MAX = 256;

/** What a ledger would borrow of one window. */
export interface Want extends LeasedWindow {
  readonly lender: string;
  /** What the lender bounds, as the configuration has it now. */
  readonly limits: readonly Limit[];
  readonly amounts: Amounts;
}

/** What the lent windows of a path lack for a call that needs so much; none: nothing that could be lent keeps it waiting. */
export function lacksFor(
  state: LedgerState,
  path: Path,
  pinnedAtMs: number,
  needs: Amounts,
): Want[] {
  return wantsFor(state, path, pinnedAtMs, (dimension, free) =>
    Math.max(0, needs[dimension] - free),
  );
}

/** What runs low once a call has taken its part, for windows that nobody is asking for already. */
export function lowFor(state: LedgerState, path: Path, pinnedAtMs: number, taken: Amounts): Want[] {
  const wants = wantsFor(state, path, pinnedAtMs, (dimension, free, { limit }) =>
    dimension !== "concurrency" && free < EARLY_SHARE * quantumOf(limit, taken[dimension])
      ? taken[dimension]
      : 0,
  );
  return wants.filter((want) => asksOf(state.leases, want) === 0);
}

function wantsFor(
  state: LedgerState,
  { zone, scopes }: Path,
  pinnedAtMs: number,
  wanted: (dimension: Dimension, free: number, limit: Limit) => number,
): Want[] {
  return scopes.flatMap(({ scope, limits, lender }) => {
    if (lender === undefined) return [];
    const windows = new Set(limits.map(({ window }) => window).filter(isLeased));
    return [...windows].flatMap((window): Want[] => {
      const key = pinnedKey(window, zone, null, pinnedAtMs);
      if (key === null) return [];
      const bucket = state.buckets.get(bucketName(scope, window, key));
      const free = freeOf(state.leases, { scope, window, key }, bucket);
      const amounts = { ...NOTHING } as Record<Dimension, number>;
      for (const limit of limits)
        if (limit.window === window)
          amounts[limit.dimension] = wanted(limit.dimension, free[limit.dimension], limit);
      return isNothing(amounts) ? [] : [{ scope, window, key, lender, limits, amounts }];
    });
  });
}

/** Null while too many are waiting: whoever wants more has to come again. */
export function decideAsk(
  leases: LeaseState,
  { lender, scope, window, key, amounts }: Omit<Want, "limits">,
  uuid: string,
  atMs: number,
): AskEntry | null {
  if (asksOf(leases, { scope, window, key }) >= ASKS_MAX) return null;
  const leaseId = leaseIdAt(uuid, atMs);
  return { op: "ask", leaseId, atMs, lender, scope, window, key, amounts };
}

/** One ask at a time may bring more than a call needs, or a burst would borrow many times what it needs. */
export function purposeOf(leases: LeaseState, want: LeasedWindow): Purpose {
  return asksOf(leases, want) === 0 ? "ahead" : "need";
}

function asksOf(leases: LeaseState, { scope, window, key }: LeasedWindow): number {
  let count = 0;
  const loan = leases.loans.get(bucketName(scope, window, key));
  for (const amounts of loan?.leases.values() ?? []) if (amounts === null) count += 1;
  return count;
}

/** The borrower hears what it was lent; null when it has heard before. */
export function decideBorrow(
  leases: LeaseState,
  leaseId: string,
  amounts: Amounts,
  atMs: number,
): BorrowEntry | null {
  return leases.asked.has(leaseId) ? { op: "borrow", leaseId, atMs, amounts } : null;
}

/**
 * The leases of a window that a borrower ends now, oldest first. A lease goes when it is used up in all that it brought,
 * or when without it as much again would still be free; of a window that is idle or has turned, whenever what is held
 * leaves it free. So a borrower at work leaves less than two leases idle, and one that rests none.
 */
export function decideReports(
  state: LedgerState,
  loan: Loan,
  isIdle: boolean,
  atMs: number,
): ReportEntry[] {
  const bucket = state.buckets.get(bucketName(loan.scope, loan.window, loan.key));
  const held = bucket?.held ?? NOTHING;
  let unreported = unreportedOf(loan, bucket);
  let leased = leasedOf(loan);
  const reports: ReportEntry[] = [];
  for (const [leaseId, amounts] of loan.leases) {
    if (amounts === null) continue;
    const spent = isNothing(amounts)
      ? uncovered(loan, unreported, leased)
      : partOf(loan, amounts, unreported, leased);
    const rest = minus(leased, amounts);
    const free = minus(minus(rest, minus(unreported, spent)), held);
    const isSpare = DIMENSIONS.every(
      (of) => spent[of] >= amounts[of] || free[of] >= (isIdle ? 0 : amounts[of]),
    );
    if (!isSpare) continue;
    reports.push({ op: "report", leaseId, atMs, spent });
    leased = rest;
    unreported = minus(unreported, spent);
  }
  return reports;
}

/** Of what is spent and not reported, what a lease covers, and all of what the lender does not bound. */
function partOf(loan: Loan, amounts: Amounts, unreported: Amounts, leased: Amounts): Amounts {
  const part = { ...NOTHING } as Record<Dimension, number>;
  for (const of of DIMENSIONS) {
    const isBounded = leased[of] > 0 || loan.limited.includes(of);
    part[of] = Math.max(0, isBounded ? Math.min(amounts[of], unreported[of]) : unreported[of]);
  }
  return part;
}

/** What was spent beyond everything that was lent: bills above their hold, and corrections after a lease had ended. */
function uncovered(loan: Loan, unreported: Amounts, leased: Amounts): Amounts {
  const above = combine(unreported, leased, (spent, lent) => Math.max(0, spent - lent));
  const bounded = { ...NOTHING } as Record<Dimension, number>;
  for (const of of loan.limited) bounded[of] = above[of];
  return bounded;
}

/** A tab to report on what no lease covers, once the leases that there are have been reported; null when all is covered. */
export function tabFor(state: LedgerState, loan: Loan): Omit<Want, "limits"> | null {
  for (const amounts of loan.leases.values())
    if (amounts === null || isNothing(amounts)) return null;
  const bucket = state.buckets.get(bucketName(loan.scope, loan.window, loan.key));
  if (isNothing(uncovered(loan, unreportedOf(loan, bucket), leasedOf(loan)))) return null;
  const { lender, scope, window, key } = loan;
  return { lender, scope, window, key, amounts: NOTHING };
}

/** The lender has acknowledged; null when that is known. */
export function decideHeard(leases: LeaseState, leaseId: string, atMs: number): HeardEntry | null {
  return leases.unheard.has(leaseId) ? { op: "heard", leaseId, atMs } : null;
}

/** Of some leases those that this ledger still has to do with; the rest its lender may take back as unspent. */
export function stillKnown(leases: LeaseState, leaseIds: readonly string[]): string[] {
  const { borrowed, unheard } = leases;
  return leaseIds.filter((leaseId) => borrowed.has(leaseId) || unheard.has(leaseId));
}
