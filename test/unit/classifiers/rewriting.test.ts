// What must not matter does not: blanks, unicode, frames, pastes, option labels; and what the listed claims move has a bound.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KINDS, type Features } from "../../../classifiers/features.ts";
import { withoutFrame } from "../../../classifiers/frame.ts";
import { withoutClaims } from "../../../classifiers/claims.ts";
import { letterOptions } from "../../../classifiers/options.ts";
import { TRAINED_CUES } from "../../../classifiers/train/cue-words.ts";
import { withoutPastes } from "../../../classifiers/pasted.ts";
import { plainText } from "../../../classifiers/plain-text.ts";
import { seededChance } from "../../../classifiers/train/chance.ts";
import { REWRITINGS } from "../../../classifiers/train/report/rewritings.ts";
import { OWN_QUESTIONS } from "./own-questions.ts";
import { classify } from "./shipped.ts";

/** Everything but how long the text was. */
function said(text: string): object {
  const { shape: _, ...rest } = classify(text);
  return rest;
}

function named(name: string): (typeof REWRITINGS)[number] {
  return REWRITINGS.find((rewriting) => rewriting.name === name)!;
}

describe("a question reads the same", () => {
  test.each([
    "\\r\\n",
    "blanks around",
    "fullwidth",
    "mathematical bold letters",
    "zero-width signs (1 in 8)",
    "no-break blanks",
    "a polite frame",
    '"Question: ... Answer:"',
    "step by step",
  ])("with %s", (name) => {
    for (const question of OWN_QUESTIONS)
      expect(said(named(name).write(question, seededChance(1))!)).toEqual(said(question));
  });

  test("with options as (A), a), 1., but not without them", () => {
    const question = OWN_QUESTIONS[2]!;
    for (const label of ['"a) ", each on its line', '"1. ", each on its line']) {
      const close = label.startsWith('"a)') ? ")" : ".";
      expect(said(named(label).write(question, seededChance(1))!)).toEqual(
        said(question.replace(/\n([A-D])\./g, `\n\n$1${close}`)),
      );
    }
    expect(said(named("stripped").write(question, seededChance(1))!)).not.toEqual(said(question));
  });
});

describe("plain text", () => {
  test.each([
    ["curly quotes", "‘a’ “b” c–d", "'a' \"b\" c-d"],
    ["look-alikes within a word", "wh\u0430t is th\u0435 \u0440\u0430ir", "what is the pair"],
    ["a word of another alphabet", "что это", "что это"],
    ["blanks between words", "a  b\t\tc  \nd", "a b c\nd"],
    ["an indentation, which stays", "f:\n    return 1", "f:\n    return 1"],
    ["a lone carriage return", "a\rb", "a\nb"],
  ])("%s", (_name, text, plain) => {
    expect(plainText(text)).toBe(plain);
  });
});

describe("frames", () => {
  test.each([
    ["Hello there! What is the capital of Peru?", "What is the capital of Peru?"],
    ["Q: What is the capital of Peru?\nA:", "What is the capital of Peru?"],
    [
      "I need some help with this problem: what is 3 + 4 times 5? Thank you so much!",
      "what is 3 + 4 times 5?",
    ],
    ["What is 3 + 4 times 5? Please show your work.", "What is 3 + 4 times 5?"],
  ])("%s", (text, rest) => {
    expect(withoutFrame(text)).toBe(rest);
  });

  test.each([
    "Hello, how are you?",
    "Thanks, that was lovely!",
    "Hi! Can you help me?",
    "Solve: 3x + 4 = 19",
    "Hello World is the first program; write it in C.",
    "Which question: the first or the second one?",
  ])("talk and questions that only look like one stay: %s", (text) => {
    expect(withoutFrame(text)).toBe(text);
  });
});

describe("options that are labelled otherwise", () => {
  test.each([
    ["Which is a fruit?\n1. apple\n2. stone", "Which is a fruit?\nA. apple\nB. stone"],
    ["Which is a fruit? (a) apple (b) stone", "Which is a fruit? (A) apple (B) stone"],
    ["The capital of Peru is\na) Lima\nb) Quito", "The capital of Peru is\nA) Lima\nB) Quito"],
  ])("read as letters: %s", (text, lettered) => {
    expect(letterOptions(text)).toBe(lettered);
  });

  test.each([
    "Do the following:\n1. open the door\n2. close the window",
    "What is wrong here?\n1. Find the fault.\n2. Explain how it came about.",
    "Which holds?\n1. both\n2. none\nA. only 1\nB. only 2",
    "Which holds?\n2. both\n3. none",
  ])("are no steps, parts, statements or loose numbers: %s", (text) => {
    expect(letterOptions(text)).toBe(text);
  });
});

describe("pastes", () => {
  const PASTE =
    "The club met in spring and the chair thanked everybody for coming. The hedge along the southern path has grown into the road. Two members offered to cut it before the summer. The ground next to the pond is still too wet for roses. A letter from the town was read out and nobody objected to it. At the end tea and cake were served, and a visitor played the accordion until late in the evening while the others sang.";

  test("a paragraph that shares no word with the question is not read, before or behind it", () => {
    for (const question of OWN_QUESTIONS.slice(0, 4)) {
      expect(withoutPastes(`${PASTE}\n\n${question}`, TRAINED_CUES)).toBe(question);
      expect(withoutPastes(`${question}\n\n${PASTE}`, TRAINED_CUES)).toBe(question);
    }
  });

  test.each([
    "Who played the accordion, and where has the hedge grown?",
    "Summarise the passage in one sentence, please.",
    "What is it about?",
  ])("one that is asked about is: %s", (question) => {
    expect(withoutPastes(`${PASTE}\n\n${question}`, TRAINED_CUES)).toBe(`${PASTE}\n\n${question}`);
  });
});

describe("claims of difficulty", () => {
  const LEVELS = ["hard", "easy", "tricky", "trivial", "impossible", "challenging", "simple"];
  const plainClaim = fc
    .tuple(
      fc.constantFrom("This question is", "This is", "The following problem is", "It's"),
      fc.constantFrom("", " very", " extremely", " not at all"),
      fc.constantFrom(...LEVELS),
    )
    .map(([start, much, level]) => `${start}${much} ${level}.`);

  test("said in their own words move nothing, before a question or behind it", () => {
    fc.assert(
      fc.property(fc.constantFrom(...OWN_QUESTIONS), plainClaim, (question, claim) => {
        expect(said(`${claim} ${question}`)).toEqual(said(question));
        expect(said(`${question}\n${claim}`)).toEqual(said(question));
      }),
    );
  });

  test("a question about difficulty is no claim", () => {
    for (const text of [
      "Which of the two problems is the hardest?",
      "Why is it hard to measure the speed of light in one direction?",
      "Which holds?\nA) This problem is hard.\nB) This problem is easy.",
    ])
      expect(withoutClaims(text)).toBe(text);
  });

  /** README.md states it, of these sentences alone: others move more. The report card's questions move by less. */
  const MOST = 0.35;

  test(`in the further sentences that the report lists move hard and difficulty by at most ${MOST}`, () => {
    const claims = REWRITINGS.filter(({ group }) => group === "claims in other words");
    expect(claims.length).toBeGreaterThan(10);
    let most = 0;
    for (const question of OWN_QUESTIONS) {
      const plain = classify(question);
      for (const { write } of claims) {
        const claimed: Features = classify(write(question, seededChance(1))!);
        most = Math.max(
          most,
          Math.abs(claimed.hard - plain.hard),
          Math.abs(claimed.difficulty - plain.difficulty),
        );
      }
    }
    expect(most).toBeLessThanOrEqual(MOST);
    expect(most).toBeGreaterThan(0);
    expect(KINDS).toHaveLength(5);
  });
});
