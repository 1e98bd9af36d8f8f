// The training's parts: what it may see, what its own families promise, and that one seed makes one file. The whole
// training needs the recorded data and a minute; these need neither.
import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { openWeights, WEIGHTS_VERSION, type Header } from "../../../classifiers/weights.ts";
import { makeVocabulary } from "../../../classifiers/vocabulary.ts";
import { standardise } from "../../../classifiers/network.ts";
import { SIGNAL_NAMES } from "../../../classifiers/signals.ts";
import { seededChance } from "../../../classifiers/train/chance.ts";
import { makeExamples } from "../../../classifiers/train/examples.ts";
import { trainableWithout } from "../../../classifiers/train/exclude.ts";
import { makeFamilies, STEPS_MAX, type Made } from "../../../classifiers/train/families.ts";
import { listOrders, lineUpDates, truthTellers } from "../../../classifiers/train/family-logic.ts";
import {
  chainedPurchases,
  linearEquation,
  tankLevels,
  unitChain,
} from "../../../classifiers/train/family-math.ts";
import { CUE_WORDS } from "../../../classifiers/train/cue-words.ts";
import { fitNetwork } from "../../../classifiers/train/fit-network.ts";
import { SETTINGS } from "../../../classifiers/train/fit-shape.ts";
import { keepWords } from "../../../classifiers/train/keep-words.ts";
import {
  DATA_FOLDER,
  readQueries,
  type RecordedQuery,
} from "../../../classifiers/train/recorded.ts";
import { ANCHOR } from "../../../classifiers/train/recipe.ts";
import { rowsOf, standardOf } from "../../../classifiers/train/samples.ts";
import { vary } from "../../../classifiers/train/variants.ts";
import { writeWeights } from "../../../classifiers/train/write-weights.ts";

function query(source: string, group: string, trainable: boolean): RecordedQuery {
  const text = `What is asked by ${source} in ${group}?`;
  return { id: `${source}:${group}`, source, text, kind4: "math", fold: "train", trainable, group };
}

/** The recorded questions are 60 MB of text to unpack. */
const READING_TIMEOUT_MS = 60_000;

describe("what may be trained on", () => {
  const QUERIES = [
    query("free", "g1", true),
    query("free", "g2", true),
    query("licensed", "g3", false),
    query("other", "g2", true),
    query("other", "g4", true),
    query("licensed", "g4", false),
  ];
  const ids = (queries: readonly RecordedQuery[]): string[] => queries.map(({ id }) => id);

  test("is what is marked trainable, and nothing else", () => {
    expect(ids(trainableWithout(QUERIES, []))).toEqual([
      "free:g1",
      "free:g2",
      "other:g2",
      "other:g4",
    ]);
  });

  test("loses an excluded source, and whatever is nearly one of its questions, trainable or not", () => {
    expect(ids(trainableWithout(QUERIES, ["free"]))).toEqual(["other:g4"]);
    expect(ids(trainableWithout(QUERIES, ["licensed"]))).toEqual([
      "free:g1",
      "free:g2",
      "other:g2",
    ]);
    expect(trainableWithout(QUERIES, ["free", "other"])).toEqual([]);
  });

  test.skipIf(!existsSync(DATA_FOLDER))(
    "of the recorded questions none is in the fold test (skipped where ../shared is absent)",
    () => {
      const trainable = trainableWithout(readQueries()!, ["mmlu"]);
      expect(trainable.length).toBeGreaterThan(10_000);
      expect(trainable.every(({ fold, source }) => fold === "train" && source !== "mmlu")).toBe(
        true,
      );
    },
    READING_TIMEOUT_MS,
  );
});

describe("families made by rule", () => {
  const STEPS = Array.from({ length: STEPS_MAX }, (_, index) => index + 1);
  const count = (text: string, sign: RegExp): number => text.match(sign)?.length ?? 0;

  test.each<[string, (steps: number) => string, (text: string) => number]>([
    // A sentence that begins, one a step, and one that asks.
    ["purchases", (n) => chainedPurchases(n, seededChance(n)), (t) => count(t, /[.?](?= |$)/g) - 2],
    ["tanks", (n) => tankLevels(n, seededChance(n)), (t) => count(t, /[.?](?= |$)/g) - 2],
    ["units", (n) => unitChain(n, seededChance(n)), (t) => count(t, / make /g)],
    ["equations", (n) => linearEquation(n, seededChance(n)), (t) => count(t, /[+-]/g)],
    ["lists", (n) => listOrders(n, seededChance(n)), (t) => count(t, /; /g) + 1],
    [
      "dates",
      (n) => lineUpDates(n, seededChance(n)),
      (t) => count(t, /later|before that|on the next|after that/g),
    ],
    ["tellers", (n) => truthTellers(n, seededChance(n)), (t) => count(t, / says that /g) - 1],
  ])("%s have as many steps as they say", (_name, make, stepsOf) => {
    for (const steps of STEPS) expect(stepsOf(make(steps))).toBe(steps);
  });

  test("are the same for the same seed, others for another, and all within the steps", () => {
    const families = makeFamilies(1);
    expect(makeFamilies(1)).toEqual(families);
    expect(makeFamilies(2)).not.toEqual(families);
    const stated = families.flatMap(({ steps }) => (steps === null ? [] : [steps]));
    expect(Math.min(...stated)).toBe(1);
    expect(Math.max(...stated)).toBe(STEPS_MAX);
    expect(families.every(({ text }) => text.length > 10 && text.length < 4000)).toBe(true);
  });

  test("teach no level, only an order, and more steps as more demanding", () => {
    const examples = makeExamples([], makeFamilies(1), 1);
    expect(examples.every(({ fails }) => fails === null)).toBe(true);
    const demandsOf = (steps: number): number =>
      makeExamples([], [{ family: "tanks", kind: "math", text: "How full?", steps }], 1)[0]!
        .demands!;
    expect(demandsOf(9)).toBeGreaterThan(demandsOf(2));
  });
});

describe("variants", () => {
  test("are other writings of the question, and the same for the same seed", () => {
    const text = "Which gas do plants take in?\nA. Oxygen\nB. Carbon dioxide\nC. Helium";
    expect(vary(text, seededChance(4))).toEqual(vary(text, seededChance(4)));
    for (let seed = 1; seed < 20; seed += 1)
      for (const variant of vary(text, seededChance(seed))) expect(variant).not.toBe("");
  });
});

/** A small training: every part of the real one but the recorded questions. */
function train(families: readonly Made[], seed: number): Uint8Array {
  const examples = makeExamples([], families, seed);
  const keys = keepWords(examples, 500);
  const vocabulary = makeVocabulary(keys);
  const standard = standardOf(examples);
  const samples = examples.map((example) => ({
    example,
    views: [
      {
        rows: rowsOf(example.view.grams, vocabulary),
        signals: standardise(example.view.signals, standard),
      },
    ],
    residuals: null,
    topic: -1,
  }));
  const shape = { words: keys.length, width: 4, hidden: 6, signals: SIGNAL_NAMES.length };
  const fitted = fitNetwork(
    samples,
    { ...shape, sources: 40, solvers: 0, topics: 0 },
    { ...SETTINGS, epochs: 2, residualWeight: 0, topicWeight: 0 },
    seed,
  );
  const line = { level: 0, slope: 1, perNovelty: 0, fails: 0.5, anchor: 0.2 };
  const header: Header = {
    version: WEIGHTS_VERSION,
    signals: SIGNAL_NAMES,
    words: keys.length,
    cues: CUE_WORDS,
    networks: [{ width: 4, hidden: 6 }],
    hard: line,
    difficulty: line,
    anchor: ANCHOR,
    novelty: { middle: 0.7, steepness: 8 },
    made: { seed },
  };
  const units = { mean: new Float32Array(6), deviation: new Float32Array(6).fill(1) };
  return writeWeights(header, keys, standard, [fitted], units);
}

describe("a small training", () => {
  const families = makeFamilies(3).filter((_, index) => index % 3 === 0);

  test("makes the same bytes from the same seed, and others from another", () => {
    const bytes = train(families, 3);
    expect(train(families, 3)).toEqual(bytes);
    expect(train(families, 4)).not.toEqual(bytes);
  });

  test("makes weights that open", () => {
    expect(openWeights(train(families, 3)).kind).toBe("opened");
  });
});
