// Reads what an upstream answers in the chat-completions form, whole or event by event, into deltas and counts.
import type { Usage } from "../../../policies/account.ts";
import type { Delta } from "../../dialect/dialect.ts";
import { TagSplitter, type Piece } from "../../stream/tags.ts";
import type { AnswerForm } from "./form.ts";
import { readUsage } from "./usage.ts";

export type Reading =
  | {
      readonly kind: "chunk";
      readonly deltas: readonly Delta[];
      /** It says something: text, thinking, a tool call, an end. A lone role says nothing yet. */
      readonly isReal: boolean;
      /** It carries usage and no choice, as the extra chunk of `include_usage` does. */
      readonly isUsageOnly: boolean;
    }
  | { readonly kind: "done" }
  | { readonly kind: "error"; readonly error: UpstreamError }
  | { readonly kind: "unreadable" };

/** An error as engines put it into a body, whatever the status was. */
export interface UpstreamError {
  /** In the words of an API that has errors; null for anything else, which may be a page of the engine's inside. */
  readonly message: string | null;
  readonly type: string | null;
  readonly code: string | null;
  readonly param: string | null;
  readonly status: number | null;
}

type Fields = Readonly<Record<string, unknown>>;

/** Characters a token, for counting what was seen when no usage came: the usual figure for English. */
const CHARS_PER_TOKEN = 4;
/** OpenAI's own bound on `n`; an index beyond it is an engine's mistake, and is not remembered. */
const ANSWERS_MAX = 128;
/** An error's text may hold a whole prompt; callers get this much of it. */
const MESSAGE_CHARS_MAX = 2000;
/** A type, a code or the path of a field is no longer. */
const WORD_CHARS_MAX = 128;
/** Of a list of faults; the rest follow when these are mended. */
const FAULTS_MAX = 10;

export class AnswerReader {
  /** The first answer's text is split at inline think tags; further answers are only counted. */
  readonly #think = new TagSplitter("<think>", "</think>");
  #chars = 0;
  #reasoningChars = 0;
  #chunks = 0;
  readonly #begun = new Set<number>();
  readonly #ended = new Set<number>();
  usage: Usage | null = null;
  /** The first answer's, as the engine says it. */
  finishReason: string | null = null;
  /** Set where a form was asked for; it judges the first answer. */
  form: AnswerForm | null = null;

  /** Answers that began and have not ended, by their numbers; the first when none has begun. */
  get openAnswers(): readonly number[] {
    const open = [...this.#begun].filter((index) => !this.#ended.has(index));
    return this.#begun.size === 0 ? [0] : open;
  }

  /** Every answer that began has also ended. */
  get isFinished(): boolean {
    return this.#ended.size > 0 && this.#ended.size === this.#begun.size;
  }

  /** Output tokens seen so far, from what arrived: engines send about a token a chunk, or text of known length. */
  get seenTokens(): number {
    return Math.max(
      this.#chunks,
      Math.ceil((this.#chars + this.#reasoningChars) / CHARS_PER_TOKEN),
    );
  }

  get seenReasoningTokens(): number {
    return Math.min(this.seenTokens, Math.ceil(this.#reasoningChars / CHARS_PER_TOKEN));
  }

  /** One event's data. */
  readEvent(data: string): Reading {
    if (data === "[DONE]") return { kind: "done" };
    const chunk = parseFields(data);
    if (chunk === null) return { kind: "unreadable" };
    const error = readError(chunk);
    if (error !== null) return { kind: "error", error };
    return this.#readChoices(chunk, "delta");
  }

  /** A whole answer. */
  readBody(text: string): Reading {
    const body = parseFields(text);
    if (body === null) return { kind: "unreadable" };
    const error = readError(body);
    if (error !== null) return { kind: "error", error };
    if (!Array.isArray(body["choices"])) return { kind: "unreadable" };
    return this.#readChoices(body, "message");
  }

  #readChoices(chunk: Fields, part: "delta" | "message"): Reading {
    const deltas: Delta[] = [];
    let isReal = false;
    const choices = Array.isArray(chunk["choices"]) ? (chunk["choices"] as readonly unknown[]) : [];
    for (const choice of choices) {
      if (!isFields(choice)) continue;
      const said = isFields(choice[part]) ? choice[part] : {};
      const index = numberOrNull(choice["index"]) ?? 0;
      const isFirst = index === 0;
      const isCounted = Number.isInteger(index) && index >= 0 && index < ANSWERS_MAX;
      if (isCounted) this.#begun.add(index);
      const read = this.#readSaid(said, isFirst);
      if (read.length > 0) {
        this.#chunks += 1;
        isReal = true;
      }
      // One by one: as arguments, an engine's endless list of tool calls would overflow the stack.
      if (isFirst) for (const delta of read) deltas.push(delta);
      if (isFirst && this.form !== null) for (const delta of read) this.form.see(delta);
      if (typeof choice["finish_reason"] === "string") {
        isReal = true;
        if (isCounted) this.#ended.add(index);
        if (isFirst) {
          this.finishReason = choice["finish_reason"];
          const rest = this.#flush();
          for (const delta of rest) this.form?.see(delta);
          deltas.push(...rest, { kind: "finish", reason: this.finishReason });
        }
      }
    }
    const usage = readUsage(chunk["usage"]);
    if (usage !== null) {
      this.usage = usage;
      deltas.push({ kind: "usage", usage });
    }
    return { kind: "chunk", deltas, isReal, isUsageOnly: usage !== null && choices.length === 0 };
  }

  #readSaid(said: Fields, isFirst: boolean): Delta[] {
    const deltas: Delta[] = [];
    // Three spellings of one thing: DeepSeek's and older vLLM's, newer vLLM's and OpenRouter's, and tags in the text.
    const reasoning = firstFilled(said["reasoning_content"], said["reasoning"]);
    if (reasoning !== null) {
      this.#reasoningChars += reasoning.length;
      deltas.push({ kind: "reasoning", text: reasoning });
    }
    const content = firstFilled(said["content"], said["refusal"]);
    if (content !== null) {
      deltas.push(...this.#pieces(isFirst ? this.#think.push(content) : [whole(content)]));
    }
    const calls = Array.isArray(said["tool_calls"])
      ? (said["tool_calls"] as readonly unknown[])
      : [];
    for (const [position, call] of calls.entries()) {
      if (!isFields(call)) continue;
      const called = isFields(call["function"]) ? call["function"] : {};
      const text = typeof called["arguments"] === "string" ? called["arguments"] : "";
      this.#chars += text.length;
      deltas.push({
        kind: "tool-call",
        index: typeof call["index"] === "number" ? call["index"] : position,
        id: textOrNull(call["id"]),
        name: textOrNull(called["name"]),
        arguments: text,
      });
    }
    return deltas;
  }

  #flush(): Delta[] {
    return this.#pieces(this.#think.end());
  }

  #pieces(pieces: readonly Piece[]): Delta[] {
    return pieces.map(({ where, text }) => {
      if (where === "inside") this.#reasoningChars += text.length;
      else this.#chars += text.length;
      return { kind: where === "inside" ? "reasoning" : "text", text };
    });
  }
}

/** Reads an error out of a body: OpenAI's shape, FastAPI's `detail` or a bare message. Other text is not shown. */
export function readErrorText(text: string): UpstreamError {
  const body = parseFields(text, true);
  const error = body === null ? null : readError(body);
  return error ?? errorOf(body?.["detail"] ?? body?.["message"]);
}

function readError(body: Fields): UpstreamError | null {
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

/** `inList`: Gemini wraps an error's object in a list of one. */
function parseFields(text: string, inList = false): Fields | null {
  try {
    const value: unknown = JSON.parse(text);
    const first: unknown = inList && Array.isArray(value) ? value[0] : value;
    return isFields(first) ? first : null;
  } catch {
    // Not JSON is an answer of its own here: the caller says what that means.
    return null;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function whole(text: string): Piece {
  return { where: "outside", text };
}

/** The first text with anything in it: an engine may send both spellings and fill only one. */
function firstFilled(...values: readonly unknown[]): string | null {
  for (const value of values) if (typeof value === "string" && value !== "") return value;
  return null;
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function numberOrNull(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

function wordOrNull(value: unknown): string | null {
  return typeof value === "string" ? clip(value, WORD_CHARS_MAX) : null;
}

function clip(text: string, charsMax: number): string {
  return text.length > charsMax ? `${text.slice(0, charsMax)}...` : text;
}
