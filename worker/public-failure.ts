// What a stranger may know of a failure, and what they can do about it, free of any client API's words.

/** Stands for the field that bounds the output, which each client API names its own way; its dialect fills it in. */
export const OUTPUT_BOUND = "{output-bound}";

/** Of a bug, to whoever met it. */
export const WENT_WRONG =
  "Something in the gateway went wrong. It has been logged under this request's id.";

/** `type` and `code` are our own words, OpenAI's where it has one; a dialect with others maps them. */
export interface PublicFailure {
  readonly status: number;
  readonly message: string;
  readonly type: string;
  readonly code: string | null;
  readonly param: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The openai SDK ignores `retry-after` above 60 s and then retries at once; beyond that only `x-should-retry: false`
 * keeps it quiet (measured, research on budgets 1.13).
 */
const RETRY_AFTER_MS_MAX = 60_000;

/** In seconds for everybody, and to the millisecond for SDKs that read it. */
export function retryAdvice(waitMs: number): Record<string, string> {
  const seconds = String(Math.max(1, Math.ceil(waitMs / 1000)));
  return waitMs > RETRY_AFTER_MS_MAX
    ? { "retry-after": seconds, "x-should-retry": "false" }
    : { "retry-after": seconds, "retry-after-ms": String(Math.max(1, Math.ceil(waitMs))) };
}
