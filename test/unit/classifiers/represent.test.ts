// A representation: 96 small numbers by which like questions are alike, under a version that whoever learns on it knows.
import { describe, expect, test } from "vitest";
import { represent } from "../../../classifiers/classify.ts";
import { REPRESENTATION_LENGTH, REPRESENTATION_VERSION } from "../../../classifiers/represent.ts";
import { REPRESENTATION_READ } from "../../../policies/head/head.ts";
import { classify, SHIPPED } from "./shipped.ts";

const SHEEP = "A farmer has 17 sheep and buys 12 more. How many sheep has he now?";
const PENS = "Mia has 23 pens and loses 5 of them. How many pens are left?";
const LAW = "Which court hears appeals against the decisions of an administrative tribunal?";

function likeness(one: Int8Array, other: Int8Array): number {
  const dot = (left: Int8Array, right: Int8Array): number =>
    left.reduce((sum, value, at) => sum + value * right[at]!, 0);
  return dot(one, other) / Math.sqrt(dot(one, one) * dot(other, other));
}

describe("a representation", () => {
  test("has as many numbers as is said, and is the one that the features carry", () => {
    expect(represent(SHEEP, SHIPPED)).toHaveLength(REPRESENTATION_LENGTH);
    expect(represent(SHEEP, SHIPPED)).toEqual(classify(SHEEP).representation);
  });

  test("is nearer to a question of the same sort than to one of another", () => {
    const sheep = represent(SHEEP, SHIPPED);
    expect(likeness(sheep, represent(PENS, SHIPPED))).toBeGreaterThan(
      likeness(sheep, represent(LAW, SHIPPED)) + 0.3,
    );
  });

  test("is of the version that heads learn on", () => {
    expect(REPRESENTATION_READ).toBe(REPRESENTATION_VERSION);
  });
});
