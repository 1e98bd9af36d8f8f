// What a head demands of its callers. Only a bug of the Worker sends what is refused here.
import {
  CANDIDATES_MAX,
  DECISIONS_PER_MESSAGE_MAX,
  INPUT_VALUES_MAX,
  VERDICTS_PER_MESSAGE_MAX,
  type Decision,
  type Verdict,
} from "../policies/head/decision.ts";

export function checkDecisions(decisions: readonly Decision[], dropped: number): void {
  if (decisions.length > DECISIONS_PER_MESSAGE_MAX) throw new RangeError("too many decisions");
  if (!(Number.isSafeInteger(dropped) && dropped >= 0)) throw new RangeError("dropped is a count");
  for (const { input, propensity, candidates, prior, believed, penalty, signals } of decisions) {
    if (input.values.length > INPUT_VALUES_MAX) throw new RangeError("too many values");
    if (candidates.length > CANDIDATES_MAX) throw new RangeError("too many candidates");
    const numbers = [
      ...input.values,
      prior.score,
      prior.outputTokens,
      believed.score,
      believed.outputTokens,
      penalty,
      signals.outputTokens ?? 0,
      ...candidates.map(({ utility }) => utility),
    ];
    if (!numbers.every(Number.isFinite)) throw new RangeError("a number is none");
    if (![propensity, ...candidates.map((one) => one.propensity)].every((p) => p > 0 && p <= 1))
      throw new RangeError("a propensity is above 0 and at most 1");
  }
}

export function checkVerdicts(verdicts: readonly Verdict[]): void {
  if (verdicts.length > VERDICTS_PER_MESSAGE_MAX) throw new RangeError("too many verdicts");
  for (const { score } of verdicts)
    if (!(score >= 0 && score <= 1)) throw new RangeError("a score is from 0 to 1");
}
