// What a finished request's signals are worth, and the numbers that a query becomes.
import { describe, expect, test } from "vitest";
import type { Signals } from "../../../../policies/head/head.ts";
import { familyOf, FAMILIES, headInput } from "../../../../policies/head/inputs.ts";
import { judge } from "../../../../policies/head/judge.ts";
import { someFeatures } from "./some-features.ts";

const QUIET: Signals = {
  kind: "math",
  finishReason: "stop",
  outputTokens: 120,
  reasoningTokens: null,
  capTokens: 4096,
  isFormatValid: null,
  wasEscalated: false,
  wasRetried: false,
  feedback: null,
  grade: null,
};

describe("judge", () => {
  test("a grader outranks the client, and the client every other sign", () => {
    const all = { ...QUIET, isFormatValid: false, wasRetried: true };
    expect(judge({ ...all, feedback: 0.9, grade: 0.2 })).toEqual({ score: 0.2, weight: 1 });
    expect(judge({ ...all, feedback: 0.9 })?.score).toBe(0.9);
    expect(judge(all)?.score).toBe(0);
  });

  test.each([
    ["a format that was asked for and broken", { isFormatValid: false }],
    ["an answer that ended at its cap", { outputTokens: 4096 }],
    ["one that its engine says was cut", { finishReason: "length" }],
    ["an escalation", { wasEscalated: true }],
    ["a retry", { wasRetried: true }],
  ])("%s speaks against the arm, for less than a grader", (_name, sign) => {
    const said = judge({ ...QUIET, ...sign })!;
    expect(said.score).toBeLessThan(0.5);
    expect(said.weight).toBeLessThan(1);
  });

  test("silence speaks for the arm, hardly, and of talk it says nothing", () => {
    expect(judge(QUIET)).toEqual({ score: 1, weight: 0.02 });
    expect(judge({ ...QUIET, kind: "chat" })).toBeNull();
    expect(judge({ ...QUIET, finishReason: "content_filter" })).toBeNull();
    expect(judge({ ...QUIET, finishReason: null })).toBeNull();
  });
});

describe("headInput", () => {
  test.each([
    ["nothing", { chars: 0, stemChars: 0, numbers: 0 }],
    ["a megabyte of one letter", { chars: 1_000_000, stemChars: 1_000_000 }],
    ["thousands of options", { choices: 5_000, chars: 50_000 }],
    ["what is no number", { digits: Number.NaN, choices: Infinity }],
  ])("is bounded numbers and a family of %s", (_name, shape) => {
    const { values, family } = headInput(someFeatures({}, shape));
    expect(values.every((value) => Math.abs(value) <= 1.5)).toBe(true);
    expect(Number.isInteger(family) && family >= 0 && family < FAMILIES).toBe(true);
  });

  test("options make another family of the same kind, and a length does not", () => {
    const plain = familyOf(someFeatures());
    expect(familyOf(someFeatures({}, { choices: 4 }))).toBe(plain + 1);
    expect(familyOf(someFeatures({}, { stemChars: 4_000 }))).toBe(plain);
  });

  test("the representation stands last, and a shorter one is filled with zeros", () => {
    const of = (representation: Int8Array) => headInput(someFeatures({ representation })).values;
    // Two standard deviations of 32 steps are 1, as with the readings.
    expect(of(new Int8Array(96).fill(64)).at(-1)).toBe(1);
    expect(of(new Int8Array(12).fill(64)).at(-1)).toBe(0);
    expect(of(new Int8Array(12).fill(127))).toHaveLength(of(new Int8Array(99)).length);
  });
});
