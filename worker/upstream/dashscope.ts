// Qwen by DashScope's compatible mode (Alibaba Model Studio's deep-thinking and error-code pages, June to September
// 2026). `enable_thinking` and `thinking_budget` are top-level fields over HTTP. Hybrid models differ in their default;
// thinking-only ones cannot stop and want no switch. Many models refuse to think in a call that does not stream, some
// do so even by default, so there it is switched off unless the catalog declares "thinking-unstreamed". A budget must
// be positive and within the model's longest chain of thought (`thinkingTokensMax`). No effort in chat completions.
// Whether `max_tokens` counts thinking differs between models; a hold may be exceeded by thinking that has no budget.
import {
  budgetAt,
  capOutcome,
  capThinking,
  exact,
  noSalt,
  unmet,
  type Engine,
  type Said,
  type Traits,
  type Wish,
} from "./engine.ts";

export const dashscope: Engine = {
  id: "dashscope",
  misreadsEffort: true,
  thinking: { switches: ["thinking-switch"], lessens: false, say },
  budget: budgetAt(["thinking_budget"]),
  lacks: {
    effort: "DashScope takes no effort in chat completions",
    salt: noSalt("DashScope", "the account's"),
  },
};

function say(wish: Wish, traits: Traits): Said {
  if (!wish.isOn)
    return { fields: { enable_thinking: false }, thinking: exact("enable_thinking false") };
  const isAlways = traits.thinking === "always";
  if (!wish.isStream && !isAlways && !traits.has("thinking-unstreamed")) {
    const reason =
      'it refuses to think in a call that does not stream, unless the catalog declares "thinking-unstreamed"';
    return { fields: { enable_thinking: false }, thinking: unmet(reason) };
  }
  const cap = capThinking(wish, traits, "thinking_budget");
  return {
    fields: {
      ...(isAlways ? {} : { enable_thinking: true }),
      ...(cap.tokens === null ? {} : { thinking_budget: cap.tokens }),
    },
    thinking: exact(isAlways ? "this model always thinks" : "enable_thinking true"),
    ...capOutcome(cap),
  };
}
