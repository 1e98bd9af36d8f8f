// DiffAdapt's strategies (arXiv 2510.19669): a temperature and a share of the token budget for each class of
// difficulty, where the client set none. The class comes from the text alone, so the fidelity is `proxy`.
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
    ),
};

function shareBudget(draft: Draft, outputTokensMax: number | null): Draft {
  if (draft.ask.outputTokensMax !== null || outputTokensMax === null) return draft;
  if (outputTokensMax >= draft.outputTokens) return draft;
  const reason = `DiffAdapt's share for a class read from the text alone: ${outputTokensMax} of ${draft.outputTokens} output tokens`;
  return {
    ...draft,
    outputTokens: outputTokensMax,
    knobs: [...draft.knobs, { knob: "output-cap", fidelity: "proxy", reason }],
  };
}
