// How long an answer takes: waiting, prefill, and decoding, all
// scaled down together when the whole would pass the promised end.
import type { SimulatorSettings } from "./settings.ts";

export type Pace = { readonly beforeFirstMs: number; readonly perTokenMs: number };

/** A queue before it is waited for whole: it is no part of the answer. */
export function paceAnswer(
  settings: SimulatorSettings,
  prefillMs: number,
  answerTokens: number,
  waitMs = 0,
): Pace {
  const beforeFirstMs = settings.firstByteMs + prefillMs;
  const totalMs = beforeFirstMs + settings.decodeMsPerToken * answerTokens;
  const scale = totalMs > settings.answerMsMax ? settings.answerMsMax / totalMs : 1;
  return {
    beforeFirstMs: waitMs + beforeFirstMs * scale,
    perTokenMs: settings.decodeMsPerToken * scale,
  };
}
