// Writes the body for an upstream by editing the client's text in place: what Sluice has no reason to touch
// goes out byte for byte, and all that it adds stands after the stable prefix, so prompt caches survive.
import {
  applyEdits,
  editMembers,
  elements,
  members,
  type Edit,
  type Member,
} from "../../stream/json-text.ts";
import { CAP_FIELDS, OTHER_CAP_FIELDS, STRIPPED } from "./fields.ts";
import { standingOf } from "./lower.ts";

export interface WireOrder {
  readonly model: string;
  readonly isStream: boolean;
  /** Ask the engine to end the stream with its usage. */
  readonly asksUsage: boolean;
  /** The most output per answer. */
  readonly outputTokens: number;
  readonly capField: (typeof CAP_FIELDS)[number];
  /** The engine ignores or refuses the other bound: what a client wrote there moves into `capField`. */
  readonly isSoleCapField?: boolean;
  /** Knobs as JSON text. */
  readonly fields: Readonly<Record<string, string>>;
  /** The client's fields that the engine must not get beside those. */
  readonly drops?: readonly string[];
  /** Text blocks that follow the last user turn. */
  readonly notes: readonly string[];
  /** Text blocks that stand before those, and, in a steady conversation, behind every earlier user turn as well. */
  readonly turnNotes: readonly string[];
  readonly isSteady: boolean;
}

/** `found`: the body's members, from whoever has looked for them before. */
export function writeWire(
  body: string,
  order: WireOrder,
  found: readonly Member[] = members(body),
): string {
  const standing = standingOf(body, found);
  const fields: Record<string, string | undefined> = {};
  for (const { key } of found) if (STRIPPED.has(key)) fields[key] = undefined;
  for (const key of order.drops ?? []) fields[key] = undefined;
  Object.assign(fields, order.fields);
  Object.assign(fields, shownReasoning(order.fields["reasoning"] ?? standing.get("reasoning")));
  fields["model"] = JSON.stringify(order.model);
  Object.assign(fields, capFields(standing, order), streamFields(standing, order));
  return applyEdits(body, [
    ...editMembers(body, fields, 0, found),
    ...noteEdits(body, order, found),
  ]);
}

type Standing = ReturnType<typeof standingOf>;

/**
 * Each bound that the client set is lowered to what was held, if it is higher, and the engine's own is always there: an
 * engine that reads only one of the two would otherwise write without any. Both may stand, unless the engine refuses
 * that, as OpenAI does; it refuses `max_tokens` of a model that thinks as well, so there the newer one stands alone.
 */
function capFields(standing: Standing, order: WireOrder): Record<string, string | undefined> {
  const fields: Record<string, string | undefined> = {};
  const held = String(order.outputTokens);
  for (const key of CAP_FIELDS) {
    const text = standing.get(key);
    const isSet = text !== undefined && text !== "null";
    if (key === order.capField) {
      if (!isSet || Number(text) > order.outputTokens) fields[key] = held;
    } else if (order.isSoleCapField === true) fields[key] = undefined;
    else if (isSet && Number(text) > order.outputTokens) fields[key] = held;
  }
  for (const [key, text] of standing) {
    if (!OTHER_CAP_FIELDS.has(key)) continue;
    // Of zero and below, as of what is no number, each engine has its own idea; most mean no bound at all.
    if (!(Number(text) >= 1 && Number(text) <= order.outputTokens)) fields[key] = held;
  }
  return fields;
}

/** OpenRouter's way to hide thinking, which the meter counts as it comes. */
function shownReasoning(reasoning: string | undefined): Record<string, string> {
  if (reasoning?.startsWith("{") !== true) return {};
  return { reasoning: applyEdits(reasoning, editMembers(reasoning, { exclude: undefined })) };
}

function streamFields(standing: Standing, order: WireOrder): Record<string, string | undefined> {
  const isStreamNow = standing.get("stream") === "true";
  const fields: Record<string, string | undefined> = {};
  if (isStreamNow !== order.isStream) fields["stream"] = String(order.isStream);
  const options = standing.get("stream_options");
  // OpenAI refuses stream options on a call that does not stream.
  if (!order.isStream && isStreamNow) fields["stream_options"] = undefined;
  if (order.isStream && order.asksUsage) {
    fields["stream_options"] =
      options === undefined || options === "null"
        ? '{"include_usage":true}'
        : applyEdits(options, editMembers(options, { include_usage: "true" }));
  }
  return fields;
}

/** Notes go to the end of user turns: of the last one, behind everything that an engine may have cached, and of
 * earlier ones only where they were sent so before, so that what is cached stays the beginning of what is sent. */
function noteEdits(
  body: string,
  { notes, turnNotes, isSteady }: WireOrder,
  found: readonly Member[],
): Edit[] {
  if (notes.length === 0 && turnNotes.length === 0) return [];
  const messages = found.find(({ key }) => key === "messages");
  if (messages === undefined) return [];
  const edits: Edit[] = [];
  let isLast = true;
  for (const { start } of elements(body, messages.valueStart).toReversed()) {
    if (!isLast && !isSteady) break;
    for (const content of userContent(body, start)) {
      edits.push(...appendNotes(body, content, isLast ? [...turnNotes, ...notes] : turnNotes));
      isLast = false;
    }
  }
  return edits;
}

/** The content of the message that starts at `at`, if a user said it. */
function userContent(body: string, at: number): Member[] {
  const fields = members(body, at);
  // Of a key that stands twice, engines take the last, as JSON.parse does.
  const role = fields.findLast(({ key }) => key === "role");
  if (role === undefined || JSON.parse(body.slice(role.valueStart, role.valueEnd)) !== "user")
    return [];
  return fields.filter(({ key }) => key === "content").slice(-1);
}

function appendNotes(body: string, content: Member, notes: readonly string[]): Edit[] {
  if (notes.length === 0) return [];
  const text = notes.join("\n\n");
  // Before the string's closing quote, or the array's closing bracket.
  const at = content.valueEnd - 1;
  if (body[content.valueStart] === '"') {
    return [{ start: at, end: at, text: JSON.stringify(`\n\n${text}`).slice(1, -1) }];
  }
  if (body[content.valueStart] !== "[") return [];
  const part = JSON.stringify({ type: "text", text });
  const isEmpty = elements(body, content.valueStart).length === 0;
  return [{ start: at, end: at, text: isEmpty ? part : `,${part}` }];
}
