// Drops sentences in which a text speaks of its own difficulty. A caller who writes "this is very hard" must
// not buy more thinking by it, and one who writes "easy" must not be given less; what is asked decides.
import { findOptions, letterOptions } from "./options.ts";

/** The longest sentence that is taken for such a claim, in UTF-16 units; longer ones carry content as well. */
const CLAIM_CHARS_MAX = 160;
/** A text is searched for at most this many claims, so that a text made of them costs no more than its reading. */
const CLAIMS_MAX = 32;

const LEVEL =
  "(?:hard|harder|hardest|difficult|easy|easier|easiest|tricky|challenging|simple|trivial|tough|complicated|impossible|demanding)";
const THING = "(?:question|problem|task|puzzle|exercise|riddle|query|request|one|challenge)s?";
/** Words at which a sentence is looked at. */
const CLAIM_WORD = new RegExp(
  `\\b(?:${LEVEL}|difficulty|think|thinking|reasoning|effort|power|cake)\\b`,
  "gi",
);
/** "This problem is very hard", "a tricky one", "difficulty: hard"; not "it is hard to measure". */
const SPEAKS_OF_ITSELF = new RegExp(
  `\\b(?:this|these|it|the (?:following |next |above )?${THING})(?: (?:following )?${THING})?` +
    `(?:'s|(?: (?:is|are|was|seems|looks|may be|might be|will be|should be))?)(?: \\w+){0,4} ${LEVEL}\\b(?! (?:to|that|because|when|as|if)\\b)` +
    `|\\b${LEVEL} ${THING}\\b|\\b(?:difficulty|level)(?: level| is|:| -| =)* (?:\\w+ )?${LEVEL}\\b`,
  "i",
);
/** How much to think: it says as little of the question. */
const SPEAKS_OF_EFFORT =
  /\b(?:think|reason) (?:\w+ )?(?:hard|harder|long|longer|deeply|carefully|as (?:long|hard|much|little))\b|\bno need to think\b|\bdo(?:n't| not) (?:over)?think\b|\b(?:reasoning|thinking) (?:effort|tokens|power)\b|\b(?:maximum|minimal|more|less|high|low|little) effort\b|\bbrain ?power\b|\bpiece of cake\b/i;
/** An option that speaks of something hard is part of the question; "A." ends a sentence, and stands before this one then. */
const LABELLED = /^\s*[([]?[A-Z][).:\]]\s/;
const LABEL_BEFORE = /(?:^|[\s([])(?:[A-Za-z]|\d{1,2})\.$/;
/** The longest such label, with what stands before it. */
const LABEL_CHARS_MAX = 4;

export function withoutClaims(text: string): string {
  let kept = "";
  let from = 0;
  let found = 0;
  let hasOptions: boolean | null = null;
  CLAIM_WORD.lastIndex = 0;
  for (
    let match = CLAIM_WORD.exec(text);
    match !== null && found < CLAIMS_MAX;
    match = CLAIM_WORD.exec(text)
  ) {
    found += 1;
    const start = startOfSentence(text, match.index, from);
    const end = endOfSentence(text, match.index);
    if (start === null || end === null) continue;
    const sentence = text.slice(start, end);
    if (/[\d?]/.test(sentence) || !isClaim(sentence)) continue;
    if (LABEL_BEFORE.test(text.slice(Math.max(0, start - LABEL_CHARS_MAX), start))) {
      // One label alone is no choice: else "A. This is hard." would be heard.
      hasOptions ??= findOptions(letterOptions(text)).choices >= 2;
      if (hasOptions) continue;
    }
    kept += text.slice(from, start);
    from = end;
    CLAIM_WORD.lastIndex = Math.max(end, match.index + 1);
  }
  if (from === 0) return text;
  const rest = (kept + text.slice(from)).trim();
  // A text that only speaks of its difficulty is read as it is: there is nothing else to read.
  return rest === "" ? text : rest;
}

function isClaim(sentence: string): boolean {
  if (LABELLED.test(sentence)) return false;
  return SPEAKS_OF_ITSELF.test(sentence) || SPEAKS_OF_EFFORT.test(sentence);
}

function startOfSentence(text: string, at: number, earliest: number): number | null {
  const lowest = Math.max(earliest, at - CLAIM_CHARS_MAX);
  for (let index = at - 1; index >= lowest; index -= 1) {
    if (isSentenceEnd(text.charCodeAt(index))) return index + 1;
  }
  return lowest === earliest ? earliest : null;
}

function endOfSentence(text: string, at: number): number | null {
  const highest = Math.min(text.length, at + CLAIM_CHARS_MAX);
  for (let index = at; index < highest; index += 1) {
    if (isSentenceEnd(text.charCodeAt(index))) return index + 1;
  }
  return highest === text.length ? text.length : null;
}

/** `.`, `!`, `?` or a line break. */
function isSentenceEnd(unit: number): boolean {
  return unit === 46 || unit === 33 || unit === 63 || unit === 10;
}
