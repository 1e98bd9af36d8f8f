// Items: what the readers understand, and that the generator writes what it promises.
import fc from "fast-check";
import { expect, test } from "vitest";
import { generatedStepsMax, generateItem } from "../../simulator/items/generate.ts";
import { families } from "../../simulator/items/item.ts";
import { recogniseItem } from "../../simulator/items/recognise.ts";

test.each([
  ["What is 12 * (3 + 4)?", "84"],
  ["2+2", "4"],
  ["what is 7 times 8?", "56"],
  ["Calculate 1,200 ÷ 4 − 50", "250"],
  ["Solve 3x + 5 = 20", "5"],
  ["Find y if 2(y - 3) = 4y + 2", "-4"],
  ["How many metres are 3.5 km?", "3500"],
  ["Convert 2 hours and 15 minutes to seconds.", "8100"],
  ["Mira buys 3 apples at $2 each. How much does she pay?", "6"],
  ["Tom has 5 apples. He gets 3 more. How many apples does he have?", "8"],
  ["What is 15% of 240?", "36"],
  ["A train goes 80 km per hour for 3 hours. How far does it go?", "240"],
  ["A train travels at 80 km per hour. How far does it travel in 3 hours?", "240"],
  ["A bus covers 240 km in 3 hours. What is its average speed?", "80"],
  ["Pens cost 3 euros each. How much do 14 pens cost?", "42"],
  ["How many seconds in 3 minutes?", "180"],
  ["How many minutes are there in a day?", "1440"],
  ["24 sweets are shared equally among 6 children. How many does each get?", "4"],
])("understands %j as %s", (question, answer) => {
  expect(recogniseItem(question)?.answer).toBe(answer);
});

test.each([
  "What is the capital of France?",
  "What happened on 2024-10-12?",
  "Explain the difference between x = y and x == y.",
  "hello",
  "Call 555-0199 for help",
])("finds no item in %j", (question) => {
  expect(recogniseItem(question)).toBeNull();
});

test("a mode instruction after the question changes nothing about the item", () => {
  const plain = recogniseItem("Solve 3x + 5 = 20.");
  expect(recogniseItem("Solve 3x + 5 = 20.\n\nAnswer with only the final answer.")).toEqual(plain);
});

test("generated items are read back with the steps they were written with", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 1_000_000 }),
      fc.constantFrom(...families),
      fc.integer({ min: 0, max: generatedStepsMax }),
      (seed, family, steps) => {
        const item = generateItem(seed, family, steps);
        expect(item.steps.length).toBe(Math.max(1, steps));
        expect(item.trivial).toBe(steps === 0);
        expect(item.difficulty).toBeGreaterThanOrEqual(0);
        expect(item.difficulty).toBeLessThanOrEqual(1);
        expect(generateItem(seed, family, steps)).toEqual(item);
      },
    ),
    { seed: 20_261, numRuns: 400 },
  );
});

test("further steps make an item harder", () => {
  for (const family of families) {
    expect(generateItem(5, family, 6).difficulty).toBeGreaterThan(
      generateItem(5, family, 2).difficulty,
    );
  }
});

test("no text exhausts the readers", () => {
  for (const text of [
    "(".repeat(50_000),
    "1+".repeat(50_000),
    "x".repeat(50_000),
    "= ".repeat(20_000),
    `${"3 km and ".repeat(10_000)}?`,
    "buys ".repeat(20_000),
  ]) {
    expect(() => recogniseItem(`What is ${text}`)).not.toThrow();
  }
});
