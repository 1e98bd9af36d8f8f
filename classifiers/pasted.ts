// Leaves out pasted paragraphs that share no word with what is asked: they say nothing of how demanding it is.
import type { Cues } from "./cues.ts";

/** Only long prose can be a paste; a story's paragraph of a word problem is shorter or holds quantities. */
const PASTE_CHARS_MIN = 400;
/** Without the pastes this much must be left, and no more than this: a question, not a document. */
const CORE_CHARS_MIN = 15;
const CORE_CHARS_MAX = 3000;
/** A number in every so many units, and a paragraph holds quantities. */
const CHARS_PER_DIGIT_MIN = 60;

/** From this share of the question's words on, the paragraph is what it is about. */
const SHARED_MIN = 0.2;

/** Whoever speaks of a text means the one beside; in a short question "it" does as well. */
const SPEAKS_OF_A_TEXT =
  /\b(?:passage|texts?|article|paragraphs?|document|excerpt|essay|story|context|letter|email|author|narrator|above|below|according|summar\w+|translate|rewrite|edit|proofread|review)\b/i;
const POINTS = /\b(?:it|this|that|these|those|he|she|they|him|her|them|his|their)\b/i;
const SHORT_CHARS = 80;
const NO_PROSE = /[?{}=\\|#$]|```|^\s*[([]?[A-Z0-9]{1,2}[).:\]]/;
/** Prose: this share of its units are small letters, and a sentence ends in every so many. */
const SMALL_LETTERS_MIN = 0.72;
const CHARS_PER_SENTENCE_MAX = 250;

export function withoutPastes(text: string, known: Cues): string {
  if (text.length < PASTE_CHARS_MIN + CORE_CHARS_MIN) return text;
  const paragraphs = text.split(/\n[ \t]*\n/);
  if (paragraphs.length < 2) return text;
  const pastes = new Set(paragraphs.filter(looksPasted));
  if (pastes.size === 0) return text;
  const core = paragraphs.filter((paragraph) => !pastes.has(paragraph)).join("\n\n");
  if (core.length < CORE_CHARS_MIN || core.length > CORE_CHARS_MAX) return text;
  if (!stands(paragraphs, pastes)) return text;
  if (SPEAKS_OF_A_TEXT.test(core) || (core.length < SHORT_CHARS && POINTS.test(core))) return text;
  const asked = wordsOf(core, known);
  const pasted = wordsOf([...pastes].join("\n"), known);
  let shared = 0;
  for (const word of asked) if (pasted.has(word)) shared += 1;
  return shared >= SHARED_MIN * Math.max(1, asked.size) ? text : core;
}

/** All that is left stands together: a paste is put before a question or behind it, not into it. */
function stands(paragraphs: readonly string[], pastes: ReadonlySet<string>): boolean {
  const left = paragraphs.map((paragraph) => !pastes.has(paragraph));
  return !left.slice(left.indexOf(true), left.lastIndexOf(true)).includes(false);
}

function looksPasted(paragraph: string): boolean {
  const chars = paragraph.length;
  if (chars < PASTE_CHARS_MIN || NO_PROSE.test(paragraph)) return false;
  return (
    count(paragraph, /\d/g) * CHARS_PER_DIGIT_MIN < chars &&
    count(paragraph, /[a-z]/g) > SMALL_LETTERS_MIN * chars &&
    count(paragraph, /[.!]\s/g) * CHARS_PER_SENTENCE_MAX > chars
  );
}

function count(text: string, sign: RegExp): number {
  return text.match(sign)?.length ?? 0;
}

/** Words of five letters and more (shorter ones are shared by any two texts) that are no cues, without a plural's end. */
function wordsOf(text: string, known: Cues): Set<string> {
  const words = new Set<string>();
  for (const [found] of text.matchAll(/[A-Za-z]{5,}/g)) {
    const word = found.toLowerCase();
    if (!known.has(word)) words.add(word.replace(/e?s$/, ""));
  }
  return words;
}
