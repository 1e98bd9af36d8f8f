// What stands in a ledger, for people: read from memory and the database, deciding nothing.
import { scopesAfter, scopesOf, standingOf, type Standing } from "../policies/ledger/standing.ts";
import type { Book } from "./ledger-book.ts";

/** Buckets beside those in memory that one look reads. */
const STANDING_MAX = 2_000;
/** Scopes that one look names: more than any page shows, and one more to tell that there is a next. */
const SCOPES_MAX = 1_001;

export function lookAt(
  { state, buckets, prices }: Book,
  zone: string,
  scopes: readonly string[] | null,
  pricedIn: readonly string[],
  nowMs: number,
): Standing {
  const within = buckets.standing(scopes, zone, nowMs, STANDING_MAX);
  const lambda = prices.lambdaOf(pricedIn);
  return standingOf({ ...state, buckets: within }, zone, scopes, lambda, nowMs);
}

/** Scopes after one of them, from the widest to the narrowest. */
export function scopesIn(
  { state, buckets }: Book,
  zone: string,
  after: string,
  max: number,
  nowMs: number,
): string[] {
  const most = Math.min(max, SCOPES_MAX);
  const inMemory = scopesOf(state, zone, after, most, nowMs);
  return scopesAfter([...inMemory, ...buckets.scopes(zone, after, most, nowMs)], after, most);
}
