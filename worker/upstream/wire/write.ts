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

/** Fields that would let a client act on other tenants' caches or queues; only the gateway may set them. */
const PRIVILEGED = [
  "cache_salt",
  "priority",
  "kv_transfer_params",
  "bootstrap_host",
  "bootstrap_port",
  "bootstrap_room",
  "extra_key",
  "session_params",
  "data_parallel_rank",
  "routed_dp_rank",
  "disagg_prefill_dp_rank",
  // An engine that is given one id twice may end the other one's request, whoever sent it.
  "request_id",
  "rid",
];

export interface WireOrder {
  readonly model: string;
  readonly isStream: boolean;
  /** Ask the engine to end the stream with its usage. */
  readonly asksUsage: boolean;
  /** The most output per answer. */
  readonly outputTokens: number;
  readonly capField: "max_tokens" | "max_completion_tokens";
  /** The engine reads no other bound: what a client wrote into the other one moves into `capField`. */
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

export function writeWire(body: string, order: WireOrder): string {
  const standing = new Map(
    members(body).map((member) => [member.key, body.slice(member.valueStart, member.valueEnd)]),
  );
  const fields: Record<string, string | undefined> = {};
  for (const key of [...PRIVILEGED, ...(order.drops ?? [])]) fields[key] = undefined;
  Object.assign(fields, order.fields);
  fields["model"] = JSON.stringify(order.model);
  Object.assign(fields, capFields(standing, order), streamFields(standing, order));
  return applyEdits(body, [...editMembers(body, fields), ...noteEdits(body, order)]);
}

/** Each bound that the client set is lowered to what was held, if it is higher; without one, the engine's own is added. */
function capFields(
  standing: ReadonlyMap<string, string>,
  order: WireOrder,
): Record<string, string | undefined> {
  const fields: Record<string, string | undefined> = {};
  let isBounded = false;
  for (const key of ["max_tokens", "max_completion_tokens"]) {
    if (order.isSoleCapField === true && key !== order.capField) {
      fields[key] = undefined;
      continue;
    }
    const text = standing.get(key);
    if (text === undefined || text === "null") continue;
    isBounded = true;
    if (Number(text) > order.outputTokens) fields[key] = String(order.outputTokens);
  }
  if (!isBounded) fields[order.capField] = String(order.outputTokens);
  return fields;
}

function streamFields(
  standing: ReadonlyMap<string, string>,
  order: WireOrder,
): Record<string, string | undefined> {
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
function noteEdits(body: string, { notes, turnNotes, isSteady }: WireOrder): Edit[] {
  if (notes.length === 0 && turnNotes.length === 0) return [];
  const messages = members(body).find(({ key }) => key === "messages");
  if (messages === undefined) return [];
  const contents = elements(body, messages.valueStart).flatMap(({ start }) =>
    userContent(body, start),
  );
  const last = contents.at(-1);
  return contents.flatMap((content): Edit[] => {
    if (content === last) return appendNotes(body, content, [...turnNotes, ...notes]);
    return isSteady ? appendNotes(body, content, turnNotes) : [];
  });
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
