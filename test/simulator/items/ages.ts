// Ages: "Ann is 12. Ben is 3 years older than Ann. How old is Ben?", in years to come and in years gone by. What is
// said of two people holds in both directions, so the one who is asked for may be either.
import { makeItem, type Item, type StepName } from "./item.ts";
import { isScenery, phrase, readClauses, stem } from "./phrase.ts";

type Clause =
  | { readonly kind: "scene" }
  | { readonly kind: "is"; readonly who: string; readonly age: number }
  | {
      readonly kind: "differs";
      readonly who: string;
      readonly years: number;
      readonly than: string;
    }
  | { readonly kind: "times"; readonly who: string; readonly times: number; readonly than: string }
  | { readonly kind: "ask"; readonly who: string; readonly years: number }
  | {
      readonly kind: "ask-when";
      readonly who: string;
      readonly other: string;
      readonly age: number;
    }
  | { readonly kind: "ask-sum" }
  | { readonly kind: "ask-difference"; readonly who: string; readonly than: string };

type Ask = Extract<Clause, { readonly kind: `ask${string}` }>;

const person = "((?:the |a |my |his |her |their |our )?[a-z]+)";
const old = "(?: years old| years of age| years)?";

const tells: readonly (readonly [RegExp, (groups: readonly string[]) => Clause])[] = [
  [
    phrase(`${person} is (?:now )?{n}${old}(?: now| today)?`),
    ([who = "", age]) => ({ kind: "is", who, age: Number(age) }),
  ],
  [
    phrase(`${person} is {n} years? (older|younger) than ${person}`),
    ([who = "", years, word, than = ""]) => ({
      kind: "differs",
      who,
      years: word === "older" ? Number(years) : -Number(years),
      than,
    }),
  ],
  [
    phrase(`${person} is {n} times (?:as old as|the age of|older than) ${person}(?: is)?`),
    ([who = "", times, than = ""]) => ({ kind: "times", who, times: Number(times), than }),
  ],
  [
    phrase(`${person} is {n} times (her|his|their|[a-z]+'s) age`),
    ([who = "", times, than = ""]) => ({ kind: "times", who, times: Number(times), than }),
  ],
  [
    phrase(`${person} is {n} times as old`),
    ([who = "", times]) => ({ kind: "times", who, times: Number(times), than: "he" }),
  ],
  [
    phrase(`${person} is half (?:as old as|the age of) ${person}(?: is)?`),
    ([who = "", than = ""]) => ({ kind: "times", who, times: 0.5, than }),
  ],
  [
    phrase(`${person} is half (her|his|their|[a-z]+'s) age`),
    ([who = "", than = ""]) => ({ kind: "times", who, times: 0.5, than }),
  ],
  [
    phrase(`(?:how old is ${person}|what is ([a-z]+)'s age)(?: now| today)?`),
    ([who, whose = ""]) => ({ kind: "ask", who: who ?? whose, years: 0 }),
  ],
  [
    phrase(`how old will ${person} be (?:in {n} years(?:' time| time)?|{n} years from now)`),
    ([who = "", years, more]) => ({ kind: "ask", who, years: Number(years ?? more) }),
  ],
  [
    phrase(`in {n} years(?: time)?,? how old will ${person} be`),
    ([years, who = ""]) => ({ kind: "ask", who, years: Number(years) }),
  ],
  [
    phrase(`how old was ${person} {n} years ago`),
    ([who = "", years]) => ({ kind: "ask", who, years: -Number(years) }),
  ],
  [
    phrase(`how old will ${person} be when ${person} is {n}${old}`),
    ([who = "", other = "", age]) => ({ kind: "ask-when", who, other, age: Number(age) }),
  ],
  [
    phrase(
      `(?:how old are (?:they|the 2)(?: of them)? (?:together|altogether|in total)|what is the (?:sum|total) of their ages)`,
    ),
    () => ({ kind: "ask-sum" }),
  ],
  [
    phrase(`how (?:much|many years) older is ${person} than ${person}`),
    ([who = "", than = ""]) => ({ kind: "ask-difference", who, than }),
  ],
];

export function readAges(sentences: readonly string[]): Item | null {
  const clauses = readClauses(sentences, readClause);
  return clauses === null ? null : settle(clauses);
}

function readClause(text: string): Clause | null {
  for (const [pattern, tell] of tells) {
    const match = pattern.exec(text);
    if (match !== null) return tell(match.slice(1));
  }
  return isScenery(text) ? { kind: "scene" } : null;
}

function settle(clauses: readonly Clause[]): Item | null {
  const people: string[] = [];
  /** A pronoun means the one who was spoken of, when there is only one besides who is told about. */
  const resolve = (name: string, besides: string | null): string | null => {
    const bare = name.replace(/'s$/, "");
    if (!/^(?:he|she|they|him|her|his|their|i)$/.test(bare)) return stem(bare);
    const others = people.filter((one) => one !== besides);
    return others.length === 1 ? (others[0] ?? null) : null;
  };
  const meet = (name: string, besides: string | null): string | null => {
    const who = resolve(name, besides);
    if (who !== null && !people.includes(who)) people.push(who);
    return who;
  };

  const ages = new Map<string, number>();
  const links: {
    readonly who: string;
    readonly than: string;
    readonly by: number;
    readonly isTimes: boolean;
  }[] = [];
  const steps: StepName[] = [];
  const operands: number[] = [];
  const words: string[] = [];
  let asked: Ask | null = null;
  for (const clause of clauses) {
    switch (clause.kind) {
      case "scene":
        break;
      case "is": {
        const who = meet(clause.who, null);
        if (who === null || ages.has(who)) return null;
        ages.set(who, clause.age);
        operands.push(clause.age);
        words.push(`${who}=${clause.age}`);
        break;
      }
      case "differs":
      case "times": {
        // Who is told about is new more often than not; the pronoun is the other one.
        const who = meet(clause.who, null);
        const than = who === null ? null : meet(clause.than, who);
        if (who === null || than === null || who === than) return null;
        const by = clause.kind === "times" ? clause.times : clause.years;
        links.push({ who, than, by, isTimes: clause.kind === "times" });
        operands.push(Math.abs(by));
        words.push(`${who}${clause.kind}${by}${than}`);
        break;
      }
      case "ask":
      case "ask-when":
      case "ask-sum":
      case "ask-difference":
        if (asked !== null) return null;
        asked = clause;
    }
  }
  if (asked === null) return null;

  for (let round = 0; round < links.length; round += 1) {
    for (const { who, than, by, isTimes } of links) {
      const [own, other] = [ages.get(who), ages.get(than)];
      if (own === undefined && other !== undefined) {
        ages.set(who, isTimes ? other * by : other + by);
        steps.push(isTimes ? "multiply" : by > 0 ? "add" : "subtract");
      } else if (own !== undefined && other === undefined && by !== 0) {
        ages.set(than, isTimes ? own / by : own - by);
        steps.push(isTimes ? "divide" : by > 0 ? "subtract" : "add");
      } else if (own !== undefined && other !== undefined) {
        // Told twice, it has to be the same.
        if (Math.abs(own - (isTimes ? other * by : other + by)) > 1e-9) return null;
      }
    }
  }
  const ageOf = (name: string): number | null => ages.get(resolve(name, null) ?? "") ?? null;
  const value = answer(asked);
  if (value === null || value < 0 || people.some((one) => !ages.has(one))) return null;
  return makeItem("ages", `${words.join(";")};${JSON.stringify(asked)}`, value, steps, operands);

  function answer(ask: Ask): number | null {
    switch (ask.kind) {
      case "ask": {
        const age = ageOf(ask.who);
        if (ask.years !== 0) {
          steps.push(ask.years > 0 ? "add" : "subtract");
          operands.push(Math.abs(ask.years));
        }
        return age === null ? null : age + ask.years;
      }
      case "ask-when": {
        const [age, other] = [ageOf(ask.who), ageOf(ask.other)];
        steps.push("subtract", "add");
        operands.push(ask.age);
        return age === null || other === null ? null : ask.age + age - other;
      }
      case "ask-sum": {
        for (let more = 1; more < people.length; more += 1) steps.push("add");
        return people.length < 2
          ? null
          : people.reduce((sum, one) => sum + (ages.get(one) ?? NaN), 0);
      }
      case "ask-difference": {
        const [age, other] = [ageOf(ask.who), ageOf(ask.than)];
        steps.push("subtract");
        return age === null || other === null ? null : age - other;
      }
    }
  }
}
