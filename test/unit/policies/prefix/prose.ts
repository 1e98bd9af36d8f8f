// Text without repetition, from a seed: words by chance, so that two seeds have next to nothing in common.
import { seeded } from "../../../../policies/replay/random.ts";

const SYLLABLES = [
  "ba",
  "ke",
  "li",
  "mo",
  "nu",
  "ra",
  "se",
  "ti",
  "vo",
  "wy",
  "shi",
  "tra",
  "plo",
  "gre",
];

export function prose(seed: number, units: number): string {
  const random = seeded(seed);
  let text = "";
  while (text.length < units) {
    const syllables = 1 + Math.floor(random() * 4);
    for (let i = 0; i < syllables; i++) text += SYLLABLES[Math.floor(random() * SYLLABLES.length)];
    text += random() < 0.1 ? ".\n" : " ";
  }
  return text.slice(0, units);
}
