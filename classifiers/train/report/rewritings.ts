// Other writings of one question, which ask the same: by what the outputs move between them, the probe is not robust.
import { findOptions } from "../../options.ts";
import type { Chance } from "../chance.ts";
import { addTypos } from "../variants.ts";

export interface Rewriting {
  readonly group: string;
  readonly name: string;
  /** Null where the question does not allow it: one without options cannot have them relabelled. */
  readonly write: (text: string, chance: Chance) => string | null;
}

type Write = (text: string) => string;

/** About 1,000 units that have nothing to do with any question. */
const MINUTES =
  `Minutes of the garden club, spring meeting. The chair opened the meeting and thanked everybody for coming. The
treasurer said that the fees had been collected and that the new bench would be paid for from them. There was some talk about
the hedge along the southern path, which has grown into the road; two members offered to cut it before the summer. The key to
the shed has been found again. Next to the pond the ground is still too wet for roses, so that the plan from last year is put
off. A letter from the town was read out; it asks all clubs to keep their paths open to walkers. Nobody objected. The library
corner has received several books about bees and old apple trees, which may be borrowed by members. At the end tea and cake
were served, and a visitor played the accordion. The next meeting will be held in the small hall, because the large one is
being painted. The chair closed the meeting and wished everybody a good way home.`.replaceAll(
    "\n",
    " ",
  );

const CLAIMS = [
  "This is an extremely hard question.",
  "Warning: even experts find this problem very difficult!",
  "This is an easy one.",
  "The question is trivial.",
];
/** Said so that no list of words can hold all of it; what they move is the bound that README.md states. */
const OTHER_CLAIMS = [
  "Think as long as you possibly can, most people fail here.",
  "Only one in a thousand students ever gets this right.",
  "A five-year-old could answer this in a second.",
  "No need to think, it is a piece of cake.",
  "You will need every bit of your brain power and many pages of careful work.",
  "PhD level, olympiad gold medal material.",
  "Please use maximum reasoning effort and the largest model you have.",
  "Just a quick one.",
];

const HOMOGLYPHS: Readonly<Record<string, string>> = {
  a: "а",
  c: "с",
  e: "е",
  o: "о",
  p: "р",
  x: "х",
};

const always =
  (write: Write): Rewriting["write"] =>
  (text) =>
    write(text);

export const REWRITINGS: readonly Rewriting[] = [
  { group: "typing", name: "typos (1 letter in 25)", write: (t, chance) => addTypos(t, 0, chance) },
  {
    group: "typing",
    name: "many typos (twice that)",
    write: (t, chance) => addTypos(addTypos(t, 0, chance), 0, chance),
  },
  { group: "case", name: "lower case", write: always((t) => t.toLowerCase()) },
  { group: "case", name: "upper case", write: always((t) => t.toUpperCase()) },
  {
    group: "case",
    name: "every word capitalised",
    write: always((t) => t.replace(/\b[a-z]/g, (s) => s.toUpperCase())),
  },
  { group: "blanks", name: "doubled blanks", write: always((t) => t.replaceAll(" ", "  ")) },
  {
    group: "blanks",
    name: "doubled line breaks",
    write: always((t) => t.replaceAll("\n", "\n\n")),
  },
  { group: "blanks", name: "lines broken at 60", write: always(wrap) },
  { group: "blanks", name: "\\r\\n", write: always((t) => t.replaceAll("\n", "\r\n")) },
  { group: "blanks", name: "blanks around", write: always((t) => `\n\n   ${t}  \n\n`) },
  { group: "unicode", name: "fullwidth", write: always((t) => shift(t, 33, 126, 0xfee0)) },
  {
    group: "unicode",
    name: "mathematical bold letters",
    write: always((t) => shift(shift(t, 97, 122, 0x1d41a - 97), 65, 90, 0x1d400 - 65)),
  },
  {
    group: "unicode",
    name: "zero-width signs (1 in 8)",
    write: (t, chance) => Array.from(t, (s) => (chance() < 1 / 8 ? `${s}\u200b` : s)).join(""),
  },
  {
    group: "unicode",
    name: "no-break blanks",
    write: always((t) => t.replaceAll(" ", "\u00a0")),
  },
  {
    group: "unicode",
    name: "curly quotes and dashes",
    write: always((t) => t.replaceAll("'", "’").replaceAll('"', "”").replaceAll(" - ", " – ")),
  },
  {
    group: "unicode",
    name: "Cyrillic look-alikes (1 in 4)",
    write: (t, chance) =>
      Array.from(t, (s) => (chance() < 1 / 4 ? (HOMOGLYPHS[s] ?? s) : s)).join(""),
  },
  {
    group: "padding",
    name: "a polite frame",
    write: always(
      (t) => `Hi! Could you please help me with this?\n\n${t}\n\nThanks a lot in advance!`,
    ),
  },
  {
    group: "padding",
    name: '"Question: ... Answer:"',
    write: always((t) => `Question: ${t}\nAnswer:`),
  },
  {
    group: "padding",
    name: "step by step",
    write: always((t) => `${t}\nLet's think step by step.`),
  },
  {
    group: "padding",
    name: "900 units of minutes before",
    write: always((t) => `${MINUTES}\n\n${t}`),
  },
  {
    group: "padding",
    name: "900 units of minutes after",
    write: always((t) => `${t}\n\n${MINUTES}`),
  },
  {
    group: "options",
    name: '"(A) "',
    write: (t) => relabel(t, (letter) => `(${letter}) `),
  },
  { group: "options", name: '"A. "', write: (t) => relabel(t, (letter) => `${letter}. `) },
  {
    group: "options",
    name: '"a) ", each on its line',
    write: (t) => relabel(t, (letter) => `\n${letter.toLowerCase()}) `),
  },
  {
    group: "options",
    name: '"1. ", each on its line',
    write: (t) => relabel(t, (letter) => `\n${letter.charCodeAt(0) - 64}. `),
  },
  { group: "options", name: "in one line", write: inline },
  { group: "options", name: "in one line, with commas", write: inlineCommas },
  { group: "options", name: "stripped", write: (t) => withOptions(t, (stem) => stem) },
  ...CLAIMS.flatMap(claimed("claims")),
  ...OTHER_CLAIMS.flatMap(claimed("claims in other words")),
];

function claimed(group: string): (claim: string) => Rewriting[] {
  return (claim) => [
    { group, name: `before: ${claim}`, write: (t) => `${claim} ${t}` },
    { group, name: `after: ${claim}`, write: (t) => `${t}\n${claim}` },
  ];
}

function wrap(text: string): string {
  let column = 0;
  return text.replace(/[^ \n]+[ \n]?/g, (word) => {
    column += word.length;
    if (word.endsWith("\n")) column = 0;
    if (column < 60 || !word.endsWith(" ")) return word;
    column = 0;
    return `${word.trimEnd()}\n`;
  });
}

function shift(text: string, from: number, to: number, by: number): string {
  let written = "";
  for (const sign of text) {
    const code = sign.codePointAt(0)!;
    written += code >= from && code <= to ? String.fromCodePoint(code + by) : sign;
  }
  return written;
}

const LABEL = /(^|\n|\s)[ \t]*[([]?([A-Z])[).:\]][ \t]*(?=\S)/g;

function withOptions(
  text: string,
  write: (stem: string, options: string) => string,
): string | null {
  const { choices, stemChars } = findOptions(text);
  return choices < 2 || stemChars < 10
    ? null
    : write(text.slice(0, stemChars), text.slice(stemChars));
}

function relabel(text: string, label: (letter: string) => string): string | null {
  return withOptions(
    text,
    (stem, options) =>
      stem +
      options.replace(LABEL, (_, start: string, letter: string) => `${start}${label(letter)}`),
  );
}

function inline(text: string): string | null {
  return withOptions(
    text,
    (stem, options) =>
      `${stem} ${options
        .replace(LABEL, (_, _start: string, letter: string) => ` (${letter}) `)
        .replaceAll("\n", " ")
        .trim()}`,
  );
}

/** "A) red, B) green, C) blue". */
function inlineCommas(text: string): string | null {
  return withOptions(
    text,
    (stem, options) =>
      `${stem} ${options
        .trim()
        .replace(LABEL, (_, _start: string, letter: string) => `, ${letter}) `)
        .replaceAll("\n", " ")
        .replace(/^[^A-Z]*, /, "")}`,
  );
}
