// Anthropic's OpenAI-compatible endpoint (its openai-sdk and thinking-troubleshooting pages, autumn 2026). `thinking`
// is the native field. Up to 4.5 a model takes only {enabled, budget_tokens}, at least 1024 and below max_tokens; from
// 4.7 that is refused and {adaptive} is the form; 4.6 takes both. A catalog says which: "thinking-cap" is the budgeted
// form. Most can be {disabled}; the few that refuse it are `thinking: always`. While a model thinks, a temperature other
// than 1 is refused; from 4.7 always, so such a model does not declare "temperature". `reasoning_effort`,
// response_format, seed, logprobs and penalties are ignored, n must be 1. Thinking is not shown here, and usage has no
// details: cached and reasoning tokens read as 0. No salt: the cache is the workspace's.
import {
  approx,
  budgetAt,
  capThinking,
  exact,
  noSalt,
  undeclared,
  unmet,
  type Engine,
  type Said,
  type Traits,
  type Wish,
} from "./engine.ts";

const BUDGET_TOKENS_MIN = 1024;
/** Of an answer, when nobody bounds thinking and the form wants a budget all the same. */
const BUDGET_SHARE = 0.75;

export const anthropic: Engine = {
  id: "anthropic",
  misreadsEffort: true,
  thinking: { switches: ["thinking-switch", "thinking-cap"], lessens: false, say },
  budget: budgetAt(["thinking", "budget_tokens"], {
    tokensMin: BUDGET_TOKENS_MIN,
    standsAlone: false,
    isOptIn: true,
  }),
  lacks: {
    effort: "Anthropic's compatible endpoint ignores efforts",
    salt: noSalt("Anthropic", "the workspace's"),
  },
  temperature: "refused-while-thinking",
};

function say(wish: Wish, traits: Traits): Said {
  if (!wish.isOn)
    return { fields: { thinking: { type: "disabled" } }, thinking: exact("thinking disabled") };
  if (!traits.has("thinking-cap")) {
    return {
      fields: { thinking: { type: "adaptive" } },
      thinking: approx("thinking adaptive: the model decides whether a question needs it"),
      ...(wish.tokensMax === null ? {} : { cap: unmet(undeclared("thinking-cap")) }),
    };
  }
  const tokensMax = wish.tokensMax ?? Math.floor(wish.outputTokens * BUDGET_SHARE);
  const cap = capThinking({ ...wish, tokensMax }, traits, "budget_tokens", BUDGET_TOKENS_MIN);
  if (cap.tokens === null) {
    // Without a valid budget this form cannot be said at all, and an answer without thinking is better than none.
    const reason = cap.outcome?.reason ?? "it needs a budget";
    return {
      fields: { thinking: { type: "disabled" } },
      thinking: unmet(reason),
      ...(wish.tokensMax === null ? {} : { cap: unmet(reason) }),
    };
  }
  return {
    fields: { thinking: { type: "enabled", budget_tokens: cap.tokens } },
    thinking: exact("thinking enabled"),
    ...(wish.tokensMax === null || cap.outcome === null ? {} : { cap: cap.outcome }),
  };
}
