// From a surface to the probe's numbers: the networks' mean, the anchor of length, and the lines that calibrate them.
import { KINDS, type Kind } from "./features.ts";
import { readGrams } from "./grams.ts";
import {
  DEMANDS,
  FAILS,
  findRows,
  FIRST_KIND,
  LOG_TOKENS,
  OUTPUTS,
  runNetwork,
  standardise,
} from "./network.ts";
import { representUnits } from "./represent.ts";
import { readSignals } from "./signals.ts";
import type { Surface } from "./surface.ts";
import type { Header, Weights } from "./weights.ts";

export interface Weighed {
  /** Probability of each kind, in the order of `KINDS`. */
  readonly kinds: readonly number[];
  readonly kind: Kind;
  readonly hard: number;
  readonly difficulty: number;
  /** Natural logarithm of a short chain of thought's tokens. */
  readonly logTokens: number;
  readonly novelty: number;
  /** 1 for words that the training knows, towards 0 for those it never saw. */
  readonly familiarity: number;
  readonly representation: Int8Array;
}

export interface Raw {
  /** The mean of the networks' outputs. */
  readonly outputs: Float64Array;
  readonly anchor: number;
  readonly novelty: number;
  readonly units: Float32Array;
}

/** What the training calibrates: everything before the lines. */
export function weighRaw(surface: Surface, weights: Weights): Raw {
  const grams = readGrams(surface.read, surface.stemEnd);
  const { rows, novelty } = findRows(grams, weights.vocabulary);
  const signals = standardise(readSignals(surface), weights.standard);
  const outputs = new Float64Array(OUTPUTS);
  const units = new Float32Array(weights.units.mean.length);
  let from = 0;
  for (const network of weights.networks) {
    runNetwork(network, rows, signals, outputs, units.subarray(from, from + network.hidden));
    from += network.hidden;
  }
  for (let at = 0; at < OUTPUTS; at += 1) outputs[at]! /= weights.networks.length;
  let anchor = 0;
  for (let at = 0; at < signals.length; at += 1) anchor += weights.anchor[at]! * signals[at]!;
  return { outputs, anchor, novelty, units };
}

export function weigh(surface: Surface, shiftKinds: readonly number[], weights: Weights): Weighed {
  const raw = weighRaw(surface, weights);
  const { outputs, novelty } = raw;
  const kinds = softmax(shiftKinds.map((shift, index) => outputs[FIRST_KIND + index]! + shift));
  let likeliest = 0;
  for (let index = 1; index < kinds.length; index += 1)
    if (kinds[index]! > kinds[likeliest]!) likeliest = index;
  const { header } = weights;
  const { middle, steepness } = header.novelty;
  return {
    kinds,
    kind: KINDS[likeliest]!,
    hard: logistic(along(raw, header.hard)),
    difficulty: logistic(along(raw, header.difficulty)),
    logTokens: outputs[LOG_TOKENS]!,
    novelty,
    familiarity: logistic(steepness * (middle - novelty)),
    representation: representUnits(raw.units, weights),
  };
}

/** Log-odds: a blend of both heads and the anchor, less steep the less the words are known. */
function along({ outputs, anchor, novelty }: Raw, line: Header["hard"]): number {
  const blend = line.fails * outputs[FAILS]! + (1 - line.fails) * outputs[DEMANDS]!;
  return line.level + (line.slope - line.perNovelty * novelty) * (blend + line.anchor * anchor);
}

function logistic(value: number): number {
  return 1 / (1 + Math.exp(-value));
}

function softmax(values: readonly number[]): number[] {
  const highest = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - highest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}
