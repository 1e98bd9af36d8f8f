// Decides whether a model gets an item right, and how many tokens it needs: a seeded logistic
// curve over the item's difficulty and a log-normal, both from parameters.json. What the prompt
// adds moves the logit but never the luck, so that on and off are compared pair by pair.
import { drawNormal, logistic, normalCdf } from "./chance.ts";
import type { Item } from "./items/item.ts";
import type { Mode } from "./mode.ts";
import type { Curve, Effect, Parameters } from "./parameters.ts";

export type JudgeInput = {
  readonly seed: number;
  readonly model: string;
  readonly mode: Mode;
  readonly item: Item;
  /** Empty for the one deterministic answer; another text is another sample of the same model. */
  readonly sample: string;
  readonly effects: readonly Effect[];
  /** A length that the prompt asks for in words; models only half obey. Null when it asks none. */
  readonly limitTokens: number | null;
  readonly curve: Curve;
  readonly itemShare: number;
  readonly capLogitDrop: number;
  readonly candidateNoise: number;
  readonly lengthWish: Parameters["lengthWish"];
};

export type Judgement = {
  /** Tokens that the answer takes when nothing cuts it short. */
  readonly needTokens: number;
  /** Whether the answer held after this share (0 to 1) of the needed tokens is right. */
  readonly isRightAt: (share: number) => boolean;
};

/** Candidates change only at these eighths, so that a cut and the text it cuts agree. */
export const candidateStages = 8;

/** Longer than any recorded answer (the longest mean is 4,130 tokens), short enough to stream in a test. */
const needTokensMax = 16_000;

export function judge(input: JudgeInput): Judgement {
  const { curve, item } = input;
  const { shareMin, logitDrop } = input.lengthWish;
  const tokensFactor = input.effects.reduce((product, effect) => product * effect.tokensFactor, 1);
  const itemKey = `${input.seed}|${item.key}`;
  const armKey = `${itemKey}|${input.model}|${input.mode}|${input.sample}`;

  const luck =
    Math.sqrt(input.itemShare) * drawNormal(`${itemKey}|item`) +
    Math.sqrt(1 - input.itemShare) * drawNormal(`${armKey}|arm`);
  const spread = curve.tokensSigma * drawNormal(`${armKey}|tokens`);
  const wanted =
    Math.exp(curve.tokensMu + curve.tokensGrowth * item.difficulty + spread) * tokensFactor;
  // A wish for shortness is overshot: the length moves to the geometric mean of wish and need.
  const limitShare =
    input.limitTokens === null
      ? 1
      : Math.min(1, Math.max(shareMin, Math.sqrt(input.limitTokens / wanted)));
  const tokens = wanted * limitShare;
  const logitAdded =
    input.effects.reduce((sum, effect) => sum + effect.logit, 0) - logitDrop * (1 - limitShare);

  return {
    needTokens: Math.min(needTokensMax, Math.max(1, Math.round(tokens))),
    isRightAt(share: number): boolean {
      if (item.trivial) return true;
      const stage = Math.floor(Math.min(1, Math.max(0, share)) * candidateStages);
      const missing = 1 - stage / candidateStages;
      const noise = input.candidateNoise * (missing > 0 ? 1 : 0);
      const luckNow =
        Math.sqrt(1 - noise) * luck + Math.sqrt(noise) * drawNormal(`${armKey}|stage${stage}`);
      const logit =
        curve.intercept - curve.slope * item.difficulty + logitAdded - input.capLogitDrop * missing;
      return normalCdf(luckNow) < logistic(logit);
    },
  };
}
