// Where a prompt repeats earlier ones of its namespace at another place than their beginning, found over hashes alone:
// earlier prompts are kept as hashes of aligned windows, and a window rolls over the new one. What comes of it is a
// hint. No engine is known to take such tokens from its cache, so they never count as cached, saved or cheaper.
import type { Root } from "./keyed-hash.ts";

/** 16 tokens or so, an engine's smallest block. */
export const WINDOW_UNITS = 64;
/** Of a prompt the beginning is looked at: about 32,000 tokens, two milliseconds of work. */
export const PROMPT_UNITS_MAX = 131_072;
const WINDOWS_MAX = PROMPT_UNITS_MAX / WINDOW_UNITS;
/** Prompts that a new one is held against: 8 KB each. */
export const DONORS_MAX = 8;
/** Of 131,072 places and 16,384 windows in 32 bits one pair is equal by chance every other time; two in a row are not. */
const RUN_WINDOWS_MIN = 2;
/** Marks within the beginning, to say where two prompts part. */
export const MARK_UNITS = 8;
/** About 1,024 tokens: what parts before, providers do not cache at all. */
export const EARLY_UNITS = 4096;

/** An earlier prompt of the same namespace, as keyed hashes. */
export interface Donor {
  /** Whatever the caller knows it by. */
  readonly name: string;
  readonly units: number;
  /** Hashes of its windows, side by side. */
  readonly windows: Int32Array;
  /** Hashes of its first 8, 16, 24, ... units, up to `EARLY_UNITS`. */
  readonly marks: Int32Array;
}

/** A stretch of the prompt that stands in a donor as well; in UTF-16 units of the prompt's canonical text. */
export interface Span {
  readonly from: number;
  readonly to: number;
  readonly donor: Donor;
  /** Its place in the donor less that in the prompt. */
  readonly delta: number;
  /** What stood before it in the donor: the same as here, nothing (so that it was computed for itself), or something else. */
  readonly context: "prefix" | "canonical" | "other";
}

/** The texts as one, as far as they are looked at. */
export function unitsOf(texts: readonly string[]): Uint16Array {
  let length = 0;
  for (const text of texts) length += text.length;
  const units = new Uint16Array(Math.min(length, PROMPT_UNITS_MAX));
  let filled = 0;
  for (const text of texts)
    for (let i = 0; i < text.length && filled < units.length; i++)
      units[filled++] = text.charCodeAt(i);
  return units;
}

export function donorOf(root: Root, units: Uint16Array, name: string): Donor {
  const base = baseOf(root);
  const windows = new Int32Array(Math.floor(units.length / WINDOW_UNITS));
  for (let window = 0, at = 0; window < windows.length; window++) {
    let sum = 0;
    for (const end = at + WINDOW_UNITS; at < end; at++)
      sum = (Math.imul(sum, base) + units[at]!) | 0;
    windows[window] = sealed(root, sum);
  }
  const marks = new Int32Array(Math.floor(Math.min(units.length, EARLY_UNITS) / MARK_UNITS));
  for (let mark = 0, at = 0, sum = 0; mark < marks.length; mark++) {
    for (const end = at + MARK_UNITS; at < end; at++) sum = (Math.imul(sum, base) + units[at]!) | 0;
    marks[mark] = sealed(root, sum);
  }
  return { name, units: units.length, windows, marks };
}

/** How far two prompts of one root begin alike, up to `EARLY_UNITS`, in steps of `MARK_UNITS`. */
export function sharedBeginning(one: Donor, other: Donor): number {
  const most = Math.min(one.marks.length, other.marks.length);
  let mark = 0;
  while (mark < most && one.marks[mark] === other.marks[mark]) mark++;
  return mark * MARK_UNITS;
}

/**
 * The spans in the prompt's order, not overlapping. Donors are of the same root; where several have the same window, it
 * is the first one's. Time and memory follow the lengths alone, whatever stands in the prompt.
 */
export function align(root: Root, units: Uint16Array, donors: readonly Donor[]): Span[] {
  const rolled = roll(root, units);
  const known = donors.slice(0, DONORS_MAX);
  const table = new WindowTable(known);
  const spans: Span[] = [];
  let last = beginning(rolled, known);
  if (last !== null) spans.push(last);
  for (let at = last?.to ?? 0; at < rolled.length; at++) {
    const place = resumed(last, at, rolled) ?? table.find(rolled[at]!);
    if (place === null) continue;
    const { donor, window } = place;
    const run = runOf(rolled, at, donor, window);
    if (run < RUN_WINDOWS_MIN) continue;
    const context = window === 0 ? "canonical" : "other";
    const to = at + run * WINDOW_UNITS;
    last = { from: at, to, donor, delta: window * WINDOW_UNITS - at, context };
    spans.push(last);
    at = to - 1;
  }
  return spans;
}

interface Place {
  readonly donor: Donor;
  readonly window: number;
}

/** Of those that begin alike, the longest. */
function beginning(rolled: Int32Array, donors: readonly Donor[]): Span | null {
  let best: Span | null = null;
  for (const donor of donors) {
    const to = runOf(rolled, 0, donor, 0) * WINDOW_UNITS;
    if (to > (best?.to ?? 0)) best = { from: 0, to, donor, delta: 0, context: "prefix" };
  }
  return best;
}

/** Where the last span would go on behind an edit that kept its length, if it does. */
function resumed(last: Span | null, at: number, rolled: Int32Array): Place | null {
  if (last === null) return null;
  const { donor, delta } = last;
  const window = (at + delta) / WINDOW_UNITS;
  return Number.isInteger(window) && donor.windows[window] === rolled[at]
    ? { donor, window }
    : null;
}

/** Windows in a row that are equal from there on. */
function runOf(rolled: Int32Array, at: number, { windows }: Donor, window: number): number {
  let run = 0;
  while (
    window + run < windows.length &&
    at + run * WINDOW_UNITS < rolled.length &&
    windows[window + run] === rolled[at + run * WINDOW_UNITS]
  )
    run++;
  return run;
}

/** The hash of the window at every place. */
function roll(root: Root, units: Uint16Array): Int32Array {
  const rolled = new Int32Array(Math.max(0, units.length - WINDOW_UNITS + 1));
  if (rolled.length === 0) return rolled;
  const base = baseOf(root);
  let leaving = 1;
  for (let i = 1; i < WINDOW_UNITS; i++) leaving = Math.imul(leaving, base);
  let sum = 0;
  for (let i = 0; i < WINDOW_UNITS - 1; i++) sum = (Math.imul(sum, base) + units[i]!) | 0;
  for (let at = 0; at < rolled.length; at++) {
    sum = (Math.imul(sum, base) + units[at + WINDOW_UNITS - 1]!) | 0;
    rolled[at] = sealed(root, sum);
    sum = (sum - Math.imul(units[at]!, leaving)) | 0;
  }
  return rolled;
}

/** Of a polynomial modulo 2^32, so that each power of it is another number: 5 modulo 8. */
function baseOf(root: Root): number {
  return (root[0]! & ~7) | 5;
}

/** Spreads a sum over all bits, and keys it a second time. */
function sealed(root: Root, sum: number): number {
  let x = sum ^ root[1]!;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d) ^ root[2]!;
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}

/** Which donor's window has a hash: open addressing, at most half full. */
class WindowTable {
  readonly #donors: readonly Donor[];
  readonly #hashes: Int32Array;
  /** The donor and the window in one number, and one more; 0 is none. */
  readonly #places: Int32Array;

  constructor(donors: readonly Donor[]) {
    this.#donors = donors;
    let size = 16;
    for (const { windows } of donors) size += 2 * windows.length;
    size = 2 ** Math.ceil(Math.log2(size));
    this.#hashes = new Int32Array(size);
    this.#places = new Int32Array(size);
    for (const [i, { windows }] of donors.entries())
      for (let window = 0; window < windows.length; window++) {
        const slot = this.#slotOf(windows[window]!);
        if (this.#places[slot] !== 0) continue;
        this.#hashes[slot] = windows[window]!;
        this.#places[slot] = i * WINDOWS_MAX + window + 1;
      }
  }

  find(hash: number): Place | null {
    const place = this.#places[this.#slotOf(hash)]! - 1;
    if (place < 0) return null;
    const donor = this.#donors[Math.floor(place / WINDOWS_MAX)]!;
    return { donor, window: place % WINDOWS_MAX };
  }

  #slotOf(hash: number): number {
    const mask = this.#hashes.length - 1;
    let slot = hash & mask;
    while (this.#places[slot] !== 0 && this.#hashes[slot] !== hash) slot = (slot + 1) & mask;
    return slot;
  }
}
