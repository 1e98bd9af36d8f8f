// Ollama's OpenAI endpoint. `reasoning_effort` is its think switch there (ollama/ollama#14820): none is off, any other
// on; `think`, templates' arguments and unknown fields are ignored (#17785). A model that can think does so by itself,
// and one that cannot refuses to be told to, so with the switch alone only `none` is ever sent. `max_tokens` is the one
// cap that it reads. No cap on thinking (a draft stands in #17566), no salt. Thinking comes as `reasoning`.
import {
  alwaysThinks,
  approx,
  exact,
  noCap,
  sayByEffort,
  undeclared,
  unmet,
  type Engine,
  type Said,
  type Traits,
  type Wish,
} from "./engine.ts";

export const ollama: Engine = {
  id: "ollama",
  thinking: { switches: ["effort", "thinking-switch"], lessens: true, say },
  budget: null,
  lacks: {
    cap: noCap("Ollama"),
    salt: "Ollama takes no salt for its cache",
  },
};

function say(wish: Wish, traits: Traits): Said {
  if (traits.has("effort"))
    return sayByEffort(wish, traits, (effort) => ({ reasoning_effort: effort }));
  if (!wish.isOn) {
    return traits.thinking === "always"
      ? { fields: {}, thinking: alwaysThinks(wish) }
      : { fields: { reasoning_effort: "none" }, thinking: exact("effort none switches it off") };
  }
  return {
    fields: {},
    thinking: approx("Ollama thinks by itself where the model can"),
    ...(wish.effort === null ? {} : { effort: unmet(undeclared("effort")) }),
  };
}
