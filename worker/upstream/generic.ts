// Any other OpenAI-compatible engine: the prompt carries the mode, because nothing else is known to be understood.
import type { Engine } from "./engine.ts";

export const generic: Engine = {
  id: "generic",
  // Which of the two it reads is not known, so a client's choice stands, and the usual one stands beside it.
  readsEitherCapField: true,
  thinking: null,
  budget: null,
  // Azure and Mistral read it, Groq and Cerebras refuse it: the catalog's word for the upstream is all there is to go by.
  takesPromptKey: true,
  lacks: {
    thinking: "no switch is known for a generic engine",
    effort: "no effort is known for a generic engine",
    cap: "no bound on thinking is known for a generic engine",
    salt: "no salt is known for a generic engine",
  },
};
