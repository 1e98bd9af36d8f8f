// OpenAI: thinking by effort, no cap on thinking, and no temperature while a model thinks.
import {
  compileEffort,
  compileTemperature,
  lacks,
  merge,
  wishesThinkingCap,
  type Engine,
} from "./engine.ts";

export const openai: Engine = {
  id: "openai",
  capField: "max_completion_tokens",
  compile: (intent, has) => {
    const thinks = has("effort") && intent.thinking !== "off";
    return merge(
      compileEffort(intent, has),
      lacks(
        "thinking-cap",
        wishesThinkingCap(intent),
        "OpenAI offers no bound on thinking apart from the total",
      ),
      thinks
        ? lacks(
            "temperature",
            intent.temperature !== null,
            "OpenAI refuses a temperature unless effort is none",
          )
        : compileTemperature(intent, has),
      lacks(
        "cache-salt",
        intent.cacheSalt !== null,
        "OpenAI takes no salt; its cache is the account's",
      ),
    );
  },
};
