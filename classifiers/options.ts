// Finds the answer options of a question and the stem that stands before them.

/** Options are counted up to the alphabet's end; a text with more labels is a list, not a choice. */
const OPTIONS_MAX = 26;
/** Listed options without letters ("Options:" and dashes) are followed this far, in UTF-16 units. */
const LISTED_CHARS_MAX = 4000;

export interface Options {
  readonly choices: number;
  /** UTF-16 units before the first option, or all of them when there is none. */
  readonly stemChars: number;
}

/** "A) ", "A. ", "A: ", "(A) " or "[A] " after a line's or a word's beginning. */
const LABEL = /(?:^|[\s([])([A-Z])[).:\]][ \t\u00a0]?(?=\S)/g;
const LISTED = /\boptions:[ \t]*\n/i;
/** "Answer Choices:" and its like belong to the options, not to the stem. */
const HEADING = /\b(?:answer choices|choices|options|possible answers)[ \t]*:\s*$/i;
const HEADING_CHARS_MAX = 40;

/**
 * "a) ", "(b) ", "1. " or "(2) " at a line's beginning. They are options only after a stem that asks or breaks off, and
 * when none of them asks or orders: parts of a question are labelled alike.
 */
const OTHER_LABEL = /(^|\n|\s(?=[([]))([ \t]*[([]?)([a-z]|\d{1,2})([).\]])(?=[ \t]+\S)/g;
/** As a question, without an end, or with a heading. */
const STEM_ENDS = /[?_A-Za-z,]["')]{0,2}\s*$|\b(?:choices|options|possible answers)[ \t]*:\s*$/i;
const ASKS =
  /[?`]|^\s*(?:find|show|prove|compute|calculate|determine|explain|describe|write|list|give|state|what|which|how|why|evaluate|solve|name|define|discuss|compare)\b/i;
/** An option of more units is a paragraph. */
const OPTION_CHARS_MAX = 150;

/** The text with such labels written as letters, so that "1. red" and "a) red" read as "A. red" and "A) red" do. */
export function letterOptions(text: string): string {
  const labels = [...text.matchAll(OTHER_LABEL)];
  // Lettered options behind a numbered list are the options.
  if (labels.length < 2 || labels.length > OPTIONS_MAX || findLettered(text) !== null) return text;
  if (!labels.every((label, index) => placeOf(label[3]!) === index)) return text;
  const starts = labels.map((label) => label.index + label[0].length);
  if (!STEM_ENDS.test(text.slice(0, labels[0]!.index))) return text;
  for (const [index, start] of starts.entries()) {
    const option = text.slice(start, labels[index + 1]?.index ?? text.length);
    if (option.length > OPTION_CHARS_MAX || ASKS.test(option)) return text;
  }
  return text.replace(
    OTHER_LABEL,
    (_, start: string, open: string, label: string, close: string) =>
      `${start}${open}${String.fromCharCode(65 + placeOf(label))}${close}`,
  );
}

/** 0 for "a" and "1". */
function placeOf(label: string): number {
  return /\d/.test(label) ? Number(label) - 1 : label.charCodeAt(0) - 97;
}

export function findOptions(text: string): Options {
  const lettered = findLettered(text);
  if (lettered !== null) return lettered;
  const listed = findListed(text);
  return listed ?? { choices: 0, stemChars: text.length };
}

function findLettered(text: string): Options | null {
  let expected = 65;
  let start = 0;
  let bestStart = 0;
  let bestCount = 0;
  LABEL.lastIndex = 0;
  for (let match = LABEL.exec(text); match !== null; match = LABEL.exec(text)) {
    const letter = match[1]!.charCodeAt(0);
    // The label's last separator may open the next label ("A) B)"), so the search steps back over it.
    if (letter === 65) {
      start = match.index;
      expected = 66;
    } else if (letter === expected) {
      expected += 1;
    } else continue;
    const count = expected - 65;
    if (count >= bestCount && count <= OPTIONS_MAX) {
      bestCount = count;
      bestStart = start;
    }
  }
  if (bestCount < 2) return null;
  return { choices: bestCount, stemChars: stemLength(text, bestStart) };
}

function findListed(text: string): Options | null {
  const heading = LISTED.exec(text);
  if (heading === null) return null;
  const lines = text
    .slice(heading.index + heading[0].length, heading.index + LISTED_CHARS_MAX)
    .split("\n");
  let choices = 0;
  for (const line of lines) {
    if (!line.startsWith("- ") || choices === OPTIONS_MAX) break;
    choices += 1;
  }
  return choices < 2 ? null : { choices, stemChars: stemLength(text, heading.index) };
}

/** Up to the heading of the options or to the options themselves, without the blanks before either. */
function stemLength(text: string, optionsStart: number): number {
  const from = Math.max(0, optionsStart - HEADING_CHARS_MAX);
  const before = text.slice(from, optionsStart);
  return from + before.replace(HEADING, "").trimEnd().length;
}
