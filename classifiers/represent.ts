// A query as 96 small numbers, from the trained networks' hidden layers: what the online head and the handbook compare.
import type { Weights } from "./weights.ts";

/** Raised with every new file of weights whose numbers mean something else; what was learned from others is forgotten. */
export const REPRESENTATION_VERSION = 2;
/** Numbers of a representation; networks with fewer hidden units leave the rest 0. */
export const REPRESENTATION_LENGTH = 96;
/** Steps a standard deviation: +-127 is four deviations, beyond which nothing is told apart. */
const STEPS_PER_DEVIATION = 32;

/** `units`: the hidden units of all networks, one after the other. Each is centred and in thirty-seconds of its spread. */
export function representUnits(units: Float32Array, weights: Weights): Int8Array {
  const { mean, deviation } = weights.units;
  const numbers = new Int8Array(REPRESENTATION_LENGTH);
  const length = Math.min(units.length, REPRESENTATION_LENGTH);
  for (let at = 0; at < length; at += 1) {
    const steps = Math.round(((units[at]! - mean[at]!) / deviation[at]!) * STEPS_PER_DEVIATION);
    numbers[at] = Math.min(127, Math.max(-127, steps));
  }
  return numbers;
}
