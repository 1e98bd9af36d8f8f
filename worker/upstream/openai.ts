// OpenAI: thinking by effort, no cap on thinking, and no temperature while a model thinks.
import { compileEffort, compileTemperature, merge, off, type Engine } from "./engine.ts";

export const openai: Engine = {
  id: "openai",
  capField: "max_completion_tokens",
  compile: (intent, has) => {
    const thinks = has("effort") && intent.thinking !== "off";
    return merge(
      compileEffort(intent, has),
      intent.thinking === "on" && intent.thinkingTokensMax !== null
        ? {
            fields: {},
            knobs: [off("thinking-cap", "OpenAI offers no bound on thinking apart from the total")],
          }
        : { fields: {}, knobs: [] },
      intent.temperature !== null && thinks
        ? {
            fields: {},
            knobs: [off("temperature", "OpenAI refuses a temperature unless effort is none")],
          }
        : compileTemperature(intent, has),
    );
  },
};
