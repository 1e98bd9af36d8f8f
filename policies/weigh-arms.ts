// What an arm is expected to score and to cost on a question, and whether a format prior rules it out.
import type { Features } from "../classifiers/features.ts";
import { findModel, type Model, type Prices } from "./catalog.ts";
import type { Estimate, Question } from "./choice.ts";
import { armName, MODES, type Arm, type Mode } from "./mode.ts";
import { allowsArm } from "./policy.ts";
import { expectScore, PROCEDURAL_CUES_MIN } from "./priors.ts";

export interface Weighed {
  readonly arm: Arm;
  readonly model: Model;
  readonly estimate: Estimate;
  /** Why a format prior keeps the arm from being chosen, unless the caller asks for it; null when none does. */
  readonly ruledOut: string | null;
  /** Which bound of the policy's objective the arm passes, a ceiling before the floor; null when none. */
  readonly passed: Passed | null;
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

/** One arm a mode: the bound model, or the first stand-in when the tenant may not use that one. */
export function weighArms(question: Question): Weighed[] {
  const weighed: Weighed[] = [];
  for (const mode of MODES) {
    const model = modelsFor(question, mode)[0];
    if (model !== undefined) weighed.push(weighArm(question, model, mode));
  }
  return weighed.toSorted(byUtility);
}

/** The models that may run a mode, in the order in which they stand in; none when the policy does not bind it. */
export function modelsFor({ policy, catalog, modelsAllowed }: Question, mode: Mode): Model[] {
  const bound = policy.modes[mode];
  if (bound === undefined) return [];
  const models: Model[] = [];
  for (const id of new Set([bound, ...policy.fallback])) {
    const model = findModel(catalog, id);
    if (model === undefined || (modelsAllowed !== null && !modelsAllowed.includes(id))) continue;
    if (allowsArm(policy, { model: id, mode })) models.push(model);
  }
  return models;
}

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
): string | null {
  if (inputTokens >= model.contextTokens)
    return `the prompt does not fit the ${model.contextTokens} tokens that ${model.id} reads`;
  const lacking = needs.find((capability) => !model.capabilities.includes(capability));
  if (lacking !== undefined) return `the catalog does not declare "${lacking}" for ${model.id}`;
  if (mode === "direct" && isMultiStep(features)) {
    return "an answer alone is never enough for mathematics in several steps (ARM-7B: 22.9 % on GSM8K)";
  }
  if (mode === "code" && !mayTrace(features)) {
    return "a program recalls no facts (ARM-7B: code scores as direct on CSQA and OBQA, at fourteen times its tokens)";
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

/** Best first; of equals the cheaper, which keeps the cost of the best from rising with lambda. */
export function byUtility(left: Weighed, right: Weighed): number {
  return (
    right.estimate.utility - left.estimate.utility ||
    left.estimate.costNanos - right.estimate.costNanos
  );
}

/** What a prior or the objective holds against the arm; null when nothing does. */
export function objectionTo({ arm, ruledOut, passed }: Weighed): string | null {
  return ruledOut ?? (passed === null ? null : `${armName(arm)} ${passed.clause}`);
}

/**
 * The best that nothing is held against, of arms that come best first. Somebody must answer, so what is held gives way
 * one by one: the floor to the best score, a ceiling to the least cost, a prior to utility.
 */
export function bestOf(arms: readonly Weighed[]): Weighed {
  const fit = arms.filter(({ ruledOut }) => ruledOut === null);
  const pool = fit.length > 0 ? fit : arms;
  const affordable = pool.filter(({ passed }) => passed?.word !== "ceiling");
  if (affordable.length === 0)
    return pool.toSorted((left, right) => left.estimate.costNanos - right.estimate.costNanos)[0]!;
  return (
    affordable.find(({ passed }) => passed === null) ??
    affordable.toSorted(
      (left, right) =>
        right.estimate.score - left.estimate.score ||
        left.estimate.costNanos - right.estimate.costNanos,
    )[0]!
  );
}
