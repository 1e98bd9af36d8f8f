// How right an answer was, from what a gateway really learns of it, and how much that is worth beside a grader's verdict.
import type { Signals } from "./head.ts";

/** A grader's verdict outranks everything. Clients complain more than they praise, and mean other things by it. */
const GRADE_WEIGHT = 1;
const FEEDBACK_WEIGHT = 0.8;
/** Asked for and broken: of no use to whoever asked, whatever it says. */
const BROKEN_WEIGHT = 0.6;
/** Cut at its cap before it said what it had to say. Some of it may be of use. */
const CUT = { score: 0.1, weight: 0.5 };
const ESCALATED = { score: 0.1, weight: 0.5 };
/** Asked again within minutes: often wrong, and sometimes merely lost or asked for another wording. */
const RETRIED = { score: 0.2, weight: 0.3 };
/**
 * Nobody complained. That must count for something, or an arm would sink by its complaints alone; it counts so little that
 * one retry stands against fifteen silences, as if one wrong answer in fifteen were complained of (assumed).
 */
const SILENT = { score: 1, weight: 0.02 };

/** Null where the signals say nothing of the arm: it was stopped by a filter, or how it ended is not known. */
export function judge(signals: Signals): { score: number; weight: number } | null {
  const { grade, feedback, finishReason, outputTokens, capTokens } = signals;
  if (grade !== null) return { score: grade, weight: GRADE_WEIGHT };
  if (feedback !== null) return { score: feedback, weight: FEEDBACK_WEIGHT };
  if (signals.isFormatValid === false) return { score: 0, weight: BROKEN_WEIGHT };
  if (signals.wasEscalated) return ESCALATED;
  const isAtCap = outputTokens !== null && capTokens !== null && outputTokens >= capTokens;
  if (finishReason === "length" || isAtCap) return CUT;
  if (signals.wasRetried) return RETRIED;
  // Talk has no right or wrong whose absence somebody would notice.
  const isDone = finishReason === "stop" || finishReason === "tool_calls";
  return isDone && signals.kind !== "chat" ? SILENT : null;
}
