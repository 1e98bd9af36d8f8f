// The router on recorded questions: what it may see, and what it makes of it.
import { expect, test } from "vitest";
import { recover, rank } from "../../../../policies/replay/apgr.ts";
import type { RecordedQuestion, Run } from "../../../../policies/replay/question.ts";
import { seeded } from "../../../../policies/replay/random.ts";
import { parseArms, type RecordedArm } from "../../../../policies/replay/recorded-arm.ts";
import { reportOn, ROUTERS, sweep } from "../../../../policies/replay/report.ts";
import { predictOffline, predictOnline } from "../../../../policies/replay/route.ts";
import { someFeatures } from "../head/some-features.ts";

function arms(count: number): readonly RecordedArm[] {
  const names = ["direct", "short", "code", "long"].slice(0, count);
  const read = parseArms(names.map((arm) => ({ arm, model: "m", mode: arm, price: 1 })));
  if (read.kind === "faulty") throw new Error(read.problem);
  return read.arms;
}

/** Sums are right only in the last arm's answers; questions of words in every arm's. */
function questions(n: number, count: number, seed: number): RecordedQuestion[] {
  const draw = seeded(seed);
  return Array.from({ length: n }, (_, index) => {
    const isSum = draw() < 0.5;
    const chars = 20 + Math.floor(draw() * 200);
    const kind = isSum ? "math" : "knowledge";
    const features = someFeatures(
      { kind, difficulty: draw() },
      { chars, stemChars: chars, numbers: isSum ? 3 : 0 },
    );
    const run = (arm: number): Run => ({
      correct: Number(!isSum || arm === count - 1 || draw() < 0.1),
      outputTokens: 10 * 4 ** arm,
      isMeasured: true,
    });
    const runs = Array.from({ length: count }, (_run, arm) => run(arm));
    return { id: String(index), chars, features, runs };
  });
}

test.each([2, 4])(
  "of each question it sees one outcome, and only after it has foretold (%i arms)",
  (count) => {
    const seen: number[] = [];
    let isForetold = false;
    const watched = questions(200, count, 1).map((question, index) => ({
      ...question,
      get features() {
        isForetold = true;
        return question.features;
      },
      runs: new Proxy(question.runs, {
        get(runs, key) {
          if (typeof key === "string" && /^\d+$/.test(key)) {
            expect(isForetold).toBe(true);
            isForetold = false;
            seen.push(index);
          }
          return Reflect.get(runs, key) as unknown;
        },
      }),
    }));
    predictOnline(watched, arms(count), [0, 0.001, 0.01], seeded(1));
    expect(seen).toEqual(watched.map((_, index) => index));
  },
);

/** It learns from 1,200 questions, which a busy machine does not do in the five seconds that tests have as a rule. */
const LEARNING_TIMEOUT_MS = 30_000;

test(
  "learning finds which questions need the strong arm, and without outcomes to learn it does not",
  () => {
    const of = questions(1_200, 2, 3);
    const recovered = (predictions: ReturnType<typeof predictOffline>): number => {
      const half = predictions.slice(600).map((two) => two[1]!.score - two[0]!.score);
      const late = of.slice(600);
      const ranked = rank(
        half,
        late.map(({ runs }) => runs[0]!.correct),
        late.map(({ runs }) => runs[1]!.correct),
      );
      return recover(ranked, new Uint8Array(600).fill(1)).apgr!;
    };
    const learned = recovered(predictOnline(of, arms(2), [0], seeded(2)));
    expect(learned).toBeGreaterThan(0.65);
    const deaf = of.map((question) => ({
      ...question,
      runs: question.runs.map((run) => ({ ...run, correct: 0.7 })),
    }));
    expect(recovered(predictOnline(deaf, arms(2), [0], seeded(2)))).toBeLessThan(learned + 0.001);
  },
  LEARNING_TIMEOUT_MS,
);

test("the report has the same figures of everyone, and APGR only between two arms", () => {
  for (const count of [2, 4]) {
    const of = questions(300, count, 5);
    const foretold = predictOffline(of, arms(count));
    const lambdas = sweep(foretold, arms(count));
    const report = reportOn(of, foretold, arms(count), lambdas, 1);
    expect(report).toEqual(reportOn(of, foretold, arms(count), lambdas, 1));
    expect(Object.keys(report)).toEqual(["n", ...ROUTERS]);
    for (const name of ROUTERS) {
      const { apgr, curve } = report[name];
      expect(apgr === null).toBe(count > 2);
      if (apgr !== null) expect(apgr.low <= apgr.value && apgr.value <= apgr.high).toBe(true);
      expect(curve.map(({ lambda }) => lambda)).toEqual(lambdas);
    }
    const [first] = report.oracle.curve;
    expect(first!.accuracy).toBe(
      Math.max(...ROUTERS.map((name) => report[name].curve[0]!.accuracy)),
    );
  }
});

test.each([
  ["no list", {}, /must be a list/],
  ["one arm", [{ arm: "a", model: "m", mode: "cot", price: 1 }], /2 to 16 arms/],
  ["an arm without a price", [{ arm: "a", model: "m", mode: "cot" }, {}], /\[0\]\.price must be/],
  ["an arm without a model", [{ arm: "a", mode: "cot", price: 1 }, {}], /\[0\]\.model must be/],
  [
    "one run twice",
    ["a", "b"].map((arm) => ({ arm, model: "m", mode: "cot", price: 1 })),
    /\[1\] repeats the run/,
  ],
])("arms are refused with the field: %s", (_name, value, problem) => {
  const read = parseArms(value);
  expect(read.kind === "faulty" && read.problem).toMatch(problem);
});
