// Reads a chat-completions body by hand: only the fields that a decision needs, each fault naming its field and its mend.
import { faultPosition } from "../../stream/json-fault.ts";
import { members } from "../../stream/json-text.ts";
import type { Ask, ReadAsk } from "../dialect.ts";

type Fields = Readonly<Record<string, unknown>>;
type Fault = Extract<ReadAsk, { kind: "invalid-field" }>;

/** OpenAI's own bound on `n`. */
const ANSWERS_MAX = 128;
/** Far above any model's output; catches milliseconds or bytes sent by mistake. */
const OUTPUT_TOKENS_MAX = 10_000_000;

/** Fields that templates write into the prompt. One that is missing here would be read by a model and held by nobody. */
const READ_BY_MODELS: ReadonlySet<string> = new Set([
  "messages",
  "tools",
  "functions",
  "response_format",
  "documents",
  "chat_template",
  "chat_template_kwargs",
]);

export function readChat(body: string): ReadAsk {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return malformed(body);
  }
  if (!isFields(parsed)) return fault("body", "must be a JSON object with `model` and `messages`");
  const spans = members(body);
  const twice = firstTwice(spans.map(({ key }) => key));
  // Two parsers may keep different ones of a pair, and then gateway and engine would not read the same request.
  if (twice !== null) return fault(twice, "stands twice in the body; send it once");

  const model = parsed["model"];
  if (typeof model !== "string" || model === "")
    return fault("model", "must be a string: `auto`, or a model of `GET /v1/models`");
  const messages = parsed["messages"];
  if (!Array.isArray(messages) || messages.length === 0)
    return fault("messages", "must be an array of at least one message");
  const conversation = readMessages(messages);
  if ("problem" in conversation) return fault(conversation.field, conversation.problem);
  const numbers = readNumbers(parsed);
  if ("problem" in numbers) return fault(numbers.field, numbers.problem);
  const stream = parsed["stream"] ?? false;
  if (typeof stream !== "boolean") return fault("stream", "must be true or false");
  const options = parsed["stream_options"] ?? {};
  if (!isFields(options)) return fault("stream_options", "must be an object");
  const effort = parsed["reasoning_effort"] ?? null;
  if (effort !== null && typeof effort !== "string")
    return fault("reasoning_effort", "must be a string such as `low`");

  const readable = spans.filter(({ key }) => READ_BY_MODELS.has(key));
  const readableBytes = readable.reduce(
    (sum, { valueStart, valueEnd }) => sum + byteLength(body.slice(valueStart, valueEnd)),
    0,
  );
  const ask: Ask = {
    model,
    isStream: stream,
    wantsUsage: options["include_usage"] === true,
    outputTokensMax: numbers.outputTokensMax,
    answers: numbers.answers,
    effort,
    setsTemperature: (parsed["temperature"] ?? null) !== null,
    setsThinking: [
      "chat_template_kwargs",
      "enable_thinking",
      "thinking",
      "thinking_budget",
      "thinking_token_budget",
      "think",
      "reasoning",
    ].some((key) => (parsed[key] ?? null) !== null),
    isConstrained: constrainsForm(parsed),
    hasTools: isFilled(parsed["tools"]) || isFilled(parsed["functions"]),
    query: conversation.query,
    earlierQuery: conversation.earlierQuery,
    userTurns: conversation.userTurns,
    hasHistory: conversation.hasHistory,
    isToolResult: conversation.isToolResult,
    conversationSeed: conversation.conversationSeed,
    unseenParts: conversation.unseenParts,
    inputBytes: readableBytes - conversation.encodedChars,
    wire: body,
  };
  return { kind: "read", ask };
}

/** A fault of a part, before it becomes a fault of the request. */
interface PartFault {
  readonly field: string;
  readonly problem: string;
}

type Conversation = Pick<
  Ask,
  | "query"
  | "earlierQuery"
  | "userTurns"
  | "hasHistory"
  | "isToolResult"
  | "conversationSeed"
  | "unseenParts"
> & {
  /** Characters of pictures, sound and files inside the body, whose tokens do not follow from their length. */
  readonly encodedChars: number;
};

function readMessages(messages: readonly unknown[]): Conversation | PartFault {
  let query = "";
  let firstUser: string | null = null;
  let system = "";
  let earlierQuery: string | null = null;
  let userTurns = 0;
  let hasHistory = false;
  let unseenParts = 0;
  let encodedChars = 0;
  let lastRole = "";
  for (const [index, message] of messages.entries()) {
    const field = `messages[${index}]`;
    if (!isFields(message))
      return { field, problem: "must be an object with `role` and `content`" };
    const { role, content } = message;
    if (typeof role !== "string")
      return { field: `${field}.role`, problem: "must be a string such as `user`" };
    const read = readContent(content ?? null);
    if (read === null)
      return { field: `${field}.content`, problem: "must be a string, an array of parts, or null" };
    unseenParts += read.unseenParts;
    encodedChars += read.encodedChars;
    lastRole = role;
    if (role === "user") {
      userTurns += 1;
      query = read.text;
      firstUser ??= read.text;
    } else if (role === "system" || role === "developer") {
      system += read.text;
    } else {
      hasHistory = true;
      if (userTurns > 0) earlierQuery = query;
    }
  }
  return {
    query,
    earlierQuery,
    userTurns,
    hasHistory,
    isToolResult: lastRole === "tool" || lastRole === "function",
    conversationSeed: JSON.stringify([system, firstUser ?? ""]),
    unseenParts,
    encodedChars,
  };
}

interface Content {
  readonly text: string;
  readonly unseenParts: number;
  readonly encodedChars: number;
}

function readContent(content: unknown): Content | null {
  if (content === null) return { text: "", unseenParts: 0, encodedChars: 0 };
  if (typeof content === "string") return { text: content, unseenParts: 0, encodedChars: 0 };
  if (!Array.isArray(content)) return null;
  const texts: string[] = [];
  let unseenParts = 0;
  let encodedChars = 0;
  for (const part of content as readonly unknown[]) {
    if (!isFields(part)) return null;
    const { type, text } = part;
    if (typeof text === "string") {
      texts.push(text);
    } else if (type !== "text" && type !== "refusal") {
      unseenParts += 1;
      encodedChars += encodedLength(part);
    }
  }
  return { text: texts.join("\n"), unseenParts, encodedChars };
}

/** Characters of a part's encoded strings: its picture, sound or file stands one level down, or at the top. */
function encodedLength(part: Fields): number {
  let chars = 0;
  for (const value of Object.values(part)) {
    for (const inner of isFields(value) ? Object.values(value) : [value]) {
      if (typeof inner === "string" && isEncoded(inner)) chars += inner.length;
    }
  }
  return chars;
}

/** Base64 and URLs hold neither spaces nor letters beyond ASCII. Other text in a part, such as thinking, is read as text. */
function isEncoded(text: string): boolean {
  return !/[^\x21-\x7e]/.test(text);
}

function readNumbers(
  parsed: Fields,
): { outputTokensMax: number | null; answers: number } | PartFault {
  let outputTokensMax: number | null = null;
  // A small `max_tokens` beside a large `max_completion_tokens` would slip under a budget; the larger is held.
  for (const field of ["max_tokens", "max_completion_tokens"]) {
    const value = parsed[field] ?? null;
    if (value === null) continue;
    if (!isCount(value, OUTPUT_TOKENS_MAX)) {
      return { field, problem: `must be a whole number from 1 to ${OUTPUT_TOKENS_MAX}` };
    }
    outputTokensMax = Math.max(outputTokensMax ?? 0, value);
  }
  const answers = parsed["n"] ?? 1;
  if (!isCount(answers, ANSWERS_MAX))
    return { field: "n", problem: `must be a whole number from 1 to ${ANSWERS_MAX}` };
  return { outputTokensMax, answers };
}

/** Fields by which clients and engines bind the answer's form. */
function constrainsForm(parsed: Fields): boolean {
  const format = parsed["response_format"];
  if (isFields(format) && format["type"] !== "text") return true;
  return [
    "guided_json",
    "guided_regex",
    "guided_choice",
    "guided_grammar",
    "structured_outputs",
    "grammar",
    "prediction",
  ].some((key) => (parsed[key] ?? null) !== null);
}

function isFilled(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0;
}

function isCount(value: unknown, max: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= max;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function firstTwice(keys: readonly string[]): string | null {
  const seen = new Set<string>();
  for (const key of keys) {
    if (seen.has(key)) return key;
    seen.add(key);
  }
  return null;
}

const encoder = new TextEncoder();

function byteLength(text: string): number {
  return encoder.encode(text).length;
}

function malformed(body: string): ReadAsk {
  if (body.trim() === "") return { kind: "malformed-json", position: 0, detail: "it is empty" };
  const position = faultPosition(body);
  const found = body.codePointAt(position);
  const detail =
    found === undefined
      ? "it ends too early"
      : `unexpected ${JSON.stringify(String.fromCodePoint(found))}`;
  return { kind: "malformed-json", position, detail };
}

function fault(field: string, problem: string): Fault {
  return { kind: "invalid-field", field, problem };
}
