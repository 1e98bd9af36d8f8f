// Teaches a head one finished request, and puts right what one taught before. Only the arm that ran is learned of.
import { armName } from "../mode.ts";
import { expand } from "./basis.ts";
import { foretell, TOKEN_RATIO_MAX } from "./advise.ts";
import { ARM_NAME_BYTES_MAX } from "./state.ts";
import { watchError } from "./drift.ts";
import type { Lesson } from "./head.ts";
import { addTo, moveTarget } from "./ridge.ts";
import {
  armOf,
  EVIDENCE_MAX,
  fade,
  forgetUntil,
  KEY_BUCKETS,
  solutions,
  type Head,
} from "./evidence.ts";

/**
 * An arm that was tried with a small probability stands for the questions on which it was not; but one lesson counts for
 * three at most. On recorded pairs a bound of five cost .003 APGR beside none: variance, for a bias that is hardly there
 * where the regression fits.
 */
const PROPENSITY_WEIGHT_MAX = 3;
/**
 * A key's lessons may always weigh this much, and beyond it four times an average key's. So a tenant of one key learns from
 * all of it, and of many keys no one decides.
 */
export const KEY_WEIGHT_FREE = 2_000;
/** The same of lessons of tokens: each answer is one, and counts whole, where most are hardly judged. */
const KEY_TOKENS_FREE = 500;
export const KEY_AVERAGES_MAX = 4;

/** What a lesson left in the head: all that a later word for the same request needs to take its place. */
export interface Taught {
  /** As it was judged; null: of its tokens alone. */
  readonly score: number | null;
  readonly weight: number;
  /** The weight that really came to the arm's score: less than the judged one where the key has had its share. */
  readonly added: number;
  /** The arm's own when that was added. */
  readonly halvings: number;
}

/** Changes `head`. A lesson of another version, or of what is no number, is nothing. */
export function teach(head: Head, lesson: Lesson): Taught {
  const x = expand(lesson.input);
  const { score, weight } = lesson;
  if (x === null || !isSound(lesson)) return { score, weight, added: 0, halvings: 0 };
  const share = forgetUntil(head, lesson.atMs);
  const arm = armOf(head, armName(lesson.arm));
  const foretold = foretell(arm, x);
  const added = score === null ? 0 : takeWeight(head, lesson, share * weightOf(lesson));
  if (score !== null && added > 0) {
    const residual = score - lesson.expected.score;
    // What was foretold before this lesson; that an answer was not complained of says too little to be watched.
    watchError(head.watch, residual - foretold.score, Math.min(1, weight), lesson.atMs);
    addTo(arm.score, x, residual, added);
    arm.weight += added;
    arm.squares += added * added;
  }
  if (lesson.outputTokens !== null) {
    const ratio = logRatio(lesson.outputTokens, lesson.expected.outputTokens);
    const counted = takeFromKey(head.tokenKeys, lesson.keyHash, KEY_TOKENS_FREE, share);
    addTo(arm.tokens, x, ratio, counted);
    arm.tokenWeight += counted;
    // Not what came: beside a hundred usual answers an endless one would double the mean.
    arm.tokensSeen += counted * Math.exp(ratio) * (lesson.expected.outputTokens + 1);
    arm.tokensForetold += counted * foretold.ratio * (lesson.expected.outputTokens + 1);
  }
  const { halvings } = arm;
  if (arm.weight > EVIDENCE_MAX || arm.tokenWeight > EVIDENCE_MAX) fade(arm, 1 / 2);
  return { score, weight, added, halvings };
}

/**
 * The same request, judged anew: `later` counts in the place of what `earlier` left, and as of now, as far as its key may
 * add. Its tokens stand as they were taught. Where the arm has been forgotten since, `later` is taught as new.
 */
export function amend(head: Head, earlier: Taught, later: Lesson): Taught {
  const x = expand(later.input);
  const { score, weight } = later;
  if (x === null || !isSound(later)) return { ...earlier, score, weight };
  const share = forgetUntil(head, later.atMs);
  const arm = head.arms.get(armName(later.arm));
  if (arm === undefined || earlier.halvings > arm.halvings) return teach(head, later);
  const remaining = 2 ** (earlier.halvings - arm.halvings);
  const before = earlier.added * remaining;
  const wanted = score === null ? 0 : share * weightOf(later);
  const more = wanted > before ? takeWeight(head, later, wanted - before) : wanted - before;
  const after = before + more;
  const residualBefore = (earlier.score ?? 0) - later.expected.score;
  const residualAfter = (score ?? 0) - later.expected.score;
  // Most that is known of answers comes after them. Of a word that is turned again and again the watch hears once.
  if (score !== null && weight > (earlier.score === null ? 0 : earlier.weight) && more > 0) {
    const error = residualAfter - foretell(arm, x).score;
    watchError(head.watch, error, Math.min(1, weight), later.atMs);
  }
  addTo(arm.score, x, 0, more);
  moveTarget(arm.score, x, after * residualAfter - before * residualBefore);
  arm.weight = Math.max(0, arm.weight + more);
  arm.squares = Math.max(0, arm.squares + after ** 2 - earlier.added ** 2 * remaining);
  const solution = solutions.get(arm);
  if (solution !== undefined) solution.isAmended = true;
  return { score, weight, added: after, halvings: arm.halvings };
}

function weightOf({ weight, propensity }: Lesson): number {
  return Math.min(1, Math.max(0, weight)) * Math.min(PROPENSITY_WEIGHT_MAX, 1 / propensity);
}

function takeWeight({ keys }: Head, { keyHash }: Lesson, wanted: number): number {
  return takeFromKey(keys, keyHash, KEY_WEIGHT_FREE, wanted);
}

/** Of the wanted weight what the key may still add, booked to it. */
function takeFromKey(keys: Float32Array, keyHash: number, free: number, wanted: number): number {
  const bucket = Math.abs(Math.trunc(keyHash)) % KEY_BUCKETS;
  let total = 0;
  let active = 0;
  for (const weight of keys) {
    total += weight;
    if (weight > 0) active += 1;
  }
  const booked = keys[bucket]!;
  const most = Math.max(free, (KEY_AVERAGES_MAX * total) / Math.max(1, active));
  const weight = Math.min(wanted, Math.max(0, most - booked));
  keys[bucket] = booked + weight;
  return weight;
}

/** Tokens are learned on a log scale: answers are a few times longer or shorter than expected, never less than nothing. */
function logRatio(tokens: number, expected: number): number {
  const ratio = Math.log((tokens + 1) / (expected + 1));
  return Math.min(Math.log(TOKEN_RATIO_MAX), Math.max(-Math.log(TOKEN_RATIO_MAX), ratio));
}

function isSound({
  arm,
  expected,
  score,
  weight,
  outputTokens,
  propensity,
  keyHash,
  atMs,
}: Lesson) {
  const numbers = [expected.score, expected.outputTokens, weight, propensity, keyHash, atMs];
  return (
    numbers.every(Number.isFinite) &&
    propensity > 0 &&
    expected.outputTokens >= 0 &&
    (score === null || (score >= 0 && score <= 1)) &&
    (outputTokens === null || (Number.isFinite(outputTokens) && outputTokens >= 0)) &&
    armName(arm).length * 3 <= ARM_NAME_BYTES_MAX
  );
}
