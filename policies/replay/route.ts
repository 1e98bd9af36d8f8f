// What the router foretells of every arm on recorded questions: from the priors and the probe alone, or learning as it goes
// from the outcome of the one arm that it chose.
import { advise } from "../head/advise.ts";
import { headInput } from "../head/inputs.ts";
import { teach } from "../head/learn.ts";
import { emptyHead } from "../head/state.ts";
import type { Arm } from "../mode.ts";
import { chancesOfTwo, chancesOverLambdas, pick } from "./chances.ts";
import type { Predictions, RecordedQuestion } from "./question.ts";
import { expectOf, type RecordedArm } from "./recorded-arm.ts";

/** Of the questions, shared evenly among the arms: so that the head goes on learning of an arm that it would not choose. */
const EXPLORE_SHARE = 0.1;
/** Recorded questions have no times; so close together nothing is forgotten between them. */
const QUESTION_MS = 1000;
const FIRST_MS = 1;
/** As many keys as a tenant may have, so that no bound on a key's influence is met. */
const KEYS = 1 << 16;

export function predictOffline(
  questions: readonly RecordedQuestion[],
  arms: readonly RecordedArm[],
): Predictions[] {
  return questions.map(({ features }) => arms.map((arm) => expectOf(arm, features)));
}

/**
 * Each question's predictions are made before its outcome is seen, and only the chosen arm's outcome is ever taught. A
 * report is over a sweep of lambda, so the questions are served at lambdas drawn evenly from it; with two arms, at a share of
 * strong calls drawn evenly from 0..1. `draw`: chance.
 */
export function predictOnline(
  questions: readonly RecordedQuestion[],
  arms: readonly RecordedArm[],
  lambdas: readonly number[],
  draw: () => number,
): Predictions[] {
  const known: readonly Arm[] = arms.map(({ arm, weighedAs }) => ({ model: arm, mode: weighedAs }));
  const head = emptyHead(known);
  const recentGains: number[] = [];
  return questions.map(({ features, runs }, index) => {
    const input = headInput(features);
    const priors = arms.map((arm) => expectOf(arm, features));
    const advice = advise(head, input);
    const predictions = priors.map((expected, of) => {
      const learned = advice.correct(known[of]!, expected);
      return learned === null
        ? expected
        : { score: learned.score, outputTokens: learned.outputTokens };
    });
    const chances =
      arms.length === 2
        ? chancesOfTwo(predictions, recentGains)
        : chancesOverLambdas(predictions, arms, lambdas);
    const propensities = chances.map(
      (chance) => (1 - EXPLORE_SHARE) * chance + EXPLORE_SHARE / arms.length,
    );
    const chosen = pick(propensities, draw());
    const run = runs[chosen]!;
    teach(head, {
      input,
      arm: known[chosen]!,
      expected: priors[chosen]!,
      score: run.correct,
      weight: 1,
      outputTokens: run.isMeasured ? run.outputTokens : null,
      propensity: propensities[chosen]!,
      keyHash: Math.floor(draw() * KEYS),
      atMs: FIRST_MS + index * QUESTION_MS,
    });
    return predictions;
  });
}
