// The ladder under a chosen arm: what a hold may take when the budget is short, and who stands in when an
// upstream fails. Its order is a contract: first, cheaper, fallback.
import type { Question, Reason, Rung } from "./choice.ts";
import { settingsFor } from "./diffadapt.ts";
import { armName } from "./mode.ts";
import { modelsFor, weighArm, type Weighed } from "./weigh-arms.ts";

/**
 * `others` come best first and none of them ruled out. Each `cheaper` rung costs strictly less than the one
 * above it; each `fallback` rung has the first rung's mode on another model of the policy.
 */
export function buildLadder(
  question: Question,
  first: Weighed,
  reason: Reason,
  others: readonly Weighed[],
): readonly [Rung, ...Rung[]] {
  const rungs: [Rung, ...Rung[]] = [toRung(question, first, reason)];
  let costNanos = first.estimate.costNanos;
  for (const other of others) {
    if (other.estimate.costNanos >= costNanos || armName(other.arm) === armName(first.arm))
      continue;
    costNanos = other.estimate.costNanos;
    const sentence = `${armName(other.arm)} costs less, should the budget not hold the arms above it.`;
    rungs.push(toRung(question, other, { word: "cheaper", sentence }));
  }
  if (reason.word === "asked-model" || first.arm.mode === null) return rungs;
  for (const model of modelsFor(question, first.arm.mode)) {
    if (rungs.some(({ arm }) => arm.model === model.id && arm.mode === first.arm.mode)) continue;
    const sentence = `${model.id} stands in when ${first.arm.model} cannot answer.`;
    rungs.push(
      toRung(question, weighArm(question, model, first.arm.mode), { word: "fallback", sentence }),
    );
  }
  return rungs;
}

function toRung(
  { features, policy }: Question,
  { arm, model, estimate }: Weighed,
  reason: Reason,
): Rung {
  return {
    arm,
    strategies: arm.mode === null ? [] : (policy.strategies[arm.mode] ?? []),
    settings: settingsFor(features, policy, model, arm.mode),
    estimate,
    reason,
  };
}
