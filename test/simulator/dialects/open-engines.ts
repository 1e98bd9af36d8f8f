// Engines that one runs oneself. They ignore what they do not know, in silence, which is the danger of them.
import {
  inside,
  refuseField,
  tell,
  VLLM_SHAPE,
  withoutDetails,
  type EngineDialect,
  type Fields,
} from "./dialect.ts";

export const vllm: EngineDialect = {
  name: "vllm",
  hear: (body) => ({ kind: "read", body }),
  shape: VLLM_SHAPE,
};

/** Reads messages, caps and sampling, and no knob at all. */
export const generic: EngineDialect = {
  name: "generic",
  hear: (body) => tell(body, { isOn: null, cap: eitherCap(body) }),
  shape: VLLM_SHAPE,
};

export const sglang: EngineDialect = {
  name: "sglang",
  hear: (body) => {
    const effort = body["reasoning_effort"];
    const kwarg = inside(body["chat_template_kwargs"], "enable_thinking");
    return tell(body, {
      isOn: typeof kwarg === "boolean" ? kwarg : effort === "none" ? false : null,
      effort,
      // Its template knows no budget; only the strict one of the custom parameters is kept.
      budget: inside(body["custom_params"], "thinking_budget"),
      cap: eitherCap(body),
      salt: body["cache_salt"],
    });
  },
  shape: VLLM_SHAPE,
};

export const llamaCpp: EngineDialect = {
  name: "llama.cpp",
  hear: (body) => {
    const kwarg = inside(body["chat_template_kwargs"], "enable_thinking");
    const budget = body["thinking_budget_tokens"];
    return tell(body, {
      isOn: typeof kwarg === "boolean" ? kwarg : budget === 0 ? false : null,
      budget: budget === 0 ? undefined : budget,
      cap: body["max_tokens"],
    });
  },
  shape: VLLM_SHAPE,
};

export const ollama: EngineDialect = {
  name: "ollama",
  hear: (body) => {
    const effort = body["reasoning_effort"] ?? inside(body["reasoning"], "effort");
    const canThink = !String(body["model"]).startsWith("sim-small");
    const isOn = effort === undefined ? canThink : effort !== "none";
    if (isOn && !canThink)
      return refuseField(
        "reasoning_effort",
        `"${String(body["model"])}" does not support thinking`,
      );
    return tell(body, { isOn, effort, cap: body["max_tokens"] });
  },
  shape: { ...VLLM_SHAPE, reasoning: "reasoning", usage: withoutDetails },
};

function eitherCap(body: Fields): unknown {
  return body["max_completion_tokens"] ?? body["max_tokens"];
}
