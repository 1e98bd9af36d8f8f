// What a refusal by status says, as far as the caller may hear it, and what the operator is told of it.
import { logError } from "./log.ts";
import { refusal, type Troubled } from "./trouble.ts";
import { readErrorText } from "./upstream/wire/read-error.ts";
import { redact } from "./upstream/wire/redact.ts";

export function hearRefusal(
  { status, headers }: Response,
  text: string,
  call: { readonly url: string; readonly secret: string | null },
  nowMs: number,
  elapsedMs: number,
): Troubled {
  // Nothing of the body: it may hold the prompt. The status tells an operator where to look.
  if (status !== 400) logError("upstream-refused", { url: call.url, status });
  const retryAfterMs = readRetryAfter(headers.get("retry-after"), nowMs);
  return refusal(status, redact(readErrorText(text), call), retryAfterMs, elapsedMs);
}

/**
 * Longer advice is a mistake, or a limit that a caller will ask about again anyway: the advice of a limit by the hour
 * is the longest that providers give.
 */
const RETRY_AFTER_MS_MAX = 3_600_000;

/** `retry-after` as an interval: seconds, or a date, as HTTP has both. Null when it is neither. */
export function readRetryAfter(header: string | null, nowMs: number): number | null {
  if (header === null || header.trim() === "") return null;
  const seconds = Number(header);
  const waitMs = Number.isNaN(seconds) ? Date.parse(header) - nowMs : seconds * 1000;
  if (Number.isNaN(waitMs) || (waitMs < 0 && !Number.isNaN(seconds))) return null;
  return Math.ceil(Math.min(RETRY_AFTER_MS_MAX, Math.max(0, waitMs)));
}
