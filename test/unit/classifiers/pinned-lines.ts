// Features as lines of text, every number of them, so that two runtimes can be compared to the last place.
import type { Features } from "../../../classifiers/features.ts";

export function pinnedLines(
  texts: Readonly<Record<string, string>>,
  classify: (text: string) => Features,
): string {
  const lines = Object.entries(texts).map(([name, text]) => {
    const { representation, ...numbers } = classify(text);
    return JSON.stringify({ name, ...numbers, representation: [...representation] });
  });
  return `${lines.join("\n")}\n`;
}
