// Any other OpenAI-compatible engine: the prompt carries the mode, because nothing else is known to be understood.
import { compileTemperature, lacks, merge, wishesThinkingCap, type Engine } from "./engine.ts";

export const generic: Engine = {
  id: "generic",
  capField: "max_tokens",
  compile: (intent, has) =>
    merge(
      lacks("thinking", intent.thinking !== "as-sent", "no switch is known for a generic engine"),
      lacks(
        "thinking-cap",
        wishesThinkingCap(intent),
        "no bound on thinking is known for a generic engine",
      ),
      compileTemperature(intent, has),
      lacks("cache-salt", intent.cacheSalt !== null, "no salt is known for a generic engine"),
    ),
};
