// Equal groups: sharing, bags of so many, and boxes that each hold the same. "Share 24 sweets among 6 children", "30
// eggs are packed in boxes of 6. How many boxes?", "Each box holds 6 eggs. How many eggs are in 4 boxes?"
import { makeItem, type Item } from "./item.ts";
import { isKindOf, isScenery, phrase, readClauses } from "./phrase.ts";

type Clause =
  | { readonly kind: "scene" }
  | {
      readonly kind: "shared";
      readonly whole: number;
      readonly parts: number;
      readonly isOrder: boolean;
    }
  | {
      readonly kind: "packed";
      readonly whole: number;
      readonly group: string;
      readonly size: number;
    }
  | { readonly kind: "holds"; readonly group: string; readonly size: number; readonly what: string }
  | { readonly kind: "count"; readonly group: string; readonly count: number }
  | { readonly kind: "ask-each" }
  | {
      readonly kind: "ask-all";
      readonly what: string;
      readonly group: string | null;
      readonly count: number | null;
    };

const evenly = "(?: equally| evenly| fairly| (?:between|among) (?:them|themselves))";
const among = "(?:among|amongst|between|into|by)(?: her| his| the| their)?";
const gets = "(?:get|gets|receive|receives|have|has|pay|pays|be given)";

const tells: readonly (readonly [RegExp, (groups: readonly string[]) => Clause | null])[] = [
  [
    phrase(
      `{n}¤?(?: {what})? (?:(?:is|are|were|was|be) )?(?:shared|split|divided|distributed|dealt)${evenly}? ${among} {n}(?: {what})?${evenly}?`,
    ),
    ([whole, , parts]) => shared(whole, parts, false),
  ],
  [
    phrase(
      `(?:share|split|divide|distribute)${evenly}? {n}¤?(?: {what})?${evenly}? ${among} {n}(?: equal)?(?: {what})?${evenly}?`,
    ),
    ([whole, , parts]) => shared(whole, parts, true),
  ],
  [
    phrase(
      `{who} (?:shares?|shared|splits?|divides?|divided|distributes?|wants to (?:share|split|divide))${evenly}?(?: an?)? {n}¤?(?: {what})?${evenly}? ${among} {n}(?: equal)?(?: {what})?${evenly}?`,
    ),
    ([, whole, , parts]) => shared(whole, parts, false),
  ],
  [
    phrase(`{n} {what} (?:share|split|divide|shared)(?: an?)? {n}¤?(?: {what})?${evenly}`),
    ([parts, , whole]) => shared(whole, parts, false),
  ],
  [
    phrase(
      `(?:{who} (?:puts?|packs?|packed|arranges?|plants?) )?{n} {what} (?:(?:are|were) (?:put|packed|placed|arranged|sorted|planted|packaged) )?(?:in|into) {what} of {n}(?: each| {what})?`,
    ),
    ([, whole, , group = "", size]) => ({
      kind: "packed",
      whole: Number(whole),
      group,
      size: Number(size),
    }),
  ],
  [
    phrase(
      `(?:if )?(?:each|every|1|an?|the) {what} (?:holds?|has|have|contains?|seats?|carries|fits|takes|can hold|can carry|can seat) {n} {what}`,
    ),
    ([group = "", size, what = ""]) => ({ kind: "holds", group, size: Number(size), what }),
  ],
  [
    phrase(`there are {n} {what} (?:in|on|to|per) (?:each|every|an?|1) {what}`),
    ([size, what = "", group = ""]) => ({ kind: "holds", group, size: Number(size), what }),
  ],
  [
    phrase(
      `how many {what} (?:are|will be|do|does|would)?(?: there)?(?: be)? ?(?:in|on|do|does|can|will) {n} {what}(?: (?:have|hold|contain|carry|seat))?`,
    ),
    ([what = "", count, group = ""]) => ({ kind: "ask-all", what, group, count: Number(count) }),
  ],
  [
    phrase(
      `how (?:many|much)(?: {what})? {aux} (?:each|every|1|they each)(?: {what})?(?: of them)? ${gets}`,
    ),
    () => ({ kind: "ask-each" }),
  ],
  [
    phrase(
      `how (?:many|much)(?: {what})? (?:{aux} (?:he|she|they|you|we|{who}) )?(?:each ${gets}|${gets} each|give (?:to )?each(?: {what})?)`,
    ),
    () => ({ kind: "ask-each" }),
  ],
  [
    phrase(
      `how (?:many|much)(?: {what})? (?:is|are|go|goes|will be)(?: there)? (?:in|into|for|on) (?:each|every|1)(?: {what})?`,
    ),
    () => ({ kind: "ask-each" }),
  ],
  [
    phrase(
      `how (?:many|much)(?: {what})? (?:per {what}|is (?:that )?each|each(?: {what} ${gets})?)`,
    ),
    () => ({ kind: "ask-each" }),
  ],
  [phrase(`what is (?:each|1|the) (?:share|person's share)`), () => ({ kind: "ask-each" })],
  [
    phrase(
      `how many {what}(?: (?:are|is)(?: there)?(?: needed)?| {aux} {who} (?:have|need|get|fill|make))?{fin}`,
    ),
    ([what = ""]) => ({ kind: "ask-all", what, group: null, count: null }),
  ],
];

/** "5 boxes with 6 eggs each": two facts in one clause. */
const both = phrase(
  `(?:there are |{who} {have} |{who} (?:buys|bought|packs|fills) )?{n} {what} (?:with|of|each with|each holding|containing|holding|each containing|that each hold|that hold|and each has|and each {what} has|and each holds) {n} {what}(?: each| in each(?: {what})?| inside each| apiece)?`,
);
const owned = phrase(`(?:there are|{who} {have}|{who} (?:buys|bought|packs|fills)) {n} {what}`);

export function readGroups(sentences: readonly string[]): Item | null {
  const clauses = readClauses(sentences, readClause);
  return clauses === null ? null : settle(clauses.flat());
}

function readClause(text: string): readonly Clause[] | null {
  const pair = both.exec(text);
  if (pair !== null) {
    const [, , , count, group = "", , size, what = ""] = pair;
    return [
      { kind: "count", group, count: Number(count) },
      { kind: "holds", group, size: Number(size), what },
    ];
  }
  const own = owned.exec(text);
  if (own !== null) return [{ kind: "count", group: own.at(-1) ?? "", count: Number(own.at(-2)) }];
  for (const [pattern, tell] of tells) {
    const match = pattern.exec(text);
    const clause = match === null ? null : tell(match.slice(1));
    if (clause !== null) return [clause];
  }
  return isScenery(text) ? [{ kind: "scene" }] : null;
}

function settle(all: readonly Clause[]): Item | null {
  const clauses = all.filter(({ kind }) => kind !== "scene");
  const [first, second, third] = clauses;
  if (first === undefined || clauses.length > 3) return null;
  if (clauses.length === 1)
    return first.kind === "shared" && first.isOrder ? share(first.whole, first.parts) : null;
  const shares = clauses.find((clause) => clause.kind === "shared");
  if (shares !== undefined)
    return clauses.length === 2 && clauses.some(({ kind }) => kind === "ask-each")
      ? share(shares.whole, shares.parts)
      : null;
  const ask = clauses.find((clause) => clause.kind === "ask-all");
  if (ask === undefined) return null;
  const packed = clauses.find((clause) => clause.kind === "packed");
  if (packed !== undefined) {
    const groups = packed.whole / packed.size;
    if (clauses.length > 2 || !isKindOf(packed.group, ask.what) || !Number.isInteger(groups))
      return null;
    return makeItem(
      "sharing",
      `${packed.whole},of ${packed.size}`,
      groups,
      ["divide"],
      [packed.whole, packed.size],
    );
  }
  const holds = clauses.find((clause) => clause.kind === "holds");
  const count = clauses.find((clause) => clause.kind === "count");
  if (holds === undefined) return null;
  const isMany =
    third === undefined && second !== undefined
      ? ask.count !== null
      : count !== undefined && ask.count === null;
  if (!isMany || !isKindOf(holds.what, ask.what)) return null;
  const [group, times] =
    ask.count === null ? [count?.group ?? "", count?.count ?? 0] : [ask.group ?? "", ask.count];
  if (!isKindOf(group, holds.group) && !isKindOf(holds.group, group)) return null;
  return makeItem(
    "chain",
    `${times}*${holds.size}`,
    times * holds.size,
    ["multiply"],
    [times, holds.size],
  );
}

function share(whole: number, parts: number): Item | null {
  return parts === 0
    ? null
    : makeItem("sharing", `${whole},${parts}`, whole / parts, ["share"], [whole, parts]);
}

function shared(whole: string | undefined, parts: string | undefined, isOrder: boolean): Clause {
  return { kind: "shared", whole: Number(whole), parts: Number(parts), isOrder };
}
