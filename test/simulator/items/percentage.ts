// Percentages that are one sentence or two: parts as a percentage, changes by one, discounts, tips, and how many of a
// group. "What percent of 50 is 10?", "Increase 200 by 15%", "What is 25% off 80 dollars?"
import { makeItem, type Item } from "./item.ts";
import { isKindOf, phrase } from "./phrase.ts";

const percent = "(?:%| percent| per cent)";
const share = "(?:percent|percentage|%)";
const asked = "(?:what is |what's |how much is |calculate |find )?";
const thing = "(?:an? |the )?(?:{what} )?(?:that costs |costing |priced at |worth |of |for |at )?";

type Form = readonly [pattern: RegExp, work: (numbers: readonly [number, number]) => number];

/** Each with its two numbers in the order in which they are said. */
const forms: readonly Form[] = [
  [phrase(`what ${share} (?:of )?{m} is {m}`), ([whole, part]) => (part / whole) * 100],
  [phrase(`what ${share} is {m} (?:out )?of {m}`), ([part, whole]) => (part / whole) * 100],
  [phrase(`{m} is what ${share} of {m}`), ([part, whole]) => (part / whole) * 100],
  [
    phrase(`(?:what is |write |express |convert )?{m} (?:out of|of) {m} (?:as|in|to) an? ${share}`),
    ([part, whole]) => (part / whole) * 100,
  ],
  [
    phrase(`(?:what is )?(?:increase {m}|raise {m}|{m} (?:increased|raised)) by {n}${percent}`),
    ([whole, rate]) => whole * (1 + rate / 100),
  ],
  [
    phrase(`(?:what is )?(?:decrease {m}|reduce {m}|{m} (?:decreased|reduced)) by {n}${percent}`),
    ([whole, rate]) => whole * (1 - rate / 100),
  ],
  [
    phrase(`${asked}(?:an? )?{n}${percent} (?:off|discount on)(?: of)? ${thing}{m}(?: {what})?`),
    ([rate, price]) => price * (1 - rate / 100),
  ],
  [
    phrase(`${asked}(?:an? |the )?{n}${percent} (?:tip|tax) (?:on|for) ${thing}{m}(?: {what})?`),
    ([rate, price]) => (price * rate) / 100,
  ],
  [
    phrase(`${asked}{n}${percent} of (?:an? |the )?{m}(?: {what})?`),
    ([rate, whole]) => (whole * rate) / 100,
  ],
];

const ofGroup = phrase(
  `{n}${percent} of (?:the |a class of |a group of |a school's |his |her |their )?{n} {what} (?:are|is|were|like|have|play|walk|wear|own|eat|come by) ([a-z ]+)`,
);
const askGroup = phrase(
  `how many(?: {what}| of them)? (?:are|were|is|like|have|play|walk|wear|own|eat|come by)(?: ([a-z ]+?))?(?: there)?`,
);

export function readPercentage(sentences: readonly string[]): Item | null {
  const [first = "", second] = sentences;
  if (sentences.length === 2 && second !== undefined) return readGroup(first, second);
  if (sentences.length !== 1) return null;
  for (const [pattern, work] of forms) {
    const match = pattern.exec(first);
    if (match === null) continue;
    const [one, two] = match
      .slice(1)
      .filter((group) => /^\d/.test(group ?? ""))
      .map(Number);
    if (one === undefined || two === undefined) return null;
    const value = work([one, two]);
    return Number.isFinite(value)
      ? makeItem("percentage", `${one},${two}:${value}`, value, ["percentage"], [one, two])
      : null;
  }
  return null;
}

/** "40% of the 30 students are girls. How many girls are there?": only for those that were spoken of. */
function readGroup(told: string, asked: string): Item | null {
  const [, rate, whole, , kind = ""] = ofGroup.exec(told) ?? [];
  const [, what, again] = askGroup.exec(asked) ?? [];
  if (rate === undefined || whole === undefined || (what === undefined && again === undefined))
    return null;
  if (!isKindOf(kind, again ?? "") && !isKindOf(kind, what ?? "")) return null;
  const numbers = [Number(rate), Number(whole)] as const;
  return makeItem(
    "percentage",
    numbers.join(","),
    (numbers[0] * numbers[1]) / 100,
    ["percentage"],
    numbers,
  );
}
