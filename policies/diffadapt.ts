// DiffAdapt's three strategies (arXiv 2510.19669), for what a client left open: a temperature and a share of the
// cap per class of difficulty. The paper decides from a model's hidden state, here the class comes from the text
// alone: by the paper's own labels "easy" means "right in 60 % or more, but not surely", not "looks simple", and
// text finds its "hard" class in 5 of 318 cases. So the fidelity that is recorded for a request is `proxy`.
import type { Features } from "../classifiers/features.ts";
import type { Model } from "./catalog.ts";
import type { DifficultyClass, Settings } from "./choice.ts";
import type { Mode } from "./mode.ts";
import type { Policy } from "./policy.ts";

/** The classes' borders on the probe's difficulty; those of the recorded data: right in 85 % and in 50 %. */
export const EASY_MAX = 0.15;
export const HARD_MIN = 0.5;

const STRATEGIES: Readonly<
  Record<DifficultyClass, { readonly temperature: number; readonly budgetFraction: number }>
> = {
  easy: { temperature: 0.5, budgetFraction: 0.4 },
  normal: { temperature: 0.8, budgetFraction: 1 },
  hard: { temperature: 0.4, budgetFraction: 0.5 },
};

/** Nothing is set: what goes out is what the client and the model's own defaults say. */
const UNTOUCHED: Settings = {
  temperature: null,
  budgetFraction: 1,
  outputTokensMax: null,
  effort: null,
};

/** Without confidence the class is `normal`, the only one that takes nothing away. */
export function classOf(features: Features, policy: Policy): DifficultyClass {
  if (features.confidence < policy.confidenceMin) return "normal";
  if (features.difficulty < EASY_MAX) return "easy";
  return features.difficulty > HARD_MIN ? "hard" : "normal";
}

/**
 * `off` for talk and for a body that goes out as it was written: the paper knows mathematics and science only,
 * and 0.4 of a cap would cut a long letter that was simply asked for.
 */
export function settingsFor(
  features: Features,
  policy: Policy,
  model: Model,
  mode: Mode | null,
  isAsked: boolean,
): Settings {
  if (mode === null || features.kind === "chat") return UNTOUCHED;
  const difficultyClass = classOf(features, policy);
  const strategy = STRATEGIES[difficultyClass];
  const escalates = difficultyClass === "hard" && policy.hardQuery === "escalate";
  // Who names a mode wants it whole, not a share of it by our guess of the difficulty.
  const budgetFraction = escalates || isAsked ? 1 : strategy.budgetFraction;
  return {
    temperature: model.capabilities.includes("temperature") ? strategy.temperature : null,
    budgetFraction,
    // Less than an engine's own default is never asked for: that would be a saving nobody measured.
    effort: difficultyClass === "hard" ? "high" : null,
    // The paper's share is one of 32,768 tokens, thinking and all. The widest cap stands for that here; a share of
    // a mode's own narrow cap would cut answers that the paper would not have.
    outputTokensMax: Math.floor(policy.capTokens.long * budgetFraction),
  };
}
