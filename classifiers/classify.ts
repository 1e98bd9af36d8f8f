// The probe: a query's text to features, by its surface, its words and the trained weights; README.md says how good it is.
import { looksLikeContest } from "./contest.ts";
import { expectTokens } from "./expected-tokens.ts";
import { KINDS, type Features, type Kind } from "./features.ts";
import { looksLikeCode, shapeOf } from "./shape.ts";
import { cueHits, readSurface, type Surface } from "./surface.ts";
import { weigh, type Weighed } from "./weigh.ts";
import type { Weights } from "./weights.ts";

/** The fit saw no text beyond this, in UTF-16 units. */
const FITTED_CHARS_MAX = 4000;
/**
 * Cue hits per word: 99 of 100 recorded English queries of five words and more lie above this, and four of
 * five of those in French, German, Italian, Portuguese and Spanish below (741 queries).
 */
const ENGLISH_CUES_MIN = 0.15;
const ENGLISH_WORDS_MIN = 5;
/** Above this share of letters from outside ASCII the cues, which are English, say nothing. */
const FOREIGN_SHARE_MAX = 0.2;

/**
 * Reads at most the first 8,192 and the last 4,096 UTF-16 units of `text`. Pure; never throws.
 * `difficulty` and `hard` are fitted on the recorded probability that a mid-sized model (gpt-4o-mini,
 * Llama-3-70B, claude-3-haiku, gemini-1.5-flash, jointly fitted) fails.
 */
export function classify(text: string, weights: Weights): Features {
  const surface = readSurface(text, weights.cues);
  const foreign = isForeign(surface);
  const weighed = weigh(surface, shiftKinds(surface, foreign), weights);
  return {
    difficulty: round(weighed.difficulty),
    hard: round(weighed.hard),
    kind: weighed.kind,
    expectedTokens: expectTokens(
      weighed.kind,
      Math.exp(weighed.logTokens),
      answersWithText(weighed.kind, surface),
    ),
    confidence: round(trust(surface, weighed, foreign)),
    novelty: round(weighed.novelty),
    shape: {
      ...shapeOf(surface),
      chars: text.length,
      // What is read can be longer than what was written: one sign may stand for eighteen (plain-text.ts).
      stemChars: Math.min(surface.stemChars, text.length),
    },
    representation: weighed.representation,
  };
}

/**
 * 96 numbers in -127..127 (represent.ts, `REPRESENTATION_VERSION`) by which like queries are alike, as in `classify`'s
 * answer: for who compares texts and asks nothing else of them.
 */
export function represent(text: string, weights: Weights): Int8Array {
  return classify(text, weights).representation;
}

/** In log-odds: a rule of `shiftKinds` outweighs a doubtful fit, and a certain one outweighs the rule. */
const RULE_SHIFT = 4;
const CONTEST_SHIFT = 6;
const CERTAIN_SHIFT = 20;
const MATH_ORDERS = new Set([
  "prove",
  "solve",
  "integrate",
  "differentiate",
  "factor",
  "simplify",
  "evaluate",
]);
const CODE_ORDERS = new Set(["debug", "refactor", "implement"]);
const TRACED_CUES_MIN = 3;

/**
 * What the fit could not learn, because no query that may be trained on shows it; by hand, in log-odds. In
 * another language no English cue fires, but options and quantities look the same. Some orders belong to one
 * kind, a fence that names a language holds code, and a contest's statement asks for it. A procedure to be traced or letters to be moved
 * are no talk, nor is a question with options; a procedure stays logic when options follow it. Without quantities there is nothing to reckon. Nothing at all is talk.
 */
function shiftKinds(surface: Surface, foreign: boolean): readonly number[] {
  const shifts = KINDS.map(() => 0);
  const add = (kind: Kind, shift: number): void => {
    shifts[KINDS.indexOf(kind)]! += shift;
  };
  if (foreign && surface.choices >= 2) add("knowledge", CERTAIN_SHIFT);
  else if (foreign && surface.numbers >= 2) add("math", CERTAIN_SHIFT);
  if (surface.words + surface.numbers + surface.foreignLetters === 0) add("chat", CERTAIN_SHIFT);
  if (MATH_ORDERS.has(surface.firstWord)) add("math", RULE_SHIFT);
  else if (hasNothingToReckon(surface)) add("math", -RULE_SHIFT);
  else if (isAnsweredWithoutQuantity(surface)) add("math", -RULE_SHIFT / 4);
  if (surface.choices >= 2) add("chat", -RULE_SHIFT);
  if (surface.taggedFences > 0) add("code", CERTAIN_SHIFT);
  else if (CODE_ORDERS.has(surface.firstWord)) add("code", RULE_SHIFT);
  else if (surface.choices < 2 && looksLikeContest(surface.read)) add("code", CONTEST_SHIFT);
  const traced = cueHits(surface, "procedure") + cueHits(surface, "dates");
  if (traced + cueHits(surface, "wordPuzzle") >= TRACED_CUES_MIN) {
    add("chat", -RULE_SHIFT);
    if (traced >= TRACED_CUES_MIN && surface.choices >= 2 && surface.latexCommands === 0)
      add("logic", RULE_SHIFT);
  }
  return shifts;
}

/**
 * No quantity, or one only among options of which others hold none ("three vertices", "a museum"): of 241 such questions
 * that may be trained on 10 are mathematics.
 */
function hasNothingToReckon(surface: Surface): boolean {
  const { numbers, stemNumbers, operators, latexCommands, dollars, choices } = surface;
  if (operators + latexCommands + dollars + stemNumbers > 0) return false;
  return numbers === 0 || (choices >= 2 && numbers < choices);
}

/** Quantities in the question and none in any option: of 883 such that may be trained on 64 are mathematics. */
function isAnsweredWithoutQuantity(surface: Surface): boolean {
  const { numbers, stemNumbers, operators, latexCommands, dollars, choices } = surface;
  return choices >= 2 && numbers === stemNumbers && operators + latexCommands + dollars === 0;
}

function isForeign(surface: Surface): boolean {
  if (surface.foreignLetters > FOREIGN_SHARE_MAX * (surface.letters + surface.foreignLetters))
    return true;
  if (surface.words < ENGLISH_WORDS_MIN || surface.latexCommands > 0 || looksLikeCode(surface))
    return false;
  let hits = 0;
  for (const group of surface.cues) hits += group;
  return hits < ENGLISH_CUES_MIN * surface.words;
}

const TEXT_ORDERS = new Set(["explain", "compare", "discuss", "list", "outline", "how", "why"]);
/** The longest recorded command has 28 words, small talk 16. What is longer brings a text of its own. */
const TALK_WORDS_MAX = 40;

/** A program or a free text is asked for, so that the answer itself is long in every mode. */
function answersWithText(kind: Kind, surface: Surface): boolean {
  if (kind === "chat") {
    const asksForText = cueHits(surface, "making") + cueHits(surface, "prose") > 0;
    return asksForText || TEXT_ORDERS.has(surface.firstWord) || surface.words > TALK_WORDS_MAX;
  }
  return kind === "code" && !surface.endsAsQuestion && !surface.assertsOutput;
}

/**
 * The probability of the likeliest kind, lowered where the fit never was: words that it never saw, another language,
 * hardly a word, a text longer than any that was fitted. It is not a probability that `hard` is right.
 */
function trust(surface: Surface, weighed: Weighed, foreign: boolean): number {
  let confidence = Math.max(...weighed.kinds) * weighed.familiarity;
  if (foreign) confidence *= 0.15;
  if (surface.words < 2 && !foreign) confidence *= 0.3;
  if (surface.chars > FITTED_CHARS_MAX) confidence *= 0.6;
  return confidence;
}

/** Four places are finer than anything measured, and they keep records and test outputs readable. */
function round(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
