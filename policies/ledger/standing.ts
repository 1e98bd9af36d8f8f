// What stands in one ledger now: what each scope has spent and holds, in the windows that are open. What several ledgers of
// a tenant come to is whole.ts.
import { DIMENSIONS, type Amounts, type Dimension } from "./amounts.ts";
import type { Bucket } from "./bucket.ts";
import type { Window } from "./limit.ts";
import { lentAndUnreported, type LentPart } from "./loan.ts";
import { pinnedKey, type LedgerState } from "./state.ts";
import { windowEndMs } from "./window.ts";

/** A rate is kept in units times this. */
const MINUTE_MS = 60_000;
/** Of each scope, the conversations that spent most; a tenant may have any number. */
export const CONVERSATIONS_SHOWN_MAX = 50;

export interface StandingBucket extends LentPart {
  readonly scope: string;
  readonly window: Window;
  readonly key: string;
  readonly spent: Amounts;
  readonly held: Amounts;
  readonly over: Amounts;
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
  const partOf = lentAndUnreported(state.leases);
  const buckets = [...state.buckets.values()]
    .filter(({ scope }) => scopes === null || scopes.includes(scope))
    .filter(({ window, key }) => isOpen(window, key, zone, nowMs))
    .map((bucket): StandingBucket => {
      const { scope, window, key, spent, held, over } = bucket;
      const resetAtMs =
        window === "session" || window === "minute" ? null : windowEndMs(window, zone, nowMs);
      return { scope, window, key, spent, held, over, resetAtMs, ...partOf(bucket) };
    });
  let suspendedHolds = 0;
  for (const { expired } of state.calls.values()) if (expired !== null) suspendedHolds += 1;
  return {
    atMs: nowMs,
    openHolds: state.calls.size - suspendedHolds,
    suspendedHolds,
    buckets: withBusiest(buckets),
    rates: ratesIn(state, scopes),
    lambda,
  };
}

/** Scopes that have something standing, after one of them, at most `max`. */
export function scopesOf(
  { buckets, rates }: Pick<LedgerState, "buckets" | "rates">,
  zone: string,
  after: string,
  max: number,
  nowMs: number,
): string[] {
  const open = (bucket: Bucket) => isOpen(bucket.window, bucket.key, zone, nowMs);
  const named = [
    ...[...buckets.values()].filter(open).map(({ scope }) => scope),
    ...[...rates.keys()].map((name) => name.slice(0, name.lastIndexOf("|"))),
  ];
  return scopesAfter(named, after, max);
}

/** Of some scopes, each once, those after one of them; from the widest to the narrowest. */
export function scopesAfter(scopes: readonly string[], after: string, max: number): string[] {
  return [...new Set(scopes)]
    .filter((scope) => after === "" || compareScopes(after, scope) < 0)
    .toSorted(compareScopes)
    .slice(0, max);
}

/** From the widest to the narrowest, so that the tenant's own figures stand on the first page. */
export const KINDS_OF_SCOPES = ["org", "tenant", "tag", "exp", "key", "user"];

function compareScopes(left: string, right: string): number {
  return placeOfKind(left) - placeOfKind(right) || compareTexts(left, right);
}

/** The place of a scope's kind among the kinds. */
export function placeOfKind(scope: string): number {
  return KINDS_OF_SCOPES.indexOf(scope.split(":")[0] ?? "");
}

/** By code points, as a database compares; JavaScript by itself puts what lies above 2^16 before the last of what is below. */
function compareTexts(left: string, right: string): number {
  const most = Math.min(left.length, right.length);
  for (let at = 0; at < most; at++) {
    const [a, b] = [left.codePointAt(at) ?? 0, right.codePointAt(at) ?? 0];
    if (a !== b) return a - b;
  }
  return left.length - right.length;
}

/** Whether a window is the one that holds `nowMs`. A conversation is always open. */
export function isOpen(window: Window, key: string, zone: string, nowMs: number): boolean {
  return window === "session" || key === pinnedKey(window, zone, null, nowMs);
}

function withBusiest(buckets: readonly StandingBucket[]): StandingBucket[] {
  const counts = new Map<string, number>();
  const sessions = buckets
    .filter(({ window }) => window === "session")
    .toSorted((a, b) => b.spent.tokens - a.spent.tokens)
    .filter(({ scope }) => {
      const count = (counts.get(scope) ?? 0) + 1;
      counts.set(scope, count);
      return count <= CONVERSATIONS_SHOWN_MAX;
    });
  return [...buckets.filter(({ window }) => window !== "session"), ...sessions];
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
