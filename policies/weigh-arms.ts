// What an arm is expected to score and to cost on a question, what rules it out, and which of the policy's bounds it passes.
import type { Features } from "../classifiers/features.ts";
import type { Model, Prices } from "./catalog.ts";
import type { Estimate, Question } from "./choice.ts";
import { costWeightOf } from "./diffadapt.ts";
import type { Expectation } from "./head/decision.ts";
import type { Correction } from "./head/head.ts";
import type { Arm, Mode } from "./mode.ts";
import type { Policy } from "./policy.ts";
import { expectScore, isMultiStep, PROCEDURAL_CUES_MIN } from "./priors.ts";

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
  readonly by: "cost" | "tokens" | "latency" | "score";
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
  const { features, policy } = question;
  const arm = { model: model.id, mode };
  const prior = priorOf(features, policy, model, weighedAs);
  const learned = learn(question, arm, prior);
  const score = learned?.score ?? prior.score;
  const outputTokens =
    learned === null
      ? prior.outputTokens
      : Math.min(learned.outputTokens, capOf(policy, model, weighedAs));
  const { cachedTokens, costNanos, rereadNanos } = expectCost(question, model, outputTokens);
  const estimate: Estimate = {
    score,
    outputTokens,
    costNanos,
    cachedTokens,
    rereadNanos,
    latencyMs: expectLatency(model, outputTokens),
    utility: utilityOf(score, costNanos, question.lambda * costWeightOf(question)),
    from:
      learned === null
        ? { kind: "prior" }
        : { kind: "learned", evidence: learned.evidence, halfWidth: learned.halfWidth },
  };
  return {
    arm,
    model,
    estimate,
    ruledOut: ruleOut(question, model, mode, estimate),
    passed: findPassed(policy, estimate),
  };
}

/** What is expected of a model in a mode without anything learned. */
export function priorOf(features: Features, policy: Policy, model: Model, mode: Mode): Expectation {
  return {
    score: expectScore(features, mode, model.strength),
    outputTokens: Math.min(features.expectedTokens[mode], capOf(policy, model, mode)),
  };
}

function capOf({ capTokens, outputTokensMax }: Policy, model: Model, mode: Mode): number {
  return Math.min(capTokens[mode], outputTokensMax ?? Infinity, model.outputTokensMax);
}

export function utilityOf(score: number, costNanos: number, lambda: number): number {
  return score - (lambda * costNanos) / NANOS_PER_LAMBDA_UNIT;
}

/** What the tenant's own traffic says of the arm; null where it says nothing, or nothing that can be true. */
function learn({ advice }: Question, arm: Arm, expected: Expectation): Correction | null {
  const learned = advice?.correct(arm, expected) ?? null;
  if (learned === null) return null;
  const { score, outputTokens, evidence, halfWidth } = learned;
  const isSound = [score, outputTokens, evidence, halfWidth].every(Number.isFinite);
  if (!isSound || outputTokens < 0 || evidence <= 0 || halfWidth < 0) return null;
  return { ...learned, score: Math.min(1, Math.max(0, score)) };
}

/** Score, tokens, time and cost alone, never utility: so the same arms pass whatever lambda is, and thrift stays monotone. */
function findPassed(policy: Policy, estimate: Estimate): Passed | null {
  const { score, outputTokens, costNanos, latencyMs } = estimate;
  const { expectedScoreMin, expectedCostNanosMax, expectedOutputTokensMax } = policy;
  if (costNanos > (expectedCostNanosMax ?? Infinity)) {
    const clause = `is expected to cost ${costNanos} nano-dollars, above the policy's ${expectedCostNanosMax}`;
    return { word: "ceiling", by: "cost", clause };
  }
  if (outputTokens > (expectedOutputTokensMax ?? Infinity)) {
    const clause = `is expected to write ${Math.ceil(outputTokens)} tokens, above the policy's ${expectedOutputTokensMax}`;
    return { word: "ceiling", by: "tokens", clause };
  }
  if (latencyMs !== null && latencyMs > (policy.expectedLatencyMsMax ?? Infinity)) {
    const clause = `is expected to take ${Math.ceil(latencyMs)} ms, above the policy's ${policy.expectedLatencyMsMax}`;
    return { word: "ceiling", by: "latency", clause };
  }
  if (score < expectedScoreMin) {
    const clause = `is expected to score ${score.toFixed(3)}, below the policy's ${expectedScoreMin}`;
    return { word: "floor", by: "score", clause };
  }
  return null;
}

function expectLatency({ speed }: Model, outputTokens: number): number | null {
  if (speed === undefined) return null;
  return speed.firstTokenMs + (outputTokens / speed.outputTokensPerSecond) * 1000;
}

/** What a cache is expected to hold costs the cached price, on any model; the rest is read, and paid in full. */
function expectCost(
  question: Question,
  model: Model,
  outputTokens: number,
): Pick<Estimate, "costNanos" | "cachedTokens" | "rereadNanos"> {
  const prices = model.prices ?? NOMINAL_PRICES;
  const { inputTokens } = question;
  const { previous } = question.conversation;
  const cachedTokens = expectCached(question, model.id);
  const costNanos = Math.ceil(
    ((inputTokens - cachedTokens) * prices.inputNanosPerMtok +
      cachedTokens * prices.cachedInputNanosPerMtok +
      outputTokens * prices.outputNanosPerMtok) /
      1_000_000,
  );
  const heldTokens = previous === null ? 0 : expectCached(question, previous.model);
  const rereadTokens = Math.max(0, heldTokens - cachedTokens);
  const rereadNanos = Math.ceil((rereadTokens * prices.inputNanosPerMtok) / 1e6);
  return { costNanos, cachedTokens, rereadNanos };
}

/** Where nobody knows, the conversation's last model holds all of it and the others nothing. */
function expectCached({ conversation, inputTokens, cached }: Question, modelId: string): number {
  const known = cached?.get(modelId);
  const isLast = conversation.previous?.model === modelId;
  const supposed = isLast && known?.isWhole !== true ? conversation.prefixTokens : 0;
  return Math.min(inputTokens, Math.max(known?.tokens ?? 0, supposed));
}

function ruleOut(
  { features, inputTokens, needs }: Question,
  model: Model,
  mode: Mode | null,
  estimate: Estimate,
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
  if (provesItself(estimate)) return null;
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

/** Enough that an interval means something. */
const PROOF_EVIDENCE_MIN = 30;
/** Right more often than not. */
const PROOF_SCORE_MIN = 0.5;

/** A format's prior is another model's; it yields to what this arm did on the tenant's own questions, interval included. */
function provesItself({ score, from }: Estimate): boolean {
  return (
    from.kind === "learned" &&
    from.evidence >= PROOF_EVIDENCE_MIN &&
    score - from.halfWidth >= PROOF_SCORE_MIN
  );
}

/** A program is worth its tokens where something is computed or traced, not where it is known or told. */
function mayTrace({ kind, shape }: Features): boolean {
  return (kind !== "knowledge" && kind !== "chat") || shape.procedural >= PROCEDURAL_CUES_MIN;
}
