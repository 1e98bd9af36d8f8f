// With which chance each arm is chosen while the router learns; and the arm of the highest utility.
import type { Predictions } from "./question.ts";
import type { RecordedArm } from "./recorded-arm.ts";

/** The gain is ranked among so many before it: enough for a share of one in a thousand. */
const RECENT_MAX = 1000;

/**
 * Of two arms the second is chosen with the share of recent questions that it gains less on: as if at a share of its calls
 * that is drawn evenly. Remembers the gain.
 */
export function chancesOfTwo(predictions: Predictions, recentGains: number[]): number[] {
  const gain = predictions[1]!.score - predictions[0]!.score;
  let below = 0;
  for (const recent of recentGains) below += recent < gain ? 1 : recent === gain ? 0.5 : 0;
  const chance = recentGains.length === 0 ? 0.5 : below / recentGains.length;
  recentGains.push(gain);
  if (recentGains.length > RECENT_MAX) recentGains.shift();
  return [1 - chance, chance];
}

/** The share of the lambdas at which each arm is the best. */
export function chancesOverLambdas(
  predictions: Predictions,
  arms: readonly RecordedArm[],
  lambdas: readonly number[],
): number[] {
  const chances = new Array<number>(arms.length).fill(0);
  for (const lambda of lambdas) chances[best(predictions, arms, lambda)]! += 1 / lambdas.length;
  return chances;
}

/** The index of the arm with the highest `score - lambda * price * tokens`; of equals the cheaper, then the first. */
export function best(
  predictions: Predictions,
  arms: readonly Pick<RecordedArm, "price">[],
  lambda: number,
): number {
  let found = 0;
  let foundUtility = -Infinity;
  let foundCost = Infinity;
  for (const [index, { score, outputTokens }] of predictions.entries()) {
    const cost = arms[index]!.price * outputTokens;
    const utility = score - lambda * cost;
    if (utility > foundUtility || (utility === foundUtility && cost < foundCost)) {
      found = index;
      foundUtility = utility;
      foundCost = cost;
    }
  }
  return found;
}

/** `chance`: 0 <= chance < 1. */
export function pick(chances: readonly number[], chance: number): number {
  let left = chance;
  for (const [index, share] of chances.entries()) {
    left -= share;
    if (left < 0) return index;
  }
  return chances.length - 1;
}
