// A linear equation in one unknown: "Solve 3x + 5 = 20", "Find y if 2(y - 3) = 4y + 2".
import { readExpression } from "./expression.ts";
import { makeItem, type Item, type StepName } from "./item.ts";

/** A side is no longer than this, so that a text full of "=" is read in linear time. */
const sideCharactersMax = 160;

/** More are tables or code, not a question. */
const equationsTriedMax = 16;

/** What can stand in no side: words, and the marks that end a clause. A single letter may. */
const sideEnd = /[a-z]{2,}|[\n:;,?!"'`$]|\.(?!\d)/i;

export function readEquation(text: string): Item | null {
  const plain = text.replaceAll(/[−–]/g, "-").replaceAll(/[×·]/g, "*");
  let at = plain.indexOf("=");
  for (let tried = 0; at >= 0 && tried < equationsTriedMax; tried += 1) {
    const left =
      plain
        .slice(Math.max(0, at - sideCharactersMax), at)
        .split(sideEnd)
        .at(-1) ?? "";
    const right = plain.slice(at + 1, at + 1 + sideCharactersMax).split(sideEnd)[0] ?? "";
    const item = solve(left.trim().toLowerCase(), right.trim().toLowerCase());
    if (item !== null) return item;
    at = plain.indexOf("=", at + 1);
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
  // "x = 5" tells something and asks nothing.
  if (steps.length === 0) return null;
  const key = `${leftText}=${rightText}`.replaceAll(/\s/g, "");
  return makeItem("equation", key, constant / slope, steps, [...left.operands, ...right.operands]);
}
