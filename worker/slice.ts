// How much output a stream holds at a time: holding all that it may write would starve everybody else, since clients
// allow 32,000 tokens and agents' answers have 400 in the middle (research on budgets, 0.2).

/** Fewer would ask the ledger again within seconds of an ordinary answer. */
export const SLICE_TOKENS_MIN = 256;
/** 20 seconds of a fast engine: of a call that dies no more than this lies idle until its hold expires. */
export const SLICE_TOKENS_MAX = 2048;
/** Answers longer than expected are common; half as much again spares most of them their extension. */
const SLICE_PER_PREDICTED = 1.5;
/** What is held is asked to grow when so much of it was seen: the rest lasts longer than the ledger takes to answer. */
const EXTENDED_AT_SHARE = 0.75;

/** The first slice, from what the choice expects one answer to take. */
export function firstSlice(predictedTokens: number, answers: number): number {
  const wished = Math.ceil(predictedTokens * SLICE_PER_PREDICTED);
  return Math.min(SLICE_TOKENS_MAX, Math.max(SLICE_TOKENS_MIN, wished)) * answers;
}

/**
 * The total to hold when so much was written: as much again as is held, so that a long answer asks seldom, but never
 * more than a whole slice beyond what was written.
 */
export function nextHeld(heldTokens: number, writtenTokens: number, answers: number): number {
  const piece = Math.min(SLICE_TOKENS_MAX * answers, Math.max(SLICE_TOKENS_MIN, heldTokens));
  return Math.max(heldTokens, writtenTokens) + piece;
}

/** What may be seen before more is asked for. */
export function extendsAt(heldTokens: number): number {
  return Math.floor(heldTokens * EXTENDED_AT_SHARE);
}
