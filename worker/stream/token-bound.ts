// How many tokens a stretch of JSON text may become at most, from its characters alone: engines differ in their
// vocabularies, and none of them can be asked before tokens are held. token-table.ts says what each character is worth.
import type { Span } from "./json-text.ts";
import { COST_SHIFT, COST_ZERO, KINDS, STATE_MASK, STEPS } from "./token-table.ts";

export interface TextSize {
  readonly tokens: number;
  /** In UTF-8. */
  readonly bytes: number;
}

/** Characters that are counted at once: their bytes stay in the processor's cache, and never in the way of memory. */
const PIECE_CHARS = 32_768;
const BYTES_PER_CHAR_MAX = 3;
/** Shorter text is walked as one, and counted to the token. */
const PARTED_BYTES_MIN = 2048;

const encoder = new TextEncoder();
/** Written and read within one call of `addPiece`, which waits for nothing. */
const scratch = new Uint8Array(PIECE_CHARS * BYTES_PER_CHAR_MAX);

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
    addStretch(text, position, span.start, size);
    position = span.end;
  }
  addStretch(text, position, end, size);
  return size;
}

type Sum = { tokens: number; bytes: number };

function addStretch(text: string, start: number, end: number, sum: Sum): void {
  let at = start;
  while (end - at > PIECE_CHARS) {
    // A pair of surrogates is one character and must not be parted.
    const isHigh = (text.charCodeAt(at + PIECE_CHARS - 1) & 0xfc00) === 0xd800;
    const cut = at + PIECE_CHARS - (isHigh ? 1 : 0);
    addPiece(text.slice(at, cut), sum);
    at = cut;
  }
  addPiece(text.slice(at, end), sum);
}

/**
 * Four walks side by side, each over a quarter: a step waits for the one before it, so that one walk leaves the processor
 * idle (twice as slow as all four). Where they are cut, a token may be counted twice, never left out.
 */
function addPiece(piece: string, sum: Sum): void {
  const { written } = encoder.encodeInto(piece, scratch);
  const quarter = written < PARTED_BYTES_MIN ? 0 : written >> 2;
  // Each is below 256 and the table is whole, so that no look finds nothing.
  const bytes = scratch;
  const kinds = KINDS;
  const steps = STEPS;
  let halves = 0;
  let first = 0;
  let second = 0;
  let third = 0;
  let fourth = 0;
  for (let at = 0; at < quarter; at += 1) {
    const a = steps[first | (kinds[bytes[at] as number] as number)] as number;
    const b = steps[second | (kinds[bytes[at + quarter] as number] as number)] as number;
    const c = steps[third | (kinds[bytes[at + 2 * quarter] as number] as number)] as number;
    const d = steps[fourth | (kinds[bytes[at + 3 * quarter] as number] as number)] as number;
    first = a & STATE_MASK;
    second = b & STATE_MASK;
    third = c & STATE_MASK;
    fourth = d & STATE_MASK;
    halves += (a >> COST_SHIFT) + (b >> COST_SHIFT) + (c >> COST_SHIFT) + (d >> COST_SHIFT);
  }
  for (let at = 4 * quarter; at < written; at += 1) {
    const step = steps[fourth | (kinds[bytes[at] as number] as number)] as number;
    fourth = step & STATE_MASK;
    halves += step >> COST_SHIFT;
  }
  sum.tokens += Math.ceil((halves - COST_ZERO * written) / 2);
  sum.bytes += written;
}
