// Escrow: an owner of a budget lends parts of it to ledgers that admit by themselves (an organisation to its tenants, a
// busy tenant to its shards). What is lent is reserved at the owner until the borrower's own durable report ends the
// lease: freed by a clock it would be spent twice, as a simulation of lost messages showed (139 of 200, research 1.8).
//
// The lender's part stands here; the borrower's is in `borrow.ts`, and what both parts' entries do in `lease-entries.ts`.
import { combine, DIMENSIONS, NOTHING, plus, type Amounts } from "./amounts.ts";
import { bucketName } from "./bucket.ts";
import type { AskEntry, LeasedWindow, LendEntry, ReturnEntry } from "./entry.ts";
import { isStale } from "./lease-id.ts";
import type { Limit } from "./limit.ts";
import { isLeased, type LeaseState } from "./loan.ts";
import { pinnedKey, type LedgerState } from "./state.ts";
import { zoneOf } from "./window.ts";
import { olderWindows, type Zones } from "./zones.ts";

/** Of a limit, a lease takes this share at most: small, because a lease can lie idle. */
const QUANTUM_SHARE = 0.01;
/** Or what so many requests like the one that asks would take, so that not every request asks. */
const QUANTUM_REQUESTS = 4;
/**
 * And never more than so many would take, whatever the limit is said to be: asking once in 64 requests costs next to
 * nothing, and a borrower with a wrong idea of a limit gets no more than it may use at once.
 */
const QUANTUM_REQUESTS_MAX = 64;
/** And of what is left this share, so that the first who ask leave something for the others. */
const AHEAD_SHARE = 1 / 8;
/** From here on nothing is lent ahead: each request gets what it needs and no more. */
const LAST_SHARE = 0.05;

/**
 * Why a borrower asks. `need`: a call waits for it, and others are asking too. `ahead`: a call waits, and it is the only
 * ask, which may bring more. `early`: nobody waits yet, so that in the end it brings nothing.
 */
export type Purpose = "need" | "ahead" | "early";

/** The most that a lease for such a need takes of a limit: what a borrower may leave idle. */
export function quantumOf(limit: number, needed: number): number {
  const most = Math.max(Math.floor(limit * QUANTUM_SHARE), QUANTUM_REQUESTS * needed);
  return Math.min(most, QUANTUM_REQUESTS_MAX * needed);
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
  if (returned.has(leaseId) || isStale(state.leases, leaseId, atMs)) return refused;
  const olderKeys = olderKeysOf(state.zones, { window, key }, atMs);
  let [spent, taken] = [NOTHING, NOTHING];
  for (const one of [key, ...olderKeys]) {
    const bucket = state.buckets.get(bucketName(scope, window, one));
    if (bucket === undefined) continue;
    spent = combine(spent, bucket.spent, Math.max);
    taken = combine(taken, plus(bucket.spent, bucket.held), Math.max);
  }
  let isShort = false;
  const granted = { ...NOTHING } as Record<keyof Amounts, number>;
  for (const dimension of DIMENSIONS) {
    const needed = needs[dimension];
    if (needed === 0) continue;
    const limit = limits.find((one) => one.window === window && one.dimension === dimension)?.limit;
    // Whoever asks for it believes in a limit. To re-read what became of an ask a borrower names none.
    if (limit === undefined || needed > limit - spent[dimension]) return refused;
    if (needed > limit - taken[dimension]) isShort = true;
    // A slot that a call has left would lie idle: each call borrows its own.
    const ahead = dimension === "concurrency" && purpose === "ahead" ? "need" : purpose;
    granted[dimension] = portion(limit, limit - taken[dimension], needed, ahead);
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
    ...(olderKeys.length === 0 ? {} : { olderKeys }),
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

/** What an owner counts a loan of this window in beside it: the same kind of window before an edit of the zone. */
export function olderKeysOf(
  zones: Zones,
  { window, key }: Pick<LeasedWindow, "window" | "key">,
  atMs: number,
): string[] {
  if (!isPresent({ window, key }, atMs)) return [];
  return olderWindows(zones, zoneOf(key), atMs)
    .filter((older) => older.window === window)
    .map((older) => older.key);
}

/** Not a window that never turns, nor one that calls which began in it still extend in. */
export function isPresent(
  { window, key }: Pick<LeasedWindow, "window" | "key">,
  atMs: number,
): boolean {
  if (window === "lifetime" || !isLeased(window)) return false;
  return key === pinnedKey(window, zoneOf(key), null, atMs);
}

/** All windows that a loan counts in at its owner. */
export function lentWindows({ scope, window, key, olderKeys = [] }: LendEntry): LeasedWindow[] {
  return [key, ...olderKeys].map((one) => ({ scope, window, key: one }));
}

/** Borrowers of a window, those with most leases of it first. */
export function borrowersOf({ lent }: LeaseState, { scope, window, key }: LeasedWindow): string[] {
  const counts = new Map<string, number>();
  for (const lend of lent.values()) {
    if (lend.scope !== scope || lend.window !== window || lend.key !== key) continue;
    counts.set(lend.borrower, (counts.get(lend.borrower) ?? 0) + 1);
  }
  return [...counts].toSorted(([, a], [, b]) => b - a).map(([borrower]) => borrower);
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
