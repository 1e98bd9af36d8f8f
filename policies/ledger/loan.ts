// What a ledger has borrowed of other ledgers' budgets, and what it has lent of its own.
import { minus, NOTHING, plus, type Amounts, type Dimension } from "./amounts.ts";
import { bucketName, type Bucket, type Returned } from "./bucket.ts";
import type { AskEntry, LeasedWindow, LendEntry, ReportEntry } from "./entry.ts";
import type { Limit, Window } from "./limit.ts";
import { windowKey, zoneOf } from "./window.ts";

/**
 * What a borrower has of one window of one scope. There is none where everything spent was reported and nothing is
 * borrowed, so that a ledger keeps few of them, however many users it has.
 */
export interface Loan extends LeasedWindow {
  readonly lender: string;
  /** What the lender bounds. Of everything else a borrower takes what it needs, and only says how much it was. */
  limited: readonly Dimension[];
  /** Open leases, the oldest first, with what each of them brought; null until its answer was heard. */
  readonly leases: Map<string, Amounts | null>;
  /** Of what the window's bucket has spent, what the lender was told. */
  reported: Amounts;
  /**
   * When something was last borrowed, held, spent or given back of it. From the journal, because a ledger that rests is put
   * to sleep between two looks and remembers nothing else. Absent in snapshots of earlier versions.
   */
  movedAtMs?: number;
}

/** `of` is not known of reports that an earlier version made. */
export type Unheard = ReportEntry & { readonly lender: string; readonly of?: LeasedWindow };

export interface LeaseState {
  /** By the window's name. */
  readonly loans: Map<string, Loan>;
  /** Of each open lease, the window's name. */
  readonly borrowed: Map<string, string>;
  /** Asked and not yet answered; ask again with the same id. */
  readonly asked: Map<string, AskEntry>;
  /** Reported and not yet heard; say it again. */
  readonly unheard: Map<string, Unheard>;
  /** What this ledger has lent and not got back. */
  readonly lent: Map<string, LendEntry>;
  /** Leases that have ended here within the last day, so that a message that comes twice is one. */
  readonly returned: Set<string>;
  /** Asks of this minute and before are too old, whatever the clock says: ids of theirs were forgotten. */
  staleMinute: number;
}

export function newLeases(): LeaseState {
  return {
    loans: new Map(),
    borrowed: new Map(),
    asked: new Map(),
    unheard: new Map(),
    lent: new Map(),
    returned: new Set(),
    staleMinute: 0,
  };
}

/**
 * Windows of a lent scope that its owner counts. A rate has no amount that could be lent, and a conversation stays on one
 * ledger: both are local, and `shard.ts` says what a shard makes of a rate.
 */
export function isLeased(window: Window): boolean {
  return window !== "minute" && window !== "session";
}

export function loanOf(leases: LeaseState, { scope, window, key }: LeasedWindow): Loan | undefined {
  return leases.loans.get(bucketName(scope, window, key));
}

/** The loan of a window, made when there is none: what was spent until now is no affair of the lender's any more. */
export function loanIn(
  leases: LeaseState,
  { scope, window, key, spent }: Bucket,
  lender: string,
): Loan {
  const name = bucketName(scope, window, key);
  const known = leases.loans.get(name);
  if (known !== undefined) return known;
  const loan: Loan = {
    scope,
    window,
    key,
    lender,
    limited: [],
    leases: new Map(),
    reported: spent,
  };
  leases.loans.set(name, loan);
  return loan;
}

/** All that a loan's open leases brought. */
export function leasedOf(loan: Loan | undefined): Amounts {
  let sum = NOTHING;
  for (const amounts of loan?.leases.values() ?? []) if (amounts !== null) sum = plus(sum, amounts);
  return sum;
}

/** Spent and not reported. Below nothing where a correction lowered what was reported: the borrower may spend it again. */
export function unreportedOf(loan: Loan | undefined, bucket: Bucket | undefined): Amounts {
  if (loan === undefined) return NOTHING;
  return minus(bucket?.spent ?? NOTHING, loan.reported);
}

/** What a borrower may still take of a lent window. */
export function freeOf(leases: LeaseState, of: LeasedWindow, bucket: Bucket | undefined): Amounts {
  const loan = loanOf(leases, of);
  const taken = plus(unreportedOf(loan, bucket), bucket?.held ?? NOTHING);
  return minus(leasedOf(loan), taken);
}

/** Whether a window was over at an instant. Its name says its zone, and names of one zone sort as time does. */
export function hasClosed({ window, key }: LeasedWindow, atMs: number): boolean {
  if (window === "minute" || window === "session" || window === "lifetime") return false;
  return key < windowKey(window, zoneOf(key), atMs);
}

export function limitedIn(limits: readonly Limit[], window: Window): Dimension[] {
  return limits.filter((one) => one.window === window).map(({ dimension }) => dimension);
}

/** What a bucket has to do with other ledgers; each is absent where it is nothing. */
export interface LentPart {
  /** Of what is held, what other ledgers have borrowed. */
  readonly lent?: Amounts;
  /** Of what is spent and over, what other ledgers reported. */
  readonly returned?: Returned;
  /** Of what is spent of a budget that is borrowed, what was not reported; below nothing after a correction downward. */
  readonly unreported?: Amounts;
  /** Reported, and not known to be heard. */
  readonly unheard?: Amounts;
}

/** Says that of each bucket. */
export function lentAndUnreported(leases: LeaseState): (bucket: Bucket) => LentPart {
  const lent = sumsOf(
    [...leases.lent.values()].flatMap(({ key, olderKeys = [], amounts, ...of }) =>
      [key, ...olderKeys].map((one) => [{ ...of, key: one }, amounts] as const),
    ),
  );
  const unheard = sumsOf(
    [...leases.unheard.values()].flatMap(({ of, spent }) =>
      of === undefined ? [] : [[of, spent]],
    ),
  );
  return (bucket) => {
    const name = bucketName(bucket.scope, bucket.window, bucket.key);
    const [lentOf, unheardOf] = [lent.get(name), unheard.get(name)];
    const loan = leases.loans.get(name);
    const { returned } = bucket;
    return {
      ...(lentOf === undefined ? {} : { lent: lentOf }),
      ...(returned.spent === NOTHING ? {} : { returned }),
      ...(loan === undefined ? {} : { unreported: unreportedOf(loan, bucket) }),
      ...(unheardOf === undefined ? {} : { unheard: unheardOf }),
    };
  };
}

function sumsOf(parts: readonly (readonly [LeasedWindow, Amounts])[]): Map<string, Amounts> {
  const sums = new Map<string, Amounts>();
  for (const [{ scope, window, key }, amounts] of parts) {
    const name = bucketName(scope, window, key);
    sums.set(name, plus(sums.get(name) ?? NOTHING, amounts));
  }
  return sums;
}
