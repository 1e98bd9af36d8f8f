// Reads a chat-completions body by hand: only the fields that a decision needs, each fault naming its field and its mend.
import { outline, type JsonBounds } from "../../stream/json-bounds.ts";
import { faultPosition } from "../../stream/json-fault.ts";
import { THINKING_FIELDS } from "../../upstream/wire/fields.ts";
import type { Ask, ReadAsk } from "../dialect.ts";
import { isFields, readMessages, type Fields } from "./conversation.ts";
import { measureInput } from "./input.ts";
import { keyFault, type FieldFault } from "./keys.ts";

type Fault = Extract<ReadAsk, { kind: "invalid-field" }>;

/** OpenAI's own bound on `n`. */
const ANSWERS_MAX = 128;
/** Far above any model's output; catches milliseconds or bytes sent by mistake. */
const OUTPUT_TOKENS_MAX = 10_000_000;

/**
 * What a body may hold beside its text: each value becomes an object of some 50 bytes here, and more at the engine. There
 * is room for as many messages and parts as conversation.ts allows.
 */
const BOUNDS: JsonBounds = { depthMax: 200, membersMax: 200, valuesMax: 150_000 };
const BOUND_PROBLEMS: Readonly<Record<keyof JsonBounds, string>> = {
  depthMax: `nests deeper than ${BOUNDS.depthMax} levels; flatten it`,
  membersMax: `has more than ${BOUNDS.membersMax} fields; send what the API knows`,
  valuesMax: `holds more than ${BOUNDS.valuesMax} values; join messages, parts or lists`,
};

/** A longer body is not searched for the place of its fault: a second pass in which brackets are counted one by one. */
const SEARCHED_CHARS_MAX = 1024 * 1024;

export function readChat(body: string): ReadAsk {
  const found = outline(body, BOUNDS);
  if (typeof found === "string") return fault("body", BOUND_PROBLEMS[found]);
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return malformed(body);
  }
  if (!isFields(parsed)) return fault("body", "must be a JSON object with `model` and `messages`");
  const unclear = keyFault(body, found);
  if (unclear !== null) return fault(unclear.field, unclear.problem);

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
  const user = parsed["user"] ?? null;
  if (user !== null && typeof user !== "string")
    return fault("user", "must be a string that names who the request is for");

  const ask: Ask = {
    model,
    isStream: stream,
    wantsUsage: options["include_usage"] === true,
    outputTokensMax: numbers.outputTokensMax,
    answers: numbers.answers,
    effort,
    user,
    setsTemperature: (parsed["temperature"] ?? null) !== null,
    setsThinking: THINKING_FIELDS.some((key) => (parsed[key] ?? null) !== null),
    isConstrained: constrainsForm(parsed),
    wantsJson: wantsJson(parsed),
    hasTools: isFilled(parsed["tools"]) || isFilled(parsed["functions"]),
    ...conversation,
    ...measureInput(body, found, parsed, messages),
    wire: body,
    wireMembers: found,
  };
  return { kind: "read", ask };
}

function readNumbers(
  parsed: Fields,
): { outputTokensMax: number | null; answers: number } | FieldFault {
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

function wantsJson(parsed: Fields): boolean {
  const format = parsed["response_format"];
  const type = isFields(format) ? format["type"] : null;
  return (
    type === "json_object" || type === "json_schema" || (parsed["guided_json"] ?? null) !== null
  );
}

function isFilled(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0;
}

function isCount(value: unknown, max: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= max;
}

function malformed(body: string): ReadAsk {
  if (body.trim() === "") return { kind: "malformed-json", position: 0, detail: "it is empty" };
  if (body.length > SEARCHED_CHARS_MAX)
    return { kind: "malformed-json", position: null, detail: "it is too long to be searched" };
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
