// DiffAdapt's strategies (arXiv 2510.19669): a temperature and a share of the token budget for each class of
// difficulty, where the client set none. The class comes from the text alone, so the fidelity is `proxy`.
import type { Strategy } from "./strategy.ts";

export const diffadapt: Strategy = {
  id: "diffadapt",
  rewrite: (draft, { settings }) => ({
    ...draft,
    temperature: draft.ask.setsTemperature ? null : settings.temperature,
    outputTokens:
      draft.ask.outputTokensMax === null
        ? Math.max(1, Math.floor(draft.outputTokens * settings.budgetFraction))
        : draft.outputTokens,
  }),
};
