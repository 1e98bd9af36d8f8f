// OpenRouter (its reasoning-tokens and streaming pages, autumn 2026). One `reasoning` object for all providers behind
// it: `effort` or `max_tokens`, never both, or just `enabled`. What becomes of it is the provider's matter, so nothing
// here is exact but the refusal to think. `reasoning_effort` is an alias. Thinking comes as `reasoning`. Silence is
// filled with comments, an error may follow a 200 as an event, usage always comes in the last chunk. Prompt caches are
// the provider's, without a salt. Parameters that a provider does not know are dropped in silence.
import {
  alwaysThinks,
  approx,
  budgetAt,
  capThinking,
  exact,
  sayByEffort,
  undeclared,
  unmet,
  type Engine,
  type Said,
  type Traits,
  type Wish,
} from "./engine.ts";

export const openrouter: Engine = {
  id: "openrouter",
  thinking: { switches: ["effort", "thinking-switch", "thinking-cap"], lessens: true, say },
  budget: budgetAt(["reasoning", "max_tokens"], {
    standsAlone: false,
    excludes: [["reasoning_effort"]],
  }),
  lacks: {
    effort: "a budget and an effort exclude each other, and the budget was told",
    salt: "OpenRouter takes no salt; caches are its providers'",
  },
};

function say(wish: Wish, traits: Traits): Said {
  const byEffort = (): Said => sayByEffort(wish, traits, (effort) => ({ reasoning: { effort } }));
  if (!wish.isOn) {
    if (traits.has("effort")) return byEffort();
    return traits.thinking === "always"
      ? { fields: {}, thinking: alwaysThinks(wish) }
      : { fields: { reasoning: { enabled: false } }, thinking: exact("reasoning not enabled") };
  }
  const cap = capThinking(wish, traits, "reasoning.max_tokens");
  if (cap.tokens !== null) {
    return {
      fields: { reasoning: { max_tokens: cap.tokens } },
      thinking: approx("a budget, as far as the provider keeps it"),
      cap: approx(`reasoning.max_tokens ${cap.tokens}, as far as the provider keeps it`),
    };
  }
  const lack = cap.outcome === null ? {} : { cap: cap.outcome };
  if (traits.has("effort")) return { ...byEffort(), ...lack };
  return {
    fields: { reasoning: { enabled: true } },
    thinking: approx("reasoning enabled, as far as the provider keeps it"),
    ...(wish.effort === null ? {} : { effort: unmet(undeclared("effort")) }),
    ...lack,
  };
}
