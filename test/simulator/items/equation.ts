// A linear equation in one unknown: "Solve 3x + 5 = 20", "Find y if 2(y - 3) = 4y + 2".
import { readExpression } from "./expression.ts";
import { makeItem, type Item, type StepName } from "./item.ts";

const side = String.raw`[\d\s+\-*/().]*(?:\d\s*)?[a-z]?(?![a-z])[\d\s+\-*/().a-z]*?`;
const equation = new RegExp(String.raw`(?<![a-z])(${side})=(${side})(?=$|[?,;]|\.(?!\d)|\s+(?:for|what|find|then|and|where|give)\b|\n)`, "i");

/** The search looks no further: an equation stands near the question. */
const searchCharactersMax = 4_000;

export function readEquation(text: string): Item | null {
  const plain = text.slice(-searchCharactersMax).replaceAll(/[−–]/g, "-").replaceAll(/[×·]/g, "*");
  for (const line of plain.split(/\n|(?:solve|equation|where|if|when|that|find)\s*:?\s/i)) {
    const match = equation.exec(line);
    if (match === null) continue;
    const item = solve((match[1] ?? "").trim().toLowerCase(), (match[2] ?? "").trim().toLowerCase());
    if (item !== null) return item;
  }
  return null;
}

function solve(leftText: string, rightText: string): Item | null {
  const unknowns = new Set(`${leftText}${rightText}`.match(/[a-z]/g) ?? []);
  const [unknown] = unknowns;
  if (unknowns.size !== 1 || unknown === undefined) return null;
  const left = readExpression(leftText, unknown);
  const right = readExpression(rightText, unknown);
  if (left === null || right === null) return null;

  const slope = left.form.slope - right.form.slope;
  const constant = right.form.constant - left.form.constant;
  if (slope === 0) return null;

  const steps: StepName[] = [...left.steps, ...right.steps].filter((step) => step === "expand");
  for (let again = 1; again < left.unknowns + right.unknowns; again += 1) steps.push("collect");
  if (left.form.constant !== 0) steps.push("isolate");
  if (slope !== 1) steps.push("divide");
  const key = `${leftText}=${rightText}`.replaceAll(/\s/g, "");
  return makeItem("equation", key, constant / slope, steps, [...left.operands, ...right.operands]);
}
