// vLLM. Whether to think is the chat template's `enable_thinking`, or `reasoning_effort` none, which sets it
// (mid-2026 sources). `thinking_token_budget` is a field of its own there and needs --reasoning-config; 0.18 drops it
// in silence (discuss.vllm.ai/t/2533), so only a catalog may claim it. Unknown fields are ignored with a warning.
// `cache_salt` parts prefix caches. Cached tokens are reported with --enable-prompt-tokens-details only.
import {
  budgetAt,
  capOutcome,
  capThinking,
  sayByTemplate,
  type Engine,
  type Said,
  type Traits,
  type Wish,
} from "./engine.ts";

export const vllm: Engine = {
  id: "vllm",
  capField: "max_completion_tokens",
  readsEitherCapField: true,
  thinking: { switches: ["thinking-switch", "effort", "thinking-cap"], lessens: true, say },
  budget: budgetAt(["thinking_token_budget"]),
  lacks: {},
  takesPriority: true,
};

function say(wish: Wish, traits: Traits): Said {
  const said = sayByTemplate(wish, traits);
  if (!wish.isOn) return said;
  const cap = capThinking(wish, traits, "thinking_token_budget");
  const fields = cap.tokens === null ? {} : { thinking_token_budget: cap.tokens };
  return { ...said, fields: { ...said.fields, ...fields }, ...capOutcome(cap) };
}
