// What an upstream's failure means: for the caller, for another try, for the upstream's name, and for the bill.
import type { Failure } from "./failure.ts";
import type { UpstreamError } from "./upstream/wire/read-error.ts";

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

/**
 * The call has lasted as long as one may. No fault of the upstream, which may well have been answering: otherwise a few
 * long answers to one tenant would close it to all.
 */
export function overdue(deadlineMs: number): Troubled {
  return troubled({ kind: "upstream-late", deadlineMs }, { isFault: false, isFree: false });
}

/** It says more than the gateway lets through. What one client asked for must not count against the upstream. */
export function tooMuch(detail: string): Troubled {
  return troubled(
    { kind: "upstream-cut", detail },
    { isRetryable: false, isFault: false, isFree: false },
  );
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
export function inBandError(
  error: UpstreamError,
  isBeforeAnything: boolean,
  elapsedMs: number,
): Troubled {
  const status = statusOf(error);
  const { trouble } =
    status === null
      ? troubled(
          { kind: "upstream-failed", status, detail: "it answered with an error" },
          { isFault: true, isFree: elapsedMs <= REFUSED_WITHIN_MS },
        )
      : refusal(status, error, null, elapsedMs);
  return { kind: "failed", trouble: { ...trouble, isFree: trouble.isFree && isBeforeAnything } };
}

function statusOf({ status, type, code }: UpstreamError): number | null {
  if (status !== null && status >= 400 && status < 600) return status;
  const words = `${type ?? ""} ${code ?? ""}`;
  if (/rate.?limit/i.test(words)) return 429;
  return /invalid.?request|bad.?request/i.test(words) ? 400 : null;
}

/**
 * A 5xx that comes sooner than this is taken for a refusal; a later one may be a proxy giving up on an engine that
 * worked all the while, and would be a way to have it work for nothing.
 */
const REFUSED_WITHIN_MS = 2000;

/** What a status means. */
export function refusal(
  status: number,
  error: UpstreamError,
  retryAfterMs: number | null,
  elapsedMs: number,
): Troubled {
  switch (status) {
    case 429:
      return troubled({ kind: "upstream-busy", retryAfterMs }, { isFault: false, isFree: true });
    case 401:
    case 403:
      return troubled({ kind: "upstream-credentials" }, { isFault: false, isFree: true });
    // An unpaid bill, a model or an address that is not there: the operator's to mend, so another upstream may do.
    case 402:
    case 404:
    case 405:
    case 410:
      return troubled(
        { kind: "upstream-failed", status, detail: "it refused" },
        { isFault: false, isFree: true },
      );
    default:
      if (status < 400 || status >= 500 || status === 408) return failedWith(status, elapsedMs);
      // The rest of the 4xx tells the caller what is wrong with the request, and keeps its meaning.
      return troubled(
        { kind: "upstream-refused", status, ...wordsOf(error) },
        { isRetryable: false, isFault: false, isFree: true },
      );
  }
}

function wordsOf({ message, type, code, param }: UpstreamError) {
  return { message: message ?? UNTOLD, type, code, param };
}

/** For a refusal whose text is of no known shape: a proxy's page, a trace, somebody's headers. */
const UNTOLD = "The upstream refused the request and gave no reason that can be shown.";

/** 501 and 503 say that nothing was done. */
function failedWith(status: number, elapsedMs: number): Troubled {
  const isFree = status === 501 || status === 503 || elapsedMs <= REFUSED_WITHIN_MS;
  return troubled(
    { kind: "upstream-failed", status, detail: "it failed" },
    { isFault: true, isFree },
  );
}

function troubled(
  failure: Failure,
  how: { isRetryable?: boolean; isFault: boolean; isFree: boolean },
): Troubled {
  return { kind: "failed", trouble: { failure, isRetryable: true, ...how } };
}
