// A limit as operators write it: how much of one dimension one scope may use in one window, and what a fault does.
import * as z from "zod/mini";
import { wholeNumber } from "../fields.ts";
import { faultAt, type Fault } from "../parse.ts";
import { DIMENSIONS } from "./amounts.ts";

/**
 * `minute` is a rate with a burst, in any 60 seconds; `hour`, `day` and `month` are calendar windows of the tenant's zone;
 * `lifetime` never turns; `session` is one conversation.
 */
export const WINDOWS = ["minute", "hour", "day", "month", "lifetime", "session"] as const;
export type Window = (typeof WINDOWS)[number];

/** SQLite hands integers to JavaScript as doubles; above this they stop being exact once summed. */
export const LIMIT_MAX = 9_000_000_000_000_000;
/** A rate is kept in units times 60,000; this keeps it exact. */
export const RATE_MAX = 100_000_000_000;
export const LIMITS_MAX = 16;

export const limit = z.strictObject({
  dimension: z.enum(DIMENSIONS),
  window: z.enum(WINDOWS),
  limit: wholeNumber(0, LIMIT_MAX),
  /** For `minute` only: how much may come at once; the limit itself when absent. In any W minutes: limit x W + burst. */
  burst: z.optional(wholeNumber(1, RATE_MAX)),
  /** A hard limit refuses while its ledger cannot be asked; a soft one lets an emergency allowance through. */
  hard: z._default(z.boolean(), true),
});

export type Limit = z.infer<typeof limit>;

export const limits = z._default(z.array(limit).check(z.maxLength(LIMITS_MAX)), []);

/** What a list of limits cannot say, each fault with its path below `path`. */
export function limitFaults(list: readonly Limit[], path: string): Fault[] {
  const seen = new Set<string>();
  return list.flatMap(({ dimension, window, limit: most, burst }, index): Fault[] => {
    const at = `${path}.${index}`;
    const name = `${dimension} per ${window}`;
    if (seen.has(name)) return [faultAt(at, `${name} stands twice`)];
    seen.add(name);
    if (dimension === "concurrency" && window !== "lifetime")
      return [faultAt(`${at}.window`, 'must be "lifetime": calls in flight are counted now')];
    if (window === "minute" && most > RATE_MAX)
      return [faultAt(`${at}.limit`, `must be at most ${RATE_MAX} for a minute`)];
    if (window === "minute" && most === 0)
      return [faultAt(`${at}.limit`, "must be at least 1 for a minute")];
    if (window !== "minute" && burst !== undefined)
      return [faultAt(`${at}.burst`, 'is for the window "minute" only; leave it out')];
    return [];
  });
}

/** The windows that are counted for every scope, whether or not it has a limit in them. */
const COUNTED_WINDOWS: readonly Window[] = ["day", "month"];

/** The windows that a scope with these limits is counted in. Rates have meters instead. */
export function windowsOf(list: readonly Limit[]): ReadonlySet<Window> {
  const windows = new Set<Window>(COUNTED_WINDOWS);
  for (const { window } of list) if (window !== "minute") windows.add(window);
  return windows;
}

export function ratesOf(list: readonly Limit[]): Limit[] {
  return list.filter(({ window }) => window === "minute");
}
