// The ladder under a chosen arm: what a hold may take when the budget is short, and who stands in when an
// upstream fails. Its order is a contract: first, cheaper, fallback.
import type { Question, Reason, Rung } from "./choice.ts";
import { settingsFor } from "./diffadapt.ts";
import { armName, type Mode } from "./mode.ts";
import { isFitter, lackOf, modelsFor } from "./rank-arms.ts";
import { weighArm, type Weighed } from "./weigh-arms.ts";

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
  // An open tool call belongs to the arm that made it: neither a short budget nor a failure moves it.
  if (reason.word === "asked-model" || reason.word === "tool-result" || first.arm.mode === null)
    return rungs;
  for (const standIn of standInsFor(question, first, first.arm.mode)) {
    const name = armName(standIn.arm);
    if (rungs.some(({ arm }) => armName(arm) === name)) continue;
    const though = lackOf(standIn) === 0 ? "" : `, though ${standIn.ruledOut?.sentence}`;
    const sentence = `${standIn.model.id} stands in when ${first.arm.model} cannot answer${though}.`;
    rungs.push(toRung(question, standIn, { word: "fallback", sentence }));
  }
  return rungs;
}

/**
 * In the policy's order, those that pass a bound behind those that keep them, and those that lack something behind both.
 * One that does not read the prompt is left out where the first rung may: when that one's upstream fails, a 503 is true,
 * and a refusal for length would make a client cut a conversation that fits.
 */
function standInsFor(question: Question, first: Weighed, mode: Mode): Weighed[] {
  const standIns = modelsFor(question, mode)
    .map((model) => weighArm(question, model, mode))
    .filter((arm) => arm.ruledOut?.by !== "context" || !isFitter(first, arm));
  const rank = (arm: Weighed): number =>
    lackOf(arm) > 0 ? 1 + lackOf(arm) : arm.passed === null ? 0 : 1;
  return standIns.toSorted((left, right) => rank(left) - rank(right));
}

/** What runs where the policy lists nothing for a mode: the format in words, and DiffAdapt's settings. */
const DEFAULT_STRATEGIES: readonly string[] = ["mode-prompt", "diffadapt"];

/** A policy's own list stands as it is. By default talk is not told to be short: it is, and a letter must not be. */
function strategiesFor(mode: Mode, { policy, features }: Question): readonly string[] {
  const listed = policy.strategies[mode];
  if (listed !== undefined) return listed;
  return features.kind === "chat"
    ? DEFAULT_STRATEGIES.filter((id) => id !== "mode-prompt" || mode !== "direct")
    : DEFAULT_STRATEGIES;
}

function toRung(question: Question, { arm, model, estimate }: Weighed, reason: Reason): Rung {
  return {
    arm,
    strategies: arm.mode === null ? [] : strategiesFor(arm.mode, question),
    settings: settingsFor(question, model, arm.mode),
    estimate,
    reason,
  };
}
