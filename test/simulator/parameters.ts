// The shape of parameters.json: every number that the simulator errs by, in one frozen file.
// `cli/fit.ts` writes it; a test pins its hash, so that a bench means the same tomorrow.
import parametersJson from "./parameters.json" with { type: "json" };
import type { Mode } from "./mode.ts";

export const modelNames = ["sim-small", "sim-mid", "sim-large", "sim-coder"] as const;
export type ModelName = (typeof modelNames)[number];

/** P(right) = logistic(intercept - slope * difficulty); ln(tokens) ~ Normal(mu + growth * difficulty, sigma). */
export type Curve = {
  readonly intercept: number;
  readonly slope: number;
  readonly tokensMu: number;
  readonly tokensGrowth: number;
  readonly tokensSigma: number;
};

/** What a change to the prompt or a knob does: added to the logit, multiplied into the tokens. */
export type Effect = { readonly logit: number; readonly tokensFactor: number };

export const efforts = ["none", "minimal", "low", "medium", "high", "xhigh", "max"] as const;
export type Effort = (typeof efforts)[number];

export type Parameters = {
  readonly curves: Readonly<Record<ModelName, Readonly<Record<Mode, Curve>>>>;
  /** Share of the luck's variance that belongs to the item and so is common to all models and modes. */
  readonly itemShare: number;
  /** Logit lost by an answer for which none of the needed thinking was allowed; linear in what is missing. */
  readonly capLogitDrop: number;
  /** Share of the luck's variance that a half-thought answer draws anew: candidates change by it. */
  readonly candidateNoise: number;
  /** How often a wrong answer is the slip that all models share, so that wrong answers can agree. */
  readonly commonSlipShare: number;
  /** A length wished for in words: never below this share of the need, and up to this logit lost. */
  readonly lengthWish: { readonly shareMin: number; readonly logitDrop: number };
  /** To say what has to be done is easier than to do it: added when a plan is asked for. */
  readonly planLogit: number;
  /** Lengths of answers to what is no item: a median for each mode, and the spread of the logarithm. */
  readonly prose: {
    readonly medianTokens: Readonly<Record<Mode, number>>;
    readonly spread: number;
  };
  readonly efforts: Readonly<Record<Effort, Effect>>;
  readonly elements: Readonly<
    Record<"outlineFits" | "outlineMisleads" | "skillFits" | "skillMisleads" | "concise", Effect>
  >;
};

export const parameters: Parameters = parametersJson;

/** Any name that is not ours behaves like the middle model. */
export function profileOf(model: string): ModelName {
  return modelNames.find((name) => name === model) ?? "sim-mid";
}
