// Lessons for tests of the head, and numbers that look random and come again.
import { HEAD_VERSION, type HeadInput, type Lesson } from "../../../../policies/head/head.ts";
import {
  FAMILIES,
  REPRESENTATION_VALUES,
  READING_VALUES,
} from "../../../../policies/head/inputs.ts";

export const SHORT = { model: "m", mode: "short" } as const;
export const LONG = { model: "m", mode: "long" } as const;
export const EXPECTED = { score: 0.6, outputTokens: 100 };

export function anInput(draw: () => number, changes: Partial<HeadInput> = {}): HeadInput {
  const values = Float32Array.from(
    { length: READING_VALUES + REPRESENTATION_VALUES },
    () => draw() * 2 - 1,
  );
  return { version: HEAD_VERSION, family: Math.floor(draw() * FAMILIES), values, ...changes };
}

export function aLesson(draw: () => number, changes: Partial<Lesson> = {}): Lesson {
  return {
    input: anInput(draw),
    arm: SHORT,
    expected: EXPECTED,
    score: draw(),
    weight: 1,
    outputTokens: Math.round(draw() * 400),
    propensity: 0.5 + draw() / 2,
    keyHash: Math.floor(draw() * 1_000_000),
    atMs: 1_000_000,
    ...changes,
  };
}
