// Gemini's OpenAI-compatible endpoint (ai.google.dev/gemini-api/docs/openai, autumn 2026). `reasoning_effort` is mapped
// to a level (3.x) or a budget (2.5); none is refused by 2.5 Pro and 3.x, whose catalog entry lists its efforts.
// A 2.5 model's exact budget goes into `extra_body.google.thinking_config`, literally so over HTTP, and not beside an
// effort; 0 stops it, where its least (`thinkingTokensMin`: 128 for Pro, 512 for Flash-Lite) allows. Unknown fields are
// refused with 400. Thinking is not shown unless asked for. Usage has no details and counts thinking only in
// total_tokens; reading takes the difference. No salt.
import {
  approx,
  budgetAt,
  capOutcome,
  capThinking,
  exact,
  noSalt,
  sayByEffort,
  type Engine,
  type Said,
  type Traits,
  type Wish,
} from "./engine.ts";

/** A client's own one passes; beside it `extra_body.google` may name a cache of the project's, which all tenants share. */
const CONFIG = ["extra_body", "google", "thinking_config"] as const;

export const gemini: Engine = {
  id: "gemini",
  thinking: { switches: ["thinking-cap", "effort"], lessens: true, say },
  budget: budgetAt([...CONFIG, "thinking_budget"], {
    excludes: [["reasoning_effort"], [...CONFIG, "thinking_level"]],
  }),
  passes: CONFIG,
  lacks: {
    effort: "a budget and an effort exclude each other, and the budget was told",
    salt: noSalt("Gemini", "the project's"),
  },
};

function say(wish: Wish, traits: Traits): Said {
  if (traits.has("thinking-cap")) {
    if (!wish.isOn) return sayStop(traits);
    const cap = capThinking(wish, traits, "thinking_budget");
    if (cap.tokens !== null)
      return { fields: budget(cap.tokens), thinking: exact("a budget"), ...capOutcome(cap) };
    if (!traits.has("effort"))
      // -1 is its word for as much as the question needs.
      return { fields: budget(-1), thinking: exact("a budget of its own"), ...capOutcome(cap) };
  }
  const said = sayByEffort(wish, traits, (effort) => ({ reasoning_effort: effort }));
  return wish.isOn
    ? { ...said, ...capOutcome(capThinking(wish, traits, "thinking_budget")) }
    : said;
}

function sayStop(traits: Traits): Said {
  const least = traits.thinkingTokensMin;
  if (least === null && traits.thinking !== "always")
    return { fields: budget(0), thinking: exact("thinking_budget 0") };
  return {
    fields: budget(least ?? 1),
    thinking: approx(`this model cannot be told to stop; a budget of ${least ?? 1} is its least`),
  };
}

function budget(tokens: number): Readonly<Record<string, unknown>> {
  return { extra_body: { google: { thinking_config: { thinking_budget: tokens } } } };
}
