// SGLang. The template's `enable_thinking` decides, where the template knows it; `reasoning_effort` goes to the template
// as a hint, and none sets the switch to false (its protocol.py, autumn 2026). A hard cap is
// `custom_params.thinking_budget`, enforced only under --enable-strict-thinking (sgl-project/sglang#23953, May 2026);
// before, and without the flag, it does nothing (#25536). `cache_salt` parts prefix caches. Unknown fields are ignored.
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

export const sglang: Engine = {
  id: "sglang",
  capField: "max_completion_tokens",
  readsEitherCapField: true,
  thinking: { switches: ["thinking-switch", "effort", "thinking-cap"], lessens: true, say },
  budget: budgetAt(["custom_params", "thinking_budget"]),
  lacks: {},
};

function say(wish: Wish, traits: Traits): Said {
  const said = sayByTemplate(wish, traits);
  if (!wish.isOn) return said;
  const cap = capThinking(wish, traits, "custom_params.thinking_budget");
  const fields = cap.tokens === null ? {} : { custom_params: { thinking_budget: cap.tokens } };
  return { ...said, fields: { ...said.fields, ...fields }, ...capOutcome(cap) };
}
