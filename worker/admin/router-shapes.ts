// The shapes of what a router says of itself, and of what became of grades.
import * as z from "zod/mini";
import { requestId } from "./bodies.ts";
import { instant } from "./ledger-shapes.ts";

const count = z.int().check(z.gte(0));

export const gradeResults = z.strictObject({
  object: z.literal("list"),
  data: z.array(
    z.strictObject({
      request_id: requestId,
      /**
       * `taught`: learned from, or corrected what was learned. `kept`: counted only, since the router is frozen. `same`: was so
       * already. `unknown`: not this tenant's, older than a week, or nothing was to be learned of it.
       */
      outcome: z.enum(["taught", "kept", "same", "unknown"]),
    }),
  ),
});

export const routerAct = z.strictObject({
  object: z.literal("router_act"),
  tenant: z.string(),
  policy: z.string(),
  act: z.enum(["freeze", "unfreeze", "reset"]),
  /** False: it stood so already. */
  changes: z.boolean(),
  dry_run: z.boolean(),
});

const means = { n: count, expected: z.number(), actual: z.number() };
export const router = z.strictObject({
  object: z.literal("router"),
  tenant: z.string(),
  policy: z.string(),
  at: instant,
  /** What the figures begin with: one to two weeks ago, or the last reset. */
  since: instant,
  learning: z.enum(["on", "off"]),
  frozen: z.boolean(),
  /** Requests that were learned from since the last reset. */
  lessons: count,
  /** Requests that can still be scored. */
  kept: count,
  decisions: count,
  /** With a client's feedback or a grade. */
  scored: count,
  /** Requests above the bound of what an isolate tells in a second. */
  dropped: count,
  /** Scores below which nothing is said of calibration and regret. */
  scored_min: count,
  drift: z.strictObject({ alarmed: z.boolean(), since: z.nullable(instant) }),
  arms: z.array(
    z.strictObject({
      arm: z.string(),
      decisions: count,
      share: z.number(),
      /** Means of what the choice expected and what came. */
      output_tokens: z.nullable(z.strictObject(means)),
      score: z.nullable(z.strictObject(means)),
    }),
  ),
  calibration: z.strictObject({
    bins: z.array(z.strictObject({ low: z.number(), high: z.number(), ...means })),
    /** Expected calibration error; null: too little is known. */
    error: z.nullable(z.number()),
  }),
  /** Utility that each request lost to another way to choose, over scored decisions that left something to chance. */
  regret: z.array(
    z.strictObject({
      against: z.enum(["best-fixed", "random"]),
      arm: z.nullable(z.string()),
      n: count,
      draws: count,
      value: z.nullable(z.number()),
      /** 95 %. */
      low: z.nullable(z.number()),
      high: z.nullable(z.number()),
      /** Of the router; `undecided` while the interval has 0 in it. */
      conclusion: z.enum(["too-little", "undecided", "better", "worse"]),
      unmeasured_arms: z.array(z.string()),
    }),
  ),
  acts: z.array(
    z.strictObject({
      at: instant,
      actor: z.string(),
      act: z.enum(["freeze", "unfreeze", "reset"]),
    }),
  ),
});
