// What an owner takes a limit to be. It has no copy of the configuration: borrowers say with each ask what the limit is, and
// not all of them hear of an edit at once.
import type { Limit } from "./limit.ts";

/** The least limit that was heard of late, by scope, dimension and window; the one that was heard last stands last. */
export type Heard = Map<string, { readonly limit: number; readonly atMs: number }>;

/** Longer than an edit takes to reach every isolate: until then the lesser limit decides, whoever says a greater one. */
const LATELY_MS = 120_000;
/** Users have limits of their own, and are without number. */
const HEARD_MAX = 10_000;

/**
 * The limits to lend by: what was asked with, and no more than anybody else has said of late. Lowering holds at once;
 * raising once nobody says the old one any more.
 */
export function leastHeard(
  heard: Heard,
  scope: string,
  limits: readonly Limit[],
  atMs: number,
): Limit[] {
  return limits.map((of) => {
    const name = `${scope}|${of.dimension}|${of.window}`;
    const before = heard.get(name);
    const isOld = before === undefined || before.atMs + LATELY_MS < atMs;
    if (!isOld && of.limit > before.limit) return { ...of, limit: before.limit };
    heard.delete(name);
    heard.set(name, { limit: of.limit, atMs });
    for (const oldest of heard.keys()) {
      if (heard.size <= HEARD_MAX) break;
      heard.delete(oldest);
    }
    return of;
  });
}
