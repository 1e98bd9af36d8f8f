// What an effort is taken to be worth in tokens, so that one ceiling bounds both ways of asking for thinking.
import { EFFORTS, type Effort } from "./catalog.ts";

/**
 * Up to high as Gemini publishes it for its 2.5 models (ai.google.dev/gemini-api/docs/openai), the one table of its
 * kind; above that each level is taken to double, which is assumed. No engine promises it.
 */
export const EFFORT_TOKENS: Readonly<Record<Effort, number>> = {
  none: 0,
  minimal: 1024,
  low: 1024,
  medium: 8192,
  high: 24_576,
  xhigh: 49_152,
  max: 98_304,
};

/** Those of `offered` that are worth at most so many tokens, least first. */
export function effortsWithin(tokensMax: number, offered: readonly Effort[] = EFFORTS): Effort[] {
  return EFFORTS.filter((effort) => offered.includes(effort) && EFFORT_TOKENS[effort] <= tokensMax);
}
