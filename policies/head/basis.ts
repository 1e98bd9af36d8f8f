// What the head's regressions run over: a level, the family's level, the input's numbers, and random Fourier features of
// its shape (Rahimi and Recht 2007), which let a straight line bend: where options, length and quantities act together.
import { FAMILIES, REPRESENTATION_VALUES, SHAPE_VALUES } from "./inputs.ts";
import { HEAD_VERSION, type HeadInput } from "./head.ts";

/** More gained nothing on the recorded pairs, and the state grows with the square. */
const WAVES = 64;
/** Of the kernel exp(-g d^2) over the shape's values; half and double were within noise. */
const KERNEL_SHARPNESS = 0.1;
/** The waves' own; another seed moves recorded figures by .01. A change raises HEAD_VERSION. */
const WAVES_SEED = 1;

/**
 * What is believed of the weights before any lesson, as variances of score: a level may be wrong by .3, a family's by .2
 * besides, everything else by less. So thin evidence moves the level first and the family next.
 */
const VARIANCES = { level: 0.09, family: 0.04, shape: 0.02, representation: 0.02, wave: 0.1 };

export const SCORE_TERMS = 1 + FAMILIES + SHAPE_VALUES + REPRESENTATION_VALUES + WAVES;
/** Tokens follow kind and length, and need no bends: the terms before the representation. */
export const TOKEN_TERMS = 1 + FAMILIES + SHAPE_VALUES;

const SHAPE_FROM = 1 + FAMILIES;
const REPRESENTATION_FROM = SHAPE_FROM + SHAPE_VALUES;
const WAVES_FROM = REPRESENTATION_FROM + REPRESENTATION_VALUES;

/** 1 / variance of each term's weight, where slopes vary `slopes` times as much as above. */
export function precisionsOf(terms: number, slopes: number): Float64Array {
  return Float64Array.from({ length: terms }, (_, term) => {
    if (term === 0) return 1 / VARIANCES.level;
    if (term < SHAPE_FROM) return 1 / VARIANCES.family;
    if (term < REPRESENTATION_FROM) return 1 / (slopes * VARIANCES.shape);
    return 1 / (slopes * (term < WAVES_FROM ? VARIANCES.representation : VARIANCES.wave));
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
  for (let index = 0; index < SHAPE_VALUES + REPRESENTATION_VALUES; index += 1)
    terms[SHAPE_FROM + index] = sound(input.values[index]);
  for (let wave = 0; wave < WAVES; wave += 1) {
    let phase = waves.phases[wave]!;
    for (let index = 0; index < SHAPE_VALUES; index += 1)
      phase += waves.directions[wave * SHAPE_VALUES + index]! * terms[SHAPE_FROM + index]!;
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

/** Directions from a normal distribution, phases around the circle, the same in every isolate. */
function drawWaves(): { readonly directions: Float64Array; readonly phases: Float64Array } {
  let state = WAVES_SEED;
  // A linear congruential step (Numerical Recipes); its high bits are random enough for directions.
  const draw = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  const normal = (): number => Math.sqrt(-2 * Math.log(draw())) * Math.cos(2 * Math.PI * draw());
  const spread = Math.sqrt(2 * KERNEL_SHARPNESS);
  return {
    directions: Float64Array.from({ length: WAVES * SHAPE_VALUES }, () => spread * normal()),
    phases: Float64Array.from({ length: WAVES }, () => 2 * Math.PI * draw()),
  };
}
