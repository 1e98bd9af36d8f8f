// DiffAdapt's own rules: its labels, its entropy and the bounds on the true one, and a head over hidden states.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod/mini";
import { parseCatalog } from "../../../policies/catalog.ts";
import { entropyBounds, entropyOf, meanEntropyOf } from "../../../policies/diffadapt-entropy.ts";
import {
  difficultyHeadHeader,
  encodeDifficultyHead,
  openDifficultyHead,
  readDifficulty,
  type DifficultyHead,
} from "../../../policies/diffadapt-head.ts";
import { LABEL_BOUNDS, labelOf } from "../../../policies/diffadapt-label.ts";
import { readSeed } from "./choose-questions.ts";

describe("a label", () => {
  test.each([
    [0.9, 0.349, "normal"],
    [0.85, 0.2, "easy"],
    [0.8501, 0.2, "normal"],
    [0.59, 0.1, "hard"],
    [0.6, 0.9, "easy"],
    [1, 0.35, "easy"],
    [0, 5, "hard"],
  ] as const)("of %d right at an entropy of %d is %s", (accuracy, entropy, label) => {
    expect(labelOf(accuracy, entropy)).toBe(label);
  });

  test("has bounds of each model's own", () => {
    expect(labelOf(1, 0.38)).toBe("easy");
    expect(labelOf(1, 0.38, { ...LABEL_BOUNDS, normalEntropyMax: 0.4 })).toBe("normal");
  });
});

describe("an entropy", () => {
  const even = (count: number) => Array.from({ length: count }, () => Math.log(1 / count));

  test("is that of the ten likeliest, renormalised", () => {
    expect(entropyOf({ top: even(4), sampled: null })).toBeCloseTo(Math.log(4), 12);
    expect(entropyOf({ top: [Math.log(0.2), Math.log(0.2)], sampled: null })).toBeCloseTo(
      Math.log(2),
      12,
    );
    expect(entropyOf({ top: even(20), sampled: null })).toBeCloseTo(Math.log(10), 12);
    expect(entropyOf({ top: [0, -Infinity], sampled: null })).toBeCloseTo(0, 12);
  });

  test("counts a sampled token that lies outside the ten, and one inside only once", () => {
    const top = even(10);
    expect(entropyOf({ top, sampled: top[0]! })).toBeCloseTo(Math.log(10), 12);
    const outside = entropyOf({ top, sampled: Math.log(0.05) })!;
    expect(outside).toBeGreaterThan(Math.log(10));
    expect(outside).toBeLessThan(Math.log(11));
  });

  test("of an answer is the mean over its tokens, and nothing where a token's is not known", () => {
    const [sure, unsure] = [
      { top: [0], sampled: null },
      { top: even(2), sampled: null },
    ];
    expect(meanEntropyOf([sure, unsure])).toBeCloseTo(Math.log(2) / 2, 12);
    expect(meanEntropyOf([])).toBeNull();
    for (const top of [[], [1], [Number.NaN], [-Infinity]])
      expect(meanEntropyOf([sure, { top, sampled: null }])).toBeNull();
  });

  test("of the whole vocabulary lies within the bounds, whatever the distribution", () => {
    const weight = fc.oneof(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1e-9, noNaN: true }),
      fc.double({ min: 0, max: 1000, noNaN: true }),
    );
    fc.assert(
      fc.property(fc.array(weight, { minLength: 11, maxLength: 200 }), (weights) => {
        const sum = weights.reduce((total, one) => total + one, 0);
        fc.pre(sum > 1e-6);
        const probabilities = weights.map((one) => one / sum);
        const whole = -probabilities.reduce((at, p) => at + (p > 0 ? p * Math.log(p) : 0), 0);
        const top = probabilities
          .toSorted((left, right) => right - left)
          .slice(0, 10)
          .map(Math.log);
        const bounds = entropyBounds(top, weights.length);
        expect(bounds!.low).toBeLessThanOrEqual(whole + 1e-9);
        expect(bounds!.high).toBeGreaterThanOrEqual(whole - 1e-9);
      }),
      { numRuns: 2000 },
    );
  });

  test("has no bounds where there are no probabilities, and one value where nothing is left over", () => {
    expect(entropyBounds([Number.NaN], 100)).toBeNull();
    const whole = entropyBounds(even(4), 100)!;
    expect(whole.low).toBeCloseTo(Math.log(4), 9);
    expect(whole.high).toBeCloseTo(Math.log(4), 9);
  });
});

/** Weights that any language makes the same, for figures that numpy 2.4 made of them in 32-bit floats. */
function sequence(count: number, offset: number, scale: number): Float32Array {
  return Float32Array.from(
    { length: count },
    (_, at) => Math.sin(((at * at) % 997) * 1.7 + offset) * scale,
  );
}

const WIDTH = 6;
const HEAD: DifficultyHead = {
  model: "org/model",
  width: WIDTH,
  inner: sequence(WIDTH * 512, 1, 0.5),
  innerBias: sequence(512, 2, 0.1),
  outer: sequence(3 * 512, 3, 0.2),
  outerBias: sequence(3, 4, 0.3),
};
function stateOf(index: number): Float32Array {
  return Float32Array.from(
    { length: WIDTH },
    (_, at) => Math.cos(at * (0.9 + index * 0.37) + index * 1.3) * (index + 1),
  );
}
const REFERENCE: readonly (readonly number[])[] = [
  [0.51333, 0.31065, 0.53077],
  [-0.75669, 0.60801, 0.39822],
  [3.0808, -0.04507, -4.26322],
  [2.04835, -2.16397, -1.32433],
  [3.76243, 6.6233, 3.72045],
  [-3.21623, -6.24211, -10.80552],
  [1.79809, -1.71794, -1.09609],
  [13.68305, -8.26101, -6.6536],
  [7.98394, -10.5246, -8.31901],
  [3.26435, 10.27819, -8.24964],
  [-14.25975, 15.53629, 13.03259],
  [-2.12405, -7.87217, 4.71553],
  [11.58859, -7.26713, -11.21845],
  [8.26336, -22.37834, -13.63302],
  [1.74394, -3.73801, 11.7284],
  [0.60941, -5.46852, 11.43853],
  [8.33019, -27.24447, -13.02056],
  [13.61435, -8.65828, -11.69407],
  [-0.06969, -12.54933, 7.99238],
  [-27.07826, 30.472, 22.0168],
];

describe("a head", () => {
  test("says what the same arithmetic says elsewhere, to four places", () => {
    const classes = new Set<string>();
    for (const [index, expected] of REFERENCE.entries()) {
      const read = readDifficulty(HEAD, stateOf(index));
      if (read.kind !== "read") throw new Error(read.problem);
      for (const [at, logit] of read.logits.entries())
        expect(Math.abs(logit - expected[at]!)).toBeLessThan(1e-3);
      const likeliest = expected.indexOf(Math.max(...expected));
      expect(read.class).toBe((["easy", "normal", "hard"] as const)[likeliest]);
      classes.add(read.class);
    }
    expect(classes.size).toBeGreaterThan(1);
  });

  test("comes back from its bytes as it was", () => {
    expect(openDifficultyHead(encodeDifficultyHead(HEAD))).toEqual({ kind: "opened", head: HEAD });
  });

  test.each([
    ["a width that is not its own", new Float32Array(5), "it holds 5 numbers, not 6"],
    [
      "what is no number",
      new Float32Array(6).fill(Number.NaN),
      "it holds what is no finite number",
    ],
    ["what has no end", Float32Array.from([Infinity, 0, 0, 0, 0, 0]), "it holds what is no finite"],
    ["a normalised state", Float32Array.from([0.6, 0.8, 0, 0, 0, 0]), "it was normalised"],
  ])("does not read %s", (_, state, problem) => {
    expect(readDifficulty(HEAD, state)).toEqual({
      kind: "unsound",
      problem: expect.stringContaining(problem) as string,
    });
  });

  test("decides something or says why not, for any state", () => {
    fc.assert(
      fc.property(fc.float32Array({ minLength: 0, maxLength: 12 }), (state) => {
        const read = readDifficulty(HEAD, state);
        if (read.kind === "read") expect(read.logits.every(Number.isFinite)).toBe(true);
        else expect(read.problem).not.toBe("");
      }),
    );
  });

  const bytes = encodeDifficultyHead(HEAD);
  const withHeader = (header: object | string): Uint8Array => {
    const line = typeof header === "string" ? header : `${JSON.stringify(header)}\n`;
    const weights = bytes.slice(bytes.indexOf(10) + 1);
    return Uint8Array.from([...new TextEncoder().encode(line), ...weights]);
  };
  const header = { format: "sluice-difficulty-head", version: 1, model: "m", width: WIDTH };

  test.each([
    ["nothing", new Uint8Array(), "has no first line"],
    ["no first line", new Uint8Array(2000).fill(97), "has no first line"],
    ["a first line that is no JSON", withHeader("weights\n"), "is missing"],
    ["another format", withHeader({ ...header, format: "other" }), "format must be one of"],
    ["another version", withHeader({ ...header, version: 2 }), "version must be one of"],
    [
      "a width beyond the bound",
      withHeader({ ...header, width: 8193 }),
      "width must be at most 8192",
    ],
    ["a word that nobody knows", withHeader({ ...header, rank: 1 }), "unknown fields: rank"],
    ["too few weights", bytes.slice(0, -1), "bytes of weights"],
    [
      "another width than its weights have",
      withHeader({ ...header, width: 7 }),
      "a width of 7 makes",
    ],
    [
      "a weight that is no number",
      encodeDifficultyHead({ ...HEAD, outerBias: new Float32Array(3).fill(Number.NaN) }),
      "no finite number",
    ],
  ])("of %s is refused", (_, wrong, problem) => {
    const opened = openDifficultyHead(wrong);
    expect(opened).toEqual({
      kind: "faulty",
      problem: expect.stringContaining(problem) as string,
    });
  });

  test("has the header that kv-seeds describes", () => {
    const file = join(import.meta.dirname, "../../../kv-seeds/difficulty-head.schema.json");
    const written = JSON.parse(readFileSync(file, "utf8")) as unknown;
    expect(written).toEqual(z.toJSONSchema(difficultyHeadHeader, { io: "input" }));
  });
});

test("a pooling replica is one of the catalog's upstreams, and costs nothing unless a price is said", () => {
  const seeded = readSeed("catalog.json") as { upstreams: { id: string }[]; models: object[] };
  const parse = (pooling: object) =>
    parseCatalog({ ...seeded, models: [{ ...seeded.models[0], pooling }] });
  const upstream = seeded.upstreams[0]!.id;
  expect(parse({ upstream, name: "org/model", width: 2560 })).toMatchObject({
    kind: "parsed",
    value: { models: [{ pooling: { width: 2560 } }] },
  });
  expect(parse({ upstream: "nowhere", name: "m", width: 2560 })).toMatchObject({
    faults: [{ path: "models.0.pooling.upstream", problem: 'no upstream is called "nowhere"' }],
  });
  expect(parse({ upstream, name: "m", width: 8193 })).toMatchObject({
    faults: [{ path: "models.0.pooling.width" }],
  });
});
