// What a prompt is taken to have in tokens, and what a call would gain by going first.
import type { Placement } from "../placement.ts";
import type { PoolSettings } from "./pool.ts";

export interface PromptSize {
  readonly tokens: number;
  readonly blockTokens: number;
}

/** No more than its blocks are worth, so that an input which was bounded from above does no harm. */
export function sizeOf(blocks: number, inputTokens: number, perBlock: number): PromptSize {
  const tokens = Math.min(inputTokens, (blocks + 1) * perBlock);
  return { tokens, blockTokens: Math.min(perBlock, tokens / Math.max(1, blocks)) };
}

export const NOTHING_GAINED = { hitShare: 0, uncachedSeconds: 0 };

/** What it would find cached at best, wherever there is room or not, and what it would have to compute. */
export function gainOf(
  placement: Placement,
  blocks: ArrayLike<number>,
  { tokens, blockTokens }: PromptSize,
  { order, replicas }: PoolSettings,
): typeof NOTHING_GAINED {
  if (order === "arrival" || blocks.length === 0) return NOTHING_GAINED;
  const depth = placement.depth({ blocks, inputTokens: tokens });
  const speed = Math.max(...replicas.map((one) => one.prefillTokensPerSecond));
  const uncachedSeconds = Math.max(0, tokens - depth * blockTokens) / speed;
  return { hitShare: depth / blocks.length, uncachedSeconds };
}
