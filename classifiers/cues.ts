// The groups of words that say what is asked, and how a word is found in them; the words themselves stand in the weights.

/** The order is the order of `Surface.cues`. */
export const CUE_GROUPS = [
  "steps",
  "procedure",
  "dates",
  "arithmetic",
  "geometry",
  "higherMath",
  "money",
  "code",
  "wordPuzzle",
  "grid",
  "logic",
  "science",
  "law",
  "business",
  "humanities",
  "medicine",
  "asking",
  "naming",
  "reasons",
  "negation",
  "self",
  "you",
  "greeting",
  "command",
  "making",
  "prose",
  "following",
  "article",
] as const;
export type CueGroup = (typeof CUE_GROUPS)[number];

/** Each word's groups, as a list of indexes into `CUE_GROUPS`. */
export type Cues = ReadonlyMap<string, readonly number[]>;

/** `words`: for each group its words, with a blank between two. */
export function readCues(words: Readonly<Record<CueGroup, string>>): Cues {
  const cues = new Map<string, number[]>();
  for (const [index, group] of CUE_GROUPS.entries()) {
    for (const word of new Set(words[group].split(" "))) {
      const groups = cues.get(word);
      if (groups === undefined) cues.set(word, [index]);
      else groups.push(index);
    }
  }
  return cues;
}

export function cueIndex(group: CueGroup): number {
  return CUE_GROUPS.indexOf(group);
}
