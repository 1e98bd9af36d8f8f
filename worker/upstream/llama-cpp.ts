// llama.cpp's server. `chat_template_kwargs.enable_thinking` switches where the template knows it (ggml-org/llama.cpp
// #13196). `thinking_budget_tokens` caps: since b9814 the request's wins over --reasoning-budget, in older builds it is
// read only when the flag is unset, and `reasoning_budget_tokens` is dropped in silence there. A budget of 0 ends
// thinking at once, which serves a template without a switch. `reasoning_effort` is read by no build that we know of.
// Thinking comes as `reasoning_content` (--reasoning-format auto or deepseek) or in tags (none). No cache salt.
import {
  budgetAt,
  capOutcome,
  capThinking,
  exact,
  templateSwitch,
  unmet,
  type Engine,
  type Said,
  type Traits,
  type Wish,
} from "./engine.ts";

export const llamaCpp: Engine = {
  id: "llama.cpp",
  // Only some builds read the newer name, and a cap that is not read is no cap.
  misreadsEffort: true,
  thinking: { switches: ["thinking-switch", "thinking-cap"], lessens: false, say },
  budget: budgetAt(["thinking_budget_tokens"]),
  lacks: {
    effort: "llama.cpp reads no effort",
    salt: "llama.cpp takes no salt; a slot's cache is shared by all who ask it",
  },
};

function say(wish: Wish, traits: Traits): Said {
  const hasSwitch = traits.has("thinking-switch");
  if (!wish.isOn) {
    return hasSwitch
      ? { fields: templateSwitch(false), thinking: exact("enable_thinking false") }
      : { fields: { thinking_budget_tokens: 0 }, thinking: exact("thinking_budget_tokens 0") };
  }
  const cap = capThinking(wish, traits, "thinking_budget_tokens");
  return {
    fields: {
      ...(hasSwitch ? templateSwitch(true) : {}),
      ...(cap.tokens === null ? {} : { thinking_budget_tokens: cap.tokens }),
    },
    thinking: hasSwitch
      ? exact("enable_thinking true")
      : unmet("without a switch it thinks or not, as its template does by itself"),
    ...capOutcome(cap),
  };
}
