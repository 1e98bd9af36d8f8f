// What the gateway promises of any body: it is refused in words, or it goes out changed only where it must. Checked
// with a splitter of its own, not with the code under test.
import { isDeepStrictEqual } from "node:util";
import { chat } from "../../../worker/dialect/chat.ts";
import { writeWire, type WireOrder } from "../../../worker/upstream/wire/write.ts";

export const PRIVILEGED = [
  "cache_salt",
  "extra_key",
  "kv_transfer_params",
  "ec_transfer_params",
  "session_params",
  "session_id",
  "id_slot",
  "priority",
  "data_parallel_rank",
  "routed_dp_rank",
  "disagg_prefill_dp_rank",
  "bootstrap_host",
  "bootstrap_port",
  "bootstrap_room",
  "disaggregated_params",
  "request_id",
  "rid",
  "custom_logit_processor",
  "custom_params",
  "lora_path",
  "logits_processors",
  "vllm_xargs",
  "extra_args",
  "extra_body",
  "options",
  "input_ids",
  "input_embeds",
  "prompt_embeds",
  "prompt_token_ids",
  "models",
  "route",
  "provider",
  "plugins",
  "use_beam_search",
  "best_of",
  "include_reasoning",
  "stream_reasoning",
  "stream_interval",
  "return_hidden_states",
  "max_length",
];

export const CAPS = ["max_tokens", "max_completion_tokens"];
export const OTHER_CAPS = ["n_predict", "num_predict", "max_new_tokens", "max_output_tokens"];

/** What is wrong with how a body was read and written; null when every promise is kept. */
export function bodyProblem(body: string, order: WireOrder): string | null {
  const read = chat.read(body);
  const isJson = parses(body);
  if (read.kind === "malformed-json") {
    if (isJson) return "JSON was called malformed";
    return read.position !== null && read.position >= 0 && read.position <= body.length
      ? null
      : "its position is outside the body";
  }
  if (!isJson) return "what is not JSON was read";
  if (read.kind === "invalid-field")
    return read.field === "" && !body.includes('""') ? "a fault names no field" : null;
  return wireProblem(body, writeWire(read.ask.wire, order), order);
}

/** What `out` changed in `body` that it should not have, or did not change that it should have. */
export function wireProblem(body: string, out: string, order: WireOrder): string | null {
  if (!parses(out)) return `what went out is not JSON: ${out}`;
  const before = rawMembers(body);
  const after = rawMembers(out);
  const value = (key: string): string | undefined =>
    after.find((member) => member.key === key)?.value;
  const stood = (key: string): string | undefined =>
    before.find((member) => member.key === key)?.value;

  const forced: Readonly<Record<string, string>> = {
    ...order.fields,
    model: JSON.stringify(order.model),
  };
  for (const [key, text] of Object.entries(forced))
    if (value(key) !== text) return `${key} is not as ordered`;
  for (const key of PRIVILEGED) {
    if (!(key in order.fields) && value(key) !== undefined) return `${key} got through`;
  }
  if (
    String(order.isStream) !== (value("stream") ?? "false") &&
    !(value("stream") === "null" && !order.isStream)
  )
    return "stream is not as ordered";
  const usage = fieldsOf(value("stream_options"))["include_usage"];
  if (order.isStream && order.asksUsage && usage !== true) return "usage was not asked for";
  for (const key of [...CAPS, ...OTHER_CAPS]) {
    const old = stood(key);
    const now = value(key);
    const wasSet = old !== undefined && (old !== "null" || OTHER_CAPS.includes(key));
    if (wasSet) {
      const isFine =
        Number(old) >= 1 && Number(old) <= order.outputTokens
          ? now === old
          : Number(now) === order.outputTokens;
      if (!isFine) return `${key} went from ${old} to ${now}`;
    } else if (key === order.capField && Number(now) !== order.outputTokens) {
      return "no bound was set that the engine reads";
    }
  }

  const touched = new Set([
    ...Object.keys(forced),
    ...PRIVILEGED,
    ...CAPS,
    ...OTHER_CAPS,
    "reasoning",
    "stream",
    "stream_options",
    "messages",
  ]);
  const untouched = (list: readonly RawMember[]): string[] =>
    list
      .filter(({ key }) => !touched.has(key))
      .map(({ keyText, value: text }) => `${keyText}:${text}`);
  if (!isDeepStrictEqual(untouched(before), untouched(after)))
    return "a field that nobody had a reason to touch was changed";
  const kept = before.filter(({ key }) => after.some((member) => member.key === key));
  if (
    !isDeepStrictEqual(
      kept.map(({ key }) => key),
      after.slice(0, kept.length).map(({ key }) => key),
    )
  )
    return "the order of the fields was changed";
  if (
    kept.length === before.length &&
    !masked(out, after, touched).startsWith(withoutClose(masked(body, before, touched)))
  )
    return "white space between the fields was changed";
  return notesProblem(stood("messages") ?? "", value("messages") ?? "", order);
}

/** Nothing but notes may be added to the messages, and those only to the ends of the user turns that carry them. */
function notesProblem(before: string, after: string, order: WireOrder): string | null {
  const old = JSON.parse(before) as { role?: unknown; content?: unknown }[];
  const last = old.findLastIndex(({ role, content }) => role === "user" && content !== undefined);
  const insertions: string[] = [];
  const expected = old.map((message, at) => {
    const isEarlier = at < last && message.role === "user" && order.isSteady;
    const notes =
      at === last ? [...order.turnNotes, ...order.notes] : isEarlier ? order.turnNotes : [];
    const { content } = message;
    if (notes.length === 0 || !(typeof content === "string" || Array.isArray(content)))
      return message;
    const text = notes.join("\n\n");
    if (typeof content === "string") {
      insertions.push(JSON.stringify(`\n\n${text}`).slice(1, -1));
      return { ...message, content: `${content}\n\n${text}` };
    }
    const part = { type: "text", text };
    insertions.push(`${content.length === 0 ? "" : ","}${JSON.stringify(part)}`);
    return { ...message, content: [...(content as unknown[]), part] };
  });
  if (insertions.length === 0)
    return before === after ? null : "the messages were changed without a reason";
  if (!isDeepStrictEqual(JSON.parse(after), expected))
    return "the notes do not stand at the ends of their user turns";
  const added = insertions.reduce((sum, text) => sum + text.length, 0);
  if (after.length !== before.length + added) return "the messages differ by more than the notes";
  return insertions.length > 1 || insertsOnce(before, after, added)
    ? null
    : "the messages differ by more than the notes";
}

/** The common prefix may run into the insertion, so every place before its end is tried. */
function insertsOnce(before: string, after: string, added: number): boolean {
  for (let at = 0; at <= before.length; at += 1) {
    if (after.slice(0, at) + after.slice(at + added) === before) return true;
  }
  return false;
}

export interface RawMember {
  readonly key: string;
  readonly keyText: string;
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

/** The members of the object that is the whole text, by walking it character by character. */
export function rawMembers(text: string): RawMember[] {
  const found: RawMember[] = [];
  let depth = 0;
  let isInString = false;
  let keyText: string | null = null;
  let start = text.indexOf("{") + 1;
  for (let at = text.indexOf("{"); at < text.length; at += 1) {
    const unit = text.charAt(at);
    if (isInString) {
      if (unit === "\\") at += 1;
      else if (unit === '"') isInString = false;
      continue;
    }
    if (unit === '"') isInString = true;
    else if (unit === "{" || unit === "[") depth += 1;
    if (unit === ":" && depth === 1 && keyText === null) {
      keyText = text.slice(start, at).trim();
      start = at + 1;
    }
    if (depth === 1 && (unit === "," || unit === "}")) {
      if (keyText !== null) {
        const raw = text.slice(start, at);
        const from = start + raw.length - raw.trimStart().length;
        const value = raw.trim();
        found.push({
          key: JSON.parse(keyText) as string,
          keyText,
          value,
          start: from,
          end: from + value.length,
        });
      }
      keyText = null;
      start = at + 1;
    }
    if (unit === "}" || unit === "]") depth -= 1;
  }
  return found;
}

/** The text with the values of touched fields blanked out. */
function masked(text: string, fields: readonly RawMember[], touched: ReadonlySet<string>): string {
  let out = "";
  let position = 0;
  for (const { key, start, end } of fields) {
    if (!touched.has(key)) continue;
    out += `${text.slice(position, start)}#`;
    position = end;
  }
  return out + text.slice(position);
}

function withoutClose(text: string): string {
  return text.slice(0, text.lastIndexOf("}"));
}

function fieldsOf(text: string | undefined): Readonly<Record<string, unknown>> {
  const value: unknown = text === undefined ? {} : JSON.parse(text);
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    // That it does not parse is the answer.
    return false;
  }
}
