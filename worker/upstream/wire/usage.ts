// Reads what an upstream says an answer used. Counts stay as they were reported, where they can be true: the ledger
// records what cannot, instead of dropping it.
import type { Usage } from "../../../policies/account.ts";
import { isFields, numberOrNull, type Fields } from "./parsed.ts";

export function readUsage(value: unknown): Usage | null {
  if (!isFields(value)) return null;
  const inputTokens = numberOrNull(value["prompt_tokens"]);
  const outputTokens = numberOrNull(value["completion_tokens"]);
  if (inputTokens === null || outputTokens === null) return null;
  const inputDetails = fieldsOf(value["prompt_tokens_details"]);
  const outputDetails = fieldsOf(value["completion_tokens_details"]);
  const cachedTokens = cachedOf(value) ?? 0;
  // Anthropic's word, and those of proxies that speak for it: OpenRouter's, LiteLLM's.
  const cacheWriteTokens =
    numberOrNull(value["cache_creation_input_tokens"]) ??
    numberOrNull(inputDetails["cache_write_tokens"]) ??
    numberOrNull(inputDetails["cache_creation_tokens"]) ??
    0;
  const reasoningTokens = numberOrNull(outputDetails["reasoning_tokens"]) ?? 0;
  const usage = { inputTokens, cachedTokens, cacheWriteTokens, outputTokens, reasoningTokens };
  const totalTokens = numberOrNull(value["total_tokens"]) ?? 0;
  return takeIn(usage, totalTokens - inputTokens - outputTokens) ?? besides(usage, value);
}

/** Whether it says what came from a cache: none is not the same as nothing said. */
export function tellsCached(value: unknown): boolean {
  return isFields(value) && cachedOf(value) !== null;
}

function cachedOf(value: Fields): number | null {
  return (
    numberOrNull(fieldsOf(value["prompt_tokens_details"])["cached_tokens"]) ??
    numberOrNull(value["prompt_cache_hit_tokens"]) ??
    numberOrNull(value["cache_read_input_tokens"])
  );
}

/**
 * Tokens that only the total counts are taken in where they belong: Gemini and xAI leave thinking out of the output
 * (vercel/ai#12425, mozilla-ai/any-llm#1290), some proxies leave cached tokens out of the input. A difference that
 * is none of these stays as it was reported: null.
 */
function takeIn(usage: Usage, outsideTokens: number): Usage | null {
  const { inputTokens, outputTokens, cachedTokens, cacheWriteTokens, reasoningTokens } = usage;
  if (outsideTokens <= 0) return null;
  if (outsideTokens === cachedTokens + cacheWriteTokens || outsideTokens === cachedTokens)
    return { ...usage, inputTokens: inputTokens + outsideTokens };
  if (reasoningTokens !== 0 && reasoningTokens !== outsideTokens) return null;
  return {
    ...usage,
    outputTokens: outputTokens + outsideTokens,
    reasoningTokens: outsideTokens,
  };
}

/** Anthropic counts what a cache gave and took beside the input; in its words, what cannot lie inside lies beside. */
function besides(usage: Usage, value: Fields): Usage {
  const cacheTokens = usage.cachedTokens + usage.cacheWriteTokens;
  const isInItsWords = ["cache_creation_input_tokens", "cache_read_input_tokens"].some(
    (word) => typeof value[word] === "number",
  );
  return isInItsWords && cacheTokens > usage.inputTokens
    ? { ...usage, inputTokens: usage.inputTokens + cacheTokens }
    : usage;
}

function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}
