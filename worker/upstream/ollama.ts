// Ollama's OpenAI endpoint: `reasoning_effort` maps to its think switch (ollama/ollama#14820); `think` itself is ignored there.
import { compileEffort, compileTemperature, merge, off, type Engine } from "./engine.ts";

export const ollama: Engine = {
  id: "ollama",
  capField: "max_tokens",
  compile: (intent, has) =>
    merge(
      compileEffort(intent, has),
      intent.thinking === "on" && intent.thinkingTokensMax !== null
        ? {
            fields: {},
            knobs: [off("thinking-cap", "Ollama offers no bound on thinking apart from the total")],
          }
        : { fields: {}, knobs: [] },
      compileTemperature(intent, has),
    ),
};
