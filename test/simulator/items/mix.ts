// The stated mixture that stands for ARM's 2,051 published questions (CSQA 1,221, OBQA 500,
// SVAMP 300, AIME-2025 30): one to three steps for the first three, nine for AIME's 1.5 %.
// Its mean difficulty without AIME is .16, where those sets stand on the scale of `item.ts`.
import { drawOne, drawUniform } from "../chance.ts";
import { generateItem, type GeneratedItem } from "./generate.ts";
import { families } from "./item.ts";

const mix = [
  { steps: 1, share: 0.35 },
  { steps: 2, share: 0.5 },
  { steps: 3, share: 0.135 },
  { steps: 9, share: 0.015 },
] as const;

/** The `index`-th item of the mixture; different seeds give disjoint questions as good as always. */
export function generateMixItem(seed: number, index: number): GeneratedItem {
  const key = `mix|${seed}|${index}`;
  let left = drawUniform(`${key}|steps`);
  let steps: number = mix[0].steps;
  for (const part of mix) {
    steps = part.steps;
    left -= part.share;
    if (left < 0) break;
  }
  return generateItem(seed * 1_000_003 + index, drawOne(`${key}|family`, families), steps);
}
