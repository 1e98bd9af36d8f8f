// What stands in a ledger now, for people: what each scope has spent and holds, in the windows that are open.
import { DIMENSIONS, NOTHING, plus, type Amounts, type Dimension } from "./amounts.ts";
import { bucketName } from "./bucket.ts";
import type { Window } from "./limit.ts";
import type { LeaseState } from "./loan.ts";
import { pinnedKey, type LedgerState } from "./state.ts";
import { windowEndMs } from "./window.ts";

/** A rate is kept in units times this. */
const MINUTE_MS = 60_000;

export interface StandingBucket {
  readonly scope: string;
  readonly window: Window;
  readonly key: string;
  readonly spent: Amounts;
  readonly held: Amounts;
  readonly over: Amounts;
  /** Of what is held, what other ledgers have borrowed; absent where nothing is. */
  readonly lent?: Amounts;
  /** Null: it never turns. */
  readonly resetAtMs: number | null;
}

export interface StandingRate {
  readonly scope: string;
  readonly dimension: Dimension;
  /** Units that had not drained at `atMs`, rounded up. */
  readonly level: number;
  readonly atMs: number;
}

export interface Standing {
  readonly atMs: number;
  readonly openHolds: number;
  /** Expired calls of which something is still reserved. */
  readonly suspendedHolds: number;
  readonly buckets: readonly StandingBucket[];
  readonly rates: readonly StandingRate[];
  /** The budget's price now, in score per thousandth of a dollar. */
  readonly lambda: number;
}

/** Buckets of `scopes` (all when null) whose window holds `nowMs`, and conversations that were counted of late. */
export function standingOf(
  state: LedgerState,
  zone: string,
  scopes: readonly string[] | null,
  lambda: number,
  nowMs: number,
): Standing {
  const buckets: StandingBucket[] = [];
  const lent = lentIn(state.leases);
  for (const bucket of state.buckets.values()) {
    const { scope, window, key, spent, held, over } = bucket;
    if (scopes !== null && !scopes.includes(scope)) continue;
    if (window !== "session" && key !== pinnedKey(window, zone, null, nowMs)) continue;
    const resetAtMs =
      window === "session" || window === "minute" ? null : windowEndMs(window, zone, nowMs);
    const standing = { scope, window, key, spent, held, over, resetAtMs };
    const part = lent.get(bucketName(scope, window, key));
    buckets.push(part === undefined ? standing : { ...standing, lent: part });
  }
  let suspendedHolds = 0;
  for (const { expired } of state.calls.values()) if (expired !== null) suspendedHolds += 1;
  return {
    atMs: nowMs,
    openHolds: state.calls.size - suspendedHolds,
    suspendedHolds,
    buckets,
    rates: ratesIn(state, scopes),
    lambda,
  };
}

function lentIn({ lent }: LeaseState): Map<string, Amounts> {
  const sums = new Map<string, Amounts>();
  for (const { scope, window, key, amounts } of lent.values()) {
    const name = bucketName(scope, window, key);
    sums.set(name, plus(sums.get(name) ?? NOTHING, amounts));
  }
  return sums;
}

/** As they were last touched: how fast each drains is its limit's matter, which may have been edited since. */
function ratesIn(state: LedgerState, scopes: readonly string[] | null): StandingRate[] {
  return [...state.rates].flatMap(([name, { debt, atMs }]) => {
    const end = name.lastIndexOf("|");
    const scope = name.slice(0, end);
    const dimension = DIMENSIONS.find((one) => one === name.slice(end + 1));
    if (dimension === undefined || (scopes !== null && !scopes.includes(scope))) return [];
    return [{ scope, dimension, level: Math.ceil(debt / MINUTE_MS), atMs }];
  });
}

/** Dimensions of an amount that are not nothing, to show them short. */
export function filled(amounts: Amounts): Dimension[] {
  return DIMENSIONS.filter((dimension) => amounts[dimension] !== 0);
}
