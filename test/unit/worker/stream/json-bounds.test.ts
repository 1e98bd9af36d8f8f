// What JSON holds, counted without parsing it. The counts are compared with those of the parsed value; seeds are printed.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { boundPassed } from "../../../../worker/stream/json-bounds.ts";

const WIDE = { depthMax: 1000, membersMax: 1_000_000, valuesMax: 1_000_000 };

/** By the parsed value: how deep it is, and its brackets and commas, each of which stands before a value. */
function shapeOf(value: unknown): { depth: number; marks: number } {
  if (typeof value !== "object" || value === null) return { depth: 0, marks: 0 };
  const inner = Object.values(value).map(shapeOf);
  return {
    depth: 1 + Math.max(0, ...inner.map(({ depth }) => depth)),
    marks: Math.max(1, inner.length) + inner.reduce((sum, { marks }) => sum + marks, 0),
  };
}

describe("bounds", () => {
  it("are passed exactly when the parsed value passes them", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue()), (object) => {
        const value = JSON.parse(JSON.stringify(object)) as object;
        const text = JSON.stringify(value, null, 1);
        const { depth, marks } = shapeOf(value);
        const values = 1 + marks;
        const members = Math.max(1, Object.keys(value).length);
        expect(boundPassed(text, { depthMax: depth, membersMax: members, valuesMax: values })).toBe(
          null,
        );
        expect(boundPassed(text, { ...WIDE, depthMax: depth - 1 })).toBe("depthMax");
        expect(boundPassed(text, { ...WIDE, valuesMax: values - 1 })).toBe("valuesMax");
        expect(boundPassed(text, { ...WIDE, membersMax: members - 1 })).toBe(
          members === 1 ? null : "membersMax",
        );
      }),
    );
  });

  it("stop at the first bound of a hostile text, and count nothing inside a long string", () => {
    for (let round = 0; round < 100; round += 1) {
      expect(boundPassed("[".repeat(1_000_000), { ...WIDE, depthMax: 200 })).toBe("depthMax");
    }
    expect(boundPassed(JSON.stringify({ a: "[".repeat(5_000_000) }), WIDE)).toBe(null);
    // What comes behind the first bound is not looked at any more, whichever it would pass.
    const both = { ...WIDE, depthMax: 3, valuesMax: 6 };
    expect(boundPassed(`{"a":[[[[${"0,".repeat(9)}`, both)).toBe("depthMax");
    expect(boundPassed(`{"a":[${"0,".repeat(9)}[[[[`, both)).toBe("valuesMax");
  });

  it.each(["", '"', "}}}}", '{"a', "]]][[["])("take text that is not JSON: %j", (text) => {
    expect(boundPassed(text, WIDE)).toBe(null);
  });
});
