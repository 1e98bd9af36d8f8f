// What each mode is expected to score on a question, before anything was learned: a line over difficulty for
// each kind of question, through points that were published or recorded. Assumed points say so.
import type { Features, Kind } from "../classifiers/features.ts";
import type { Mode } from "./mode.ts";

export interface PriorPoint extends Readonly<Record<Mode, number>> {
  /** Where on the probe's difficulty the point stands: the share of questions that mid-sized models fail. */
  readonly at: number;
  readonly from: string;
}

const ENDS = "assumed: at 0 and at 1 hardly anything fails or is solved";

/**
 * Scores of a 7B model, 0..1. "ARM table 2" is ARM-7B, arXiv 2505.20258, instruction-guided modes. Between
 * points the score is linear, outside them constant. Where `at` is no set's own failure rate under mid-sized
 * models (SVAMP .17, MATH .38, CSQA .26, SimpleQA .82), it is set by the set's rank among them.
 */
export const PRIORS: Readonly<Record<Kind, readonly PriorPoint[]>> = {
  math: [
    { at: 0, direct: 0.95, short: 0.97, code: 0.97, long: 0.98, from: ENDS },
    {
      at: 0.18,
      direct: 0.673,
      short: 0.853,
      code: 0.887,
      long: 0.947,
      from: "ARM-7B on SVAMP, 300 recorded",
    },
    { at: 0.25, direct: 0.229, short: 0.85, code: 0.842, long: 0.918, from: "ARM table 2, GSM8K" },
    { at: 0.38, direct: 0.231, short: 0.709, code: 0.659, long: 0.772, from: "ARM table 2, MATH" },
    { at: 0.86, direct: 0, short: 0.1, code: 0.1, long: 0.2, from: "ARM table 2, AIME 2025" },
    { at: 1, direct: 0, short: 0, code: 0, long: 0.05, from: ENDS },
  ],
  knowledge: [
    { at: 0, direct: 0.97, short: 0.97, code: 0.97, long: 0.98, from: ENDS },
    {
      at: 0.24,
      direct: 0.83,
      short: 0.794,
      code: 0.83,
      long: 0.857,
      from: "ARM table 2, mean of CSQA and OBQA",
    },
    // No-think and think of Claude Sonnet 4, Gemini 2.5 Flash, Qwen3 8B and 14B; short lies between (Gemini's
    // smallest budget, efforts low of four models); code is set to direct, since a program recalls no facts.
    {
      at: 0.82,
      direct: 0.108,
      short: 0.13,
      code: 0.108,
      long: 0.158,
      from: "SimpleQA, 800 recorded, four models",
    },
    { at: 1, direct: 0, short: 0, code: 0, long: 0.03, from: ENDS },
  ],
  logic: [
    { at: 0, direct: 0.95, short: 0.97, code: 0.97, long: 0.98, from: ENDS },
    { at: 0.33, direct: 0.447, short: 0.497, code: 0.579, long: 0.669, from: "ARM table 2, BBH" },
    { at: 1, direct: 0, short: 0, code: 0, long: 0.05, from: ENDS },
  ],
  code: [
    // No set of programming questions was recorded in these modes with one model. Writing code needs no prose
    // before it; what thinking adds is set to the half of what it adds on BBH.
    { at: 0, direct: 0.97, short: 0.97, code: 0.97, long: 0.98, from: ENDS },
    {
      at: 0.36,
      direct: 0.6,
      short: 0.64,
      code: 0.67,
      long: 0.73,
      from: "assumed; failure rate of HumanEval, MBPP, CRUXEval",
    },
    { at: 1, direct: 0, short: 0, code: 0, long: 0.05, from: ENDS },
  ],
  chat: [
    // Talk has no verdicts. An answer is as good without thinking until much is asked of it.
    { at: 0, direct: 0.97, short: 0.97, code: 0.94, long: 0.975, from: ENDS },
    { at: 0.3, direct: 0.9, short: 0.9, code: 0.85, long: 0.92, from: "assumed" },
    { at: 1, direct: 0.4, short: 0.5, code: 0.4, long: 0.6, from: "assumed" },
  ],
};

/** From this many cues of a procedure on, a question is one of tracing it, whatever it is about. */
export const PROCEDURAL_CUES_MIN = 3;

/**
 * Code's gain in logits where a procedure must be traced: on BIG-bench date understanding a program beat
 * chains of thought by .68 with GPT-3.5 and by 0 with GPT-4 (recorded, 369 questions); the mean. On navigate
 * GPT-4 lost by it (.88 against .98), so it is not larger.
 */
const TRACED_BY_CODE_LOGITS = 0.34;

/**
 * What a logit of strength is worth where an answer alone is given to mathematics in several steps: nothing is reckoned, so
 * a larger model gains less. PaLM on GSM8K, 8B to 540B: 4.9 to 17.9 % (1.44 logits) without a chain of thought, 4.1 to 56.9 %
 * (3.43) with one (arXiv 2201.11903). On SVAMP, one or two steps, 2.55 against 2.92.
 */
const ANSWER_ALONE_WORTH = 0.42;

/** 0..1, the expected score of a model in a mode. `strength` is the model's, in logits above a 7B model. */
export function expectScore(features: Features, mode: Mode, strength: number): number {
  const isTraced = features.shape.procedural >= PROCEDURAL_CUES_MIN;
  // A traced procedure with answer options looks like a knowledge question; BBH's line is the better one.
  const kind = isTraced && features.kind === "knowledge" ? "logic" : features.kind;
  const isTracedByCode = isTraced && mode === "code" && (kind === "logic" || kind === "math");
  const score = interpolate(PRIORS[kind], mode, features.difficulty);
  const worth = mode === "direct" && isMultiStep(features) ? ANSWER_ALONE_WORTH : 1;
  return shift(score, worth * strength + (isTracedByCode ? TRACED_BY_CODE_LOGITS : 0));
}

/** Quantities from which on mathematics takes several steps even without words that say so. */
const MULTI_STEP_NUMBERS_MIN = 3;

export function isMultiStep({ kind, shape }: Features): boolean {
  if (kind !== "math") return false;
  return (
    shape.latex ||
    shape.numbers >= MULTI_STEP_NUMBERS_MIN ||
    (shape.numbers >= 2 && shape.steps >= 1)
  );
}

function interpolate(points: readonly PriorPoint[], mode: Mode, at: number): number {
  let lower = points[0]!;
  for (const upper of points) {
    if (at <= upper.at) {
      const width = upper.at - lower.at;
      const part = width === 0 ? 0 : (at - lower.at) / width;
      return lower[mode] + part * (upper[mode] - lower[mode]);
    }
    lower = upper;
  }
  return lower[mode];
}

/** Keeps scores off 0 and 1, where no shift could move them. */
const SCORE_MARGIN = 0.001;

function shift(score: number, logits: number): number {
  const inside = Math.min(1 - SCORE_MARGIN, Math.max(SCORE_MARGIN, score));
  return 1 / (1 + Math.exp(-(Math.log(inside / (1 - inside)) + logits)));
}
