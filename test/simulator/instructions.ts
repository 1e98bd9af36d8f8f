// A user's text without what a gateway or a careful person adds to the question: how to answer, an outline, skills,
// the thinking so far. A model does not answer its instructions, so no word of them may stand in an answer.
import { withoutElements } from "./elements.ts";
import { asksForFormat } from "./mode.ts";
import { isPlanRequest } from "./planner.ts";

/** Such a sentence orders something; one that asks or tells is part of the question, whatever words it has. */
const orders =
  /^(?:please )?(?:answer|reply|respond|give|say|state|return|output|write(?= .*\b(?:code|program|function|script|steps|outline|plan)\b)|reason|think|work|solve (?:it|this)|show|explain your|use|be|keep|do not|don't|never|no|without|only|just|list|break|before|briefly|first)\b/i;
const instructs = (text: string): boolean => asksForFormat(text) || isPlanRequest(text);

/** Thinking that a turn is to conclude from, as it stands in a prompt. */
const thoughtSoFar =
  /^(?:(?:reasoning|thinking|thoughts|work|working) so far\b|first i need to\b)/i;

/** Never empty: a text that only instructs is all that there is to answer. */
export function withoutInstructions(text: string): string {
  const paragraphs = withoutElements(text)
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.trim())
    .filter((paragraph) => paragraph !== "" && !thoughtSoFar.test(paragraph));
  while (paragraphs.length > 1 && isInstruction(paragraphs.at(-1) ?? "")) paragraphs.pop();
  while (paragraphs.length > 1 && isInstruction(paragraphs[0] ?? "")) paragraphs.shift();
  const kept = paragraphs.map(withoutOrders).filter((paragraph) => paragraph !== "");
  return kept.length === 0 ? text.trim() : kept.join("\n\n");
}

/** Sentences of orders and nothing else, of which at least one is about the form of the answer. */
function isInstruction(paragraph: string): boolean {
  return instructs(paragraph) && splitAfterEnds(paragraph).every((one) => orders.test(one));
}

/** The sentences at a paragraph's end that only say how to answer. */
function withoutOrders(paragraph: string): string {
  const sentences = [...splitAfterEnds(paragraph)];
  for (;;) {
    const last = sentences.at(-1) ?? "";
    if (sentences.length < 2 || !orders.test(last) || !instructs(last)) break;
    sentences.pop();
  }
  return sentences.join(" ");
}

function splitAfterEnds(paragraph: string): readonly string[] {
  return paragraph
    .split(/(?<=[.?!])\s+/)
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence !== "");
}
