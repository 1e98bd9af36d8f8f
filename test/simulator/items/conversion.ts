// Unit conversion: "How many metres are 3.5 km?", "Convert 2 hours and 15 minutes to seconds", "5 km in miles".
import { makeItem, type Item, type StepName } from "./item.ts";
import { findUnit } from "./units.ts";

const quantity = String.raw`(?:-?\d+(?:\.\d+)?|an?)\s*(?:°|degrees? )?\s*[a-z]+`;
const quantities = String.raw`(?:the )?(${quantity}(?:\s*(?:, and|,|and|plus)\s*${quantity})*)`;
const unit = String.raw`(?:°|degrees? )?([a-z]+)`;
const forms: readonly {
  readonly pattern: RegExp;
  readonly amount: number;
  readonly target: number;
}[] = [
  form(
    `(?:how many|number of) ${unit} (?:(?:are|is|make|makes|does|do|would|equals?|fit)(?: there)?(?: up)?(?: equal| be| make)?(?: in(?:to)?| to)?|in|to|equals?) ${quantities}(?: make| equal| have| contain| be)?`,
    2,
    1,
  ),
  form(
    `how many ${unit} (?:does|do|would|will) ${quantities} (?:make|equal|have|contain|take)`,
    2,
    1,
  ),
  form(
    `(?:convert|express|change|write|turn|give|show|put|what(?:'s| is| are)|how (?:much|long|far|heavy|tall|hot|cold)(?: is| are)|(?:what|how much) (?:does|do)) ${quantities}(?: equal)? (?:to|into|in|as|expressed in|converted to) ${unit}`,
    1,
    2,
  ),
  form(
    `${quantities} (?:to|into|in|as|=|equals|is|are|is equal to)(?: how many| what in)? ${unit}`,
    1,
    2,
  ),
];

/** Words of one letter are units only where nothing else can be meant. */
const oneQuantity = new RegExp(
  String.raw`(-?\d+(?:\.\d+)?|\ban?\b)\s*(?:°|degrees? )?\s*([a-z]+)`,
  "g",
);

export function readConversion(sentence: string): Item | null {
  for (const { pattern, amount, target } of forms) {
    const match = pattern.exec(sentence);
    if (match === null) continue;
    const item = convert(match[amount] ?? "", match[target] ?? "");
    if (item !== null) return item;
  }
  return null;
}

function convert(amounts: string, targetName: string): Item | null {
  const target = findUnit(targetName);
  if (target === null) return null;
  const operands: number[] = [];
  const steps: StepName[] = [];
  let base = 0;
  for (const match of amounts.matchAll(oneQuantity)) {
    const source = findUnit(match[2] ?? "");
    if (source?.dimension !== target.dimension) return null;
    const number = Number.parseFloat(match[1] ?? "");
    const value = Number.isNaN(number) ? 1 : number;
    // Two temperatures do not add up to a third.
    if (operands.length > 0 && target.dimension === "temperature") return null;
    if (operands.length > 0) steps.push("add");
    if (source.factor !== target.factor || source.offset !== target.offset) steps.push("convert");
    operands.push(value);
    base += value * source.factor + source.offset;
  }
  if (operands.length === 0) return null;
  return makeItem(
    "conversion",
    `${amounts.replaceAll(/\s+/g, " ")}>${targetName}`,
    (base - target.offset) / target.factor,
    steps,
    operands,
  );
}

function form(
  source: string,
  amount: number,
  target: number,
): { readonly pattern: RegExp; readonly amount: number; readonly target: number } {
  return { pattern: new RegExp(`^${source}(?: exactly| altogether| in total)?$`), amount, target };
}
