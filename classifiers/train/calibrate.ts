// Lines through a blend's log-odds, so that a probability of 0.3 comes true in three of ten; and the hidden units' spread.
import type { Standard } from "../network.ts";
import { readSurface } from "../surface.ts";
import { weighRaw, type Raw } from "../weigh.ts";
import type { Line, Weights } from "../weights.ts";
import { DEMANDS, FAILS } from "../network.ts";
import type { Example } from "./examples.ts";

const ITERATIONS = 60;
/** Of the calibration's questions talk is a third; it counts little, since its level is set and not measured. */
const TALK_WEIGHT = 0.1;

/** Level and slope (Platt 1999), by Newton's method on the logistic loss. */
export function fitLine(
  examples: readonly Example[],
  raws: readonly Raw[],
  blend: { readonly fails: number; readonly anchor: number },
): Line {
  let level = 0;
  let slope = 1;
  for (let iteration = 0; iteration < ITERATIONS; iteration += 1) {
    let [toLevel, toSlope, both, ofLevel, ofSlope] = [0, 0, 0, 1e-6, 1e-6];
    for (const [index, { outputs, anchor }] of raws.entries()) {
      const example = examples[index]!;
      const odds =
        blend.fails * outputs[FAILS]! +
        (1 - blend.fails) * outputs[DEMANDS]! +
        blend.anchor * anchor;
      const probability = 1 / (1 + Math.exp(-(level + slope * odds)));
      const weight = example.demands !== null ? example.weight : TALK_WEIGHT * example.share;
      const error = (probability - example.fails!) * weight;
      const bend = probability * (1 - probability) * weight;
      toLevel += error;
      toSlope += error * odds;
      ofLevel += bend;
      both += bend * odds;
      ofSlope += bend * odds * odds;
    }
    const determinant = ofLevel * ofSlope - both * both;
    level -= (ofSlope * toLevel - both * toSlope) / determinant;
    slope -= (ofLevel * toSlope - both * toLevel) / determinant;
  }
  return { level, slope, perNovelty: 0 };
}

/** One in this many examples is enough to measure a mean and a spread. */
const UNITS_SAMPLE = 8;

export function fitUnits(examples: readonly Example[], weights: Weights): Standard {
  const hidden = weights.units.mean.length;
  const mean = new Float64Array(hidden);
  const square = new Float64Array(hidden);
  const sample = examples.filter((_, index) => index % UNITS_SAMPLE === 0);
  for (const { text } of sample) {
    const { units } = weighRaw(readSurface(text, weights.cues), weights);
    for (let at = 0; at < hidden; at += 1) {
      mean[at]! += units[at]! / sample.length;
      square[at]! += units[at]! ** 2 / sample.length;
    }
  }
  return {
    mean: Float32Array.from(mean),
    deviation: Float32Array.from(square, (value, at) => Math.sqrt(value - mean[at]! ** 2) || 1),
  };
}
