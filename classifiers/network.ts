// The trained arithmetic: sums of embedded words beside the surface's signals, one hidden layer, eight outputs.
import type { Vocabulary } from "./vocabulary.ts";

/** In this order: log-odds of failing, the same inside a source, log tokens, then one a kind (features.ts). */
export const OUTPUTS = 8;
export const FAILS = 0;
export const DEMANDS = 1;
export const LOG_TOKENS = 2;
export const FIRST_KIND = 3;

/** Standard deviations; a signal further out than anything fitted counts as this far. */
const SIGNAL_MAX = 4;
/** Keeps the sum of a few words from weighing as much as that of many; fitted with the rest. */
export const DAMPING = 8;

/** One network of the blend. Rows of matrices stand one after the other. */
export interface Network {
  /** Numbers a word; and hidden units. Without hidden units the words' numbers are outputs themselves. */
  readonly width: number;
  readonly hidden: number;
  /** `vocabulary.size` rows of `width`, each column in steps of its `scale`. */
  readonly embedding: Int8Array;
  readonly scale: Float32Array;
  /** `hidden` rows of `width + signals`. */
  readonly first: Float32Array;
  /** `OUTPUTS` rows of `hidden`, and of `signals`: what goes past the hidden layer. */
  readonly second: Float32Array;
  readonly direct: Float32Array;
}

export interface Standard {
  readonly mean: Float32Array;
  readonly deviation: Float32Array;
}

export function standardise(signals: Float64Array, { mean, deviation }: Standard): Float32Array {
  const standard = new Float32Array(signals.length);
  for (let at = 0; at < signals.length; at += 1) {
    const value = (signals[at]! - mean[at]!) / deviation[at]!;
    standard[at] = Math.min(SIGNAL_MAX, Math.max(-SIGNAL_MAX, value));
  }
  return standard;
}

/** Rows of the keys that the vocabulary knows, and what share of the keys it does not. */
export function findRows(
  grams: Int32Array,
  vocabulary: Vocabulary,
): { readonly rows: Int32Array; readonly novelty: number } {
  const rows = new Int32Array(grams.length);
  let known = 0;
  for (const gram of grams) {
    const row = vocabulary.rowOf(gram);
    if (row >= 0) rows[known++] = row;
  }
  const novelty = grams.length === 0 ? 1 : 1 - known / grams.length;
  return { rows: rows.subarray(0, known), novelty };
}

/** Adds the network's outputs to `outputs` and writes its hidden units to `units`. */
export function runNetwork(
  network: Network,
  rows: Int32Array,
  signals: Float32Array,
  outputs: Float64Array,
  units: Float32Array,
): void {
  const { width, hidden, embedding, scale, first, second, direct } = network;
  const sums = new Int32Array(width);
  for (const row of rows) {
    const from = row * width;
    for (let at = 0; at < width; at += 1) sums[at]! += embedding[from + at]!;
  }
  const damping = 1 / Math.sqrt(rows.length + DAMPING);
  const inputs = new Float32Array(width + signals.length);
  for (let at = 0; at < width; at += 1) inputs[at] = sums[at]! * scale[at]! * damping;
  inputs.set(signals, width);
  for (let unit = 0; unit < hidden; unit += 1) units[unit] = Math.max(0, dot(first, unit, inputs));
  for (let output = 0; output < OUTPUTS; output += 1) {
    const past = hidden === 0 ? inputs[output]! : dot(second, output, units);
    outputs[output]! += past + dot(direct, output, signals);
  }
}

function dot(matrix: Float32Array, row: number, vector: Float32Array): number {
  let sum = 0;
  const from = row * vector.length;
  for (let at = 0; at < vector.length; at += 1) sum += matrix[from + at]! * vector[at]!;
  return sum;
}
