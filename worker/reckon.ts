// What a call has used, from what its engine reported and what was seen of it here, and how sure that is.
import { NO_USAGE, type Certainty, type Usage } from "../policies/account.ts";
import { CALL_TOKENS_MAX, findAnomaly } from "../policies/ledger/charge.ts";

/**
 * Contexts of its model that one call's tokens may come to. One for what it reads and writes by itself; engines that go
 * round with tools of their own bill every round, of which there are some ten.
 */
const CONTEXTS_MAX = 16;

export interface Witnessed {
  /** What the model reads at once, and how many answers it was asked for. */
  readonly contextTokens: number;
  readonly answers: number;
  readonly reported: Usage | null;
  /** Output that was seen, and how much of it was thinking. */
  readonly seenTokens: number;
  readonly seenReasoningTokens: number;
  /** What was held for the input. */
  readonly inputTokens: number;
  readonly heldOutputTokens: number;
  /** What may have been written in the call's silences, or Infinity: all that it was allowed. */
  readonly unseenTokens: number;
  /** The answer has ended by itself: some engines count along in every chunk, and until then a count is only a floor. */
  readonly isOver: boolean;
}

export interface Reckoning {
  readonly usage: Usage;
  readonly certainty: Certainty;
  /** Why what was reported cannot be; null where it can. */
  readonly anomaly: string | null;
}

/**
 * A report that can be is taken at its word. Without one, what was seen is charged and what may have been written unseen,
 * at most what was held: an engine that thinks out of sight is silent meanwhile, and leaving at its first word must not be
 * cheaper than hearing it out, nor a report that cannot be cheaper than none.
 */
export function reckonUsage(witnessed: Witnessed): Reckoning {
  const { reported, seenTokens, isOver } = witnessed;
  const most = tokensMaxOf(witnessed);
  const anomaly = reported === null ? null : (findAnomaly(reported) ?? findExcess(reported, most));
  if (reported !== null && anomaly === null && isOver && !isBlank(reported, seenTokens))
    return { usage: reported, certainty: "exact", anomaly };
  const sure =
    reported === null ? NO_USAGE : anomaly === null ? reported : salvage(reported, witnessed);
  const seen = Math.max(seenTokens, sure.outputTokens);
  const { heldOutputTokens, unseenTokens } = witnessed;
  const outputTokens = Math.max(seen, Math.min(heldOutputTokens, seen + unseenTokens));
  return {
    usage: {
      ...sure,
      inputTokens: sure.inputTokens || witnessed.inputTokens,
      outputTokens,
      reasoningTokens: Math.min(
        outputTokens,
        Math.max(witnessed.seenReasoningTokens, sure.reasoningTokens),
      ),
    },
    certainty: seen === 0 && !isOver ? "unknown" : "at_least",
    anomaly,
  };
}

/** A prompt of no tokens, or none for text that was seen: zeros that a proxy filled in, not a count. */
function isBlank({ inputTokens, outputTokens }: Usage, seenTokens: number): boolean {
  return inputTokens === 0 || (outputTokens === 0 && seenTokens > 0);
}

/** What of an unsound report can be, as a floor. What does not fit inside another count lies beside it. */
function salvage(reported: Usage, witnessed: Witnessed): Usage {
  const { seenTokens, seenReasoningTokens } = witnessed;
  const most = tokensMaxOf(witnessed);
  const countOf = (value: number): number =>
    Number.isInteger(value) && value >= 0 && value <= most ? value : 0;
  const cacheTokens = countOf(reported.cachedTokens) + countOf(reported.cacheWriteTokens);
  const outputTokens = countOf(reported.outputTokens);
  const reasoningTokens = countOf(reported.reasoningTokens);
  // Thinking that is more than the output was left out of it (xAI), so that all that was seen comes on top.
  const besides = Math.max(outputTokens, seenTokens - seenReasoningTokens) + reasoningTokens;
  return {
    inputTokens: Math.min(most, Math.max(countOf(reported.inputTokens), cacheTokens)),
    // Which part of the input was cheaper is not believed any more.
    cachedTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: reasoningTokens > outputTokens ? Math.min(most, besides) : outputTokens,
    reasoningTokens,
  };
}

/** Of one kind. A count beyond it, believed, would use up a window that only a refund opens again. */
function tokensMaxOf({ contextTokens, answers }: Witnessed): number {
  return Math.min(CALL_TOKENS_MAX, CONTEXTS_MAX * contextTokens * answers);
}

function findExcess({ inputTokens, outputTokens }: Usage, most: number): string | null {
  return Math.max(inputTokens, outputTokens) <= most
    ? null
    : `above ${most}: input ${inputTokens}, output ${outputTokens}`;
}
