// What an arm is expected to score and to cost on a question, what rules it out, and which of the policy's bounds it passes.
import type { Features } from "../classifiers/features.ts";
import type { Model, Prices } from "./catalog.ts";
import type { Estimate, Question } from "./choice.ts";
import type { Arm, Mode } from "./mode.ts";
import { expectScore, PROCEDURAL_CUES_MIN } from "./priors.ts";

export interface Weighed {
  readonly arm: Arm;
  readonly model: Model;
  readonly estimate: Estimate;
  /** The gravest of what keeps the arm from being chosen where another can answer; null when nothing does. */
  readonly ruledOut: RuledOut | null;
  /** Which bound of the policy's objective the arm passes, a ceiling before the floor; null when none. */
  readonly passed: Passed | null;
}

export interface RuledOut {
  /**
   * `format`: the mode answers such questions badly, on any model. `capability`: the catalog does not say that the model
   * can do what the request needs. `context`: the prompt is longer than the model reads.
   */
  readonly by: "format" | "capability" | "context";
  readonly sentence: string;
}

export interface Passed {
  readonly word: "floor" | "ceiling";
  /** As a clause without its subject: `costs ... , above ...`. */
  readonly clause: string;
}

/**
 * What an engine of one's own is taken to cost, in nano-dollars per million tokens: $0.15 in and $0.60 out, the
 * price class of a small hosted model. With nothing here `long` would look free and always win.
 */
export const NOMINAL_PRICES: Readonly<Omit<Prices, "version">> = {
  inputNanosPerMtok: 150_000_000,
  cachedInputNanosPerMtok: 75_000_000,
  outputNanosPerMtok: 600_000_000,
};

/** lambda is score per thousandth of a dollar. */
const NANOS_PER_LAMBDA_UNIT = 1_000_000;

/** `mode` null: the body goes out as it was written; it is weighed as `weighedAs`. */
export function weighArm(
  question: Question,
  model: Model,
  mode: Mode | null,
  weighedAs: Mode = mode ?? "short",
): Weighed {
  const { features, policy, lambda } = question;
  const score = expectScore(features, weighedAs, model.strength);
  const outputTokens = Math.min(
    features.expectedTokens[weighedAs],
    policy.capTokens[weighedAs],
    policy.outputTokensMax ?? Infinity,
    model.outputTokensMax,
  );
  const costNanos = expectCost(question, model, outputTokens);
  return {
    arm: { model: model.id, mode },
    model,
    estimate: {
      score,
      outputTokens,
      costNanos,
      utility: score - (lambda * costNanos) / NANOS_PER_LAMBDA_UNIT,
    },
    ruledOut: ruleOut(question, model, mode),
    passed: findPassed(policy, { score, outputTokens, costNanos }),
  };
}

/** Score, tokens and cost alone, never utility: so the same arms pass whatever lambda is, and thrift stays monotone. */
function findPassed(
  { expectedScoreMin, expectedCostNanosMax, expectedOutputTokensMax }: Question["policy"],
  { score, outputTokens, costNanos }: Omit<Estimate, "utility">,
): Passed | null {
  if (costNanos > (expectedCostNanosMax ?? Infinity)) {
    const clause = `is expected to cost ${costNanos} nano-dollars, above the policy's ${expectedCostNanosMax}`;
    return { word: "ceiling", clause };
  }
  if (outputTokens > (expectedOutputTokensMax ?? Infinity)) {
    const clause = `is expected to write ${Math.ceil(outputTokens)} tokens, above the policy's ${expectedOutputTokensMax}`;
    return { word: "ceiling", clause };
  }
  if (score < expectedScoreMin) {
    const clause = `is expected to score ${score.toFixed(3)}, below the policy's ${expectedScoreMin}`;
    return { word: "floor", clause };
  }
  return null;
}

/** What another model would have to read again is paid in full; what the previous one holds, at the cached price. */
function expectCost(
  { conversation, inputTokens }: Question,
  model: Model,
  outputTokens: number,
): number {
  const prices = model.prices ?? NOMINAL_PRICES;
  const isCached = conversation.previous?.model === model.id;
  const cachedTokens = isCached ? Math.min(conversation.prefixTokens, inputTokens) : 0;
  return Math.ceil(
    ((inputTokens - cachedTokens) * prices.inputNanosPerMtok +
      cachedTokens * prices.cachedInputNanosPerMtok +
      outputTokens * prices.outputNanosPerMtok) /
      1_000_000,
  );
}

function ruleOut(
  { features, inputTokens, needs }: Question,
  model: Model,
  mode: Mode | null,
): RuledOut | null {
  if (inputTokens >= model.contextTokens) {
    const sentence = `the prompt does not fit the ${model.contextTokens} tokens that ${model.id} reads`;
    return { by: "context", sentence };
  }
  const lacking = needs.find((capability) => !model.capabilities.includes(capability));
  if (lacking !== undefined) {
    const sentence = `the catalog does not declare "${lacking}" for ${model.id}`;
    return { by: "capability", sentence };
  }
  if (mode === "direct" && isMultiStep(features)) {
    const sentence =
      "an answer alone is never enough for mathematics in several steps (ARM-7B: 22.9 % on GSM8K)";
    return { by: "format", sentence };
  }
  if (mode === "code" && !mayTrace(features)) {
    const sentence =
      "a program recalls no facts (ARM-7B: code scores as direct on CSQA and OBQA, at fourteen times its tokens)";
    return { by: "format", sentence };
  }
  return null;
}

/** A program is worth its tokens where something is computed or traced, not where it is known or told. */
function mayTrace({ kind, shape }: Features): boolean {
  return (kind !== "knowledge" && kind !== "chat") || shape.procedural >= PROCEDURAL_CUES_MIN;
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
