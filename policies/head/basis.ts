// What the head's regressions run over: a level, the family's level, the readings, and random Fourier features of the
// probe's representation (Rahimi and Recht 2007): questions that are alike teach each other, whatever they are about.
import { FAMILIES, READING_VALUES, REPRESENTATION_VALUES } from "./inputs.ts";
import { HEAD_VERSION, type HeadInput } from "./head.ts";

/** As many as leave an arm under 64 KB: the state grows with the square, and a thousand gained .01 to .02 APGR. */
const WAVES = 140;
/** Of the kernel exp(-g d^2) over the representation; half and double were within noise. */
const KERNEL_SHARPNESS = 1 / 30;
/** The waves' own; another seed moves recorded figures by .01. A change raises HEAD_VERSION. */
const WAVES_SEED = 1;

/**
 * What is believed of the weights before any lesson, as variances of score: a level may be wrong by .3, a family's by .2
 * besides, everything else by less. So thin evidence moves the level first and the family next.
 */
const VARIANCES = { level: 0.09, family: 0.04, reading: 0.02, wave: 0.1 };

export const SCORE_TERMS = 1 + FAMILIES + READING_VALUES + WAVES;
/** Tokens follow kind and length, and need no bends: the terms before the waves. */
export const TOKEN_TERMS = 1 + FAMILIES + READING_VALUES;

const READINGS_FROM = 1 + FAMILIES;
const WAVES_FROM = READINGS_FROM + READING_VALUES;

/** How far the priors may be wrong, in parts of the variances above: levels and families; readings and waves. */
export interface Freedom {
  readonly levels: number;
  readonly slopes: number;
}

/** 1 / variance of each term's weight. */
export function precisionsOf(terms: number, { levels, slopes }: Freedom): Float64Array {
  return Float64Array.from({ length: terms }, (_, term) => {
    if (term === 0) return 1 / (levels * VARIANCES.level);
    if (term < READINGS_FROM) return 1 / (levels * VARIANCES.family);
    return 1 / (slopes * (term < WAVES_FROM ? VARIANCES.reading : VARIANCES.wave));
  });
}

const WAVE_SCALE = Math.sqrt(2 / WAVES);
const waves = drawWaves();

/** Null where the input is of another version. Values that are missing or no numbers count as 0. */
export function expand(input: HeadInput): Float64Array | null {
  if (input.version !== HEAD_VERSION) return null;
  const terms = new Float64Array(SCORE_TERMS);
  terms[0] = 1;
  const { family } = input;
  if (Number.isInteger(family) && family >= 0 && family < FAMILIES) terms[1 + family] = 1;
  for (let index = 0; index < READING_VALUES; index += 1)
    terms[READINGS_FROM + index] = sound(input.values[index]);
  const alike = new Float64Array(REPRESENTATION_VALUES);
  for (let index = 0; index < alike.length; index += 1)
    alike[index] = sound(input.values[READING_VALUES + index]);
  const { directions, phases } = waves;
  for (let wave = 0; wave < WAVES; wave += 1) {
    let phase = phases[wave]!;
    const from = wave * REPRESENTATION_VALUES;
    for (let index = 0; index < alike.length; index += 1)
      phase += directions[from + index]! * alike[index]!;
    terms[WAVES_FROM + wave] = WAVE_SCALE * Math.cos(phase);
  }
  return terms;
}

/** An input that somebody made up must not outweigh a thousand real ones. */
const VALUE_MAX = 2;

function sound(value: number | undefined): number {
  if (value === undefined || Number.isNaN(value)) return 0;
  return Math.min(VALUE_MAX, Math.max(-VALUE_MAX, value));
}

/**
 * Directions from a normal distribution, each at right angles to the others of its 96 (Yu et al. 2016: the same kernel with
 * less chance in it), phases around the circle; the same in every isolate.
 */
function drawWaves(): { readonly directions: Float64Array; readonly phases: Float64Array } {
  let state = WAVES_SEED;
  // A linear congruential step (Numerical Recipes); its high bits are random enough for directions.
  const draw = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  const normal = (): number => Math.sqrt(-2 * Math.log(draw())) * Math.cos(2 * Math.PI * draw());
  const size = REPRESENTATION_VALUES;
  const spread = Math.sqrt(2 * KERNEL_SHARPNESS);
  const directions = Float64Array.from({ length: WAVES * size }, normal);
  for (let wave = 0; wave < WAVES; wave += 1) {
    const own = directions.subarray(wave * size, (wave + 1) * size);
    const length = Math.hypot(...own);
    for (let other = wave - (wave % size); other < wave; other += 1) {
      const before = directions.subarray(other * size, (other + 1) * size);
      const share = dot(own, before) / dot(before, before);
      for (let index = 0; index < size; index += 1) own[index]! -= share * before[index]!;
    }
    const scale = (spread * length) / Math.hypot(...own);
    for (let index = 0; index < size; index += 1) own[index]! *= scale;
  }
  return { directions, phases: Float64Array.from({ length: WAVES }, () => 2 * Math.PI * draw()) };
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, index) => sum + value * b[index]!, 0);
}
