// OpenAI. Thinking by `reasoning_effort`; which levels there are differs by model (gpt-5: minimal to high; from 5.1
// none to high, some xhigh; o-series: low to high), so a catalog may list them. No cap on thinking. A reasoning model
// refuses `max_tokens` for `max_completion_tokens`, and a temperature unless its effort is none (vercel/ai#10942).
// Unknown fields are refused. Thinking is hidden; its tokens are counted in completion_tokens_details. No salt, but
// `prompt_cache_key` routes prompts that begin alike to one machine, up to some fifteen requests a minute each.
import { noCap, noSalt, sayByEffort, type Engine } from "./engine.ts";

export const openai: Engine = {
  id: "openai",
  capField: "max_completion_tokens",
  thinking: {
    switches: ["effort"],
    lessens: true,
    say: (wish, traits) => sayByEffort(wish, traits, (effort) => ({ reasoning_effort: effort })),
  },
  budget: null,
  lacks: {
    cap: noCap("OpenAI"),
    salt: noSalt("OpenAI", "the account's"),
  },
  takesPromptKey: true,
  temperature: "refused-while-thinking",
};
