// Arithmetic in a question: "What is 12 * (3 + 4)?", "Compute 7 plus 5", or a bare "2+2".
import { readExpression } from "./expression.ts";
import { makeItem, type Item } from "./item.ts";

/** Longer runs of digits and signs are data, not a sum that somebody asks for. */
const expressionCharactersMax = 400;

const cue =
  /\b(?:what(?:'s| is)|how much is|calculate|compute|evaluate|work out|find the value of|solve|simplify)\b/i;

export function readArithmetic(text: string): Item | null {
  const plain = text
    .replaceAll(/\bplus\b/gi, "+")
    .replaceAll(/\bminus\b|[−–]/gi, "-")
    .replaceAll(/\b(?:multiplied by|times)\b|[×·]/gi, "*")
    .replaceAll(/\bdivided by\b|÷/gi, "/")
    .replaceAll(/(\d),(?=\d{3}\b)/g, "$1");
  const bare = /^[\d\s+\-*/().=?]+$/.test(plain);
  const cueAt = plain.search(cue);
  if (!bare && cueAt < 0) return null;

  const runs = plain.slice(Math.max(0, cueAt)).match(/[(-]*\d[\d\s+\-*/().]*/g) ?? [];
  for (const run of runs) {
    const expression = run.trim().replace(/[.\s+\-*/(]+$/, "");
    if (expression.length > expressionCharactersMax || !/\d\s*[-+*/(]/.test(expression)) continue;
    const reading = readExpression(expression, null);
    if (reading === null || reading.steps.length === 0) continue;
    return makeItem(
      "arithmetic",
      expression.replaceAll(/\s/g, ""),
      reading.form.constant,
      reading.steps,
      reading.operands,
    );
  }
  return null;
}
