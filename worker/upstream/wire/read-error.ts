// Reads what an upstream says when it refuses or breaks off, in whatever form, as far as a caller may hear it.
import { isFields, numberOrNull, parseFields, type Fields } from "./parsed.ts";

/** An error as engines put it into a body, whatever the status was. */
export interface UpstreamError {
  /** In the words of an API that has errors; null for anything else, which may be a page of the engine's inside. */
  readonly message: string | null;
  readonly type: string | null;
  readonly code: string | null;
  readonly param: string | null;
  readonly status: number | null;
}

/** An error's text may hold a whole prompt; callers get this much of it. */
const MESSAGE_CHARS_MAX = 2000;
/** A type, a code or the path of a field is no longer. */
const WORD_CHARS_MAX = 128;
/** Of a list of faults; the rest follow when these are mended. */
const FAULTS_MAX = 10;

/** Reads an error out of a body: OpenAI's shape, FastAPI's `detail` or a bare message. Other text is not shown. */
export function readErrorText(text: string): UpstreamError {
  const body = parseFields(text, true);
  const error = body === null ? null : readError(body);
  return error ?? errorOf(body?.["detail"] ?? body?.["message"]);
}

export function readError(body: Fields): UpstreamError | null {
  const error = body["error"] ?? choiceError(body["choices"]);
  if (error === undefined || error === null) {
    if (body["object"] !== "error") return null;
    return {
      ...errorOf(body["message"]),
      type: wordOrNull(body["type"]),
      param: wordOrNull(body["param"]),
      status: numberOrNull(body["code"]),
    };
  }
  if (!isFields(error)) return errorOf(error);
  return {
    message: wordsOf(error["message"]),
    type: wordOrNull(error["type"]),
    code: wordOrNull(error["code"]),
    param: wordOrNull(error["param"]),
    status: numberOrNull(error["code"]) ?? numberOrNull(error["status"]),
  };
}

function errorOf(message: unknown): UpstreamError {
  return { message: wordsOf(message), type: null, code: null, param: null, status: null };
}

/** A sentence, or FastAPI's list of faults: each fault's place and sentence, without the input that it repeats. */
function wordsOf(value: unknown): string | null {
  if (typeof value === "string") return value.trim() === "" ? null : clip(value, MESSAGE_CHARS_MAX);
  if (!Array.isArray(value)) return null;
  const faults = (value as readonly unknown[]).slice(0, FAULTS_MAX).flatMap((fault) => {
    if (!isFields(fault) || typeof fault["msg"] !== "string") return [];
    const place = Array.isArray(fault["loc"]) ? (fault["loc"] as readonly unknown[]) : [];
    const path = place.filter((step) => typeof step === "string" || typeof step === "number");
    return [path.length === 0 ? fault["msg"] : `${path.join(".")}: ${fault["msg"]}`];
  });
  return faults.length === 0 ? null : clip(faults.join("; "), MESSAGE_CHARS_MAX);
}

/** OpenRouter says so when a provider fails after it began: the error stands in the choice that it ended. */
function choiceError(choices: unknown): unknown {
  const first: unknown = Array.isArray(choices) ? choices[0] : undefined;
  return isFields(first) && first["finish_reason"] === "error" ? first["error"] : undefined;
}

function wordOrNull(value: unknown): string | null {
  return typeof value === "string" ? clip(value, WORD_CHARS_MAX) : null;
}

function clip(text: string, charsMax: number): string {
  return text.length > charsMax ? `${text.slice(0, charsMax)}...` : text;
}
