// From a surface to the numbers that the networks read beside the words: logarithms of counts, shares and cues.
import { CUE_GROUPS } from "./cues.ts";
import { looksLikeCode } from "./shape.ts";
import type { Surface } from "./surface.ts";

/**
 * Counts beyond this say nothing new to a fit whose longest text has 4,000 characters; it keeps one huge
 * paste from standing far outside everything that was ever fitted.
 */
const COUNT_MAX = 400;

function count(value: number): number {
  return Math.log1p(Math.min(value, COUNT_MAX));
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.min(1, part / whole);
}

function flag(claim: boolean): number {
  return claim ? 1 : 0;
}

/** Beyond 4,000 characters nothing was fitted. */
const CHARS_MAX = 4000;

function chars(value: number): number {
  return Math.log(1 + Math.min(value, CHARS_MAX)) - 5;
}

const FIRST_QUESTION = new Set(
  "what which who whom whose when where how why is are do does did can if".split(" "),
);
const FIRST_ORDER = new Set(
  "write find compute calculate evaluate simplify solve determine prove give list describe explain create complete convert take let suppose consider transform your you given create tell set".split(
    " ",
  ),
);

const BASE = {
  always: () => 1,
  stemChars: (s) => chars(s.stemChars),
  stemCharsSquared: (s) => chars(s.stemChars) ** 2,
  optionChars: (s) =>
    Math.log1p(Math.max(0, Math.min(s.chars, CHARS_MAX) - Math.min(s.stemChars, CHARS_MAX))) / 5,
  charsPerOption: (s) =>
    s.choices === 0 ? 0 : Math.log1p((s.chars - s.stemChars) / s.choices) - 3,
  hasChoices: (s) => flag(s.choices >= 2),
  manyChoices: (s) => flag(s.choices >= 6),
  stemUnder60: (s) => flag(s.stemChars < 60),
  wordLength: (s) => share(s.letters, s.words * 10),
  longWords: (s) => share(s.longWords, s.words),
  capitalised: (s) => count(s.capitalised),
  capitalisedShare: (s) => share(s.capitalised, s.words),
  uppercaseShare: (s) => share(s.uppercase, s.letters),
  lines: (s) => count(s.lines),
  linesShare: (s) => share(s.lines * 10, s.readChars),
  sentences: (s) => count(s.sentences),
  questions: (s) => count(s.questions),
  endsAsQuestion: (s) => flag(s.endsAsQuestion),
  firstAsks: (s) => flag(FIRST_QUESTION.has(s.firstWord)),
  firstOrders: (s) => flag(FIRST_ORDER.has(s.firstWord)),
  numbers: (s) => count(s.numbers),
  stemNumbers: (s) => count(s.stemNumbers),
  optionsAreNumbers: (s) => flag(s.choices >= 2 && s.numbers - s.stemNumbers >= s.choices),
  commas: (s) => count(s.commas),
  unknownShare: (s) => share(s.unknownWords, s.words),
  wordsPerSentence: (s) => Math.min(s.words / (1 + s.sentences + s.questions), 60) / 20,
  noNumbers: (s) => flag(s.numbers === 0),
  digitShare: (s) => share(s.digits * 4, s.readChars),
  longestNumber: (s) => Math.min(s.longestNumber, 12) / 4,
  years: (s) => count(s.years),
  operators: (s) => count(s.operators),
  operatorShare: (s) => share(s.operators * 10, s.readChars),
  codeSigns: (s) => count(s.codeSigns),
  codeSignShare: (s) => share(s.codeSigns * 10, s.readChars),
  brackets: (s) => count(s.brackets),
  quotes: (s) => count(s.quotes),
  dollars: (s) => count(s.dollars),
  percents: (s) => flag(s.percents > 0),
  latex: (s) => count(s.latexCommands),
  hasLatex: (s) => flag(s.latexCommands > 0),
  fences: (s) => flag(s.fences > 0),
  indented: (s) => count(s.indented),
  codeLike: (s) => flag(looksLikeCode(s)),
  foreign: (s) => share(s.foreignLetters * 2, s.letters + s.foreignLetters),
} satisfies Record<string, (surface: Surface) => number>;

/** What each signal is called in the header of the weights: the names above, then two for each group of cues. */
export const SIGNAL_NAMES: readonly string[] = [
  ...Object.keys(BASE),
  ...CUE_GROUPS,
  ...CUE_GROUPS.map((group) => `${group}Share`),
];

const BASE_SIGNALS: readonly ((surface: Surface) => number)[] = Object.values(BASE);

export function readSignals(surface: Surface): Float64Array {
  const signals = new Float64Array(SIGNAL_NAMES.length);
  let at = 0;
  for (const read of BASE_SIGNALS) signals[at++] = read(surface);
  for (const hits of surface.cues) signals[at++] = count(hits);
  for (const hits of surface.cues) signals[at++] = share(hits * 4, surface.words);
  return signals;
}
