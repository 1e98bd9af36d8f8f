// What several isolates found of one tenant's prompts, as one.
import fc from "fast-check";
import { expect, test } from "vitest";
import { joinFindings, type ModelFinding } from "../../../../policies/prefix/findings.ts";

function found(changes: Partial<ModelFinding> = {}): ModelFinding {
  return {
    model: "small",
    prompts: 10,
    sharedShare: 0.9,
    partsAtUnits: 40,
    partKind: "time",
    advice: "Move it.",
    ...changes,
  };
}

test("prompts of one kind are counted together, their shares by how many there are, from the first place on", () => {
  const [joined, ...others] = joinFindings([
    found({ prompts: 30, sharedShare: 1, partsAtUnits: 56 }),
    found({ prompts: 10, sharedShare: 0.6 }),
  ]);
  expect(joined).toEqual(found({ prompts: 40, sharedShare: 0.9 }));
  expect(others).toEqual([]);
});

test.each([
  ["model", { model: "large" }],
  ["kind", { partKind: "id" as const }],
  ["place", { partsAtUnits: 900 }],
])("of another %s they are others, of most prompts first", (_, changes) => {
  const [one, other] = [found(), found({ ...changes, prompts: 20 })];
  expect(joinFindings([one, other])).toEqual([other, one]);
});

test("none is lost and none counted twice, for any findings in any order", () => {
  const any = fc.record({
    model: fc.constantFrom("small", "large"),
    prompts: fc.integer({ min: 2, max: 1000 }),
    sharedShare: fc.double({ min: 0.5, max: 1, noNaN: true }),
    partsAtUnits: fc.nat({ max: 4096 }),
    partKind: fc.constantFrom("time" as const, "id" as const),
    advice: fc.constant("Move it."),
  });
  fc.assert(
    fc.property(fc.array(any, { maxLength: 60 }), (all) => {
      const joined = joinFindings(all);
      const count = (ones: readonly ModelFinding[]) =>
        ones.reduce((sum, { prompts }) => sum + prompts, 0);
      expect(count(joined)).toBe(count(all));
      for (const { sharedShare } of joined) {
        expect(sharedShare).toBeGreaterThanOrEqual(0.5 - 1e-9);
        expect(sharedShare).toBeLessThanOrEqual(1 + 1e-9);
      }
      expect(joinFindings(all.toReversed()).map(({ prompts }) => prompts)).toEqual(
        joined.map(({ prompts }) => prompts),
      );
    }),
  );
});
