// The priors say what was published, in between and outside.
import { describe, expect, test } from "vitest";
import { classify } from "../classifiers/shipped.ts";
import { KINDS, type Features, type Kind } from "../../../classifiers/features.ts";
import { MODES } from "../../../policies/mode.ts";
import { expectScore, PRIORS } from "../../../policies/priors.ts";

function features(kind: Kind, difficulty: number, procedural = 0): Features {
  const plain = classify("x");
  return { ...plain, kind, difficulty, shape: { ...plain.shape, procedural } };
}

describe("the table", () => {
  test.each(KINDS)(
    "%s covers 0 to 1 in rising order, with a score of each mode at each point",
    (kind) => {
      const places = PRIORS[kind].map(([at]) => at);
      expect(places[0]).toBe(0);
      expect(places.at(-1)).toBe(1);
      expect(places).toEqual(places.toSorted((left, right) => left - right));
      for (const [, ...scores] of PRIORS[kind]) {
        expect(scores).toHaveLength(MODES.length);
        for (const score of scores) expect(score >= 0 && score <= 1).toBe(true);
      }
    },
  );

  test("a point is met exactly, and half way between two is their mean", () => {
    expect(expectScore(features("math", 0.25), "direct", 0)).toBeCloseTo(0.229, 10);
    expect(expectScore(features("math", 0.38), "long", 0)).toBeCloseTo(0.772, 10);
    expect(expectScore(features("math", (0.25 + 0.38) / 2), "short", 0)).toBeCloseTo(
      (0.85 + 0.709) / 2,
      10,
    );
  });

  test("direct is enough for commonsense choices and far too little for word problems", () => {
    expect(expectScore(features("knowledge", 0.24), "direct", 0)).toBeGreaterThan(
      expectScore(features("knowledge", 0.24), "short", 0),
    );
    expect(expectScore(features("math", 0.25), "direct", 0)).toBeLessThan(0.3);
  });
});

describe("shifts", () => {
  test("strength moves scores in logits and keeps them inside 0..1", () => {
    const weak = expectScore(features("logic", 0.33), "short", -1);
    const strong = expectScore(features("logic", 0.33), "short", 1);
    const logit = (score: number): number => Math.log(score / (1 - score));
    expect(logit(strong) - logit(weak)).toBeCloseTo(2, 10);
    for (const strength of [-5, 5]) {
      for (const difficulty of [0, 1]) {
        const score = expectScore(features("math", difficulty), "direct", strength);
        expect(score > 0 && score < 1).toBe(true);
      }
    }
  });

  test("strength is worth less where an answer alone must do for several steps, and as much elsewhere", () => {
    const logit = (score: number): number => Math.log(score / (1 - score));
    const worth = (kind: Kind, mode: "direct" | "short", numbers: number): number => {
      const plain = features(kind, 0.3);
      const of = { ...plain, shape: { ...plain.shape, numbers } };
      return logit(expectScore(of, mode, 1)) - logit(expectScore(of, mode, 0));
    };
    expect(worth("math", "direct", 3)).toBeCloseTo(0.42, 10);
    for (const elsewhere of [
      worth("math", "direct", 1),
      worth("math", "short", 3),
      worth("knowledge", "direct", 3),
    ])
      expect(elsewhere).toBeCloseTo(1, 10);
  });

  test("a traced procedure lifts code in logic and mathematics, and nothing else", () => {
    expect(expectScore(features("logic", 0.33, 5), "code", 0)).toBeGreaterThan(
      expectScore(features("logic", 0.33), "code", 0),
    );
    expect(expectScore(features("logic", 0.33, 5), "short", 0)).toBe(
      expectScore(features("logic", 0.33), "short", 0),
    );
    expect(expectScore(features("chat", 0.33, 5), "code", 0)).toBe(
      expectScore(features("chat", 0.33), "code", 0),
    );
  });
});
