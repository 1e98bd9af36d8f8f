// The words that word problems are read by, and how patterns are put together from them. A pattern has to match its
// whole clause, and a name or a thing holds no word that could change a quantity, so that what is read is all there is.
const closed = [
  "each every per than half more fewer less times as and or but another to for from at in",
  "on with of by into among between off out if is are was were be do does did will would",
  "can how what when then left away cost costs have has had not no all both none there that",
  "which who remaining altogether together total percent so now only except",
]
  .join(" ")
  .replaceAll(" ", "|");
const word = String.raw`(?!(?:${closed})\b)[a-z][a-z'-]*`;

export const numberPattern = String.raw`(\d+(?:\.\d+)?)`;

const parts: Readonly<Record<string, string>> = {
  n: numberPattern,
  /** Money: with its sign, or without any. */
  m: `${numberPattern}¤?`,
  who: String.raw`((?:(?:the|a|an|my|our|his|her|their) )?${word}(?: ${word})??)`,
  what: `(${word}(?: ${word}){0,2}?)`,
  unit: "(seconds?|minutes?|hours?|days?|weeks?|months?|years?)",
  /** Where, when and why: what a clause may end with, as long as it counts nothing. */
  tail: String.raw`(?: (?:to|from|at|in|on|for|with|into|by|during|after|before) (?:(?:the|a|an|his|her|their|my|its|some|this|that) )?${word}(?: ${word}){0,3})?`,
  /** What asks for the end of the story, or for all of it. */
  fin: String.raw`((?:,? (?:left(?: over)?|now|in all|all in all|altogether|all together|together|in total|remaining|then|in the end|at the end|still|afterwards|after that|today|total))*)`,
  have: "(?:has|have|had|owns?|owned|holds?|held|keeps?|kept|contains?|contained|carries|carry|carried|(?:starts?|started|begins?|began)(?: out| off)? with)",
  aux: "(?:does|do|did|will|would|can|could|must|should)",
  each: "(?: each| apiece| a piece| per piece| per item)",
};

/** A whole clause: `{who} {have} {n} {what}` and the like, each name a part from the table above. */
export function phrase(source: string): RegExp {
  return new RegExp(`^${source.replaceAll(/\{(\w+)\}/g, (_, name: string) => parts[name] ?? "")}$`);
}

/** What a name or a thing is known by: without its article, and in the singular. */
export function stem(name: string): string {
  const bare = name.replace(/^(?:the|a|an|my|our|his|her|their|its) /, "").trim();
  const irregular = irregulars[bare.split(" ").at(-1) ?? ""];
  if (irregular !== undefined) return bare.replace(/\S+$/, irregular);
  return bare
    .replace(/ies$/, "y")
    .replace(/(x|sh|ch|ss)es$/, "$1")
    .replace(/(?<![su'])s$/, "");
}

const irregulars: Readonly<Record<string, string>> = {
  people: "person",
  children: "child",
  men: "man",
  women: "woman",
  mice: "mouse",
  feet: "foot",
  knives: "knife",
  loaves: "loaf",
  leaves: "leaf",
  shelves: "shelf",
  fishes: "fish",
  potatoes: "potato",
  tomatoes: "tomato",
  mangoes: "mango",
  buses: "bus",
  glasses: "glass",
};

/** The same thing, or the more special one: "red apples" are apples. */
export function isKindOf(name: string, kind: string): boolean {
  const [narrow, wide] = [stem(name), stem(kind)];
  return narrow === wide || narrow.endsWith(` ${wide}`);
}

const leadIn =
  /^(?:and|but|then|next|later|later on|after that|afterwards|now|today|yesterday|so|first|if|suppose|imagine|say|let's say|when|while|at first|initially|also|the next day|the following day|in the (?:morning|afternoon|evening)|on (?:mon|tues|wednes|thurs|fri|satur|sun)day),? /;

/** A clause without the words that only lead into it. */
export function trimLeadIn(clause: string): string {
  let text = clause.trim();
  for (;;) {
    const shorter = text.replace(leadIn, "");
    if (shorter === text) return text;
    text = shorter;
  }
}

/** A sentence of more parts is not read: the ways to join them again would be too many. */
const segmentsMax = 10;

/** What may count, compare or deny: a clause with one of these cannot be passed over. */
const counts =
  /\d|\b(?:half|double[sd]?|triple[sd]?|thirds?|quarter|amount|all|none|rest|same|both|percent|each|every|another|many|much|more|most|fewer|less|equal(?:ly)?|except|only|if|or|not|never|nobody|no|how|what|some|several|few|pair|couple|enough|remaining|cost|price|left)\b/;

/** Nothing is said in it that a sum could need. */
export function isScenery(clause: string): boolean {
  return !counts.test(clause);
}

/**
 * Reads every sentence clause by clause, joining as many parts to one clause as can be read together. Null as soon as
 * something that counts cannot be read.
 */
export function readClauses<Clause>(
  sentences: readonly string[],
  read: (clause: string) => Clause | null,
): readonly Clause[] | null {
  const clauses: Clause[] = [];
  for (const sentence of sentences) {
    const segments = sentence.split(/(,? and (?:then )?|,? but (?:then )?|,? then |, |,? if |: )/);
    if (segments.length > 2 * segmentsMax) return null;
    const found = readFrom(segments, 0, read);
    if (found === null) return null;
    clauses.push(...found);
  }
  return clauses;
}

/** Segments stand at even places, what joined them at odd ones. */
function readFrom<Clause>(
  segments: readonly string[],
  at: number,
  read: (clause: string) => Clause | null,
): readonly Clause[] | null {
  if (at >= segments.length) return [];
  for (let end = segments.length; end > at; end -= 2) {
    const text = trimLeadIn(segments.slice(at, end).join(""));
    const clause = text === "" ? null : read(text);
    if (clause === null && text !== "") continue;
    const rest = readFrom(segments, end + 1, read);
    if (rest !== null) return clause === null ? rest : [clause, ...rest];
  }
  return null;
}
