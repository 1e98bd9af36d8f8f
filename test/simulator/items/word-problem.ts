// Simple word problems: an opening that sets a quantity, any number of sentences that change it,
// and a question. Each opening belongs to a family; the changes are the same for all.
import { makeItem, type Family, type Item, type StepName } from "./item.ts";

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

const number = String.raw`(?:[$€£]\s*)?(\d+(?:\.\d+)?)`;
const gap = String.raw`[^.?!\d]{0,60}?`;
/** From one sentence into the next, past whatever else it says without numbers. */
const next = String.raw`[^\d]{0,120}?`;

/** Ordered: the first opening that matches names the family. */
const openings: readonly Opening[] = [
  {
    family: "percentage",
    pattern: pattern(`${number}\\s*(?:percent|%) off ${gap}${number}`),
    step: "percentage",
    start: (rate, price) => price * (1 - rate / 100),
  },
  {
    family: "percentage",
    pattern: pattern(`${number}\\s*(?:percent|%) of ${gap}${number}`),
    step: "percentage",
    start: (rate, whole) => (whole * rate) / 100,
  },
  {
    family: "travel",
    pattern: pattern(
      `${number}\\s*(?:km|kilomet(?:re|er)s|miles)(?: per hour| an hour|\\/h| each hour)${gap}for ${number}\\s*hours?`,
    ),
    step: "rate",
    start: (speed, hours) => speed * hours,
  },
  {
    family: "sharing",
    pattern: pattern(
      `${number}${gap}(?:shared|divided|split|shares|splits) (?:\\w+ ){0,3}?(?:equally|evenly|fairly)${gap}(?:among|between|into|with) ${gap}${number}`,
    ),
    step: "share",
    start: (whole, parts) => whole / parts,
  },
  {
    family: "shopping",
    pattern: pattern(
      `(?:buys?|bought|sells?|sold|orders?|needs?)${gap}${number}${gap}(?:at|for|cost(?:s|ing)?|priced at|worth) ${number}[^.?!\\d]{0,20}?(?:each|apiece|per|a piece)`,
    ),
    step: "multiply",
    start: (count, price) => count * price,
  },
  {
    family: "shopping",
    pattern: pattern(
      `(?:at|for|costs?|priced at|worth) ${number}[^.?!\\d]{0,20}?(?:each|apiece|per|a piece)${next}how much ${gap}${number}`,
    ),
    step: "multiply",
    start: (price, count) => count * price,
  },
  {
    family: "travel",
    pattern: pattern(
      `${number}\\s*(?:km|kilomet(?:re|er)s|miles)(?: per hour| an hour|\\/h| each hour)${next}how far ${gap}in ${number}\\s*hours?`,
    ),
    step: "rate",
    start: (speed, hours) => speed * hours,
  },
  {
    family: "travel",
    pattern: pattern(
      `${number}\\s*(?:km|kilomet(?:re|er)s|miles) in ${number}\\s*hours?${next}(?:how fast|what is (?:its|the|her|his)[^.?!]{0,20} speed)`,
    ),
    step: "rate",
    start: (distance, hours) => distance / hours,
  },
  {
    family: "ages",
    pattern: pattern(`is ${number} years old${gap}[.,;]${gap}(?:is|are) ${number} times as old`),
    step: "multiply",
    start: (age, times) => age * times,
  },
  {
    family: "chain",
    pattern: pattern(`(?:holds?|has|have|had|starts? with|contains?|there are) ${number}`),
    step: null,
    start: (first) => first,
  },
];

const changes: readonly Change[] = [
  {
    pattern: pattern(
      `${number}\\s*(?:percent|%) of the (?:total|amount|rest) is (?:removed|taken off|lost)`,
    ),
    step: "percentage",
    apply: (total, rate) => total * (1 - rate / 100),
  },
  {
    pattern: pattern(`the (?:total|amount) doubles()`),
    step: "multiply",
    apply: (total) => total * 2,
  },
  {
    pattern: pattern(`the (?:total|amount) is multiplied by ${number}`),
    step: "multiply",
    apply: (total, by) => total * by,
  },
  {
    pattern: pattern(
      `the (?:total|amount) is split (?:equally )?into ${number} (?:equal )?parts and one (?:part )?is kept`,
    ),
    step: "divide",
    apply: (total, parts) => total / parts,
  },
  {
    pattern: pattern(
      `(?:pays|costs|paid)${gap}${number} (?:euros |dollars |pounds )?(?:more|extra|in addition|for delivery)|${number} more${gap}(?:are added|arrive|come in|is added)|(?:finds?|gets?|gains?|receives?|buys?) ${number} more|in ${number} years`,
    ),
    step: "add",
    apply: (total, amount) => total + amount,
  },
  {
    pattern: pattern(
      `${number}${gap}(?:are|is) (?:given away|taken away|taken out|used up|lost|eaten|removed|saved with a coupon)|(?:gives? away|loses?|uses|eats?|sells|spends) ${number}|${number} years ago`,
    ),
    step: "subtract",
    apply: (total, amount) => total - amount,
  },
];

const question = /\bhow (?:many|much|far|old|long)\b|\bwhat (?:is|are|does|will)\b|\?/i;

export function readWordProblem(text: string): Item | null {
  if (!question.test(text)) return null;
  for (const opening of openings) {
    const match = opening.pattern.exec(text);
    if (match === null) continue;
    const item = follow(opening, match, text);
    if (item !== null) return item;
  }
  return null;
}

function follow(opening: Opening, match: RegExpExecArray, text: string): Item | null {
  const [first = 0, second = 0] = numbersOf(match);
  const operands = opening.step === null ? [first] : [first, second];
  const steps: StepName[] = opening.step === null ? [] : [opening.step];
  let value = opening.start(first, second);
  let key = `${operands.join(",")}`;
  const rest = text.slice(match.index + match[0].length);

  for (const sentence of rest.split(/(?<!\d)[.;?!]|[.;?!](?!\d)|,\s*(?:then|and)\b/i)) {
    for (const change of changes) {
      const found = change.pattern.exec(sentence);
      if (found === null) continue;
      const [amount = 2] = numbersOf(found);
      value = change.apply(value, amount);
      steps.push(change.step);
      operands.push(amount);
      key += `;${change.step}${amount}`;
      break;
    }
  }
  if (steps.length === 0 || !Number.isFinite(value)) return null;
  return makeItem(opening.family, key, value, steps, operands);
}

function numbersOf(match: RegExpExecArray): number[] {
  return match
    .slice(1)
    .flatMap((group) => (group === undefined || group === "" ? [] : [Number(group)]));
}

function pattern(source: string): RegExp {
  return new RegExp(source, "i");
}
