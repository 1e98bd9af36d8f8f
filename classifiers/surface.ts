// Reads a text's surface in one pass over its characters: counts, words and cues; no meaning.
import { CUE_GROUPS, cueIndex, type CueGroup, type Cues } from "./cues.ts";
import { excerpt } from "./excerpt.ts";
import { findOptions, letterOptions } from "./options.ts";
import { withoutClaims } from "./claims.ts";
import { withoutFrame } from "./frame.ts";
import { withoutPastes } from "./pasted.ts";
import { plainText } from "./plain-text.ts";

export interface Surface {
  /** What was read, without claims of difficulty, and how much of it is the stem. */
  readonly read: string;
  readonly stemEnd: number;
  /** UTF-16 units of the whole text, and of its stem, without claims of difficulty. */
  readonly chars: number;
  readonly stemChars: number;
  readonly readChars: number;
  readonly choices: number;
  readonly words: number;
  readonly longWords: number;
  readonly capitalised: number;
  readonly lines: number;
  readonly sentences: number;
  readonly questions: number;
  readonly endsAsQuestion: boolean;
  readonly digits: number;
  readonly numbers: number;
  /** Of `numbers`, those before the options. */
  readonly stemNumbers: number;
  readonly commas: number;
  /** Words that are in no group of cues: names and the terms of a trade. */
  readonly unknownWords: number;
  readonly longestNumber: number;
  readonly years: number;
  readonly operators: number;
  readonly codeSigns: number;
  readonly brackets: number;
  readonly quotes: number;
  readonly dollars: number;
  readonly percents: number;
  readonly latexCommands: number;
  readonly fences: number;
  /** Fences that name a language ("```python"): puzzles fence their grids too, but without one. */
  readonly taggedFences: number;
  readonly uppercase: number;
  readonly letters: number;
  /** Letters outside ASCII, and among them those of Chinese, Japanese and Korean. */
  readonly foreignLetters: number;
  readonly indented: number;
  /** "assert f(3) == ??" and its like: a given program is to be run, not written. */
  readonly assertsOutput: boolean;
  readonly firstWord: string;
  /** Hits per group of cues.ts, in its order. */
  readonly cues: readonly number[];
}

/** Longer runs of letters are not words that any cue knows; they are counted and not looked up. */
const WORD_CHARS_MAX = 16;
const LONG_WORD_CHARS = 9;

const OTHER = 0;
const LETTER = 1;
const DIGIT = 2;
const OPERATOR = 4;
const CODE_SIGN = 8;
const BRACKET = 16;
const QUOTE = 32;
const CLASSES = readClasses();

function readClasses(): Uint8Array {
  const classes = new Uint8Array(128);
  for (let unit = 65; unit <= 90; unit += 1) classes[unit] = classes[unit + 32] = LETTER;
  for (let unit = 48; unit <= 57; unit += 1) classes[unit] = DIGIT;
  mark(classes, "+-*/=<>^%", OPERATOR);
  mark(classes, ";={}_&|\\#@~", CODE_SIGN);
  mark(classes, "()[]{}", BRACKET);
  mark(classes, "\"'`", QUOTE);
  return classes;
}

function mark(classes: Uint8Array, signs: string, bit: number): void {
  for (const sign of signs) classes[sign.charCodeAt(0)]! |= bit;
}

export function readSurface(whole: string, known: Cues): Surface {
  const part = excerpt(whole);
  const bare = withoutPastes(withoutFrame(plainText(part.text)), known);
  const text = letterOptions(withoutClaims(bare));
  const options = findOptions(text);
  const cues = new Array<number>(CUE_GROUPS.length).fill(0);
  let words = 0,
    longWords = 0,
    capitalised = 0,
    lines = 1,
    sentences = 0,
    questions = 0;
  let digits = 0,
    numbers = 0,
    stemNumbers = 0,
    commas = 0,
    unknownWords = 0,
    longestNumber = 0,
    years = 0,
    operators = 0,
    codeSigns = 0;
  let brackets = 0,
    quotes = 0,
    dollars = 0,
    percents = 0,
    latexCommands = 0,
    fences = 0,
    taggedFences = 0;
  let uppercase = 0,
    letters = 0,
    foreignLetters = 0,
    indented = 0,
    firstWord = "";
  let sentenceStarts = true;

  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit >= 128) {
      if (isForeignLetter(unit)) foreignLetters += 1;
      continue;
    }
    const kind = CLASSES[unit]!;
    if (kind === LETTER) {
      const start = index;
      let capitals = 0;
      for (; index < text.length; index += 1) {
        const next = text.charCodeAt(index);
        if (next >= 128 || CLASSES[next] !== LETTER) break;
        if (next < 97) capitals += 1;
      }
      const length = index - start;
      index -= 1;
      letters += length;
      uppercase += capitals;
      words += 1;
      if (length >= LONG_WORD_CHARS) longWords += 1;
      if (unit < 97 && length > 1 && !sentenceStarts) capitalised += 1;
      sentenceStarts = false;
      if (start > 0 && text.charCodeAt(start - 1) === 92) latexCommands += 1;
      if (length <= WORD_CHARS_MAX) {
        const slice = text.slice(start, start + length);
        const word = capitals === 0 ? slice : slice.toLowerCase();
        if (words === 1) firstWord = word;
        const groups = known.get(word);
        if (groups === undefined) unknownWords += 1;
        else for (const group of groups) cues[group]! += 1;
      }
      continue;
    }
    if (kind === DIGIT) {
      const start = index;
      let digitsHere = 0;
      // 1,200 and 3.5 are one quantity each; a full stop or comma after the last digit is not part of it.
      for (; index < text.length; index += 1) {
        const next = text.charCodeAt(index);
        if (next >= 48 && next <= 57) digitsHere += 1;
        else if (!((next === 46 || next === 44) && isDigit(text.charCodeAt(index + 1)))) break;
      }
      const length = index - start;
      index -= 1;
      digits += digitsHere;
      numbers += 1;
      if (start < options.stemChars) stemNumbers += 1;
      if (digitsHere > longestNumber) longestNumber = digitsHere;
      if (length === 4 && (text.startsWith("1", start) || text.startsWith("20", start))) years += 1;
      sentenceStarts = false;
      continue;
    }
    if (kind !== OTHER) {
      if ((kind & OPERATOR) !== 0 && !isHyphen(text, index)) operators += 1;
      if ((kind & CODE_SIGN) !== 0) codeSigns += 1;
      if ((kind & BRACKET) !== 0) brackets += 1;
      if ((kind & QUOTE) !== 0) quotes += 1;
      if (unit === 37) percents += 1;
      if (unit === 96 && text.startsWith("```", index)) {
        fences += 1;
        index += 2;
        if (isLetter(text.charCodeAt(index + 1))) taggedFences += 1;
      }
      continue;
    }
    if (unit === 10) {
      lines += 1;
      sentenceStarts = true;
      const next = text.charCodeAt(index + 1);
      if (next === 9 || (next === 32 && text.charCodeAt(index + 2) === 32)) indented += 1;
    } else if (unit === 44) commas += 1;
    else if (unit === 36) dollars += 1;
    else if (unit === 63) {
      questions += 1;
      sentenceStarts = true;
    } else if (unit === 46 || unit === 33) {
      sentences += 1;
      sentenceStarts = true;
    }
  }

  return {
    read: text,
    stemEnd: options.stemChars,
    chars: text.length + part.skippedChars,
    stemChars: options.stemChars + part.skippedChars,
    readChars: text.length,
    choices: options.choices,
    words,
    longWords,
    capitalised,
    lines,
    sentences,
    questions,
    endsAsQuestion: /[?？][\s"')]{0,4}$/.test(
      text.slice(Math.max(0, options.stemChars - 8), options.stemChars),
    ),
    digits,
    numbers,
    stemNumbers,
    commas,
    unknownWords,
    longestNumber,
    years,
    operators,
    codeSigns,
    brackets,
    quotes,
    dollars,
    percents,
    assertsOutput: text.includes("== ?") || /\boutput of\b/.test(text),
    latexCommands,
    fences,
    taggedFences,
    uppercase,
    letters,
    foreignLetters,
    indented,
    firstWord,
    cues,
  };
}

export function cueHits(surface: Surface, group: CueGroup): number {
  return surface.cues[cueIndex(group)]!;
}

function isLetter(unit: number): boolean {
  return unit < 128 && CLASSES[unit] === LETTER;
}

function isDigit(unit: number): boolean {
  return unit >= 48 && unit <= 57;
}

/** As in "x-ray" or "and/or"; "a-b" has a letter on either side and may be a difference. */
function isHyphen(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  if (unit !== 45 && unit !== 47) return false;
  if (!isLetter(text.charCodeAt(at - 1)) || !isLetter(text.charCodeAt(at + 1))) return false;
  return isLetter(text.charCodeAt(at - 2)) || isLetter(text.charCodeAt(at + 2));
}

/** Letters beyond ASCII, roughly: Latin-1 letters to the end of the alphabets and syllabaries, and CJK. */
function isForeignLetter(unit: number): boolean {
  return (
    (unit >= 0xc0 && unit <= 0x1fff && unit !== 0xd7 && unit !== 0xf7) ||
    (unit >= 0x3040 && unit <= 0xd7ff)
  );
}
