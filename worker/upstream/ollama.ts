// Ollama's OpenAI endpoint: `reasoning_effort` maps to its think switch (ollama/ollama#14820); `think` itself is ignored there.
import {
  compileEffort,
  compileTemperature,
  lacks,
  merge,
  wishesThinkingCap,
  type Engine,
} from "./engine.ts";

export const ollama: Engine = {
  id: "ollama",
  capField: "max_tokens",
  compile: (intent, has) =>
    merge(
      compileEffort(intent, has),
      lacks(
        "thinking-cap",
        wishesThinkingCap(intent),
        "Ollama offers no bound on thinking apart from the total",
      ),
      compileTemperature(intent, has),
      lacks("cache-salt", intent.cacheSalt !== null, "Ollama takes no salt for its cache"),
    ),
};
