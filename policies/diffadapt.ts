// DiffAdapt's three strategies (arXiv 2510.19669), for what a client left open: a temperature and a share of the cap per
// class of difficulty; and what that class means for the choice. The paper reads the class from a hidden state of the
// model that answers. Where a policy asks for that and it was read, the fidelity is `exact`; everywhere else the class
// comes from the text alone and the fidelity is `proxy`: by the paper's own labels "easy" means "right in 60 % or more,
// but not surely", not "looks simple", and text finds its "hard" class in 5 of 318 cases.
import type { Features } from "../classifiers/features.ts";
import type { Model } from "./catalog.ts";
import type { Choice, DifficultyClass, Question, Settings } from "./choice.ts";
import type { Mode } from "./mode.ts";
import type { Policy } from "./policy.ts";

/** The classes' borders on the probe's difficulty; those of the recorded data: right in 85 % and in 50 %. */
const EASY_MAX = 0.15;
const HARD_MIN = 0.5;

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
  tier: "text",
};

/**
 * How much a hard question's cost counts beside another's: half where the policy escalates, so that a stronger arm runs
 * where it gains half of what it otherwise had to; double where it fails fast. Ours, and the same factor as the paper's
 * half budget. A weight and not a rule, so that lambda 0 still buys the best score and thrift stays monotone.
 */
const HARD_COST_WEIGHT: Readonly<Record<Policy["hardQuery"], number>> = {
  escalate: 0.5,
  failfast: 2,
};

/** By which lambda is to be multiplied for this question. Talk is never hard in the paper's sense. */
export function costWeightOf(question: Question): number {
  return question.features.kind !== "chat" && classOf(question) === "hard"
    ? HARD_COST_WEIGHT[question.policy.hardQuery]
    : 1;
}

/** The question's class: by the hidden state where one was read, else by its text. */
export function classOf({ features, policy, hiddenState }: Question): DifficultyClass {
  return hiddenState?.kind === "read" ? hiddenState.class : classOfText(features, policy);
}

/** What the class was read from, as the choice shows it. */
export function difficultyFrom({ hiddenState }: Question): Choice["difficultyFrom"] {
  if (hiddenState?.kind === "read") {
    const reason = `a head over the last hidden state of ${hiddenState.model}`;
    return { tier: "hidden-state", fidelity: "exact", reason };
  }
  const though = hiddenState === undefined ? "" : `, since ${hiddenState.reason}`;
  return { tier: "text", fidelity: "proxy", reason: `the text alone${though}` };
}

/** Without confidence the class is `normal`, the only one that takes nothing away. */
function classOfText(features: Features, policy: Policy): DifficultyClass {
  if (features.confidence < policy.confidenceMin) return "normal";
  if (features.difficulty < EASY_MAX) return "easy";
  return features.difficulty > HARD_MIN ? "hard" : "normal";
}

/**
 * `off` for talk and for a body that goes out as it was written: the paper knows mathematics and science only,
 * and 0.4 of a cap would cut a long letter that was simply asked for. A hidden state says how its own model will do;
 * what runs on another is set by the text.
 */
export function settingsFor(question: Question, model: Model, mode: Mode | null): Settings {
  const { features, policy, asked, hiddenState } = question;
  if (mode === null || features.kind === "chat") return UNTOUCHED;
  const state = hiddenState?.kind === "read" && hiddenState.model === model.id ? hiddenState : null;
  const difficultyClass = state?.class ?? classOfText(features, policy);
  const strategy = STRATEGIES[difficultyClass];
  const escalates = difficultyClass === "hard" && policy.hardQuery === "escalate";
  // Who names a mode wants it whole, not a share of it by our guess of the difficulty.
  const budgetFraction = escalates || asked.mode !== null ? 1 : strategy.budgetFraction;
  return {
    temperature: model.capabilities.includes("temperature") ? strategy.temperature : null,
    budgetFraction,
    // Less than an engine's own default is never asked for: that would be a saving nobody measured.
    effort: escalates ? "high" : null,
    // The paper's share is one of 32,768 tokens, thinking and all. The widest cap stands for that here; a share of
    // a mode's own narrow cap would cut answers that the paper would not have.
    outputTokensMax: Math.floor(policy.capTokens.long * budgetFraction),
    tier: state === null ? "text" : "hidden-state",
  };
}
