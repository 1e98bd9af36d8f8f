// Input that nobody should send: how much of it is read has bounds in counts, and what is said of it stays sane.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HEAD_CHARS_MAX, TAIL_CHARS_MAX } from "../../../classifiers/excerpt.ts";
import { KINDS } from "../../../classifiers/features.ts";
import { GRAM_CHARS_MAX, GRAMS_MAX, readGrams } from "../../../classifiers/grams.ts";
import { TRAINED_CUES } from "../../../classifiers/train/cue-words.ts";
import { readSurface } from "../../../classifiers/surface.ts";
import { REPRESENTATION_LENGTH } from "../../../classifiers/represent.ts";
import { seededChance } from "../../../classifiers/train/chance.ts";
import { classify } from "./shipped.ts";

const MEGABYTE = 1_048_576;
const chance = seededChance(11);
const binary = Array.from({ length: 200_000 }, () =>
  String.fromCharCode(Math.floor(chance() * 65_536)),
).join("");

const BAD: Readonly<Record<string, string>> = {
  "one emoji": "🙂",
  "a family of emoji": "👩‍👩‍👧‍👦".repeat(5000),
  "1 MB of a letter": "a".repeat(MEGABYTE),
  "1 MB of a digit": "7".repeat(MEGABYTE),
  "1 MB of a bracket": "(".repeat(MEGABYTE),
  "1 MB of a backslash": "\\".repeat(MEGABYTE),
  "1 MB of line breaks": "\n".repeat(MEGABYTE),
  "1 MB of carriage returns": "\r".repeat(MEGABYTE),
  "blanks before and behind a letter": `${" ".repeat(6000)}a${" ".repeat(6000)}`,
  "tabs between letters": "a\t\t".repeat(5000),
  "a ligature that stands for eighteen letters": "\ufdfa".repeat(20_000),
  "control characters": Array.from({ length: 32 }, (_, code) => String.fromCharCode(code))
    .join("")
    .repeat(500),
  "zero-width signs alone": "\u200b\u200d\ufeff".repeat(5000),
  "lone high surrogates": "\ud83d".repeat(50_000),
  "lone low surrogates": "\ude00".repeat(50_000),
  "combining marks": `a${"\u0301".repeat(50_000)}`,
  "right-to-left marks": "\u202eabc\u202c".repeat(4000),
  binary,
  "mixed scripts": "Сколько is 三 plus ٤ και γιατί? ".repeat(500),
  "look-alikes": "аa".repeat(6000),
  "thousands of lettered options": Array.from(
    { length: 5000 },
    (_, index) => `${String.fromCharCode(65 + (index % 26))}) option`,
  ).join("\n"),
  "thousands of numbered options": `Which?\n${Array.from({ length: 5000 }, (_, index) => `${index + 1}. option`).join("\n")}`,
  "thousands of small options": `Which? ${"(a) b ".repeat(5000)}`,
  "greetings only": "hello! ".repeat(20_000),
  "thanks only": "thanks. ".repeat(20_000),
  "paragraphs only": `${"word ".repeat(100)}.\n\n`.repeat(200),
  "empty paragraphs": "\n \n".repeat(6000),
};

describe.each(Object.entries(BAD))("%s", (_name, text) => {
  const features = classify(text);

  test("is read within the bounds", () => {
    const surface = readSurface(text, TRAINED_CUES);
    expect(surface.read.length).toBeLessThanOrEqual(HEAD_CHARS_MAX + TAIL_CHARS_MAX);
    expect(surface.choices).toBeLessThanOrEqual(26);
    expect(surface.stemEnd).toBeLessThanOrEqual(surface.read.length);
    expect(readGrams(surface.read, surface.stemEnd).length).toBeLessThanOrEqual(
      Math.min(GRAMS_MAX, 2 * GRAM_CHARS_MAX),
    );
  });

  test("has features in their ranges", () => {
    for (const share of [
      features.hard,
      features.difficulty,
      features.confidence,
      features.novelty,
    ]) {
      expect(share).toBeGreaterThanOrEqual(0);
      expect(share).toBeLessThanOrEqual(1);
    }
    expect(KINDS).toContain(features.kind);
    for (const tokens of Object.values(features.expectedTokens)) {
      expect(Number.isInteger(tokens)).toBe(true);
      expect(tokens).toBeGreaterThanOrEqual(10);
      expect(tokens).toBeLessThanOrEqual(16_384);
    }
    for (const value of Object.values(features.shape)) expect(value).not.toBeNaN();
    expect(features.shape.chars).toBe(text.length);
    expect(features.shape.stemChars).toBeLessThanOrEqual(text.length);
    expect(features.representation).toHaveLength(REPRESENTATION_LENGTH);
  });

  test("is the same the second time", () => {
    expect(classify(text)).toEqual(features);
  });
});

test("what is no text is not trusted, and a plain question is", () => {
  for (const name of ["one emoji", "1 MB of a letter", "control characters", "binary"])
    expect(classify(BAD[name]!).confidence).toBeLessThan(0.35);
  expect(
    classify("What is the capital of the largest country of Europe?").confidence,
  ).toBeGreaterThan(0.35);
});

test("any mixture of odd parts keeps its ranges", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...Object.values(BAD).map((text) => text.slice(0, 300))), {
        maxLength: 12,
      }),
      (parts) => {
        const { hard, difficulty, confidence, shape } = classify(parts.join(" "));
        for (const share of [hard, difficulty, confidence]) {
          expect(share).toBeGreaterThanOrEqual(0);
          expect(share).toBeLessThanOrEqual(1);
        }
        expect(shape.stemChars).toBeLessThanOrEqual(shape.chars);
      },
    ),
  );
});
