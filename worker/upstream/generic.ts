// Any other OpenAI-compatible engine: the prompt carries the mode, because nothing else is known to be understood.
import { compileTemperature, merge, off, type Engine } from "./engine.ts";

export const generic: Engine = {
  id: "generic",
  capField: "max_tokens",
  compile: (intent, has) =>
    merge(
      intent.thinking === "as-sent"
        ? { fields: {}, knobs: [] }
        : { fields: {}, knobs: [off("thinking", "no switch is known for a generic engine")] },
      compileTemperature(intent, has),
    ),
};
