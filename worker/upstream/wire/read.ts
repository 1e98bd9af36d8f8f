// Reads what an upstream answers in the chat-completions form, whole or event by event, into deltas and counts.
import type { Usage } from "../../../policies/account.ts";
import type { Delta } from "../../dialect/dialect.ts";
import { TagSplitter, type Piece } from "../../stream/tags.ts";
import type { AnswerForm } from "./form.ts";
import { isFields, numberOrNull, parseFields, type Fields } from "./parsed.ts";
import { readParts } from "./parts.ts";
import { readError, type UpstreamError } from "./read-error.ts";
import { readUsage, tellsCached } from "./usage.ts";
import { weigh, weighUnread } from "./weigh.ts";

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

/** What one delta or message says. */
interface Said {
  readonly deltas: readonly Delta[];
  readonly isReal: boolean;
  /** It holds anything, which was written and is billed, whether it could be read or not. */
  readonly isFilled: boolean;
}

/** Characters a token, for counting what was seen when no usage came: the usual figure for English. */
const CHARS_PER_TOKEN = 4;
/** OpenAI's own bound on `n`; an index beyond it is an engine's mistake, and is not remembered. */
const ANSWERS_MAX = 128;

export class AnswerReader {
  /** The first answer's text is split at inline think tags; further answers are only counted. */
  readonly #think = new TagSplitter("<think>", "</think>");
  #chars = 0;
  #reasoningChars = 0;
  #chunks = 0;
  readonly #begun = new Set<number>();
  readonly #ended = new Set<number>();
  usage: Usage | null = null;
  /** The usage said what came from a cache. */
  isCacheTold = false;
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
      if (read.isFilled) this.#chunks += 1;
      isReal ||= read.isReal;
      // One by one: as arguments, an engine's endless list of tool calls would overflow the stack.
      if (isFirst) for (const delta of read.deltas) deltas.push(delta);
      if (isFirst && this.form !== null) for (const delta of read.deltas) this.form.see(delta);
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
      this.isCacheTold = tellsCached(chunk["usage"]);
      deltas.push({ kind: "usage", usage });
    }
    return { kind: "chunk", deltas, isReal, isUsageOnly: usage !== null && choices.length === 0 };
  }

  #readSaid(said: Fields, isFirst: boolean): Said {
    const deltas: Delta[] = [];
    const parts = Array.isArray(said["content"]) ? readParts(said["content"]) : null;
    // Four spellings of one thing: DeepSeek's and older vLLM's, newer vLLM's and OpenRouter's, Mistral's, and tags in the text.
    const reasoning = firstFilled(said["reasoning_content"], said["reasoning"], parts?.thought);
    if (reasoning !== null) {
      this.#reasoningChars += reasoning.length;
      deltas.push({ kind: "reasoning", text: reasoning });
    }
    const content = firstFilled(said["content"], parts?.text, said["refusal"]);
    if (content !== null) {
      deltas.push(...this.#pieces(isFirst ? this.#think.push(content) : [whole(content)]));
    }
    const calls = Array.isArray(said["tool_calls"])
      ? (said["tool_calls"] as readonly unknown[])
      : [];
    for (const [position, call] of calls.entries()) {
      if (!isFields(call)) continue;
      const called = isFields(call["function"]) ? call["function"] : {};
      deltas.push({
        kind: "tool-call",
        index: typeof call["index"] === "number" ? call["index"] : position,
        id: textOrNull(call["id"]),
        name: textOrNull(called["name"]),
        arguments: typeof called["arguments"] === "string" ? called["arguments"] : "",
      });
    }
    // No deltas of ours, and an answer all the same: functions before there were tools, and speech.
    const [called, spoken] = [weigh(said["function_call"]), weigh(said["audio"])];
    const chars = weigh(calls).chars + called.chars + spoken.chars + (parts?.otherChars ?? 0);
    this.#chars += chars;
    const unread = unreadOf(said);
    const rest =
      unread === null
        ? null
        : weighUnread(unread, {
            textChars: (content?.length ?? 0) + chars,
            thoughtChars: reasoning?.length ?? 0,
          });
    this.#chars += rest?.textChars ?? 0;
    this.#reasoningChars += rest?.thoughtChars ?? 0;
    const isReal =
      deltas.length > 0 || called.isFilled || spoken.isFilled || parts?.isFilled === true;
    return { deltas, isReal, isFilled: isReal || rest?.isFilled === true };
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

function whole(text: string): Piece {
  return { where: "outside", text };
}

/** Members of which nothing was read; null when there are none, as in nearly every event. */
function unreadOf(said: Fields): Record<string, unknown> | null {
  let unread: Record<string, unknown> | null = null;
  for (const key of Object.keys(said)) {
    const member = said[key];
    if (member !== null && !isRead(key, member)) (unread ??= {})[key] = member;
  }
  return unread;
}

/** Members that `#readSaid` has read, in the form that it reads. */
function isRead(key: string, member: unknown): boolean {
  switch (key) {
    case "content":
      return typeof member === "string" || Array.isArray(member);
    case "refusal":
    case "reasoning":
    case "reasoning_content":
      return typeof member === "string";
    case "tool_calls":
      return Array.isArray(member);
    default:
      return key === "role" || key === "function_call" || key === "audio";
  }
}

/** The first text with anything in it: an engine may send both spellings and fill only one. */
function firstFilled(...values: readonly unknown[]): string | null {
  for (const value of values) if (typeof value === "string" && value !== "") return value;
  return null;
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
