// What a probe may say of a query, without one.
import type { Features, Shape } from "../../../../classifiers/features.ts";

const SHAPE: Shape = {
  chars: 80,
  stemChars: 80,
  choices: 0,
  digits: 4,
  numbers: 2,
  operators: 1,
  latex: false,
  codeBlock: false,
  steps: 1,
  procedural: 0,
};

export function someFeatures(
  changes: Partial<Features> = {},
  shape: Partial<Shape> = {},
): Features {
  return {
    difficulty: 0.3,
    hard: 0.3,
    kind: "math",
    expectedTokens: { direct: 10, short: 100, code: 200, long: 400 },
    confidence: 0.9,
    novelty: 0.1,
    representation: new Int8Array(96),
    ...changes,
    shape: { ...SHAPE, ...shape },
  };
}
