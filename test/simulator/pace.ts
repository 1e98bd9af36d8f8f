// How long an answer takes: waiting, prefill of what the cache did not hold, and decoding, all
// scaled down together when the whole would pass the promised end.
import type { SimulatorSettings } from "./settings.ts";

export type Pace = { readonly beforeFirstMs: number; readonly perTokenMs: number };

export function paceAnswer(
  settings: SimulatorSettings,
  uncachedTokens: number,
  answerTokens: number,
): Pace {
  const beforeFirstMs = settings.firstByteMs + settings.prefillMsPerToken * uncachedTokens;
  const totalMs = beforeFirstMs + settings.decodeMsPerToken * answerTokens;
  const scale = totalMs > settings.answerMsMax ? settings.answerMsMax / totalMs : 1;
  return { beforeFirstMs: beforeFirstMs * scale, perTokenMs: settings.decodeMsPerToken * scale };
}
