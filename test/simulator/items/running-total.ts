// The benches' own word problems: an opening that sets a quantity, sentences that each change the total by one step,
// and the question for it. `generate.ts` writes this language, and every sentence has to be of it.
import { makeItem, type Family, type Item, type StepName } from "./item.ts";
import { numberPattern } from "./phrase.ts";

type Opening = {
  readonly family: Family;
  readonly pattern: RegExp;
  readonly step: StepName | null;
  readonly start: (first: number, second: number) => number;
};
type Change = {
  readonly pattern: RegExp;
  readonly step: StepName;
  readonly apply: (total: number, amount: number) => number;
};

const openings: readonly Opening[] = [
  {
    family: "percentage",
    pattern: sentence(`a shop takes {n} percent off an? [a-z]+ that costs {n}¤?`),
    step: "percentage",
    start: (rate, price) => price * (1 - rate / 100),
  },
  {
    family: "travel",
    pattern: sentence(`an? [a-z]+ drives at {n} km per hour for {n} hours`),
    step: "rate",
    start: (speed, hours) => speed * hours,
  },
  {
    family: "sharing",
    pattern: sentence(`{n} [a-z]+ are shared equally among {n} [a-z]+`),
    step: "share",
    start: (whole, parts) => whole / parts,
  },
  {
    family: "shopping",
    pattern: sentence(`[a-z]+ buys {n} [a-z]+ at {n}¤? each`),
    step: "multiply",
    start: (count, price) => count * price,
  },
  {
    family: "ages",
    pattern: sentence(`[a-z]+ is {n} years old. a neighbour is {n} times as old`),
    step: "multiply",
    start: (age, times) => age * times,
  },
  {
    family: "chain",
    pattern: sentence(`a store room holds {n} crates`),
    step: null,
    start: (first) => first,
  },
];

const changes: readonly Change[] = [
  {
    pattern: sentence(`then {n} percent of the total is removed`),
    step: "percentage",
    apply: (total, rate) => total * (1 - rate / 100),
  },
  { pattern: sentence(`then the total doubles`), step: "multiply", apply: (total) => total * 2 },
  {
    pattern: sentence(`then the total is multiplied by {n}`),
    step: "multiply",
    apply: (total, by) => total * by,
  },
  {
    pattern: sentence(`then the total is split into {n} equal parts and (?:1|one) part is kept`),
    step: "divide",
    apply: (total, parts) => total / parts,
  },
  {
    pattern: sentence(`then {n} more are added`),
    step: "add",
    apply: (total, amount) => total + amount,
  },
  {
    pattern: sentence(`then {n} are taken away`),
    step: "subtract",
    apply: (total, amount) => total - amount,
  },
];

const named = sentence(`call (?:that distance|1 child's [a-z]+|the neighbour's age) the total`);
const asked = sentence(`how (?:many|much)(?: [a-z]+)? is the total now(?:, in [a-z]+)?`);

export function readRunningTotal(sentences: readonly string[]): Item | null {
  if (!asked.test(sentences.at(-1) ?? "")) return null;
  const begins = sentences[0] ?? "";
  for (const opening of openings) {
    // A neighbour's age takes two sentences to tell.
    const told = opening.family === "ages" ? `${begins}. ${sentences[1] ?? ""}` : begins;
    const match = opening.pattern.exec(told);
    if (match !== null) {
      const rest = sentences.slice(opening.family === "ages" ? 2 : 1, -1);
      return follow(opening, match, rest);
    }
  }
  return null;
}

function follow(
  opening: Opening,
  match: RegExpExecArray,
  sentences: readonly string[],
): Item | null {
  const [first = 0, second = 0] = match.slice(1).map(Number);
  const operands = opening.step === null ? [first] : [first, second];
  const steps: StepName[] = opening.step === null ? [] : [opening.step];
  let value = opening.start(first, second);
  let key = operands.join(",");

  for (const [index, told] of sentences.entries()) {
    if (index === 0 && named.test(told)) continue;
    const change = changes.find(({ pattern }) => pattern.test(told));
    if (change === undefined) return null;
    const amount = Number(change.pattern.exec(told)?.[1] ?? 2);
    value = change.apply(value, amount);
    steps.push(change.step);
    operands.push(amount);
    key += `;${change.step}${amount}`;
  }
  if (steps.length === 0 || !Number.isFinite(value)) return null;
  return makeItem(opening.family, key, value, steps, operands);
}

function sentence(source: string): RegExp {
  return new RegExp(`^${source.replaceAll("{n}", numberPattern)}$`);
}
