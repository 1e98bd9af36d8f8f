// Counts on a text's surface, and where its options begin.
import { describe, expect, test } from "vitest";
import { CUE_GROUPS } from "../../../classifiers/cues.ts";
import { withoutClaims } from "../../../classifiers/claims.ts";
import { excerpt } from "../../../classifiers/excerpt.ts";
import { findOptions } from "../../../classifiers/options.ts";
import { readSignals, SIGNAL_NAMES } from "../../../classifiers/signals.ts";
import { shapeOf } from "../../../classifiers/shape.ts";
import { TRAINED_CUES } from "../../../classifiers/train/cue-words.ts";
import { cueHits, readSurface } from "../../../classifiers/surface.ts";

describe("options", () => {
  test.each([
    ["lines with full stops", "Which one?\nA. red\nB. blue\nC. green", 3, 10],
    ["lines with brackets", "Which one?\n(A) red\n(B) blue", 2, 10],
    [
      "inline after a heading",
      "Which one? Answer Choices: (A) red (B) blue (C) green (D) grey (E) pink",
      5,
      10,
    ],
    ["half brackets inline", "Which one? A) red B) blue C) green", 3, 10],
    ["dashes after a heading", "Is it so?\nOptions:\n- Yes\n- No", 2, 9],
  ])("%s", (_name, text, choices, stemChars) =>
    expect(findOptions(text)).toEqual({ choices, stemChars }),
  );

  test.each([
    ["a sentence that begins with A", "A. Smith wrote it. Who was he?"],
    ["labels out of order", "See (B) and (D)."],
    ["a numbered list", "1) wash\n2) rinse"],
    ["dashes without a heading", "Buy:\n- milk\n- bread"],
  ])("none in %s", (_name, text) =>
    expect(findOptions(text)).toEqual({ choices: 0, stemChars: text.length }),
  );
});

describe("counts", () => {
  test("3.5 and 1,200 are one quantity each, and a full stop ends the last one", () => {
    const { numbers, digits } = shapeOf(
      readSurface("It rose from 3.5 to 1,200 in 7.", TRAINED_CUES),
    );
    expect(numbers).toBe(3);
    expect(digits).toBe(7);
  });

  test("LaTeX is seen by its commands, and a price in dollars is not LaTeX", () => {
    expect(shapeOf(readSurface("Find $\\frac{1}{2}$.", TRAINED_CUES)).latex).toBe(true);
    expect(shapeOf(readSurface("It costs $5.", TRAINED_CUES)).latex).toBe(false);
  });

  test("code is seen in a fence and by its indentation, prose is not", () => {
    expect(shapeOf(readSurface("```\nx\n```", TRAINED_CUES)).codeBlock).toBe(true);
    expect(
      shapeOf(readSurface("def f(a):\n    b = a[0]; c = {b: a}\n    return c", TRAINED_CUES))
        .codeBlock,
    ).toBe(true);
    expect(shapeOf(readSurface("He will return the list tomorrow.", TRAINED_CUES)).codeBlock).toBe(
      false,
    );
  });

  test("steps and procedures are counted by their cues", () => {
    const { steps, procedural } = shapeOf(
      readSurface(
        "Each box holds 4; then half are sold. Reverse the sequence, swap the first moves.",
        TRAINED_CUES,
      ),
    );
    expect(steps).toBeGreaterThanOrEqual(3);
    expect(procedural).toBeGreaterThanOrEqual(3);
    expect(shapeOf(readSurface("Who was king?", TRAINED_CUES))).toMatchObject({
      steps: 0,
      procedural: 0,
    });
  });

  test("words about difficulty are no cues", () => {
    const surface = readSurface(
      "hard difficult easy trivial tricky challenging simple complicated",
      TRAINED_CUES,
    );
    expect(CUE_GROUPS.map((group) => cueHits(surface, group)).every((hits) => hits === 0)).toBe(
      true,
    );
  });

  test("every signal has a name and is finite, whatever the text", () => {
    for (const text of ["", "a", "9".repeat(5000), "\n".repeat(5000)]) {
      const signals = readSignals(readSurface(text, TRAINED_CUES));
      expect(signals.length).toBe(SIGNAL_NAMES.length);
      expect(signals.every(Number.isFinite)).toBe(true);
    }
  });
});

describe("claims", () => {
  test.each([
    ["This is hard. What is 2 + 2?", "What is 2 + 2?"],
    ["What is 2 + 2? The question is tricky!", "What is 2 + 2?"],
    ["This is very difficult.", "This is very difficult."],
  ])("%s reads as %s", (text, kept) => expect(withoutClaims(text)).toBe(kept));

  test.each([
    "What did he say?\nA. This problem is hard.\nB. This one is easy.",
    "What did he say?\n1. This problem is hard\n2. It rained",
    "What did he say?\na. It rained.\nb. This problem is very difficult.",
  ])("an option is no claim: %s", (text) => expect(withoutClaims(text)).toBe(text));

  test("one letter alone makes no option of a claim", () => {
    expect(withoutClaims("A. This problem is hard. What is 2 + 2?")).not.toContain("hard");
  });

  test("a sentence with quantities is content, not a claim", () => {
    const text = "It was hard to carry the 12 stones.";
    expect(withoutClaims(text)).toBe(text);
  });
});

describe("excerpts", () => {
  test("a text within the bound is read whole, a longer one at both ends", () => {
    expect(excerpt("abc")).toEqual({ text: "abc", skippedChars: 0 });
    const long = `start${"x".repeat(20_000)}end`;
    const part = excerpt(long);
    expect(part.text.startsWith("start")).toBe(true);
    expect(part.text.endsWith("end")).toBe(true);
    expect(part.text.length + part.skippedChars).toBe(long.length);
  });
});

describe("signs between letters", () => {
  const operators = (text: string): number => readSurface(text, TRAINED_CUES).operators;

  test.each(["an x-ray of a well-known he/she", "and/or"])("%s holds no operator", (text) =>
    expect(operators(text)).toBe(0),
  );

  test.each(["a-b", "x/y", "3-x", "speed - time", "-ab"])("%s holds one", (text) =>
    expect(operators(text)).toBe(1),
  );
});
