// Finds the one item that a text asks, or none. Word problems come first, since they hold
// numbers that the plainer readers could take for sums.
import { readArithmetic } from "./arithmetic.ts";
import { readConversion } from "./conversion.ts";
import { readEquation } from "./equation.ts";
import type { Item } from "./item.ts";
import { readWordProblem } from "./word-problem.ts";

export function recogniseItem(text: string): Item | null {
  return readConversion(text) ?? readEquation(text) ?? readWordProblem(text) ?? readArithmetic(text);
}
