// A policy: what an operator wants from routing, in fields that each have one meaning and one bound.
import * as z from "zod/mini";
import { number, text, wholeNumber } from "./fields.ts";
import { armName, MODES, parseArm, type Arm } from "./mode.ts";
import { faultAt, parseWith, type Fault, type Parsed } from "./parse.ts";

const modelId = text(128);
const waitMs = wholeNumber(50, 3_600_000);
const strategyIds = z.array(z.string()).check(z.maxLength(8));
const capTokens = wholeNumber(16, 4_000_000);
/** Each mode on every model of a policy, and each as it is sent, is far below this. */
const ARMS_MAX = 256;
/** A tenant pays for what is tried; above a fifth it would be an experiment, which has an object of its own. */
const EXPLORE_SHARE_MAX = 0.2;

export const policy = z.strictObject({
  name: z.string().check(z.regex(/^[a-z0-9][a-z0-9-]{0,63}$/)),
  version: text(64),
  /** What a thousandth of a dollar must buy in expected score. 0 buys the best score at any price. */
  lambda: z._default(number(0, 1000), 0.2),
  /** An arm that is expected to score less is chosen only where none scores as much; then the one that scores best. */
  expectedScoreMin: z._default(number(0, 1), 0),
  /** An arm whose answer is expected to cost more, in nano-dollars, is chosen only where all do; then the cheapest. */
  expectedCostNanosMax: z.optional(wholeNumber(1, 1_000_000_000_000)),
  /** The same of output tokens. */
  expectedOutputTokensMax: z.optional(wholeNumber(1, 4_000_000)),
  /** The same of milliseconds to the last byte, where all do the fastest. It binds models whose `speed` is known. */
  expectedLatencyMsMax: z.optional(wholeNumber(1, 3_600_000)),
  /** Which model runs each mode, where it can; a mode without a model is not offered. */
  modes: z.strictObject({
    direct: z.optional(modelId),
    short: z.optional(modelId),
    code: z.optional(modelId),
    long: z.optional(modelId),
  }),
  /** Models that stand in, in this order, when the bound one cannot answer or passes a bound that they keep. */
  fallback: z._default(z.array(modelId).check(z.maxLength(16)), []),
  /**
   * The only arms that may run, as `model/mode`, or `model/as-sent` for a model that a caller names without a mode.
   * Absent: each mode on its model and on each of `fallback`, and whatever a caller names.
   */
  arms: z.optional(z.array(z.string()).check(z.minLength(1), z.maxLength(ARMS_MAX))),
  /** Where a choice goes when the probe's confidence is below `confidenceMin`. */
  safeMode: z._default(z.enum(MODES), "short"),
  confidenceMin: z._default(number(0, 1), 0.35),
  /**
   * What a query that reads as hard is worth: its cost counts half and it gets the whole long budget (`escalate`), or its
   * cost counts double and it gets half of that budget (`failfast`, DiffAdapt's own).
   */
  hardQuery: z._default(z.enum(["escalate", "failfast"]), "escalate"),
  /** What DiffAdapt's class of difficulty is read from; `hidden-state` needs a model that declares `pooling`. */
  difficultyTier: z._default(z.enum(["text", "hidden-state"]), "text"),
  /**
   * How long a choice waits for a hidden state: for its head, and again for the replica. After that the text decides. A
   * short prompt's prefill takes a tenth of the default, an answer ten times it.
   */
  difficultyDeadlineMs: z._default(wholeNumber(10, 10_000), 300),
  /** Share of Sluice's own choices that try another arm than the best, so that all can be learned of. */
  exploreShare: z._default(number(0, EXPLORE_SHARE_MAX), 0),
  /** What an arm that is tried may lack of the best expected utility. */
  exploreRegretMax: z._default(number(0, 1), 0.05),
  /** The most output a call may hold and ask for, per mode, when the client set no bound of its own. */
  capTokens: z._default(
    z.strictObject({ direct: capTokens, short: capTokens, code: capTokens, long: capTokens }),
    { direct: 4096, short: 4096, code: 8192, long: 16_384 },
  ),
  /** The most output of one answer, thinking included, whatever bound the client sets; absent: the model's own. */
  outputTokensMax: z.optional(capTokens),
  /**
   * The most tokens that one answer may be asked to think, whoever asks for it and in whichever field; 0 forbids
   * thinking. Absent: as many as mode, client and output bound allow.
   */
  reasoningTokensMax: z.optional(wholeNumber(0, 4_000_000)),
  /** Strategies by id for each mode, in this order (worker/strategy/); a list replaces what runs by default. */
  strategies: z._default(
    z.strictObject({
      direct: z.exactOptional(strategyIds),
      short: z.exactOptional(strategyIds),
      code: z.exactOptional(strategyIds),
      long: z.exactOptional(strategyIds),
    }),
    {},
  ),
  /** A conversation changes its arm only when that raises the expected utility by at least this. */
  switchMargin: z._default(number(0, 1), 0.05),
  /** Whether choices learn from what became of a tenant's requests; `off` sends nothing of them to the tenant's head. */
  learning: z._default(z.enum(["on", "off"]), "on"),
  /**
   * Whether an explanation tells which parts of a prompt an earlier one of the tenant had elsewhere, for an engine that could
   * compute with its cache of those. Output made so is approximate, and nothing of it is ever counted as cached or saved.
   */
  reuseHints: z._default(z.boolean(), false),
  /** How long headers wait for the first real chunk; while they wait, retry and fallback are possible. */
  gateMs: z._default(waitMs, 10_000),
  /** How often a silent stream carries a comment, so that middle boxes and a lost client are noticed. */
  heartbeatMs: z._default(waitMs, 10_000),
  /** The longest silence of an upstream before it counts as stalled. */
  idleMs: z._default(waitMs, 120_000),
  /** The longest one call may last. */
  deadlineMs: z._default(waitMs, 600_000),
  /** Upstream attempts that one call may cost, the first included. */
  attemptsMax: z._default(wholeNumber(1, 8), 3),
});

export type Policy = z.infer<typeof policy>;

export function parsePolicy(document: unknown): Parsed<Policy> {
  const parsed = parseWith<Policy>(policy, document);
  if (parsed.kind === "faulty") return parsed;
  const faults = contradictionsOf(parsed.value);
  return faults.length === 0 ? parsed : { kind: "faulty", faults };
}

/** Whether the policy's list of arms has this one, or there is no list. */
export function allowsArm({ arms }: Policy, arm: Arm): boolean {
  return arms === undefined || arms.includes(armName(arm));
}

/** What each field allows and the fields together do not. */
function contradictionsOf(of: Policy): Fault[] {
  const faults: Fault[] = [];
  if (MODES.every((mode) => of.modes[mode] === undefined))
    faults.push(faultAt("modes", "binds no mode; give at least one model"));
  for (const [index, name] of (of.arms ?? []).entries()) {
    if (parseArm(name) === null)
      faults.push(
        faultAt(
          `arms.${index}`,
          `"${name}" is no arm; write model/mode with one of ${MODES.join(", ")} or as-sent`,
        ),
      );
  }
  for (const mode of MODES) {
    const model = of.modes[mode];
    if (model === undefined || allowsArm(of, { model, mode })) continue;
    const arm = armName({ model, mode });
    faults.push(faultAt(`modes.${mode}`, `binds "${arm}", which \`arms\` leaves out`));
  }
  if (of.reasoningTokensMax === 0 && of.modes.long !== undefined) {
    const problem = "forbids thinking, which the mode long is; unbind `modes.long` or allow some";
    faults.push(faultAt("reasoningTokensMax", problem));
  }
  return faults;
}
