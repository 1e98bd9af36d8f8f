// Arithmetic in a sentence: "What is 12 * (3 + 4)?", "Compute 7 plus 5", "What's 15% of 80?", or a bare "2^10". The
// whole sentence has to be the sum, so that a number in a story is never taken for one.
import { readExpression } from "./expression.ts";
import { makeItem, type Item } from "./item.ts";
import { writeSigns } from "./spoken.ts";

/** Longer runs of digits and signs are data, not a sum that somebody asks for. */
const expressionCharactersMax = 400;

const cue =
  /^(?:what(?:'s| is|s| are| does| do| would be| will be)?|how much(?:'s| is| are| does| do)|calculate|compute|evaluate|work out|find(?: out)?|simplify|solve|determine|give me|the (?:value|result|answer)(?: of| to)?|value of|result of|answer(?: to)?|:)\b[\s:]*/;
/** A sum that is an order by itself: "subtract 3 from 10". */
const orders = /^(?:add|subtract|multiply|divide|take)\b/;
const tail =
  /(?:\s*=\s*(?:\?|what|x)?|\s+(?:equals?(?: to)?(?: what)?|is(?: equal to)?(?: what)?|makes?|come to|give|gives|in total|altogether))\s*$/;

/** What is written with digits and signs and means something else: dates, spans of years, sayings, line-ups. */
const notSums =
  /^(?:\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[-/]\d{1,2}[-/]\d{2,4}|(?:1[5-9]|20)\d\d-(?:1[5-9]|20)?\d\d|9\/11|24\/7|50\/50|7\/11|\d(?:-\d){2,3}|\d{3}-\d{4})$/;

/** A sum that nobody asks for in words is one only where it stands alone, and not as one entry among others. */
export function readArithmetic(sentence: string, isAlone: boolean): Item | null {
  if (!isAlone && !cue.test(sentence) && !orders.test(sentence)) return null;
  const asked = trimCues(sentence);
  if (asked.length > expressionCharactersMax || notSums.test(asked)) return null;
  const expression = writeSigns(asked);
  if (!/^[(\s-]*(?:\.?\d|sqrt|cbrt)/.test(expression)) return null;
  const reading = readExpression(expression, null);
  if (reading === null || reading.steps.length === 0) return null;
  const { steps, operands, form } = reading;
  return steps.length === 1 && steps[0] === "percentage"
    ? makeItem("percentage", operands.join(","), form.constant, steps, operands)
    : makeItem("arithmetic", expression.replaceAll(/\s/g, ""), form.constant, steps, operands);
}

function trimCues(sentence: string): string {
  let text = sentence.replace(/[\s=?]+$/, "");
  for (;;) {
    const shorter = text
      .replace(cue, "")
      .replace(tail, "")
      .replace(/^(?:the )?(?:value|result|answer) (?:of|to) /, "");
    if (shorter === text) return text.trim();
    text = shorter;
  }
}
