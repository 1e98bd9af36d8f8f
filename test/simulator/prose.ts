// Text for what is no item: plausible in words and in length, and never claimed to be right.
import { drawInteger, drawNormal, drawOne, drawUniform } from "./chance.ts";
import type { Mode } from "./mode.ts";
import { findOptions } from "./options.ts";
import { parameters } from "./parameters.ts";
import { countTokens, takeTokens } from "./tokens.ts";

const smallTalk =
  /^\W*(?:hi|hello|hey|good (?:morning|evening|afternoon)|thanks?(?: you)?|thank you(?: \w+)?|bye|goodbye|ok(?:ay)?|great|how are you)\b[^?]{0,30}\??\W*$/i;

const openings = [
  "In short,",
  "Broadly speaking,",
  "It helps to begin with the basics:",
  "There are a few things to say about this:",
] as const;
const sentences = [
  "the matter depends on what it is compared with",
  "most people meet it first in a simpler form",
  "two causes are usually named, and both hold some truth",
  "a small example shows the point better than a definition",
  "the usual advice is to try the plain way first",
  "there are exceptions, though they are rarer than one would think",
  "what changed over the years is mainly the scale",
  "it is worth looking at the costs as well as at the gains",
] as const;

/** Words of the question that are worth repeating; shorter ones are mostly grammar. */
const topicLettersMin = 5;

export type Prose = { readonly reasoning: string; readonly content: string };

export function writeProse(question: string, mode: Mode, thinks: boolean, key: string): Prose {
  if (smallTalk.test(question.trim()))
    return { reasoning: "", content: "Hello! How can I help you today?" };
  const letters = findOptions(question);
  const need = Math.round(
    parameters.prose.medianTokens[mode] *
      Math.exp(parameters.prose.spread * drawNormal(`${key}|length`)),
  );
  const topics = question.match(new RegExp(`\\p{L}{${topicLettersMin},24}`, "gu")) ?? ["this"];

  if (letters.length >= 2) {
    const letter = drawOne(`${key}|option`, letters);
    if (mode === "direct") return { reasoning: "", content: letter };
    const body = ramble(topics, need, key);
    return thinks
      ? { reasoning: body, content: `Answer: ${letter}` }
      : { reasoning: "", content: `${body}\n\nAnswer: ${letter}` };
  }
  if (mode === "direct")
    return {
      reasoning: "",
      content:
        drawUniform(`${key}|yes`) < 0.5 ? `It is ${drawOne(`${key}|topic`, topics)}.` : "Yes.",
    };
  if (thinks)
    return {
      reasoning: ramble(topics, need, `${key}|thinking`),
      content: ramble(topics, need / 2, key),
    };
  return { reasoning: "", content: ramble(topics, need, key) };
}

function ramble(topics: readonly string[], tokens: number, key: string): string {
  let text = drawOne(`${key}|opening`, openings);
  for (let index = drawInteger(`${key}|first`, 0, 7); countTokens(text) < tokens; index += 1) {
    text += ` with ${drawOne(`${key}|${index}|topic`, topics)}, ${sentences[index % sentences.length] ?? ""}.`;
  }
  return takeTokens(text, Math.max(1, tokens));
}
