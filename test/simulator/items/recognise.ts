// Finds the one item that a text asks, or none. Conversions and equations come first, since their
// form is unmistakable; a bare sum last, since any text may hold numbers.
import { readArithmetic } from "./arithmetic.ts";
import { readConversion } from "./conversion.ts";
import { readEquation } from "./equation.ts";
import type { Item } from "./item.ts";
import { readWordProblem } from "./word-problem.ts";

/** A question stands at the start or the end of a long text; the patterns are not made for more. */
const endCharacters = 2_000;

export function recogniseItem(text: string): Item | null {
  const ends =
    text.length <= 2 * endCharacters
      ? text
      : `${text.slice(0, endCharacters)}\n\n${text.slice(-endCharacters)}`;
  return (
    readConversion(ends) ?? readEquation(ends) ?? readWordProblem(ends) ?? readArithmetic(ends)
  );
}
