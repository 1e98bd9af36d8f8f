// Outlines and skills: where they are found in a prompt, and when they fit.
import { expect, test } from "vitest";
import { findElements, judgeFit, withoutElements } from "../../simulator/elements.ts";
import { recogniseItem } from "../../simulator/items/recognise.ts";

const equation = recogniseItem("Solve 3x + 5 = 20");

test.each([
  ["Outline: isolate, then divide", "outline", 1],
  ["Outline:\n1. isolate\n2. divide\n\nSolve 3x + 5 = 20", "outline", 1],
  ["## Plan:\n- isolate", "outline", 1],
  ["Skills:\n- isolate first\n- check the units\n\nSolve it", "skill", 2],
  ["Useful skills for this kind:\n- isolate first", "skill", 1],
  ["<skills>\nisolate first\n</skills>", "skill", 2],
  ["behavior_isolate_first: move the constant", "skill", 1],
] as const)("%j holds its elements", (prompt, kind, count) => {
  const found = findElements(prompt);
  expect(found.map((element) => element.kind)).toEqual(Array.from({ length: count }, () => kind));
});

test.each([
  "What is the plan of the city?",
  "She has 3 skills and 4 hints.",
  "Explain the behaviour of cats.",
])("%j holds none", (prompt) => {
  expect(findElements(prompt)).toEqual([]);
});

test.each([
  ["Isolate the unknown, then divide", "fits"],
  ["isolate", "fits"],
  ["good for any equation", "fits"],
  ["Convert to the wanted unit", "misleads"],
  ["think of the speed and the hours per hour", "misleads"],
  ["stay calm", "says nothing"],
] as const)("%j %s for an equation", (text, verdict) => {
  if (equation === null) throw new Error("the equation was not read");
  expect(judgeFit(text, equation)).toBe(verdict);
});

test("an outline's numbers are not taken for the question", () => {
  const prompt = "Outline:\n1. compute 5 + 5\n2. divide\n\nSolve 3x + 5 = 20";
  expect(recogniseItem(withoutElements(prompt))).toEqual(equation);
});
