// The prompt as texts, out of a body that is ready to go: what an engine's template puts first stands first, so that a
// conversation which goes on only ever adds to the end. `policies/prefix/` makes keys of them.
import { elements, members, type Member } from "../../stream/json-text.ts";

/** Definitions that templates put before the conversation. */
const BEFORE_MESSAGES = ["tools", "functions"];

/** A picture of 12 KB, as characters of base64; a smaller one is left whole. */
const ENCODED_UNITS_MIN = 16_384;
/** 25 blocks of 256: as much as the 1,600 tokens that a picture is reckoned at. */
const PIECES = 25;
const PIECE_UNITS = 256;

/** White space between a message's members is no prompt: as a run it would be blocks without tokens, for next to nothing. */
const SPACES = /[ \t\n\r]{8}/;

/** The text of one value; written anew where it may hold such runs, which strings may as well. */
function compact(text: string): string {
  if (!SPACES.test(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return text;
  }
}

/**
 * JSON text of the tools, then of each message, as the client wrote it but for runs of white space; nothing of what stands
 * between messages. `found`: the members of the
 * body, from whoever has looked for them before. Long encoded data is thinned to `PIECES` of it and its length: a block
 * is worth about 64 tokens of text, which a megabyte of picture is not.
 */
export function promptTexts(body: string, found: readonly Member[] = members(body)): string[] {
  return [...textsBefore(body, found), ...messagesOf(body, found).flatMap(({ texts }) => texts)];
}

/**
 * Of those texts, the units that the last answer was given to: what stands before it. Null where nothing has answered. A
 * turn that went on from there has them as its beginning.
 */
export function answeredUnits(
  body: string,
  found: readonly Member[] = members(body),
): number | null {
  const messages = messagesOf(body, found);
  const answer = messages.findLastIndex(({ start }) => isAnswer(body, start));
  if (answer === -1) return null;
  return textsBeforeMessage(body, answer, found).reduce((sum, { length }) => sum + length, 0);
}

/** Of those texts, the ones that stand before the message at `index`: more than a text each, where data is thinned. */
export function textsBeforeMessage(
  body: string,
  index: number,
  found: readonly Member[] = members(body),
): string[] {
  const before = messagesOf(body, found).slice(0, index);
  return [...textsBefore(body, found), ...before.flatMap(({ texts }) => texts)];
}

function textsBefore(body: string, found: readonly Member[]): string[] {
  return BEFORE_MESSAGES.flatMap((name) => {
    const member = lastOf(found, name);
    return member === undefined ? [] : [compact(body.slice(member.valueStart, member.valueEnd))];
  });
}

function messagesOf(
  body: string,
  found: readonly Member[],
): { readonly start: number; readonly texts: readonly string[] }[] {
  const messages = lastOf(found, "messages");
  if (messages === undefined || body[messages.valueStart] !== "[") return [];
  return elements(body, messages.valueStart).map(({ start, end }) => {
    const text = compact(body.slice(start, end));
    return { start, texts: text.length < ENCODED_UNITS_MIN ? [text] : thinned(text) };
  });
}

function isAnswer(body: string, at: number): boolean {
  if (body[at] !== "{") return false;
  const role = lastOf(members(body, at), "role");
  return role !== undefined && body.slice(role.valueStart, role.valueEnd) === '"assistant"';
}

/** Of a key that stands twice, engines take the last, as JSON.parse does. */
function lastOf(found: readonly Member[], name: string): Member | undefined {
  return found.findLast(({ key }) => key === name);
}

/** Encoded data has no quote within, so it lies between two neighbours. */
function thinned(text: string): string[] {
  const texts: string[] = [];
  let kept = 0;
  let from = text.indexOf('"');
  for (;;) {
    const to = text.indexOf('"', from + 1);
    if (from === -1 || to === -1) return [...texts, text.slice(kept)];
    const length = to - from - 1;
    if (length >= ENCODED_UNITS_MIN && isEncoded(text.slice(from + 1, to))) {
      texts.push(text.slice(kept, from), `"${length}:`);
      for (let piece = 0; piece < PIECES; piece++) {
        const at = from + 1 + Math.floor((piece * (length - PIECE_UNITS)) / (PIECES - 1));
        texts.push(text.slice(at, at + PIECE_UNITS));
      }
      kept = to;
    }
    from = to;
  }
}

/** With `\/` for a slash, as some clients write JSON. */
function isEncoded(text: string): boolean {
  return /^(data:[\w.+/\\;=-]{0,128},)?[\w+/\\=-]+$/.test(text);
}
