// Reads content that an engine gives as a list of parts, as Mistral does when it thinks, into text and thinking.
import { isFields } from "./parsed.ts";
import { weigh } from "./weigh.ts";

export interface Parts {
  readonly text: string;
  readonly thought: string;
  /** Characters of text in parts that are neither. */
  readonly otherChars: number;
  /** There is something in them, were it a picture. */
  readonly isFilled: boolean;
}

export function readParts(content: readonly unknown[]): Parts {
  const texts: string[] = [];
  const thoughts: string[] = [];
  let otherChars = 0;
  for (const part of content) {
    if (typeof part === "string") texts.push(part);
    else if (isFields(part) && typeof part["text"] === "string") texts.push(part["text"]);
    else if (isFields(part) && part["thinking"] !== undefined)
      thoughts.push(thoughtOf(part["thinking"]));
    else otherChars += weigh(part).chars;
  }
  const [text, thought] = [texts.join(""), thoughts.join("")];
  return { text, thought, otherChars, isFilled: weigh(content).isFilled };
}

/** A text, or a list of parts again. */
function thoughtOf(thinking: unknown): string {
  if (typeof thinking === "string") return thinking;
  if (!Array.isArray(thinking)) return "";
  return (thinking as readonly unknown[])
    .map((part) => (isFields(part) && typeof part["text"] === "string" ? part["text"] : ""))
    .join("");
}
