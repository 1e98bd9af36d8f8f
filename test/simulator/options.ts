// The letters of a multiple-choice question: "A. 4", "(B) 5". Of such a question a letter is the answer and no number.
const option = /(?:^|[\s(])\(?([A-E])[).:]\s*\S/gm;

export function findOptions(text: string): readonly string[] {
  return [...new Set([...text.matchAll(option)].map((match) => match[1] ?? ""))];
}
