// A policy: what an operator wants from routing, in fields that each have one meaning and one bound.
import * as z from "zod/mini";
import { MODES } from "./mode.ts";
import { parseWith, type Parsed } from "./parse.ts";

const modelId = z.string().check(z.minLength(1), z.maxLength(128));
const waitMs = z.int().check(z.gte(50), z.lte(3_600_000));
const capTokens = z.int().check(z.gte(16), z.lte(4_000_000));

export const policy = z.strictObject({
  name: z.string().check(z.regex(/^[a-z0-9][a-z0-9-]{0,63}$/)),
  version: z.string().check(z.minLength(1), z.maxLength(64)),
  /** What a thousandth of a dollar must buy in expected score. 0 buys the best score at any price. */
  lambda: z._default(z.number().check(z.gte(0), z.lte(1000)), 0.2),
  /** Which model runs each mode; a mode without a model is not offered. */
  modes: z.strictObject({
    direct: z.optional(modelId),
    short: z.optional(modelId),
    code: z.optional(modelId),
    long: z.optional(modelId),
  }),
  /** Models that stand in, in this order, when the bound one cannot answer. */
  fallback: z._default(z.array(modelId).check(z.maxLength(16)), []),
  /** Where a choice goes when the probe's confidence is below `confidenceMin`. */
  safeMode: z._default(z.enum(MODES), "short"),
  confidenceMin: z._default(z.number().check(z.gte(0), z.lte(1)), 0.35),
  /** A hard query gets the whole long budget (`escalate`) or half of it (`failfast`, as DiffAdapt does). */
  hardQuery: z._default(z.enum(["escalate", "failfast"]), "escalate"),
  /** The most output a call may hold and ask for, per mode, when the client set no bound of its own. */
  capTokens: z._default(
    z.strictObject({ direct: capTokens, short: capTokens, code: capTokens, long: capTokens }),
    { direct: 4096, short: 4096, code: 8192, long: 16_384 },
  ),
  /** Strategies by id for each mode, in this order (worker/strategy/); a list replaces what runs by default. */
  strategies: z._default(
    z.partialRecord(z.enum(MODES), z.array(z.string()).check(z.maxLength(8))),
    {},
  ),
  /** A conversation changes its arm only when that raises the expected utility by at least this. */
  switchMargin: z._default(z.number().check(z.gte(0), z.lte(1)), 0.05),
  /** How long headers wait for the first real chunk; while they wait, retry and fallback are possible. */
  gateMs: z._default(waitMs, 10_000),
  /** How often a silent stream carries a comment, so that middle boxes and a lost client are noticed. */
  heartbeatMs: z._default(waitMs, 10_000),
  /** The longest silence of an upstream before it counts as stalled. */
  idleMs: z._default(waitMs, 120_000),
  /** The longest one call may last. */
  deadlineMs: z._default(waitMs, 600_000),
  /** Upstream attempts that one call may cost, the first included. */
  attemptsMax: z._default(z.int().check(z.gte(1), z.lte(8)), 3),
});

export type Policy = z.infer<typeof policy>;

export function parsePolicy(document: unknown): Parsed<Policy> {
  const parsed = parseWith<Policy>(policy, document);
  if (parsed.kind === "faulty") return parsed;
  if (MODES.every((mode) => parsed.value.modes[mode] === undefined)) {
    return {
      kind: "faulty",
      faults: [{ path: "modes", problem: "binds no mode; give at least one model" }],
    };
  }
  return parsed;
}
