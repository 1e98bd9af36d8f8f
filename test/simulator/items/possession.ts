// Who has how many: "Tom has 5 apples. He buys 7 more and gives 3 away. How many are left?" A small world of holders
// and things, in which each clause changes one amount.
import type { Item } from "./item.ts";
import { isScenery, phrase, readClauses } from "./phrase.ts";
import { answerPossession } from "./holdings.ts";

export type Amount = {
  /** Null for a half of what there is. */
  readonly count: number | null;
  readonly isMore: boolean;
  readonly what: string | null;
};
export type PossessionClause =
  | { readonly kind: "scene"; readonly who: string | null }
  | { readonly kind: "set"; readonly who: string; readonly amounts: readonly Amount[] }
  | {
      readonly kind: "change";
      readonly who: string | null;
      readonly sign: 1 | -1;
      readonly amounts: readonly Amount[];
      /** Who gets what is given, or gives what is got. */
      readonly other: string | null;
    }
  | {
      readonly kind: "compare";
      readonly who: string;
      readonly by: "more" | "fewer" | "times";
      readonly count: number;
      readonly what: string | null;
      readonly than: string;
    }
  | {
      readonly kind: "ask";
      readonly who: readonly string[];
      readonly what: string | null;
      readonly isTotal: boolean;
      /** Asked for how many more than this one. */
      readonly than: string | null;
    };

const gain =
  "(?:buys?|bought|gets?|got|finds?|found|receives?|received|picks?|picked|collects?|collected|earns?|earned|wins?|won|adds?|added|gains?|gained|bakes?|baked|makes?|made|saves?|saved|catch|catches|caught|grows?|grew|plants?|planted|borrows?|borrowed|orders?|ordered|scores?|scored|(?:is|was|are|were) given)(?: up)?";
const lose =
  "(?:gives?|gave|loses?|lost|eats?|ate|sells?|sold|spends?|spent|uses?|used|drops?|dropped|breaks?|broke|throws?|threw|donates?|donated|drinks?|drank|pays?|paid|lends?|lent|returns?|returned|removes?|removed|hands?|handed|reads?|takes? out|took out)(?: away| out| up| back)?";
const comes =
  "(?:arrives?|arrived|comes?|came|joins?|joined|gets? on|got on|boards?|boarded|enters?|entered|(?:is|are|was|were) (?:added|born|delivered)|lands?|landed|moves? in|moved in|(?:fly|flies|flew) in)(?: in| back| over)?";
const goes =
  "(?:leaves?|left|gets? off|got off|(?:fly|flies|flew|runs?|ran|swims?|swam|goes|go|went|walks?|walked|drives?|drove) (?:away|off|home|out)|dies?|died|breaks?|broke|falls?|fell|pops?|popped|melts?|melted|(?:is|are|was|were) (?:eaten|sold|lost|given|taken|removed|used|broken|stolen|thrown|donated|spent))(?: away| off| out| up| down)?";

const tells: readonly (readonly [
  RegExp,
  (groups: readonly string[]) => PossessionClause | null,
])[] = [
  [
    phrase(`{who} {have} {n} times as (?:many|much)(?: {what})? as {who}(?: {have}| does| do)?`),
    ([who = "", count, what = "", than = ""]) => compare(who, "times", count, what, than),
  ],
  [
    phrase(`{who} {have} half as (?:many|much)(?: {what})? as {who}(?: {have}| does| do)?`),
    ([who = "", what = "", than = ""]) => compare(who, "times", "0.5", what, than),
  ],
  [
    phrase(`{who} {have} {n}¤? (more|fewer|less)(?: {what})? than {who}(?: {have}| does| do)?`),
    ([who = "", count, by, what = "", than = ""]) =>
      compare(who, by === "more" ? "more" : "fewer", count, what, than),
  ],
  [
    phrase(`(?:{who} {have}|(there) (?:are|were|is|was)) ((?:\\d|a |an ).*)`),
    ([who, there, rest = ""]) => set(who || there || "", rest),
  ],
  [
    phrase(
      `(?:{who} )?(?:gives?|gave|hands?|lends?|lent|sells?|sold) (?:to )?{who} (\\d.*|half.*)`,
    ),
    ([who = "", other = "", rest = ""]) => change(who, -1, rest, other),
  ],
  [
    phrase(`(?:{who} )?${gain} (\\d.*|half.*)`),
    ([who = "", rest = ""]) => change(who, 1, rest, ""),
  ],
  [
    phrase(`(?:{who} )?${lose} (\\d.*|half.*)`),
    ([who = "", rest = ""]) => change(who, -1, rest, ""),
  ],
  [phrase(`(\\d.*?|half.*?) ${comes}{tail}`), ([rest = ""]) => change("", 1, rest, "")],
  [phrase(`(\\d.*?|half.*?) ${goes}{tail}`), ([rest = ""]) => change("", -1, rest, "")],
  [
    phrase(
      `how (?:many|much) (?:more|fewer|less)(?: {what})? {aux} {who} have than {who}(?: {have}| does| do)?`,
    ),
    ([what = "", who = "", than = ""]) => ask([who], what, "", than),
  ],
  [
    phrase(
      `how (?:many|much)(?: {what})? {aux} {who}(?: and {who})? (?:(?:now|still) )?(?:have|own|hold|keep|contain){fin}(?: to {what})?{tail}`,
    ),
    ([what = "", who = "", second = "", fin = ""]) =>
      ask(second === "" ? [who] : [who, second], what, second === "" ? fin : `${fin} total`, null),
  ],
  [
    phrase(
      `how (?:many|much)(?: {what})? (?:(?:is|are|is|were|was|will be)(?: there| still| now)*|remains?){fin}{tail}(?: now| then)?`,
    ),
    ([what = "", fin = ""]) => ask([], what, fin, null),
  ],
  [
    phrase(`how (?:many|much)(?: {what})?{fin}`),
    ([what = "", fin = ""]) => ask([], what, fin, null),
  ],
  [
    phrase(`what is the total(?: number of {what})?(?: they have)?`),
    ([what = ""]) => ask([], what, "total", null),
  ],
  [
    phrase(`what is {who}'s (?:new )?(total)(?: number of {what})?`),
    ([who = "", , what = ""]) => ask([who], what, "", null),
  ],
];

export function readPossession(sentences: readonly string[]): Item | null {
  const clauses = readClauses(sentences, readClause);
  return clauses === null ? null : answerPossession(clauses);
}

function readClause(text: string): PossessionClause | null {
  for (const [pattern, tell] of tells) {
    const match = pattern.exec(text);
    const clause = match === null ? null : tell(match.slice(1));
    if (clause !== null) return clause;
  }
  if (!isScenery(text)) return null;
  return { kind: "scene", who: /^((?:the |a |an |my )?[a-z'-]+)/.exec(text)?.[1] ?? null };
}

function set(who: string, rest: string): PossessionClause | null {
  const read = readAmounts(rest);
  if (read === null || read.other !== null) return null;
  if (read.amounts.some(({ isMore, count }) => isMore || count === null)) return null;
  return { kind: "set", who, amounts: read.amounts };
}

function change(who: string, sign: 1 | -1, rest: string, given: string): PossessionClause | null {
  const read = readAmounts(rest);
  if (read === null || (given !== "" && read.other !== null)) return null;
  return {
    kind: "change",
    who: who === "" ? null : who,
    sign,
    amounts: read.amounts,
    other: given === "" ? read.other : given,
  };
}

function compare(
  who: string,
  by: "more" | "fewer" | "times",
  count: string | undefined,
  what: string,
  than: string,
): PossessionClause {
  return { kind: "compare", who, by, count: Number(count), what: what === "" ? null : what, than };
}

function ask(
  who: readonly string[],
  what: string,
  fin: string,
  than: string | null,
): PossessionClause {
  return {
    kind: "ask",
    who,
    what: what === "" || what === "money" ? null : what,
    isTotal: /\ball|together|total/.test(fin),
    than,
  };
}

const one =
  /^(?:(\d+(?:\.\d+)?)¤?|(half)|(an?))( more)?(?: of (?:them|those|these|it|what (?:he|she|they) (?:has|have|had)))?/;
const rest = phrase(
  `(?: of)?(?: (?:his|her|their|the|its|my))?(?: {what})?(?: (?:more))?(?: away| out| up| back| left| first)?(?: (?:to|from) {who})?{tail}(?: (?:later|today|yesterday|again|too|as well|instead|now|first|already))?`,
);

function readAmounts(
  text: string,
): { readonly amounts: readonly Amount[]; readonly other: string | null } | null {
  const amounts: Amount[] = [];
  let other: string | null = null;
  for (const part of text.split(/,? and |, /)) {
    const head = one.exec(part);
    const tail = head === null ? null : rest.exec(part.slice(head[0].length));
    if (head === null || tail === null || other !== null) return null;
    const [, number, half, article, more] = head;
    const what = tail[1] ?? null;
    // "A" counts one, but only of something; money is told from things by its sign.
    if (article !== undefined && what === null) return null;
    amounts.push({
      count: half === undefined ? Number(number ?? 1) : null,
      isMore: more !== undefined,
      what: head[0].includes("¤") ? "¤" : what,
    });
    other = tail[2] ?? null;
  }
  return { amounts, other };
}
