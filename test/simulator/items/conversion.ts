// Unit conversion: "How many metres are 3.5 km?", "Convert 2 hours and 15 minutes to seconds".
import { makeItem, type Item, type StepName } from "./item.ts";

type Unit = { readonly dimension: string; readonly factor: number };

/** Each unit in the base unit of its dimension; spellings of both sides of the Atlantic. */
const units: readonly (readonly [names: string, dimension: string, factor: number])[] = [
  ["mm millimetre millimetres millimeter millimeters", "length", 0.001],
  ["cm centimetre centimetres centimeter centimeters", "length", 0.01],
  ["m metre metres meter meters", "length", 1],
  ["km kilometre kilometres kilometer kilometers", "length", 1000],
  ["mg milligram milligrams", "mass", 0.001],
  ["g gram grams", "mass", 1],
  ["kg kilogram kilograms", "mass", 1000],
  ["tonne tonnes", "mass", 1_000_000],
  ["ml millilitre millilitres milliliter milliliters", "volume", 0.001],
  ["cl centilitre centilitres", "volume", 0.01],
  ["l litre litres liter liters", "volume", 1],
  ["s second seconds sec", "time", 1],
  ["min minute minutes", "time", 60],
  ["h hour hours", "time", 3600],
  ["day days", "time", 86_400],
  ["week weeks", "time", 604_800],
];

const unitByName = new Map<string, Unit>(
  units.flatMap(([names, dimension, factor]) =>
    names.split(" ").map((name) => [name, { dimension, factor }] as const),
  ),
);

const quantity = String.raw`(?:\d+(?:\.\d+)?|\b(?:an?|one)\b)\s*[a-z]+`;
const quantities = String.raw`(${quantity}(?:\s*(?:,|and|plus)\s*${quantity})*)`;
const forms: readonly {
  readonly pattern: RegExp;
  readonly amount: number;
  readonly target: number;
}[] = [
  {
    pattern: new RegExp(
      String.raw`how many ([a-z]+) (?:(?:are(?: there)?|is|make(?: up)?|does|do)(?: in| equal)?|in|equal) ${quantities}`,
      "i",
    ),
    target: 1,
    amount: 2,
  },
  {
    pattern: new RegExp(
      String.raw`(?:convert|express|change|write) ${quantities} (?:to|into|in|as) ([a-z]+)`,
      "i",
    ),
    amount: 1,
    target: 2,
  },
  { pattern: new RegExp(String.raw`what is ${quantities} in ([a-z]+)`, "i"), amount: 1, target: 2 },
];

export function readConversion(text: string): Item | null {
  for (const { pattern, amount, target } of forms) {
    const match = pattern.exec(text);
    if (match === null) continue;
    const item = convert(match[amount] ?? "", (match[target] ?? "").toLowerCase());
    if (item !== null) return item;
  }
  return null;
}

function convert(amounts: string, targetName: string): Item | null {
  const target = unitByName.get(targetName);
  if (target === undefined) return null;
  const operands: number[] = [];
  const steps: StepName[] = [];
  let base = 0;
  for (const match of amounts.matchAll(/(\d+(?:\.\d+)?|\b(?:an?|one)\b)\s*([a-z]+)/gi)) {
    const name = (match[2] ?? "").toLowerCase();
    if (name === "and" || name === "plus") continue;
    const unit = unitByName.get(name);
    if (unit?.dimension !== target.dimension) return null;
    const number = Number.parseFloat(match[1] ?? "");
    const value = Number.isNaN(number) ? 1 : number;
    if (operands.length > 0) steps.push("add");
    if (unit.factor !== target.factor) steps.push("convert");
    operands.push(value);
    base += value * unit.factor;
  }
  if (operands.length === 0) return null;
  return makeItem(
    "conversion",
    `${amounts.toLowerCase().replaceAll(/\s+/g, " ")}>${targetName}`,
    base / target.factor,
    steps,
    operands,
  );
}
