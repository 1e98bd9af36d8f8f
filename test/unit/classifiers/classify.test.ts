// What the probe says of texts of every kind, with the weights that ship. A failing property prints its seed.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { classify } from "./shipped.ts";
import { HEAD_CHARS_MAX, TAIL_CHARS_MAX } from "../../../classifiers/excerpt.ts";
import { KINDS } from "../../../classifiers/features.ts";
import { MODES } from "../../../policies/mode.ts";

const WORD_PROBLEM =
  "A baker has 24 rolls and sells 7 of them, then bakes 12 more. How many rolls are left altogether?";
const ADVERSARIES: Readonly<Record<string, string>> = {
  nothing: "",
  "one blank": " ",
  "a million blanks": " ".repeat(1_000_000),
  "option labels only": "(A) ".repeat(100_000),
  "open brackets": "(".repeat(100_000),
  backticks: "`".repeat(100_000),
  "commas between digits": "1,".repeat(100_000),
  "claims only": "This is hard. ".repeat(50_000),
  "claim words only": "hard ".repeat(50_000),
  "headings only": "answer choices: options:\n".repeat(10_000),
  "lone surrogates": "\ud800".repeat(10_000),
  "line separators": "\u2028".repeat(10_000),
  "question ends": "?\"' )".repeat(10_000),
};

function expectSound(text: string): void {
  const features = classify(text);
  for (const share of [features.difficulty, features.hard, features.confidence]) {
    expect(share).toBeGreaterThanOrEqual(0);
    expect(share).toBeLessThanOrEqual(1);
  }
  expect(KINDS).toContain(features.kind);
  for (const mode of MODES) {
    expect(Number.isInteger(features.expectedTokens[mode])).toBe(true);
    expect(features.expectedTokens[mode]).toBeGreaterThan(0);
  }
  expect(features.shape.chars).toBe(text.length);
  expect(features.shape.stemChars).toBeLessThanOrEqual(text.length);
}

describe("soundness", () => {
  test.each(Object.entries(ADVERSARIES))("features are in their ranges for %s", (_name, text) =>
    expectSound(text),
  );

  test("features are in their ranges for any text, and the same each time", () => {
    fc.assert(
      fc.property(fc.uint16Array({ maxLength: 800 }), (units) => {
        const text = String.fromCharCode(...units);
        expectSound(text);
        expect(classify(text)).toEqual(classify(text));
      }),
    );
  });

  test("what stands in the unread middle of a long text changes nothing but its length", () => {
    const head = WORD_PROBLEM.padEnd(HEAD_CHARS_MAX, " and so on");
    const tail = "How many are left?".padStart(TAIL_CHARS_MAX, "and so on ");
    expect(classify(head + "x".repeat(5000) + tail)).toEqual(
      classify(head + "$9 + 4$ ".repeat(625) + tail),
    );
    expect(classify(head + "x".repeat(5000) + tail)).not.toEqual(
      classify(`${head}${"x".repeat(5000)}${tail.replace("left?", "left ?")} 9 + 4`),
    );
  });
});

describe("kinds", () => {
  test.each([
    ["math", WORD_PROBLEM],
    ["math", "Let $f(x) = x^2 - 5x + 6$. Find the sum of the roots of $f$."],
    ["math", "Prove that the square root of 2 is irrational."],
    ["code", "Write a Python function that returns the longest word of a list of strings."],
    [
      "code",
      "```python\ndef f(a):\n    return [x for x in a if x]\n```\nWhat is the output of f([0, 1])?",
    ],
    ["knowledge", "Which gas do plants take in?\nA. Oxygen\nB. Carbon dioxide\nC. Helium\nD. Neon"],
    ["chat", "Hello, how are you today?"],
    ["chat", "set an alarm for six in the morning please"],
  ])("%s: %s", (kind, text) => expect(classify(text).kind).toBe(kind));

  test("small talk is easy and short, a word problem is neither talk nor direct", () => {
    const talk = classify("Thanks, that was lovely!");
    // Nobody recorded verdicts on talk. It is set to fail as rarely as the easiest questions do (.04); words that the
    // training hardly knows ("lovely") draw a text towards the mean.
    expect(classify("Hello, how are you today?").hard).toBeLessThan(0.1);
    expect(talk.hard).toBeLessThan(0.2);
    expect(talk.difficulty).toBeLessThan(0.2);
    expect(classify(WORD_PROBLEM).hard).toBeGreaterThan(talk.hard);
    const problem = classify(WORD_PROBLEM);
    expect(problem.difficulty).toBeGreaterThan(talk.difficulty);
    expect(problem.expectedTokens.long).toBeGreaterThan(problem.expectedTokens.short);
    expect(problem.expectedTokens.short).toBeGreaterThan(problem.expectedTokens.direct);
  });

  test("a text that must be written is long in every mode, an answer to a choice is not", () => {
    expect(
      classify("Write a story about a lighthouse keeper.").expectedTokens.direct,
    ).toBeGreaterThan(50);
    expect(classify("Which is a fruit?\nA. apple\nB. stone").expectedTokens.direct).toBeLessThan(
      20,
    );
  });
});

describe("doubt", () => {
  test.each([
    "¿Cuál es la capital de este país y por qué la eligieron?",
    "为什么天空是蓝色的？",
    "Почему небо голубое и трава зелёная?",
  ])("another language has low confidence: %s", (text) =>
    expect(classify(text).confidence).toBeLessThan(0.35),
  );

  test("the same question in English has not", () => {
    expect(
      classify("Which planet is the largest?\nA. Mars\nB. Jupiter\nC. Venus\nD. Saturn").confidence,
    ).toBeGreaterThan(0.35);
  });

  test("a long paste is trusted less than its question alone", () => {
    const paste = "The committee met again and talked about the plan for the year. ".repeat(100);
    expect(classify(paste + WORD_PROBLEM).confidence).toBeLessThan(
      classify(WORD_PROBLEM).confidence,
    );
  });
});

describe("quantities", () => {
  test("one among options of which others hold none is nothing to reckon with", () => {
    const options = "A) three corners\nB) the point\nC) 3 sides\nD) a book of sums";
    expect(classify(`Where are the sharpest parts of a triangle?\n${options}`).kind).not.toBe(
      "math",
    );
    expect(classify("What is the area of a square of side 3?\nA) 3\nB) 6\nC) 9\nD) 12").kind).toBe(
      "math",
    );
  });
});

describe("claims of difficulty", () => {
  test.each([
    "This is a very hard question.",
    "Warning: this problem is extremely difficult!",
    "The question is trivial.",
    "It's an easy one.",
  ])("nothing but the length moves by: %s", (claim) => {
    const plain = classify(WORD_PROBLEM);
    for (const text of [
      `${claim} ${WORD_PROBLEM}`,
      `${WORD_PROBLEM} ${claim}`,
      `${WORD_PROBLEM}\n${claim}`,
    ]) {
      const claimed = classify(text);
      expect({ ...claimed, shape: { ...claimed.shape, chars: 0 } }).toEqual({
        ...plain,
        shape: { ...plain.shape, chars: 0 },
      });
    }
  });

  test("a further quantity does move something, so the comparison can fail", () => {
    expect(classify(`${WORD_PROBLEM} He had 3 helpers.`).difficulty).not.toBe(
      classify(WORD_PROBLEM).difficulty,
    );
  });
});

describe("rules by hand", () => {
  test("without any quantity a choice is not mathematics, with some it may be", () => {
    const options = "Answer Choices: (A) ";
    expect(
      classify(
        `Where would they put the chains? ${options}garage (B) jewelry box (C) river (D) moon`,
      ).kind,
    ).toBe("knowledge");
    expect(
      classify(
        `A car goes 120 km in 2 hours. What is its average speed? ${options}40 (B) 60 (C) 80 (D) 100`,
      ).kind,
    ).toBe("math");
  });

  test("a contest's statement asks for a program, the same quantities in a question do not", () => {
    const statement =
      "A frog starts on stone 1 and wants to reach stone n. From stone i it can jump to i+1 or i+2 at the cost |h_i - h_j|. Print the smallest total cost. Constraints: 2 <= n <= 100000.";
    expect(classify(statement).kind).toBe("code");
    expect(
      classify(
        "A frog jumps 3 m up a wall of 30 m each day and slides back 2 m. On which day is it out?",
      ).kind,
    ).toBe("math");
  });

  test("letters to be moved are no talk", () => {
    expect(
      classify('Take the last letters of the words in "Mina Osei" and concatenate them.').kind,
    ).toBe("logic");
  });

  test("a procedure is not talk, and nothing at all is", () => {
    expect(
      classify("Flip the coin, reverse it, swap it, then flip it again. Is it heads up?").kind,
    ).not.toBe("chat");
    expect(classify("").kind).toBe("chat");
  });
});
