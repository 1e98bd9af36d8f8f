// DiffAdapt's entropy (arXiv 2510.19669): of a token, over its ten likeliest alternatives renormalised; and between which
// bounds the entropy over the whole vocabulary then lies. Everything is in nats.

/** What the authors' code asks for, and an engine gives over HTTP as `top_logprobs`. */
export const TOP_TOKENS = 10;

/** One generated token, as an engine reports it. */
export interface TokenLogprobs {
  /** Natural logarithms of the likeliest tokens' probabilities, in any order; those beyond ten are left out. */
  readonly top: readonly number[];
  /** Of the token that was sampled. One that lies outside the ten counts as an eleventh, as vLLM's own list has it. */
  readonly sampled: number | null;
}

/** 0 for a token without alternatives; null where no probability is given, or one that is none. */
export function entropyOf({ top, sampled }: TokenLogprobs): number | null {
  const likeliest = likeliestOf(top);
  if (likeliest === null) return null;
  const last = likeliest.at(-1) ?? Infinity;
  const isOutside = sampled !== null && sampled < last;
  const counted = isOutside ? [...likeliest, sampled] : likeliest;
  const probabilities = counted.map(Math.exp);
  const sum = probabilities.reduce((total, one) => total + one, 0);
  if (!(sum > 0)) return null;
  return nats(probabilities.map((one) => one / sum));
}

/** Over all tokens of an answer; null for an answer without any, or where one token's is not known. */
export function meanEntropyOf(tokens: readonly TokenLogprobs[]): number | null {
  let sum = 0;
  for (const token of tokens) {
    const entropy = entropyOf(token);
    if (entropy === null) return null;
    sum += entropy;
  }
  return tokens.length === 0 ? null : sum / tokens.length;
}

/**
 * Between what the entropy over a vocabulary of so many tokens lies, when the likeliest are known. What is left of the
 * probability is most certain where it is dealt in parts as large as the least likely of these, and least certain where
 * all other tokens share it evenly. Null where the probabilities are none.
 */
export function entropyBounds(
  top: readonly number[],
  vocabularyTokens: number,
): { readonly low: number; readonly high: number } | null {
  const likeliest = likeliestOf(top);
  if (likeliest === null) return null;
  const probabilities = likeliest.map(Math.exp);
  const known = nats(probabilities);
  const left = 1 - probabilities.reduce((total, one) => total + one, 0);
  const others = vocabularyTokens - likeliest.length;
  const least = likeliest.at(-1) ?? 0;
  // Rounding may leave a little, or less than nothing; and beyond a token of no probability there is none.
  if (left <= 0 || others <= 0 || least === -Infinity) return { low: known, high: known };
  return { low: known - left * least, high: known + left * Math.log(others / left) };
}

/** Likeliest first; null where one is no logarithm of a probability, or there is none. */
function likeliestOf(top: readonly number[]): number[] | null {
  // Engines round, so a certain token may come out a little above nothing.
  const isSound = top.every((one) => one <= ROUNDING_MAX);
  return isSound && top.length > 0
    ? top.toSorted((left, right) => right - left).slice(0, TOP_TOKENS)
    : null;
}

const ROUNDING_MAX = 1e-3;

/** A token of no probability adds nothing. */
function nats(probabilities: readonly number[]): number {
  return -probabilities.reduce((sum, one) => sum + (one > 0 ? one * Math.log(one) : 0), 0);
}
