// When an engine that orders its own queue shall begin a call: at its arrival and so much later as its prompt takes to
// compute, a few times over. Short prompts pass long ones, and no further than that: whoever waits is overtaken for a
// bounded time, since later calls have later numbers. Lower begins sooner, as vLLM has it.

/** Of a number: as fine as one prefill step of a large prompt. */
const UNIT_MS = 100;
/** 2026-01-01: numbers stay below 2^31 until 2032. */
const ORIGIN_MS = 1_767_225_600_000;
/** Times its own prefill that a call may be overtaken for: a ten-second prompt by what comes in the next forty. */
const PREFILL_FACTOR = 4;
/** The longest, whatever a prompt is said to take. */
const LATER_MS_MAX = 60_000;

/** A whole number from 0. `uncachedTokens`: what its replica has yet to compute of the prompt. */
export function enginePriority(
  nowMs: number,
  uncachedTokens: number,
  prefillTokensPerSecond: number,
): number {
  const laterMs = (PREFILL_FACTOR * uncachedTokens * 1000) / prefillTokensPerSecond;
  const atMs = nowMs - ORIGIN_MS + Math.min(LATER_MS_MAX, Math.max(0, laterMs));
  return Math.max(0, Math.round(atMs / UNIT_MS));
}
