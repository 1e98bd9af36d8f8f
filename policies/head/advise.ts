// What the head says of each arm on one question: the priors, corrected by as much as the evidence carries.
import { armName } from "../mode.ts";
import { expand, precisionsOf, SCORE_TERMS, TOKEN_TERMS, type Freedom } from "./basis.ts";
import type { Advice, HeadInput } from "./head.ts";
import { deviation, logEvidence, predict, solve, type Solved, type Sums } from "./ridge.ts";
import { solutions, type ArmState, type Head, type Solution } from "./evidence.ts";

/** Variance of a verdict around its expectation: p (1 - p) between .1 and .25 for most questions. */
const SCORE_NOISE = 0.17;
/** Variance of the logarithm of tokens around its expectation: answers scatter by a factor of 1.8. */
const TOKEN_NOISE = 0.36;
/** Lessons under which the head says nothing. The priors weigh as much as some lessons, so that the first ones move little. */
export const EVIDENCE_MIN = 5;
/** No arm is believed to write more than this many times what was expected, or less than its inverse. */
export const TOKEN_RATIO_MAX = 20;
/** 97.5 % of a normal distribution lie below this many deviations. */
const INTERVAL_DEVIATIONS = 1.96;
/** An arm is solved anew when it has this share of new evidence, so that not every lesson costs five factorisations. */
const SOLVE_SHARE = 0.05;
/** The watch for drift needs it less fresh, also of what was put right since. */
const WATCH_SHARE = 0.2;

/**
 * From freely to hardly at all; what foretold the lessons best is taken. With a hundred lessons of an arm that is mostly its
 * level and its families, with thousands the slopes. One freedom for all lost to the priors on ARM's recorded runs, or else on
 * the large sets.
 */
const FREEDOMS: readonly Freedom[] = [
  { levels: 1, slopes: 1 },
  { levels: 1, slopes: 1 / 8 },
  { levels: 1, slopes: 1 / 64 },
  { levels: 1, slopes: 1 / 1024 },
  { levels: 1 / 100, slopes: 1 / 1024 },
];
const scorePrecisions = FREEDOMS.map((freedom) => precisionsOf(SCORE_TERMS, freedom));
/** Of logarithms of tokens, which vary twice as far as scores. */
const tokenPrecisions = FREEDOMS.map((freedom) =>
  precisionsOf(TOKEN_TERMS, freedom).map((precision) => precision / 4),
);

export function advise(head: Head, input: HeadInput): Advice {
  const x = expand(input);
  return {
    correct(arm, expected) {
      const state = head.arms.get(armName(arm));
      if (x === null || state === undefined) return null;
      const evidence = evidenceOf(state);
      if (Math.max(evidence, state.tokenWeight) < EVIDENCE_MIN) return null;
      const solution = solutionOf(state);
      const halfWidth = INTERVAL_DEVIATIONS * deviation(solution.score, x);
      return {
        score: Math.min(1, Math.max(0, expected.score + predict(solution.score, x))),
        outputTokens: tokensOf(state, solution, x, expected.outputTokens),
        evidence,
        halfWidth: Math.min(1, halfWidth),
      };
    },
  };
}

/** The arm's solution as advice needs it. */
export function solutionOf(arm: ArmState): Solution {
  const known = solutions.get(arm);
  return known !== undefined && !known.isAmended && isFresh(arm, known, SOLVE_SHARE)
    ? known
    : solveAnew(arm);
}

/** What is roughly foretold of a lesson before it is taught: its residual score, and the median of its tokens' ratio. */
export function foretell(arm: ArmState, x: Float64Array): { score: number; ratio: number } {
  const known = solutions.get(arm);
  const { score, tokens } =
    known !== undefined && isFresh(arm, known, WATCH_SHARE) ? known : solveAnew(arm);
  return { score: predict(score, x), ratio: Math.exp(predict(tokens, x)) };
}

function isFresh(arm: ArmState, { weightThen }: Solution, share: number): boolean {
  const now = arm.weight + arm.tokenWeight;
  return Math.abs(now - weightThen) <= share * now;
}

function solveAnew(arm: ArmState): Solution {
  const solution: Solution = {
    score: solveBest(arm.score, scorePrecisions, SCORE_NOISE * inflationOf(arm)),
    tokens: solveBest(arm.tokens, tokenPrecisions, TOKEN_NOISE),
    weightThen: arm.weight + arm.tokenWeight,
    isAmended: false,
  };
  solutions.set(arm, solution);
  return solution;
}

function solveBest(sums: Sums, priors: readonly Float64Array[], noise: number): Solved {
  const solved = priors.map((precisions, index) => {
    const of = solve(sums, precisions, noise);
    return { of, index, evidence: logEvidence(sums, of, precisions, noise) };
  });
  type One = (typeof solved)[number];
  const bestOf = (some: readonly One[]): One =>
    some.reduce((best, next) => (next.evidence > best.evidence ? next : best));
  // That the priors are right is a guess: the interval is that of an arm whose level may be wrong.
  const free = bestOf(solved.filter(({ index }) => FREEDOMS[index]!.levels === 1));
  return { weights: bestOf(solved).of.weights, factor: free.of.factor };
}

/** Propensity weights make lessons look more than they are: so many times the variance of one that counts once. */
function inflationOf({ weight, squares }: ArmState): number {
  return weight === 0 ? 1 : Math.max(1, squares / weight);
}

/** Effective number of lessons: those that count alike and say as much. */
function evidenceOf({ weight, squares }: ArmState): number {
  return squares === 0 ? 0 : Math.min(weight, (weight * weight) / squares);
}

/** Tokens that a smearing ratio of fewer lessons may not move. */
const SMEAR_LESSONS_MIN = 20;
const SMEAR_MAX = 2;

function tokensOf(
  state: ArmState,
  { tokens }: Solution,
  x: Float64Array,
  expected: number,
): number {
  if (state.tokenWeight < EVIDENCE_MIN) return expected;
  const median = Math.exp(predict(tokens, x)) * (expected + 1) - 1;
  // The exponential of a mean logarithm is a median; what is paid is the mean.
  const smear =
    state.tokenWeight < SMEAR_LESSONS_MIN || state.tokensForetold === 0
      ? 1
      : Math.min(SMEAR_MAX, Math.max(1 / SMEAR_MAX, state.tokensSeen / state.tokensForetold));
  return Math.min(expected * TOKEN_RATIO_MAX + TOKEN_RATIO_MAX, Math.max(0, median * smear));
}
