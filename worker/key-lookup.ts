// Asks the registry for a key that KV does not know or cannot show: a new key opens at once, and a copy that went bad
// does no harm. Anybody can make up keys, so one isolate asks only so often.
import type { FoundKey } from "../policies/administration.ts";
import { TIMED_OUT, within } from "./stream/wait.ts";

/**
 * Lookups that one isolate begins in a second. New keys are rare and each costs one; fifty isolates that are all fed
 * made-up keys stay below half of what one object answers (1,000 a second).
 */
const LOOKUPS_PER_SECOND_MAX = 10;
/** A client waits for this before its first byte; the object answers within milliseconds or is in trouble. */
const LOOKUP_MS_MAX = 2_000;

export type KeyFinding =
  | { readonly kind: "found"; readonly document: unknown }
  /** The registry never made such a key. */
  | { readonly kind: "absent" }
  /** It could not be asked, so nothing is known. */
  | { readonly kind: "unasked" };

/** Plain data, shared by the requests of an isolate. */
export interface LookupCount {
  secondMs: number;
  lookups: number;
}

export function keyLookup(
  find: (hash: string) => Promise<FoundKey | null>,
  count: LookupCount,
  now: () => number,
): (hash: string) => Promise<KeyFinding> {
  return async function lookUpKey(hash) {
    const secondMs = Math.floor(now() / 1000) * 1000;
    if (count.secondMs !== secondMs) Object.assign(count, { secondMs, lookups: 0 });
    if (count.lookups >= LOOKUPS_PER_SECOND_MAX) return { kind: "unasked" };
    count.lookups += 1;
    try {
      const found = await within(find(hash), LOOKUP_MS_MAX);
      if (found === TIMED_OUT) throw new Error(`no answer within ${LOOKUP_MS_MAX} ms`);
      if (found === null) return { kind: "absent" };
      return { kind: "found", document: JSON.parse(found.documentText) };
    } catch (error) {
      console.error(JSON.stringify({ event: "registry-unreachable", problem: String(error) }));
      return { kind: "unasked" };
    }
  };
}
