// How many input tokens a body may become, before any engine has seen it. What a model may read counts as text, down to
// its braces, unless it stands where only a picture, a sound or a file can stand and looks like one.
import { elements, members, type Member, type Span } from "../../stream/json-text.ts";
import { sizeOf } from "../../stream/token-bound.ts";
import type { Ask } from "../dialect.ts";
import { isFields, type Fields } from "./conversation.ts";

/** Fields that templates and decoders write into the prompt. One that is missing here is read and not held for. */
const READ_BY_MODELS: ReadonlySet<string> = new Set(
  [
    ["messages", "tools", "functions", "response_format", "prediction", "documents"],
    ["chat_template", "chat_template_kwargs", "mm_processor_kwargs", "media_io_kwargs"],
    // Some engines show a form to the model in words as well as holding it to it.
    ["structured_outputs", "guided_json", "guided_regex", "guided_choice", "guided_grammar"],
    ["grammar", "json_schema", "regex", "ebnf", "web_search_options", "tool_choice"],
    // Other APIs' names for what comes before the messages; some proxies take them here.
    ["system", "instructions", "prompt", "input", "suffix"],
  ].flat(),
);

/**
 * Where a part of this type holds what is encoded, and how many of its characters make a token at most. A picture's
 * tokens do not follow from its size: it counts as a part. Sound: 40 tokens a second at 20 kbit/s of base64, as the
 * thriftiest codecs have it. Video: 250 tokens a second at 32 kbit/s. A file: text, at a byte and a half a token.
 */
const MEDIA: Readonly<Record<string, { readonly slot: string; readonly charsPerToken: number }>> = {
  image_url: { slot: "url", charsPerToken: Infinity },
  input_audio: { slot: "data", charsPerToken: 64 },
  audio_url: { slot: "url", charsPerToken: 64 },
  video_url: { slot: "url", charsPerToken: 16 },
  file: { slot: "file_data", charsPerToken: 2 },
};

/** Parts that are text all through, under whichever key. */
const TEXT_PARTS: ReadonlySet<unknown> = new Set([
  "text",
  "refusal",
  "thinking",
  "reasoning",
  "input_text",
  "output_text",
]);

/** A longer address is somebody's text. */
const URL_CHARS_MAX = 8192;
/** Shorter runs may be words, and cost little where they are not. */
const BARE_BASE64_CHARS_MIN = 256;

type Input = Pick<
  Ask,
  "inputBytes" | "inputTokensMax" | "mediaTokensMax" | "unseenParts" | "isUnbounded"
>;

export function measureInput(
  body: string,
  found: readonly Member[],
  parsed: Fields,
  messages: readonly unknown[],
): Input {
  const media = messages.flatMap((message, at) => mediaOf(message, at));
  const encoded = media.filter(({ isEncoded }) => isEncoded);
  const spans = encodedSpans(body, found, encoded);
  let tokens = 0;
  let bytes = 0;
  for (const { key, valueStart, valueEnd } of found) {
    if (!READ_BY_MODELS.has(key)) continue;
    const without = key === "messages" ? spans : [];
    const size = sizeOf(body, valueStart, valueEnd, without);
    tokens += size.tokens;
    bytes += size.bytes;
  }
  const isSet = (key: string): boolean => (parsed[key] ?? null) !== null;
  return {
    inputBytes: bytes,
    inputTokensMax: tokens,
    mediaTokensMax: encoded.reduce(
      (sum, { chars, charsPerToken }) => sum + Math.ceil(chars / charsPerToken),
      0,
    ),
    unseenParts: media.length,
    isUnbounded:
      media.some(({ isOpen }) => isOpen) ||
      // A template may say everything as often as it likes, and a processor may be told to see a picture in full.
      isSet("chat_template") ||
      (media.length > 0 && (isSet("mm_processor_kwargs") || isSet("media_io_kwargs"))),
  };
}

/** One part that is not text alone. */
interface Medium {
  readonly message: number;
  readonly part: number;
  readonly type: string;
  readonly isEncoded: boolean;
  readonly chars: number;
  readonly charsPerToken: number;
  /** Nothing in the body tells how large it is. */
  readonly isOpen: boolean;
}

function mediaOf(message: unknown, at: number): Medium[] {
  const content = isFields(message) ? message["content"] : null;
  if (!Array.isArray(content)) return [];
  return (content as readonly unknown[]).flatMap((part, index): Medium[] => {
    if (!isFields(part)) return [];
    const { type, text } = part;
    if (TEXT_PARTS.has(type) || (type === undefined && typeof text === "string")) return [];
    const place = { message: at, part: index, type: String(type), chars: 0, isEncoded: false };
    const medium = typeof type === "string" && Object.hasOwn(MEDIA, type) ? MEDIA[type] : undefined;
    // What no API defines may be anything: a cached picture, an embedding, a film.
    if (medium === undefined) return [{ ...place, charsPerToken: Infinity, isOpen: true }];
    const { charsPerToken } = medium;
    const holder = part[place.type];
    const value = isFields(holder) ? holder[medium.slot] : holder;
    if (typeof value !== "string" || !isEncoded(value))
      return [{ ...place, charsPerToken, isOpen: charsPerToken !== Infinity }];
    const isAddress = isUrl(value);
    return [
      {
        ...place,
        isEncoded: true,
        chars: isAddress ? 0 : value.length,
        charsPerToken,
        isOpen: isAddress && charsPerToken !== Infinity,
      },
    ];
  });
}

function isUrl(value: string): boolean {
  return /^https?:\/\/[\x21-\x7e]+$/.test(value) && value.length <= URL_CHARS_MAX;
}

function isEncoded(value: string): boolean {
  if (isUrl(value)) return true;
  const data = /^data:[\w.+/;=-]{0,128};base64,/.exec(value);
  if (data === null && value.length < BARE_BASE64_CHARS_MIN) return false;
  return isBase64(data === null ? value : value.slice(data[0].length));
}

function isBase64(text: string): boolean {
  return /^[A-Za-z0-9+/_=-]*$/.test(text);
}

/** Where the encoded strings stand in the body, in order. Only messages that hold some are looked into. */
function encodedSpans(
  body: string,
  found: readonly Member[],
  encoded: readonly Medium[],
): readonly Span[] {
  const messages = found.find(({ key }) => key === "messages");
  if (encoded.length === 0 || messages === undefined) return [];
  const messageSpans = elements(body, messages.valueStart);
  const spans: Span[] = [];
  let parts: readonly Span[] = [];
  let partsOf = -1;
  for (const { message, part, type } of encoded) {
    if (message !== partsOf) {
      const content = memberOf(body, messageSpans[message], "content");
      parts = content === null ? [] : elements(body, content.start);
      partsOf = message;
    }
    const holder = memberOf(body, parts[part], type);
    const value =
      holder !== null && body[holder.start] === "{"
        ? memberOf(body, holder, MEDIA[type]?.slot ?? "")
        : holder;
    if (value !== null) spans.push(value);
  }
  return spans;
}

/** The value of an object's member; of two of one name the last, as JSON.parse has it. */
function memberOf(body: string, object: Span | undefined, name: string): Span | null {
  if (object === undefined) return null;
  const member = members(body, object.start).findLast(({ key }) => key === name);
  return member === undefined ? null : { start: member.valueStart, end: member.valueEnd };
}
