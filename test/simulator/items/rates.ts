// So much in each unit of time: speeds, wages, pages a day. "A train goes 80 km per hour. How far does it go in 3
// hours?", "How long does it take to travel 240 km at 80 km per hour?", "She covers 240 km in 3 hours. How fast is that?"
import { settleRate, type Lasted, type RateClause, type Told } from "./elapsed.ts";
import type { Item } from "./item.ts";
import { isScenery, phrase, readClauses } from "./phrase.ts";

/** Words only: who does it, and how. */
const lead = String.raw`(?:(?!how|what)[a-z' ]{1,60}? )`;
/** What stands between a question and its time: not "per day", which asks for the rate itself. */
const middle = String.raw`(?:(?!per\b)[a-z' ]){1,60}?`;
const amount = "{n}(¤?)(?: {what})?";
const speed = "(?:(?:an? |the )?(?:constant |steady |average )?(?:speed|rate|pace) of )?";

const tells: readonly (readonly [RegExp, (groups: readonly string[]) => RateClause | null])[] = [
  [
    phrase(`how many {what} per {unit}(?: [a-z' ]{1,60})?`),
    ([, per = ""]) => ({ kind: "ask-rate", per }),
  ],
  [
    phrase(
      `how (?:far|much|many(?: {what})?) ${lead}(?:at )?${speed}${amount} per {unit}(?: [a-z ]{1,30})? (?:in|for|after) {n} {unit}`,
    ),
    ([asked = "", n, sign, what = "", per, time, unit]) => ({
      kind: "ask-amount",
      what: asked,
      rate: told(n, sign, what, per),
      lasted: lasted(time, unit),
    }),
  ],
  [
    phrase(
      `how (?:far|much|many(?: {what})?) ${lead}(?:in|for|after) {n} {unit} (?:at|going|travelling at|driving at) ${speed}${amount} per {unit}`,
    ),
    ([asked = "", time, unit, n, sign, what = "", per]) => ({
      kind: "ask-amount",
      what: asked,
      rate: told(n, sign, what, per),
      lasted: lasted(time, unit),
    }),
  ],
  [
    phrase(
      `how (?:long|many (seconds|minutes|hours|days|weeks)) ${lead}${amount}(?: (?:at|going at|going|travelling at|driving at) ${speed}${amount} per {unit})?`,
    ),
    ([unit, n, sign, what = "", rate, rateSign, rateWhat = "", per]) => ({
      kind: "ask-time",
      unit: unit ?? null,
      amount: Number(n),
      what: sign === "¤" ? "¤" : what,
      rate: per === undefined || per === "" ? null : told(rate, rateSign, rateWhat, per),
    }),
  ],
  [
    phrase(`${lead}for {n} {unit} (?:at )?${speed}${amount} per {unit}`),
    ([time, unit, n, sign, what = "", per]) => ({
      kind: "rate",
      rate: told(n, sign, what, per),
      lasted: lasted(time, unit),
    }),
  ],
  [
    phrase(`${lead}(?:at )?${speed}${amount} per {unit}(?: for {n} {unit})?{tail}`),
    ([n, sign, what = "", per, time, unit]) => ({
      kind: "rate",
      rate: told(n, sign, what, per),
      lasted: time === undefined || time === "" ? null : lasted(time, unit),
    }),
  ],
  [
    phrase(`${lead}${amount} in {n} {unit}`),
    ([n, sign, what = "", time, unit]) => ({
      kind: "done",
      amount: Number(n),
      what: sign === "¤" ? "¤" : what,
      lasted: lasted(time, unit),
    }),
  ],
  [
    phrase(`${lead}(?:for )?{n} {unit}`),
    ([time, unit]) => ({ kind: "lasted", lasted: lasted(time, unit) }),
  ],
  [
    phrase(`how far ${middle}(?: (?:in|for|after) {n} {unit})?`),
    ([time, unit]) => askAmount("", time, unit),
  ],
  [
    phrase(`how much(?: money)? ${middle}(?: (?:in|for|after) {n} {unit})?`),
    ([time, unit]) => askAmount("¤", time, unit),
  ],
  [
    phrase(`how (?:many|much) {what} ${middle}(?: (?:in|for|after) {n} {unit})?`),
    ([what = "", time, unit]) => askAmount(what, time, unit),
  ],
  [
    phrase(`how many {what} in {n} {unit}`),
    ([what = "", time, unit]) => askAmount(what, time, unit),
  ],
  [phrase(`how fast [a-z' ]{1,60}`), () => ({ kind: "ask-rate", per: null })],
  [
    phrase(
      `what (?:is|was) (?:the |its |his |her |their |my )?[a-z' ]{0,40}speed[a-z' ]{0,40}(?: in [a-z]+ per {unit})?`,
    ),
    ([per]) => ({ kind: "ask-rate", per: per === undefined || per === "" ? null : per }),
  ],
];

export function readRates(sentences: readonly string[]): Item | null {
  const clauses = readClauses(sentences.map(writePer), readClause);
  return clauses === null ? null : settleRate(clauses);
}

/** One way to say a rate: "60 mph", "15¤ an hour", "20 pages every day". */
function writePer(sentence: string): string {
  return sentence
    .replaceAll(/\b(in|for|after) an? (?=(?:hour|minute|second|day|week|month|year)\b)/g, "$1 1 ")
    .replaceAll(/(?<=\d) ?(?:km\/h|kmh|kph|km\/hr)\b/g, " km per hour")
    .replaceAll(/(?<=\d) ?mph\b/g, " miles per hour")
    .replaceAll(/(?<=\d) ?m\/s\b/g, " metres per second")
    .replaceAll(
      /(?<=\d¤?(?: [a-z]+){0,2}) ?(?:\/ ?|an? |each |every |per )(hour|h|minute|min|second|day|week|month|year)\b/g,
      (_, unit: string) => ` per ${unit === "h" ? "hour" : unit === "min" ? "minute" : unit}`,
    )
    .replaceAll(
      /(?<=how many [a-z ]{1,40}) (?:an|a|each|every) (?=(?:hour|minute|second|day|week)\b)/g,
      " per ",
    )
    .replaceAll(/(?<=\d)(?=km\b)/g, " ");
}

function readClause(text: string): RateClause | null {
  for (const [pattern, tell] of tells) {
    const match = pattern.exec(text);
    if (match === null) continue;
    // A rate for each of several, or of only some of the time, is another question.
    if (
      /\b(?:each|every|half|other|more|left|less|than|except|remaining|longer|rest|not)\b/.test(
        text,
      )
    )
      return null;
    return tell(match.slice(1));
  }
  return isScenery(text) ? { kind: "scene" } : null;
}

function told(n: string | undefined, sign: string | undefined, what: string, per = ""): Told {
  return { amount: Number(n), what: sign === "¤" ? "¤" : what, per };
}

function lasted(time: string | undefined, unit = ""): Lasted {
  return { time: Number(time), unit };
}

function askAmount(what: string, time: string | undefined, unit: string | undefined): RateClause {
  return {
    kind: "ask-amount",
    what,
    rate: null,
    lasted: time === undefined || time === "" ? null : lasted(time, unit),
  };
}
