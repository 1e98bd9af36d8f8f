// A linear equation in one unknown: "Solve 3x + 5 = 20", "Find y if 2(y - 3) = 4y + 2", "What number plus 7 is 15?",
// and its counterpart, "If x = 4, what is 3x + 2?".
import { readExpression } from "./expression.ts";
import { makeItem, type Item, type StepName } from "./item.ts";
import { writeSigns } from "./spoken.ts";

/** A side is no longer than this, so that a text full of "=" is read in linear time. */
const sideCharactersMax = 160;

/** What can stand in no side: words, and the marks that end a clause. A single letter may. */
const sideEnd = /(?!sqrt)[a-z]{2,}|[\n:;,?!"'`$]|\.(?!\d)/i;

/** An equation that is shown, and not asked, is left alone. */
const asks =
  /\b(?:solve|find|what|determine|calculate|compute|work out|get|value|how much|how many|if|equation)\b/;

/** What may follow an equation: a question about it, or manners. Anything else makes it part of something else. */
const leads =
  /^[\s.,;:?!]*(?:(?:(?:then|and) )?(?:what(?:'s| is| does)|find|solve|determine|calculate|compute|evaluate)\b[^\d]{0,60}(?:\d[^=]{0,60})?|for [a-z]|please|thanks|step by step|and show [a-z ]{1,20})?[\s.,?!]*$/;
const code = /\b(?:python|javascript|java|code|program|print|return|def|excel|function)\b/;

/** "What number", "a number": an unknown that has no letter. */
const unnamed = /\b(?:(?:what|which|a|the|my|some|an unknown|a certain) (?:number|value)|x)\b/;

export function readEquation(text: string): Item | null {
  const plain = text
    .replaceAll(/\b(?:equals|is equal to|equal to)\b/g, "=")
    .replaceAll(/\bplus\b/g, "+")
    .replaceAll(/\bminus\b/g, "-")
    .replaceAll(/\b(?:times|multiplied by)\b|[×·]/g, "*")
    .replaceAll(/\bdivided by\b|÷/g, "/");
  const at = plain.indexOf("=");
  if (at < 0) return readUnnamed(text);
  // Two equations are a system, and a comparison or code is no equation at all.
  if (plain.includes("=", at + 1) || /[<>!:+*/-]=|[`{}[\]]/.test(plain)) return null;
  const left =
    plain
      .slice(Math.max(0, at - sideCharactersMax), at)
      .split(sideEnd)
      .at(-1) ?? "";
  const rest = plain.slice(at + 1, at + 1 + sideCharactersMax);
  const right = rest.split(sideEnd)[0] ?? "";
  const [leftSide, rightSide] = [left.trim(), right.trim()];
  const isBare = plain.replace(/[.?\s]+$/, "").trim() === `${left}=${right}`.trim();
  if (!isBare && !asks.test(plain)) return null;
  if (!leads.test(rest.slice(right.length)) || code.test(plain)) return null;
  return solve(leftSide, rightSide) ?? substitute(leftSide, rightSide, plain) ?? readUnnamed(text);
}

function solve(leftText: string, rightText: string): Item | null {
  const unknowns = new Set(`${leftText}${rightText}`.replaceAll("sqrt", "").match(/[a-z]/g) ?? []);
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

/** "If x = 4, what is 3x + 2?" */
function substitute(name: string, given: string, text: string): Item | null {
  if (!/^[a-z]$/.test(name) || !/^-?\d+(?:\.\d+)?$/.test(given)) return null;
  const asked =
    /(?:what is|find|calculate|compute|evaluate|work out|value of) (?:the value of )?([^?,:;]*)$/.exec(
      text
        .replace(/[.?\s]+$/, "")
        .replace(/,? (?:if|when|where|given that|for) [a-z] ?= ?-?[\d.]+$/, ""),
    );
  const expression = (asked?.[1] ?? "").trim();
  const reading = readExpression(expression, name);
  if (reading === null || reading.unknowns === 0) return null;
  const { slope, constant } = reading.form;
  const value = slope * Number(given) + constant;
  // Written side by side, a number and the unknown are multiplied: a step that the reading did not count.
  const implied = [...expression.matchAll(new RegExp(String.raw`\d\s*${name}`, "g"))].map(
    (): StepName => "multiply",
  );
  const steps = [...implied, ...reading.steps];
  if (steps.length === 0) return null;
  const key = `${name}=${given}:${expression.replaceAll(/\s/g, "")}`;
  return makeItem("equation", key, value, steps, [...reading.operands, Number(given)]);
}

/** "5 times a number is 35. What is the number?", "What number minus 4 equals 9?" */
function readUnnamed(text: string): Item | null {
  if (!unnamed.test(text)) return null;
  const asked = text
    .replace(/[.,?\s]+(?:what is|find|what's|which is) (?:the|this|that|my) number[.?\s]*$/, "")
    .replace(/[.?\s]+$/, "")
    .replace(/^(?:if|suppose|find|when|solve:?) /, "");
  const thought = /^i (?:think|am thinking|thought) of a number[.,;]?(?: and| then| i)?(.*)$/.exec(
    asked,
  );
  if (thought !== null) return readThought(thought[1] ?? "");
  const sides =
    /^(.{1,120}?) (?:is|equals|gives|makes|is equal to|=|will be|get) (-?\d+(?:\.\d+)?)$/.exec(
      asked,
    );
  if (sides === null) return null;
  const said = (sides[1] ?? "").replace(unnamed, "0.5");
  // Said with a stand-in, since the phrases are made for numbers; the unknown takes its place again afterwards.
  const left = writeSigns(said).replace("0.5", "x");
  return solve(left.replaceAll(/\s/g, ""), sides[2] ?? "");
}

/** "Double it, add 3 and get 11": the operations one after the other. */
function readThought(told: string): Item | null {
  let left = "x";
  const clauses = told
    .split(/\s*(?:[.,;]|\band\b|\bthen\b)\s*/)
    .map((clause) =>
      clause
        .trim()
        .replace(/^i /, "")
        .replace(/^(\w+)ed (?=it|\d)/, "$1 "),
    )
    .filter((clause) => clause !== "");
  for (const [index, clause] of clauses.entries()) {
    const done =
      /^(?:to )?(?:get|gives?|it is|the (?:result|answer) is|end up with|have) (-?\d+(?:\.\d+)?)$/.exec(
        clause,
      );
    if (done !== null) return index === clauses.length - 1 ? solve(left, done[1] ?? "") : null;
    const change =
      /^(add|subtract|take away|multiply(?: it)? by|multipli(?: it)? by|divide(?: it)? by|divid(?: it)? by|doubl?e?|tripl?e?)(?: it)?(?: (\d+(?:\.\d+)?))?(?: (?:to|from) it)?$/.exec(
        clause,
      );
    if (change === null) return null;
    const by = change[2] ?? (change[1]?.startsWith("d") === true ? "2" : "3");
    const sign = signs.find(([verb]) => change[1]?.startsWith(verb) === true)?.[1] ?? "*";
    left =
      sign === "+" || sign === "-"
        ? `${left}${sign}${by}`
        : sign === "/"
          ? `(${left})/${by}`
          : `${by}(${left})`;
  }
  return null;
}

const signs = [
  ["add", "+"],
  ["sub", "-"],
  ["take", "-"],
  ["divi", "/"],
] as const;
