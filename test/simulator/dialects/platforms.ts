// Platforms that serve other people's models behind one form of their own.
import { inside, refuseField, tell, VLLM_SHAPE, type EngineDialect } from "./dialect.ts";

export const openrouter: EngineDialect = {
  name: "openrouter",
  hear: (body) => {
    const { reasoning } = body;
    const effort = inside(reasoning, "effort") ?? body["reasoning_effort"];
    const budget = inside(reasoning, "max_tokens");
    const enabled = inside(reasoning, "enabled");
    if (effort !== undefined && budget !== undefined)
      return refuseField(
        "reasoning",
        'Only one of "reasoning.effort" and "reasoning.max_tokens" can be specified',
      );
    const isOn =
      effort !== undefined ? effort !== "none" : budget !== undefined ? true : (enabled ?? null);
    return tell(body, {
      isOn: typeof isOn === "boolean" ? isOn : null,
      effort,
      budget,
      cap: body["max_tokens"] ?? body["max_completion_tokens"],
    });
  },
  shape: {
    ...VLLM_SHAPE,
    reasoning: "reasoning",
    usagePlace: "last-chunk",
    alwaysUsage: true,
    comments: true,
  },
};

/** `sim-large` cannot be stopped, as GPT-OSS cannot: it takes the least effort for none, and knows no switch. */
export const workersAi: EngineDialect = {
  name: "workers-ai",
  hear: (body) => {
    const effort = body["reasoning_effort"];
    const kwarg = inside(body["chat_template_kwargs"], "enable_thinking");
    if (String(body["model"]).startsWith("sim-large"))
      return tell(body, {
        isOn: true,
        effort: effort === "none" ? "low" : effort,
        cap: body["max_tokens"],
      });
    return tell(body, {
      isOn: typeof kwarg === "boolean" ? kwarg : effort === undefined ? null : effort !== "none",
      effort,
      cap: body["max_tokens"],
    });
  },
  shape: { ...VLLM_SHAPE, alwaysUsage: true },
};
