// DiffAdapt's strategies (arXiv 2510.19669): a temperature and a share of the token budget for each class of
// difficulty, where the client set none. Where the class was read from a hidden state of the model that answers, as the
// paper does, the fidelity is `exact`; where it comes from the text alone, `proxy`.
import type { DifficultyTier } from "../../policies/choice.ts";
import type { Draft, Strategy } from "./strategy.ts";

export const diffadapt: Strategy = {
  id: "diffadapt",
  rewrite: (draft, { settings }) =>
    shareBudget(
      {
        ...draft,
        temperature: draft.ask.setsTemperature ? null : settings.temperature,
        effort: settings.effort,
      },
      settings.outputTokensMax,
      settings.tier,
    ),
};

function shareBudget(draft: Draft, outputTokensMax: number | null, tier: DifficultyTier): Draft {
  if (draft.ask.outputTokensMax !== null || outputTokensMax === null) return draft;
  if (outputTokensMax >= draft.outputTokens) return draft;
  const isExact = tier === "hidden-state";
  const from = isExact ? "the model's hidden state" : "the text alone";
  const reason = `DiffAdapt's share for a class read from ${from}: ${outputTokensMax} of ${draft.outputTokens} output tokens`;
  return {
    ...draft,
    outputTokens: outputTokensMax,
    knobs: [...draft.knobs, { knob: "output-cap", fidelity: isExact ? "exact" : "proxy", reason }],
  };
}
