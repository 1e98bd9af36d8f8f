// How many tokens a block of text is worth, learned from what engines say that prompts had: blocks are counted in
// units of text (`keyed-hash.ts`), load and caches in tokens.
import { BLOCK_TOKENS, BLOCK_UNITS } from "./keyed-hash.ts";

/** Sums that forget: long prompts count for more, since what a template adds to a short one is no text. */
export interface Calibration {
  readonly tokens: number;
  readonly blocks: number;
}

/** Four units a token, as much as twenty prompts of an ordinary length would say. */
const PRIOR_BLOCKS = 256;
export const UNCALIBRATED: Calibration = {
  tokens: PRIOR_BLOCKS * BLOCK_TOKENS,
  blocks: PRIOR_BLOCKS,
};

/** Some hundred long prompts, after which older ones are forgotten: tokenizers do not change, traffic does. */
const BLOCKS_MAX = 16_384;
/** What one prompt may say at most: a sixteenth of that. */
const PROMPT_BLOCKS_MAX = BLOCKS_MAX / 16;
/** A shorter prompt is mostly template. */
const PROMPT_BLOCKS_MIN = 4;
/**
 * From sixteen units a token (runs of spaces, one word repeated) to one (Chinese, by an old tokenizer). What is beyond
 * was no text: a picture, or a prompt that the engine cut.
 */
export const TOKENS_PER_BLOCK_MIN = 16;
export const TOKENS_PER_BLOCK_MAX = 256;

/** After a prompt of `units` of canonical text for which an engine reported `promptTokens`. */
export function calibrated(was: Calibration, promptTokens: number, units: number): Calibration {
  const blocks = units / BLOCK_UNITS;
  const perBlock = promptTokens / blocks;
  const isText = perBlock >= TOKENS_PER_BLOCK_MIN && perBlock <= TOKENS_PER_BLOCK_MAX;
  if (!isText || !(blocks >= PROMPT_BLOCKS_MIN)) return was;
  const added = Math.min(blocks, PROMPT_BLOCKS_MAX);
  const kept = Math.min(1, (BLOCKS_MAX - added) / was.blocks);
  return { tokens: was.tokens * kept + added * perBlock, blocks: was.blocks * kept + added };
}

/** Always within the bounds above. */
export function tokensPerBlock({ tokens, blocks }: Calibration): number {
  return tokens / blocks;
}
