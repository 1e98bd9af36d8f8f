// From a text to the keys of its words and pairs of words: what the trained tables are looked up by.

/** More is not read: what a question is about stands in its first and last words, and the time has a bound. */
export const GRAM_CHARS_MAX = 3000;
/** A text of single signs makes a key every few units; this many are far above any recorded question (1,100). */
export const GRAMS_MAX = 2048;

const SEED = 0x811c9dc5;
/** Words of the options count as others than the same words of the stem, so that options can be told apart. */
const OPTION_SEED = 0x1234567;
const NUMBER = 0x77777777;
const SIGN = 0x3333333;
const PAIR = 7;
/** Numbers are told apart by their length up to this, never by their digits. */
const DIGITS_MAX = 5;

/** Reused from call to call: the probe is synchronous, and a fresh list for each query would be its largest cost. */
const found = new Int32Array(GRAMS_MAX);
/** A small open-addressed set of the keys found so far; twice as large as what it may hold. */
const SET_SIZE = GRAMS_MAX * 2;
const set = new Int32Array(SET_SIZE);
const EMPTY = 0;

/**
 * Distinct keys of `text`, whose first `stemChars` units are the stem. The view is good until the next call.
 * Integers only, so that every runtime finds the same.
 */
export function readGrams(text: string, stemChars: number): Int32Array {
  set.fill(EMPTY);
  let count = 0;
  const add = (hash: number): void => {
    const key = finish(hash);
    let at = key & (SET_SIZE - 1);
    while (set[at] !== EMPTY) {
      if (set[at] === key) return;
      at = (at + 1) & (SET_SIZE - 1);
    }
    if (count === GRAMS_MAX) return;
    set[at] = key;
    found[count++] = key;
  };
  const end = Math.min(text.length, GRAM_CHARS_MAX);
  let previous = 0;
  let index = 0;
  while (index < end) {
    const unit = text.charCodeAt(index);
    const isStem = index < stemChars;
    if (isLetter(unit)) {
      let hash = isStem ? SEED : OPTION_SEED;
      // A LaTeX command is not the English word of the same letters.
      if (index > 0 && text.charCodeAt(index - 1) === 92) hash = step(hash, 92);
      for (; index < end; index += 1) {
        const next = text.charCodeAt(index);
        if (!isLetter(next)) break;
        hash = step(hash, next < 128 ? next | 32 : next);
      }
      add(hash);
      if (previous !== 0 && isStem) add(pair(previous, hash));
      previous = hash;
    } else if (isDigit(unit)) {
      let digits = 0;
      for (; index < end && isDigit(text.charCodeAt(index)); index += 1) digits += 1;
      const hash = step(isStem ? NUMBER : ~NUMBER, Math.min(digits, DIGITS_MAX));
      add(hash);
      if (previous !== 0 && isStem) add(pair(previous, hash));
      previous = hash;
    } else {
      index += 1;
      if (unit > 32 && unit < 127) add(step(isStem ? SIGN : ~SIGN, unit));
      if (unit === 46 || unit === 63) previous = 0;
    }
  }
  return found.subarray(0, count);
}

function step(hash: number, unit: number): number {
  return Math.imul(hash ^ unit, 0x01000193);
}

function pair(first: number, second: number): number {
  return step(Math.imul(first, 31) ^ second, PAIR);
}

/** Spreads the bits (after murmur's finaliser); never the mark of an empty place. */
function finish(hash: number): number {
  let key = hash;
  key ^= key >>> 15;
  key = Math.imul(key, 0x2c1b3c6d);
  key ^= key >>> 12;
  key = Math.imul(key, 0x297a2d39);
  key ^= key >>> 15;
  return key === EMPTY ? 1 : key;
}

function isLetter(unit: number): boolean {
  return unit >= 0xc0 || ((unit | 32) >= 97 && (unit | 32) <= 122);
}

function isDigit(unit: number): boolean {
  return unit >= 48 && unit <= 57;
}
