// What a head counts of its traffic for the report: sums that a decision and its score are added to, and taken from again
// when the score changes. Two generations of a week, so that the report tells of now and stays small.
import { armName } from "../mode.ts";
import type { Decision } from "./decision.ts";

/** After this a generation is over; the report shows it and the one before, so one to two weeks. */
export const GENERATION_MS = 7 * 24 * 60 * 60 * 1000;
/** Arms that are told apart; of a further one only the decisions are counted. */
export const ARMS_TOLD_MAX = 64;
export const BINS = 10;
/** Weights above its inverse are cut: exploration that rare tells nothing in two weeks. */
const PROPENSITY_MIN = 0.002;

/** Sums of pairs of what was expected and what came. */
export interface Pairs {
  n: number;
  expected: number;
  actual: number;
}

/**
 * Sums over decisions for comparing the router with another way to choose. Of a decision, `b` is what came less what was
 * expected of the other way, `w` how much likelier than the router the other way was to run what ran, `e` what came less
 * what was expected of what ran, and `ww` the square of `w` as the propensities foretell it.
 */
export interface Advantage {
  n: number;
  /** How often the other way would have run what ran. */
  draws: number;
  b: number;
  bb: number;
  w: number;
  ww: number;
  we: number;
  wee: number;
  bwe: number;
}

export interface ArmFigures {
  decisions: number;
  tokens: Pairs;
  score: Pairs;
  /** Over this arm always, where it could have run. */
  advantage: Advantage;
}

export interface Figures {
  generation: number;
  sinceMs: number;
  decisions: number;
  scored: number;
  /** Decisions that never came, by their senders' own count. */
  dropped: number;
  arms: Record<string, ArmFigures>;
  bins: Pairs[];
  /** Over a random one of the arms that could have run. */
  random: Advantage;
}

const noPairs = (): Pairs => ({ n: 0, expected: 0, actual: 0 });
const noAdvantage = (): Advantage => advantageOf(0, 0, 0, 0, 0);

export function newFigures(generation: number, sinceMs: number): Figures {
  return {
    generation,
    sinceMs,
    decisions: 0,
    scored: 0,
    dropped: 0,
    arms: {},
    bins: Array.from({ length: BINS }, noPairs),
    random: noAdvantage(),
  };
}

/** Counts a decision, and the tokens that came of it. */
export function countDecision(figures: Figures, { arm, believed, signals }: Decision): void {
  figures.decisions += 1;
  const told = armOf(figures, armName(arm));
  if (told === null) return;
  told.decisions += 1;
  if (signals.outputTokens !== null)
    addPair(told.tokens, believed.outputTokens, signals.outputTokens, 1);
}

/**
 * Counts a decision's score, or with `sign` -1 takes it back. Each other way to choose is valued doubly robustly (Dudik and
 * others, arXiv 1103.4601): what the choice expected of its arms, corrected by what came, over the propensity, where it
 * would have run the arm that ran. Only decisions that left something to chance tell of it.
 */
export function countScore(
  figures: Figures,
  { arm, believed, candidates, penalty }: ScoredDecision,
  score: number,
  sign: 1 | -1,
): void {
  const name = armName(arm);
  figures.scored += sign;
  const bin = Math.min(BINS - 1, Math.max(0, Math.floor(believed.score * BINS)));
  addPair(figures.bins[bin] ?? noPairs(), believed.score, score, sign);
  const told = armOf(figures, name);
  if (told !== null) addPair(told.score, believed.score, score, sign);
  const ran = candidates.find((candidate) => candidate.arm === name);
  if (ran === undefined || candidates.length < 2) return;
  const utility = score - penalty;
  const e = utility - ran.utility;
  const k = candidates.length;
  let mean = 0;
  let meanWeight = 0;
  let ranWeight = 0;
  for (const one of candidates) {
    const weight = 1 / Math.max(one.propensity, PROPENSITY_MIN);
    mean += one.utility / k;
    meanWeight += weight / k;
    const w = one.arm === name ? weight : 0;
    if (w > 0) ranWeight = weight;
    const other = armOf(figures, one.arm);
    if (other !== null)
      join(other.advantage, advantageOf(sign, utility - one.utility, w, weight, e));
  }
  join(figures.random, advantageOf(sign, utility - mean, ranWeight / k, meanWeight / k, e));
}

export type ScoredDecision = Pick<Decision, "arm" | "believed" | "candidates" | "penalty">;

/** Both generations as one. */
export function together(earlier: Figures | null, later: Figures): Figures {
  if (earlier === null) return later;
  const sum = newFigures(later.generation, earlier.sinceMs);
  for (const one of [earlier, later]) {
    sum.decisions += one.decisions;
    sum.scored += one.scored;
    sum.dropped += one.dropped;
    join(sum.random, one.random);
    for (const [index, bin] of one.bins.entries()) join(sum.bins[index] ?? noPairs(), bin);
    for (const [name, figures] of Object.entries(one.arms)) {
      const told = armOf(sum, name);
      if (told === null) continue;
      told.decisions += figures.decisions;
      join(told.tokens, figures.tokens);
      join(told.score, figures.score);
      join(told.advantage, figures.advantage);
    }
  }
  return sum;
}

function armOf({ arms }: Figures, name: string): ArmFigures | null {
  const known = Object.hasOwn(arms, name) ? arms[name] : undefined;
  if (known !== undefined) return known;
  if (Object.keys(arms).length >= ARMS_TOLD_MAX) return null;
  const told = { decisions: 0, tokens: noPairs(), score: noPairs(), advantage: noAdvantage() };
  arms[name] = told;
  return told;
}

function addPair(pairs: Pairs, expected: number, actual: number, sign: 1 | -1): void {
  join(pairs, { n: sign, expected: sign * expected, actual: sign * actual });
}

function advantageOf(sign: number, b: number, w: number, ww: number, e: number): Advantage {
  return {
    n: sign,
    draws: w > 0 ? sign : 0,
    b: sign * b,
    bb: sign * b * b,
    w: sign * w,
    ww: sign * ww,
    we: sign * w * e,
    wee: sign * w * e * e,
    bwe: sign * b * w * e,
  };
}

/** Adds every field of one to the other's. */
function join<T extends object>(to: T, from: T): void {
  for (const [field, value] of Object.entries(from) as [keyof T, number][])
    (to[field] as number) += value;
}
