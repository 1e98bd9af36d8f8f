// What a head learns, of whom, how fast it forgets, and what it refuses to learn.
import { describe, expect, test } from "vitest";
import { advise, EVIDENCE_MIN } from "../../../../policies/head/advise.ts";
import { driftOf } from "../../../../policies/head/drift.ts";
import { HALF_LIFE_MS, KEY_BUCKETS, ARMS_MAX } from "../../../../policies/head/evidence.ts";
import type { HeadInput, Lesson } from "../../../../policies/head/head.ts";
import {
  amend,
  KEY_AVERAGES_MAX,
  KEY_WEIGHT_FREE,
  teach,
} from "../../../../policies/head/learn.ts";
import { decodeHead, emptyHead, encodeHead, type Head } from "../../../../policies/head/state.ts";
import { seeded } from "../../../../policies/replay/random.ts";
import { aLesson, anInput, EXPECTED, LONG, SHORT } from "./a-lesson.ts";

function taught(n: number, changes: (index: number) => Partial<Lesson>, seed = 1): Head {
  const draw = seeded(seed);
  const head = emptyHead([]);
  for (let index = 0; index < n; index += 1) teach(head, aLesson(draw, changes(index)));
  return head;
}
/** By a copy, as everyone is advised but the head itself: nothing of it is older than the last lesson. */
const say = (head: Head, input: HeadInput, arm: Lesson["arm"] = SHORT) =>
  advise(decodeHead(encodeHead(head))!, input).correct(arm, EXPECTED);
const anyInput = anInput(seeded(99));

describe("what is learned", () => {
  test("an arm that fails is expected to fail, and one that never ran keeps its prior", () => {
    const head = taught(300, () => ({ score: 0 }));
    expect(say(head, anyInput)!.score).toBeLessThan(0.15);
    expect(say(head, anyInput, LONG)).toBeNull();
  });

  test("thin evidence says nothing, and a little of it moves little", () => {
    expect(
      say(
        taught(EVIDENCE_MIN - 1, () => ({ score: 0, outputTokens: null })),
        anyInput,
      ),
    ).toBeNull();
    const few = say(
      taught(6, () => ({ score: 0, propensity: 1 })),
      anyInput,
    )!;
    const many = say(
      taught(600, () => ({ score: 0, propensity: 1 })),
      anyInput,
    )!;
    expect(few.score).toBeGreaterThan(many.score + 0.1);
    expect(few.halfWidth).toBeGreaterThan(2 * many.halfWidth);
    expect(many.evidence).toBeGreaterThan(590);
  });

  test("the level is corrected first and the family next: a family never seen moves less than the one that failed", () => {
    const head = taught(80, () => ({ input: { ...anyInput, family: 3 }, score: 0 }));
    const same = say(head, { ...anyInput, family: 3 })!.score;
    const other = say(head, { ...anyInput, family: 4 })!.score;
    expect(same).toBeLessThan(other);
    expect(other).toBeLessThan(EXPECTED.score);
  });

  test("a slope is learned: where right and wrong hang on one number, it orders two questions", () => {
    const draw = seeded(5);
    const head = emptyHead([]);
    for (let index = 0; index < 800; index += 1) {
      const input = anInput(draw);
      teach(head, aLesson(draw, { input, score: input.values[0]! > 0 ? 1 : 0 }));
    }
    const at = (value: number): HeadInput => {
      const values = Float32Array.from(anyInput.values);
      values[0] = value;
      return { ...anyInput, values };
    };
    expect(say(head, at(0.8))!.score - say(head, at(-0.8))!.score).toBeGreaterThan(0.4);
  });

  test("one question that is asked for ever is learned like any other", () => {
    const head = taught(13_000, (index) => ({
      input: anyInput,
      score: index % 10 < 3 ? 1 : 0,
      propensity: 1,
      outputTokens: null,
    }));
    expect(say(head, anyInput)!.score).toBeCloseTo(0.3, 1);
    expect(driftOf(head)).toEqual({ isAlarmed: false, sinceMs: null });
  });

  test("tokens are learned as a factor, and an arm without them keeps the prior's", () => {
    const head = taught(300, () => ({ outputTokens: 300 }));
    expect(say(head, anyInput)!.outputTokens).toBeGreaterThan(250);
    expect(say(head, anyInput)!.outputTokens).toBeLessThan(350);
    const none = taught(300, () => ({ outputTokens: null }));
    expect(say(none, anyInput)!.outputTokens).toBe(EXPECTED.outputTokens);
  });

  test("a lesson of another version, or of what is no number, teaches nothing", () => {
    const draw = seeded(1);
    const head = emptyHead([SHORT]);
    const before = encodeHead(head);
    const lesson = aLesson(draw);
    for (const wrong of [
      { input: { ...lesson.input, version: 0 } },
      { score: Number.NaN },
      { score: 1.5 },
      { propensity: 0 },
      { outputTokens: -1 },
      { atMs: Infinity },
    ])
      teach(head, { ...lesson, ...wrong });
    expect(encodeHead(head)).toEqual(before);
    teach(head, lesson);
    expect(encodeHead(head)).not.toEqual(before);
  });
});

describe("what is put right", () => {
  test.each([1, 2, 3])("amending equals having taught the later word alone (seed %i)", (seed) => {
    const draw = seeded(seed);
    const lessons = Array.from({ length: 60 }, () => aLesson(draw));
    const first = { score: 1, weight: 0.02 };
    const amended = emptyHead([]);
    const stood = lessons.map((lesson) => teach(amended, { ...lesson, ...first }));
    for (const [index, lesson] of lessons.entries()) amend(amended, stood[index]!, lesson);
    const alone = emptyHead([]);
    for (const lesson of lessons) teach(alone, lesson);
    const [a, b] = [say(amended, anyInput)!, say(alone, anyInput)!];
    expect(a.score).toBeCloseTo(b.score, 3);
    expect(a.evidence).toBeCloseTo(b.evidence, 2);
  });

  test("taking a word back leaves what was known before it", () => {
    const draw = seeded(4);
    const head = taught(50, () => ({}));
    const before = say(head, anyInput)!.score;
    const lesson = aLesson(draw, { score: 0, outputTokens: null });
    const silent = { ...lesson, score: null, weight: 0 };
    const said = amend(head, teach(head, silent), lesson);
    amend(head, said, silent);
    expect(say(head, anyInput)!.score).toBeCloseTo(before, 4);
  });

  test("what the arm forgot of the earlier word is not taken away a second time", () => {
    const draw = seeded(8);
    const head = emptyHead([]);
    const lesson = (score: number): Lesson =>
      aLesson(draw, { score, propensity: 1, outputTokens: null });
    const early = Array.from({ length: 8_000 }, () => teach(head, lesson(1)));
    // At 20,000 the arm forgets half of all.
    for (let index = 0; index < 12_100; index += 1) teach(head, lesson(0.6));
    for (const stood of early) amend(head, stood, lesson(0.6));
    const { score, evidence } = say(head, anyInput)!;
    expect(score).toBeCloseTo(0.6, 1);
    expect(evidence).toBeGreaterThan(10_000);
  });

  test("a word for an arm that was forgotten and begun anew takes nothing from it", () => {
    const draw = seeded(9);
    const head = emptyHead([]);
    const lesson = aLesson(draw, { score: 0, propensity: 1, outputTokens: null });
    teach(head, { ...lesson, atMs: 1_000_000 - HALF_LIFE_MS });
    const stood = teach(head, lesson);
    head.arms.clear();
    for (let index = 0; index < 20; index += 1) teach(head, { ...lesson, score: 1 });
    amend(head, stood, { ...lesson, score: 1 });
    expect(say(head, lesson.input)!.evidence).toBeCloseTo(21, 3);
  });
});

describe("what is bounded", () => {
  test("after a half-life the evidence counts half, and within an hour all of it", () => {
    const draw = seeded(2);
    const head = taught(100, () => ({ propensity: 1 }));
    const late = (atMs: number): number => {
      teach(head, aLesson(draw, { arm: LONG, atMs }));
      return say(head, anyInput)!.evidence;
    };
    expect(late(1_000_000 + 60_000)).toBeCloseTo(100, 1);
    expect(late(1_000_000 + HALF_LIFE_MS)).toBeCloseTo(50, 1);
  });

  test("one key alone may teach everything; among many it weighs no more than four of them", () => {
    const alone = taught(3_000, () => ({ keyHash: 7, propensity: 1 }));
    expect(say(alone, anyInput)!.evidence).toBeGreaterThan(2_900);
    const draw = seeded(3);
    const head = emptyHead([]);
    for (let key = 0; key < KEY_BUCKETS; key += 1)
      for (let index = 0; index < 5; index += 1) teach(head, aLesson(draw, { keyHash: key }));
    for (let index = 0; index < 3_000; index += 1)
      teach(head, aLesson(draw, { keyHash: 7, score: 0 }));
    const total = head.keys.reduce((sum, weight) => sum + weight, 0);
    const most = Math.max(KEY_WEIGHT_FREE, (KEY_AVERAGES_MAX * total) / KEY_BUCKETS);
    expect(head.keys[7]).toBeLessThanOrEqual(most + 0.01);
  });

  test("of many keys one alone does not decide how long answers are, by many of them or by one that is endless", () => {
    const draw = seeded(6);
    const lesson = (keyHash: number, outputTokens: number): Lesson =>
      aLesson(draw, { keyHash, outputTokens, score: null });
    const head = emptyHead([]);
    for (let index = 0; index < 4_000; index += 1) teach(head, lesson(index % 40, 100));
    teach(head, lesson(41, 1_000_000));
    expect(say(head, anyInput)!.outputTokens).toBeLessThan(110);
    const one = decodeHead(encodeHead(head))!;
    for (let index = 0; index < 2_000; index += 1) teach(one, lesson(41, 1_500));
    const most = say(one, anyInput)!.outputTokens;
    for (let index = 0; index < 4_000; index += 1) teach(one, lesson(41, 1_500));
    expect(say(one, anyInput)!.outputTokens).toBeLessThan(1.1 * most);
    const many = decodeHead(encodeHead(head))!;
    for (let index = 0; index < 6_000; index += 1) teach(many, lesson(index % 40, 1_500));
    expect(say(many, anyInput)!.outputTokens).toBeGreaterThan(1.5 * most);
  });

  test("a lesson under a tiny propensity counts for three at most", () => {
    const rare = taught(20, () => ({ propensity: 0.001 }));
    expect(rare.keys.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(60, 3);
  });

  test("of too many arms the one with the least evidence is forgotten", () => {
    const draw = seeded(1);
    const head = emptyHead([]);
    for (let arm = 0; arm <= ARMS_MAX; arm += 1)
      for (let index = 0; index < (arm === 5 ? 1 : 2); index += 1)
        teach(head, aLesson(draw, { arm: { model: `m${arm}`, mode: "short" } }));
    expect(head.arms.size).toBe(ARMS_MAX);
    expect(head.arms.has("m5/short")).toBe(false);
    expect(head.arms.has(`m${ARMS_MAX}/short`)).toBe(true);
  });
});

describe("drift", () => {
  test("a standing fall of the scores raises the alarm, and says since when", () => {
    const head = taught(1_500, (index) => ({
      score: index % 10 < (index < 1_000 ? 8 : 3) ? 1 : 0,
      atMs: 1_000_000 + index,
    }));
    const { isAlarmed, sinceMs } = driftOf(head);
    expect(isAlarmed).toBe(true);
    expect(sinceMs).toBeGreaterThan(1_001_000);
  });

  test.each([1, 2, 3])("scores that scatter as ever raise none (seed %i)", (seed) => {
    const chance = seeded(seed + 100);
    const head = taught(1_000, () => ({ score: chance() < 0.7 ? 1 : 0 }), seed);
    expect(driftOf(head)).toEqual({ isAlarmed: false, sinceMs: null });
  });
});
