// Aggregates that the fit cannot read from the recorded files, typed in from print, and what is
// assumed outright. Sources: ARM's results table (instruction-guided rows of ARM-7B) and the
// mix of 2,051 published questions as measured from its released runs.
import type { Mode } from "../mode.ts";
import type { Parameters } from "../parameters.ts";

export type Aggregate = { readonly accuracy: number; readonly tokens: number };
export type SetName = "csqa" | "svamp" | "obqa" | "gsm8k" | "math" | "bbh" | "aime";

/** Sets that are not in the recorded train and test folds. */
export const foreignSets = ["obqa", "gsm8k", "math", "bbh", "aime"] as const;
type ForeignSet = (typeof foreignSets)[number];

export const publishedSets: Readonly<Record<Mode, Readonly<Record<ForeignSet, Aggregate>>>> = {
  direct: {
    obqa: { accuracy: 0.818, tokens: 10 },
    gsm8k: { accuracy: 0.229, tokens: 11 },
    math: { accuracy: 0.231, tokens: 13 },
    bbh: { accuracy: 0.447, tokens: 21 },
    // 0 of 30, as half a success of 31, since a logit needs a number.
    aime: { accuracy: 0.016, tokens: 12 },
  },
  short: {
    obqa: { accuracy: 0.774, tokens: 35 },
    gsm8k: { accuracy: 0.85, tokens: 124 },
    math: { accuracy: 0.709, tokens: 633 },
    bbh: { accuracy: 0.497, tokens: 101 },
    aime: { accuracy: 0.1, tokens: 2010 },
  },
  code: {
    obqa: { accuracy: 0.816, tokens: 147 },
    gsm8k: { accuracy: 0.842, tokens: 285 },
    math: { accuracy: 0.659, tokens: 559 },
    bbh: { accuracy: 0.579, tokens: 344 },
    aime: { accuracy: 0.1, tokens: 1821 },
  },
  long: {
    obqa: { accuracy: 0.874, tokens: 294 },
    gsm8k: { accuracy: 0.918, tokens: 426 },
    math: { accuracy: 0.772, tokens: 1220 },
    bbh: { accuracy: 0.669, tokens: 660 },
    aime: { accuracy: 0.2, tokens: 4130 },
  },
};

export const mixSets = [
  { name: "csqa", count: 1221 },
  { name: "obqa", count: 500 },
  { name: "svamp", count: 300 },
  { name: "aime", count: 30 },
] as const;

export const publishedMix: Readonly<
  Record<"ARM-7B" | "ARM-14B", Readonly<Record<Mode, Aggregate>>>
> = {
  "ARM-7B": {
    direct: { accuracy: 0.801, tokens: 10 },
    short: { accuracy: 0.803, tokens: 71 },
    code: { accuracy: 0.835, tokens: 158 },
    long: { accuracy: 0.867, tokens: 354 },
  },
  "ARM-14B": {
    direct: { accuracy: 0.836, tokens: 10 },
    short: { accuracy: 0.858, tokens: 71 },
    code: { accuracy: 0.868, tokens: 138 },
    long: { accuracy: 0.877, tokens: 496 },
  },
};

/** Not fitted to anything: round figures of the size that papers report. */
export const assumed: {
  readonly oracleAccuracy: number;
  readonly coderLogit: number;
  readonly parameters: Omit<Parameters, "curves" | "itemShare">;
} = {
  // Published for the mix: at least one of ARM-7B's four formats is right.
  oracleAccuracy: 0.92,
  coderLogit: 1,
  parameters: {
    capLogitDrop: 3,
    candidateNoise: 0.2,
    // Chosen so that direct, short and code disagree on about as much of the mix as published (.197).
    commonSlipShare: 0.9,
    lengthWish: { shareMin: 0.35, logitDrop: 1 },
    planLogit: 1.5,
    prose: { medianTokens: { direct: 8, short: 90, code: 180, long: 320 }, spread: 0.5 },
    efforts: {
      none: { logit: 0, tokensFactor: 1 },
      minimal: { logit: 0, tokensFactor: 1 },
      low: { logit: -0.4, tokensFactor: 0.5 },
      medium: { logit: 0, tokensFactor: 1 },
      high: { logit: 0.1, tokensFactor: 1.5 },
      xhigh: { logit: 0.15, tokensFactor: 2 },
      max: { logit: 0.2, tokensFactor: 2.5 },
    },
    elements: {
      outlineFits: { logit: 0.8, tokensFactor: 0.75 },
      outlineMisleads: { logit: -1.2, tokensFactor: 1.15 },
      skillFits: { logit: 0.5, tokensFactor: 0.8 },
      skillMisleads: { logit: -0.8, tokensFactor: 1.1 },
      concise: { logit: -0.1, tokensFactor: 0.65 },
    },
  },
};
