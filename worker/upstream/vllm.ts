// vLLM: the template switch turns thinking on and off exactly; the cap on thinking exists from mid-2026 only.
import type { Capability } from "../../policies/catalog.ts";
import {
  compileEffort,
  compileTemperature,
  lacks,
  merge,
  undeclared,
  type Compiled,
  type Engine,
  type Intent,
} from "./engine.ts";

export const vllm: Engine = {
  id: "vllm",
  capField: "max_completion_tokens",
  compile: (intent, has) =>
    merge(
      compileThinking(intent, has),
      compileThinkingCap(intent, has),
      compileTemperature(intent, has),
      compileSalt(intent, has),
    ),
};

function compileThinking(intent: Intent, has: (capability: Capability) => boolean): Compiled {
  if (intent.thinking === "as-sent") return { fields: {}, knobs: [] };
  if (!has("thinking-switch")) return compileEffort(intent, has);
  const isOn = intent.thinking === "on";
  const switched: Compiled = {
    fields: { chat_template_kwargs: JSON.stringify({ enable_thinking: isOn }) },
    knobs: [{ knob: "thinking", fidelity: "exact", reason: `enable_thinking ${isOn}` }],
  };
  return isOn ? merge(switched, compileLevel(intent.effort, has)) : switched;
}

/** How hard to think, beside the switch that says whether. */
function compileLevel(
  effort: Intent["effort"],
  has: (capability: Capability) => boolean,
): Compiled {
  if (effort === null) return { fields: {}, knobs: [] };
  if (!has("effort")) return lacks("effort", true, undeclared("effort"));
  return {
    fields: { reasoning_effort: JSON.stringify(effort) },
    knobs: [{ knob: "effort", fidelity: "approx", reason: `reasoning_effort ${effort}` }],
  };
}

/** Older versions drop the field in silence (reported for 0.18), so it is sent only where it was proven. */
function compileThinkingCap(intent: Intent, has: (capability: Capability) => boolean): Compiled {
  if (intent.thinking !== "on" || intent.thinkingTokensMax === null)
    return { fields: {}, knobs: [] };
  if (!has("thinking-cap")) return lacks("thinking-cap", true, undeclared("thinking-cap"));
  return {
    fields: { thinking_token_budget: String(intent.thinkingTokensMax) },
    knobs: [
      {
        knob: "thinking-cap",
        fidelity: "exact",
        reason: `thinking_token_budget ${intent.thinkingTokensMax}`,
      },
    ],
  };
}

function compileSalt(intent: Intent, has: (capability: Capability) => boolean): Compiled {
  if (intent.cacheSalt === null) return { fields: {}, knobs: [] };
  if (!has("cache-salt")) return lacks("cache-salt", true, undeclared("cache-salt"));
  return {
    fields: { cache_salt: JSON.stringify(intent.cacheSalt) },
    knobs: [{ knob: "cache-salt", fidelity: "exact", reason: "prefixes are cached per tenant" }],
  };
}
