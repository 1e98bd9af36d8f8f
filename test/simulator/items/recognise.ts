// Finds the one item that a text asks, or none. A sum, a conversion and an equation are one sentence, wherever it
// stands; a word problem is the whole text, of which every number has to be understood. What cannot be read safely is
// no item: a wrong reading would be worse than none.
import { findOptions } from "../options.ts";
import { readAges } from "./ages.ts";
import { readArithmetic } from "./arithmetic.ts";
import { readConversion } from "./conversion.ts";
import { writeDigits } from "./digits.ts";
import { readEquation } from "./equation.ts";
import { readGroups } from "./groups.ts";
import type { Item } from "./item.ts";
import { markMoney } from "./money.ts";
import { readPercentage } from "./percentage.ts";
import { readPossession } from "./possession.ts";
import { readPrices } from "./prices.ts";
import { readRates } from "./rates.ts";
import { readRunningTotal } from "./running-total.ts";
import { splitSentences } from "./sentences.ts";

/** A question stands at the start or the end of a long text; the patterns are not made for more. */
const endCharacters = 2_000;

/** A word problem is short; in more text than this something else is told. */
const storyCharactersMax = 1_200;
const storySentenceCharactersMax = 240;
const sentenceCharactersMax = 400;

/** A value that four decimals, or the whole numbers of a double, cannot show is not answered. */
const valueMax = 1e15;
const valueMin = 1e-6;

/** A single letter is an initial, or begins a sentence. */
const optionsMin = 2;

export function recogniseItem(text: string): Item | null {
  const ends =
    text.length <= 2 * endCharacters
      ? text
      : `${text.slice(0, endCharacters)}\n\n${text.slice(-endCharacters)}`;
  if (findOptions(ends).length >= optionsMin) return null;
  const item = readText(ends.replaceAll(/(\d)!(?=\s*(?:[-+*/?=)]|$))/g, "$1 factorial"));
  if (item === null || !Number.isFinite(item.value)) return null;
  const size = Math.abs(item.value);
  return size > valueMax || (size > 0 && size < valueMin) ? null : item;
}

function readText(text: string): Item | null {
  const plain = writeDigits(text);
  const paragraphs = plain.split(/\n\s*\n/).filter((paragraph) => paragraph.trim() !== "");
  const story = readStory(plain);
  if (story !== null) return story;
  const found = new Map<string, Item>();
  const sentences = paragraphs.flatMap((paragraph) => splitSentences(paragraph));
  const isAlone = sentences.filter((sentence) => /\d/.test(sentence)).length === 1;
  for (const paragraph of paragraphs) {
    for (const sentence of splitSentences(paragraph)) {
      if (sentence.length > sentenceCharactersMax) continue;
      const item = readConversion(sentence) ?? readArithmetic(sentence, isAlone);
      if (item !== null) found.set(item.key, item);
    }
    const equation = readEquation(paragraph.trim());
    if (equation !== null) found.set(equation.key, equation);
  }
  // Two questions have no one answer.
  if (found.size > 0) return found.size === 1 ? ([...found.values()][0] ?? null) : null;
  // Beside the story there may be what surrounds it, as long as it counts nothing.
  const counting = paragraphs.filter((paragraph) => /\d/.test(paragraph));
  return paragraphs.length > 1 && counting.length === 1 ? readStory(counting[0] ?? "") : null;
}

function readStory(plain: string): Item | null {
  if (plain.length > storyCharactersMax || !/\d/.test(plain)) return null;
  const priced = markMoney(plain);
  if (priced === null) return null;
  const sentences = splitSentences(priced);
  if (sentences.length === 0 || sentences.some(({ length }) => length > storySentenceCharactersMax))
    return null;
  for (const read of stories) {
    const item = read(sentences);
    if (item !== null) return item;
  }
  return null;
}

const stories = [
  readRunningTotal,
  readPercentage,
  readAges,
  readRates,
  readPrices,
  readGroups,
  readPossession,
];
