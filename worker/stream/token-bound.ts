// How many tokens a stretch of JSON text may become at most, from its characters alone: engines differ in their
// vocabularies, and none of them can be asked before tokens are held.
import type { Span } from "./json-text.ts";

/**
 * Parts of a token. Measured with the vocabularies of GPT-4, GPT-4o, Llama 2, Llama 3 and Qwen 3: prose in ten
 * languages, code, tables, digits, symbols, hex and emoji stay below the bound (English at 1.7 of its tokens, JSON at
 * 1.4, digits at 1 to 3, Chinese at 1.2 to 2.6). What exceeds it is noise, by at most 2.0: letters drawn at random
 * reach 1.8 times the bound, base64 1.4, rare ideographs and scripts 2.0. Bytes over three, which this replaced, were
 * exceeded by 2.9.
 */
const PARTS = 12;
/** Three small letters to a token, two capitals; a word's first letter counts as a small one. */
const SMALL_PARTS = 4;
const CAPITAL_PARTS = 6;
/** Runs of blanks, as code is indented: vocabularies hold runs of 16 and more. */
const BLANKS_PER_TOKEN = 4;

/** What a UTF-16 unit is: a letter, a blank, or by itself so many half tokens. */
const SMALL = 0;
const CAPITAL = 1;
const BACKSLASH = 10;
const BLANK = 11;

const KINDS = new Uint8Array(0x1_0000);
// By itself each sign, digit and control is a token, and what vocabularies lack falls apart into its bytes: marks that
// combine, half of an emoji, and from Syriac on the scripts that few hold. Han and kana are held, but for the rare ones.
KINDS.fill(2, 0, 0x300).fill(4, 0x300, 0x370).fill(2, 0x370, 0x700).fill(4, 0x700, 0x3000);
KINDS.fill(3, 0x3000, 0xa000).fill(4, 0xa000);
KINDS.fill(SMALL, 97, 123).fill(CAPITAL, 65, 91);
KINDS[32] = BLANK;
KINDS[92] = BACKSLASH;

export interface TextSize {
  readonly tokens: number;
  /** In UTF-8. Counted, not encoded: that would cost as much memory again. */
  readonly bytes: number;
}

/** Tokens of the JSON text, at most. */
export function tokenBound(text: string): number {
  return sizeOf(text, 0, text.length).tokens;
}

/** The JSON text from `start` to `end`, without the spans in it that are named, in their order. */
export function sizeOf(
  text: string,
  start: number,
  end: number,
  without: readonly Span[] = [],
): TextSize {
  const size = { tokens: 0, bytes: 0 };
  let position = start;
  for (const span of without) {
    count(text, position, span.start, size);
    position = span.end;
  }
  count(text, position, end, size);
  return size;
}

/** Adds a stretch of the text to `size`. */
function count(
  text: string,
  start: number,
  end: number,
  size: { tokens: number; bytes: number },
): void {
  let halves = 0;
  // A character outside ASCII is two bytes or three; half a surrogate pair is two of the four of its pair.
  let bytes = end - start;
  let at = start;
  while (at < end) {
    const first = text.charCodeAt(at);
    const kind = KINDS[first] ?? SMALL;
    at += 1;
    if (kind <= CAPITAL) {
      let parts = SMALL_PARTS;
      let last = kind;
      for (; at < end; at += 1) {
        const next = KINDS[text.charCodeAt(at)] ?? SMALL;
        if (next === SMALL) parts += SMALL_PARTS;
        // A capital after a small letter begins a word of its own.
        else if (next === CAPITAL && last === CAPITAL) parts += CAPITAL_PARTS;
        else break;
        last = next;
      }
      halves += 2 * (((parts + PARTS - 1) / PARTS) | 0);
    } else if (kind < BACKSLASH) {
      halves += kind;
      if (first >= 0x80) bytes += first < 0x800 || (first >= 0xd800 && first < 0xe000) ? 1 : 2;
    } else if (kind === BLANK) {
      let blanks = 1;
      for (; at < end && text.charCodeAt(at) === 32; at += 1) blanks += 1;
      // The last blank before a word belongs to the word's first token.
      if (at < end && (KINDS[text.charCodeAt(at)] ?? SMALL) <= CAPITAL) blanks -= 1;
      halves += 2 * Math.ceil(blanks / BLANKS_PER_TOKEN);
    } else {
      // An escape is the character that it stands for: `\u4e2d` is one, and the short ones are each a token.
      const isHex = text.charCodeAt(at) === 117;
      const unit = isHex ? Number.parseInt(text.slice(at + 1, at + 5), 16) : 0;
      halves += Math.max(2, (KINDS[unit] ?? 0) % BACKSLASH);
      at += isHex ? 5 : 1;
    }
  }
  size.tokens += Math.ceil(halves / 2);
  size.bytes += bytes;
}
