// What the head reads of a query: the probe's outputs and the raw shape as numbers around -1..1, then the probe's
// representation. No text, and nothing from which a text could be made again.
import type { Features, Kind } from "../../classifiers/features.ts";
import { HEAD_VERSION, type HeadInput } from "./head.ts";

/** Numbers of the probe's representation; a shorter one is filled with zeros, a longer one is cut. */
export const REPRESENTATION_VALUES = 96;
/** One step of the representation's int8: as with the readings, two deviations (64 steps) are 1. */
const REPRESENTATION_STEP = 1 / 64;
/** Beyond this many deviations a value says no more. */
const DEVIATIONS_MAX = 3;
/** So that nearly all values lie in -1..1. */
const DEVIATIONS_PER_UNIT = 2;

/** A number of the query, its mean and its standard deviation over 14,284 queries that may be trained on, 1,500 a source at most. */
type Reading = readonly [read: (features: Features) => number, mean: number, deviation: number];

/** The order is the meaning: whoever changes it raises HEAD_VERSION. */
const READINGS: readonly Reading[] = [
  [({ difficulty }) => difficulty, 0.331, 0.199],
  [({ hard }) => hard, 0.33, 0.212],
  [({ confidence }) => confidence, 0.873, 0.23],
  ...(["math", "code", "knowledge", "logic", "chat"] as const).map(readKind),
  [({ expectedTokens }) => Math.log1p(expectedTokens.short), 4.776, 0.563],
  [({ expectedTokens }) => Math.log1p(expectedTokens.long), 6.151, 0.55],
  [({ expectedTokens }) => Math.log1p(expectedTokens.direct), 3.094, 0.828],
  [({ shape }) => Math.log1p(shape.chars), 5.008, 1.319],
  [({ shape }) => Math.log1p(shape.stemChars), 4.804, 1.248],
  [({ shape }) => Math.log1p(Math.max(0, shape.chars - shape.stemChars)), 1.231, 2.206],
  [({ shape }) => shape.choices, 1.501, 3.119],
  [({ shape }) => Math.log1p(shape.digits), 1.344, 1.47],
  [({ shape }) => Math.log1p(shape.numbers), 1.095, 1.253],
  [({ shape }) => Math.log1p(shape.operators), 0.732, 0.989],
  [({ shape }) => Number(shape.latex), 0.133, 0.34],
  [({ shape }) => Number(shape.codeBlock), 0.049, 0.216],
  [({ shape }) => Math.log1p(shape.steps), 0.39, 0.664],
  [({ shape }) => Math.log1p(shape.procedural), 0.198, 0.455],
];
export const READING_VALUES = READINGS.length;

export const FAMILIES = 10;
const FAMILY_KINDS: readonly Kind[] = ["math", "code", "knowledge", "logic", "chat"];

export function headInput(features: Features): HeadInput {
  const values = new Float32Array(READING_VALUES + REPRESENTATION_VALUES);
  // Of every answered request: iterators over its numbers would cost more than all that is done to them.
  for (let i = 0; i < READINGS.length; i++) {
    const [read, mean, deviation] = READINGS[i]!;
    const deviations = (read(features) - mean) / deviation;
    values[i] = bound(deviations, DEVIATIONS_MAX) / DEVIATIONS_PER_UNIT;
  }
  const { representation } = features;
  const length = Math.min(representation.length, REPRESENTATION_VALUES);
  for (let i = 0; i < length; i++)
    values[READING_VALUES + i] = representation[i]! * REPRESENTATION_STEP;
  return { version: HEAD_VERSION, family: familyOf(features), values };
}

/**
 * 0 up to but without FAMILIES: the kind, and whether there are options. A band of length besides gained nothing
 * (recorded pairs of README.md), since the shape's own numbers say it.
 */
export function familyOf({ kind, shape }: Features): number {
  return FAMILY_KINDS.indexOf(kind) * 2 + (shape.choices >= 2 ? 1 : 0);
}

function readKind(kind: Kind): Reading {
  // A spread of one half for every kind: chat is rare among recorded queries, and its own would shout.
  return [(features) => Number(features.kind === kind), 0.2, 0.5];
}

/** Not a number reads as the mean. */
function bound(value: number, most: number): number {
  return Number.isNaN(value) ? 0 : Math.min(most, Math.max(-most, value));
}
