// RouteLLM's figures, held against a plain re-telling of their definition.
import { describe, expect, test } from "vitest";
import { rank, recover } from "../../../../policies/replay/apgr.ts";
import { seeded } from "../../../../policies/replay/random.ts";

const ones = (n: number): Uint8Array => new Uint8Array(n).fill(1);

/** pandas.qcut's edges, >= but at the last, sorted by share, trapezoids. */
function plainly(scores: number[], weak: number[], strong: number[]): number {
  const sorted = scores.toSorted((a, b) => a - b);
  const edge = (part: number): number => {
    const at = part * (sorted.length - 1);
    const lower = Math.floor(at);
    return sorted[lower]! + (at - lower) * ((sorted[lower + 1] ?? sorted[lower]!) - sorted[lower]!);
  };
  const mean = (values: number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;
  const points = Array.from({ length: 11 }, (_, cut) => {
    const chosen = scores.map((s) => (cut < 10 ? s >= edge(cut / 10) : s > edge(1)));
    return {
      share: mean(chosen.map(Number)),
      accuracy: mean(chosen.map((is, index) => (is ? strong[index]! : weak[index]!))),
    };
  }).toSorted((a, b) => a.share - b.share);
  let area = 0;
  for (let at = 1; at < points.length; at += 1)
    area +=
      ((points[at]!.share - points[at - 1]!.share) *
        (points[at]!.accuracy + points[at - 1]!.accuracy)) /
      2;
  return (area - mean(weak)) / (mean(strong) - mean(weak));
}

describe("recover", () => {
  test.each([1, 2, 3, 4])("equals the definition told plainly (seed %i)", (seed) => {
    const draw = seeded(seed);
    const scores = Array.from({ length: 501 }, draw);
    const weak = scores.map((score) => Number(draw() < 0.9 - 0.5 * score));
    const strong = scores.map(() => Number(draw() < 0.85));
    const { apgr } = recover(rank(scores, weak, strong), ones(501));
    expect(apgr).toBeCloseTo(plainly(scores, weak, strong), 10);
  });

  test("counts are repetitions: a question that counts twice is two questions", () => {
    const draw = seeded(7);
    const scores = Array.from({ length: 60 }, draw);
    const weak = scores.map(() => Number(draw() < 0.5));
    const strong = scores.map(() => Number(draw() < 0.8));
    const twice = <T>(values: T[]): T[] =>
      values.flatMap((value, at) => (at % 3 === 0 ? [value, value] : [value]));
    const ranked = rank(scores, weak, strong);
    const counts = Uint8Array.from(ranked.order, (index) => (index % 3 === 0 ? 2 : 1));
    const doubled = rank(twice(scores), twice(weak), twice(strong));
    const once = recover(ranked, counts);
    const apart = recover(doubled, ones(80));
    expect(once.apgr).toBeCloseTo(apart.apgr!, 10);
    expect(once.cpt80).toBeCloseTo(apart.cpt80!, 10);
  });

  test("a constant score is a coin, the gap's own order is above every other, its reverse below", () => {
    const weak = [1, 1, 0, 0, 0, 1, 1, 1, 0, 1];
    const strong = [1, 1, 1, 1, 1, 1, 0, 1, 1, 1];
    const gaps = strong.map((score, index) => score - weak[index]!);
    const of = (scores: number[]) => recover(rank(scores, weak, strong), ones(10));
    const coin = of(weak.map(() => 0));
    expect(coin.apgr).toBeCloseTo(0.5, 10);
    expect(coin.cpt50).toBeCloseTo(50, 10);
    expect(coin.cpt80).toBeCloseTo(80, 10);
    expect(of(gaps).apgr).toBeGreaterThan(1);
    expect(of(gaps.map((gap) => -gap)).apgr).toBeLessThan(0.2);
  });

  test("two arms that are right equally often have no gap to recover", () => {
    const { apgr, cpt50 } = recover(rank([1, 2], [0, 1], [1, 0]), ones(2));
    expect([apgr, cpt50]).toEqual([null, null]);
  });
});
