// What an upstream's failure means: for the caller, for another try, for the upstream's name, and for the bill.
import type { Failure } from "./failure.ts";
import type { UpstreamError } from "./upstream/wire/read.ts";

export interface Trouble {
  readonly failure: Failure;
  /** Another upstream, or this one later, may do better. */
  readonly isRetryable: boolean;
  /** It speaks against the upstream's health, so its breaker should hear of it. */
  readonly isFault: boolean;
  /** The upstream said that it refused, so nothing was generated; otherwise what was seen, or unknown, is charged. */
  readonly isFree: boolean;
}

export interface Troubled {
  readonly kind: "failed";
  readonly trouble: Trouble;
}

/**
 * No answer at all. The runtime says the same of a connection that was refused and of one that was lost with the
 * request already sent, so nobody knows whether anything was generated.
 */
export function unreachable(): Troubled {
  return troubled(
    { kind: "upstream-failed", status: null, detail: "the connection failed" },
    { isFault: true, isFree: false },
  );
}

export function silent(waitedMs: number): Troubled {
  return troubled({ kind: "upstream-silent", waitedMs }, { isFault: true, isFree: false });
}

/** It may well have been answering; the call has lasted as long as one may. */
export function overdue(deadlineMs: number): Troubled {
  return troubled({ kind: "upstream-late", deadlineMs }, { isFault: true, isFree: false });
}

export function cut(detail: string): Troubled {
  return troubled({ kind: "upstream-cut", detail }, { isFault: true, isFree: false });
}

/** It answered something, but not what was asked for. */
export function unlike(status: number): Troubled {
  return troubled(
    { kind: "upstream-failed", status, detail: "its answer is not a chat completion" },
    { isFault: true, isFree: false },
  );
}

/** An error that came with status 200: what kind it is, only its own fields can say. */
export function inBandError(error: UpstreamError, isBeforeAnything: boolean): Troubled {
  const status = statusOf(error);
  const { trouble } =
    status === null
      ? troubled(
          { kind: "upstream-failed", status, detail: "it answered with an error" },
          { isFault: true, isFree: true },
        )
      : refusal(status, error, null);
  return { kind: "failed", trouble: { ...trouble, isFree: trouble.isFree && isBeforeAnything } };
}

function statusOf({ status, type, code }: UpstreamError): number | null {
  if (status !== null && status >= 400 && status < 600) return status;
  const words = `${type ?? ""} ${code ?? ""}`;
  if (/rate.?limit/i.test(words)) return 429;
  return /invalid.?request|bad.?request/i.test(words) ? 400 : null;
}

/** What a status means. */
export function refusal(status: number, error: UpstreamError, retryAfter: string | null): Troubled {
  switch (status) {
    case 429: {
      const seconds = Number(retryAfter);
      const isUsable = retryAfter !== null && Number.isFinite(seconds) && seconds >= 0;
      const retryAfterMs = isUsable ? Math.ceil(seconds * 1000) : null;
      return troubled({ kind: "upstream-busy", retryAfterMs }, { isFault: false, isFree: true });
    }
    case 401:
    case 403:
      return troubled({ kind: "upstream-credentials" }, { isFault: false, isFree: true });
    case 400:
    case 413:
    case 415:
    case 422: {
      const { message, type, code, param } = error;
      return troubled(
        { kind: "upstream-refused", status, message, type, code, param },
        { isRetryable: false, isFault: false, isFree: true },
      );
    }
    default:
      // 404 is the catalog naming a model that is not there, 402 an unpaid bill: the operator's, never the caller's.
      return troubled(
        { kind: "upstream-failed", status, detail: "it refused" },
        { isFault: status >= 500 || status === 408, isFree: true },
      );
  }
}

function troubled(
  failure: Failure,
  how: { isRetryable?: boolean; isFault: boolean; isFree: boolean },
): Troubled {
  return { kind: "failed", trouble: { failure, isRetryable: true, ...how } };
}
