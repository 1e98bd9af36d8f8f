// What each mode is expected to score on a question, before anything was learned: a line over difficulty for
// each kind of question, through points that were published or recorded. Assumed points say so.
import type { Features, Kind } from "../classifiers/features.ts";
import { MODES, type Mode } from "./mode.ts";

/** Where a point stands on the probe's difficulty (the share of questions that mid-sized models fail), and its scores. */
type PriorPoint = readonly [at: number, direct: number, short: number, code: number, long: number];

/**
 * Scores of a 7B model, 0..1. "ARM table 2" is ARM-7B, arXiv 2505.20258, instruction-guided modes. Between
 * points the score is linear, outside them constant. Where `at` is no set's own failure rate under mid-sized
 * models (SVAMP .17, MATH .38, CSQA .26, SimpleQA .82), it is set by the set's rank among them. The ends are assumed:
 * at 0 and at 1 hardly anything fails or is solved.
 */
export const PRIORS: Readonly<Record<Kind, readonly PriorPoint[]>> = {
  math: [
    [0, 0.95, 0.97, 0.97, 0.98],
    // ARM-7B on SVAMP, 300 recorded.
    [0.18, 0.673, 0.853, 0.887, 0.947],
    // ARM table 2: GSM8K, MATH, AIME 2025.
    [0.25, 0.229, 0.85, 0.842, 0.918],
    [0.38, 0.231, 0.709, 0.659, 0.772],
    [0.86, 0, 0.1, 0.1, 0.2],
    [1, 0, 0, 0, 0.05],
  ],
  knowledge: [
    [0, 0.97, 0.97, 0.97, 0.98],
    // ARM table 2, mean of CSQA and OBQA.
    [0.24, 0.83, 0.794, 0.83, 0.857],
    // SimpleQA, 800 recorded: no-think and think of Claude Sonnet 4, Gemini 2.5 Flash, Qwen3 8B and 14B; short lies between
    // (Gemini's smallest budget, efforts low of four models); code is set to direct, since a program recalls no facts.
    [0.82, 0.108, 0.13, 0.108, 0.158],
    [1, 0, 0, 0, 0.03],
  ],
  logic: [
    [0, 0.95, 0.97, 0.97, 0.98],
    // ARM table 2, BBH.
    [0.33, 0.447, 0.497, 0.579, 0.669],
    [1, 0, 0, 0, 0.05],
  ],
  code: [
    // No set of programming questions was recorded in these modes with one model. Writing code needs no prose
    // before it; what thinking adds is set to the half of what it adds on BBH.
    [0, 0.97, 0.97, 0.97, 0.98],
    // Assumed; the failure rate of HumanEval, MBPP and CRUXEval.
    [0.36, 0.6, 0.64, 0.67, 0.73],
    [1, 0, 0, 0, 0.05],
  ],
  chat: [
    // Talk has no verdicts. An answer is as good without thinking until much is asked of it: all assumed.
    [0, 0.97, 0.97, 0.94, 0.975],
    [0.3, 0.9, 0.9, 0.85, 0.92],
    [1, 0.4, 0.5, 0.4, 0.6],
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
  // `MODES` has the order of a point's scores.
  const place = 1 + MODES.indexOf(mode);
  let lower = points[0]!;
  for (const upper of points) {
    if (at <= upper[0]) {
      const width = upper[0] - lower[0];
      const part = width === 0 ? 0 : (at - lower[0]) / width;
      return lower[place]! + part * (upper[place]! - lower[place]!);
    }
    lower = upper;
  }
  return lower[place]!;
}

/** Keeps scores off 0 and 1, where no shift could move them. */
const SCORE_MARGIN = 0.001;

function shift(score: number, logits: number): number {
  const inside = Math.min(1 - SCORE_MARGIN, Math.max(SCORE_MARGIN, score));
  return 1 / (1 + Math.exp(-(Math.log(inside / (1 - inside)) + logits)));
}
