// What a ledger counts, and sums of it. Integers only: money in nano-dollars, everything else in whole units.

/**
 * Each is checked by itself and all in one turn. Input and output tokens are parted as bills part them: input that was
 * read anew, read from a cache, or written to one; output that is shown, and thinking. `tokens` is all of them.
 * `concurrency` counts calls in flight, so that it is held and never spent.
 */
export const DIMENSIONS = [
  "requests",
  "tokens",
  "nanos",
  "uncachedInputTokens",
  "cachedInputTokens",
  "cacheWriteTokens",
  "visibleOutputTokens",
  "reasoningTokens",
  "concurrency",
] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** What a call takes or gives in each dimension. */
export type Amounts = Readonly<Record<Dimension, number>>;

export const NOTHING: Amounts = {
  requests: 0,
  tokens: 0,
  nanos: 0,
  uncachedInputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  visibleOutputTokens: 0,
  reasoningTokens: 0,
  concurrency: 0,
};

export function plus(left: Amounts, right: Amounts): Amounts {
  return combine(left, right, (a, b) => a + b);
}

export function minus(left: Amounts, right: Amounts): Amounts {
  return combine(left, right, (a, b) => a - b);
}

/** How far `left` lies above `right`, in each dimension by itself. */
export function above(left: Amounts, right: Amounts): Amounts {
  return combine(left, right, (a, b) => Math.max(0, a - b));
}

export function combine(
  left: Amounts,
  right: Amounts,
  of: (left: number, right: number) => number,
): Amounts {
  return {
    requests: of(left.requests, right.requests),
    tokens: of(left.tokens, right.tokens),
    nanos: of(left.nanos, right.nanos),
    uncachedInputTokens: of(left.uncachedInputTokens, right.uncachedInputTokens),
    cachedInputTokens: of(left.cachedInputTokens, right.cachedInputTokens),
    cacheWriteTokens: of(left.cacheWriteTokens, right.cacheWriteTokens),
    visibleOutputTokens: of(left.visibleOutputTokens, right.visibleOutputTokens),
    reasoningTokens: of(left.reasoningTokens, right.reasoningTokens),
    concurrency: of(left.concurrency, right.concurrency),
  };
}
