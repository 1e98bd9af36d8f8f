// The arms among which recorded questions are routed, as `arms.json` names them, and what is expected of each before
// anything was learned.
import type { Features } from "../../classifiers/features.ts";
import type { Lesson } from "../head/head.ts";
import { isMode, type Mode } from "../mode.ts";
import { expectScore } from "../priors.ts";

export interface RecordedArm {
  /** Its name in the report's words. */
  readonly arm: string;
  /** Model and mode as the outcomes name them. */
  readonly model: string;
  readonly mode: string;
  /** Per output token, in any unit. */
  readonly price: number;
  /** Which of our modes the recorded one is taken for. */
  readonly weighedAs: Mode;
  /** In logits above the cheapest arm's model, as the prices suggest. */
  readonly strength: number;
}

export type ArmsRead =
  | { readonly kind: "read"; readonly arms: readonly RecordedArm[] }
  | { readonly kind: "faulty"; readonly problem: string };

/** More are a mistake, and each has a state of its own in the head. */
const ARMS_MAX = 16;
/** Assumed: a model that costs ten times as much is right more often by one logit, and none by more than two. */
const LOGITS_PER_TENFOLD_PRICE = 1;
const LOGITS_MAX = 2;

/** `[{"arm", "model", "mode", "price"}, ...]`; the first fault is named with its path. */
export function parseArms(value: unknown): ArmsRead {
  if (!Array.isArray(value)) return faulty(`must be a list of {"arm", "model", "mode", "price"}`);
  if (value.length < 2 || value.length > ARMS_MAX)
    return faulty(`must name 2 to ${ARMS_MAX} arms, not ${value.length}`);
  const seen = new Set<string>();
  const read: Omit<RecordedArm, "strength">[] = [];
  for (const [index, entry] of (value as readonly unknown[]).entries()) {
    if (typeof entry !== "object" || entry === null) return faulty(`[${index}] must be an object`);
    const { arm, model, mode, price } = entry as Readonly<Record<string, unknown>>;
    for (const [field, text] of Object.entries({ arm, model, mode }))
      if (typeof text !== "string" || text === "")
        return faulty(`[${index}].${field} must be a text that is not empty`);
    if (typeof price !== "number" || !Number.isFinite(price) || price < 0)
      return faulty(`[${index}].price must be a number of 0 or more`);
    const one = { arm: String(arm), model: String(model), mode: String(mode), price };
    for (const name of [`arm ${one.arm}`, `run ${keyOf(one)}`]) {
      if (seen.has(name)) return faulty(`[${index}] repeats the ${name}`);
      seen.add(name);
    }
    read.push({ ...one, weighedAs: isMode(one.arm) ? one.arm : modeOf(one.mode) });
  }
  const priced = read.map(({ price }) => price).filter((price) => price > 0);
  const cheapest = priced.length === 0 ? 1 : Math.min(...priced);
  return {
    kind: "read",
    arms: read.map((one) => {
      const tenfolds = one.price > 0 ? Math.log10(one.price / cheapest) : 0;
      return { ...one, strength: Math.min(LOGITS_MAX, LOGITS_PER_TENFOLD_PRICE * tenfolds) };
    }),
  };
}

/** By which an outcome finds its arm. */
export function keyOf({ model, mode }: { readonly model: string; readonly mode: string }): string {
  return `${model}\n${mode}`;
}

export function expectOf(arm: RecordedArm, features: Features): Lesson["expected"] {
  return {
    score: expectScore(features, arm.weighedAs, arm.strength),
    outputTokens: features.expectedTokens[arm.weighedAs],
  };
}

/** Recorded modes have many names; an unknown one is taken for a short chain of thought. */
function modeOf(recorded: string): Mode {
  if (isMode(recorded)) return recorded;
  if (/^(no_think|direct|short_answer|mc_logprob)/.test(recorded)) return "direct";
  if (recorded.startsWith("code")) return "code";
  if (/^(long|think|effort)/.test(recorded)) return "long";
  return "short";
}

function faulty(problem: string): ArmsRead {
  return { kind: "faulty", problem };
}
