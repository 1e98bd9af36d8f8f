// What an answer cost, in OpenAI's shape: reasoning is part of the completion, cached tokens are
// part of the prompt, and the total is the sum.
import type { Choice } from "./completion.ts";

export type Usage = {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly prompt_tokens_details: { readonly cached_tokens: number };
  readonly completion_tokens_details: { readonly reasoning_tokens: number };
};

/** A lie has to be far from any honest miscount. */
const lieFactor = 10;
const lieTokens = 1_000;

export function sumUsage(
  promptTokens: number,
  cachedTokens: number,
  choices: readonly Choice[],
): Usage {
  const completionTokens = choices.reduce((sum, choice) => sum + choice.completionTokens, 0);
  const reasoningTokens = choices.reduce((sum, choice) => sum + choice.reasoningTokens, 0);
  return shape(promptTokens, cachedTokens, completionTokens, reasoningTokens);
}

/** Far above what was sent, and above any cap that was given. */
export function lieAbout(usage: Usage, capTokens: number | null): Usage {
  const completionTokens =
    Math.max(usage.completion_tokens, capTokens ?? 0) * lieFactor + lieTokens;
  return shape(
    usage.prompt_tokens * lieFactor + lieTokens,
    0,
    completionTokens,
    usage.completion_tokens_details.reasoning_tokens * lieFactor,
  );
}

function shape(
  promptTokens: number,
  cachedTokens: number,
  completionTokens: number,
  reasoningTokens: number,
): Usage {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
    completion_tokens_details: { reasoning_tokens: reasoningTokens },
  };
}
