// What JSON holds, counted without parsing it. The counts are compared with those of the parsed value; seeds are printed.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { outline } from "../../../../worker/stream/json-bounds.ts";
import { members } from "../../../../worker/stream/json-text.ts";

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
        const fields = Math.max(1, Object.keys(value).length);
        const bounds = { depthMax: depth, membersMax: fields, valuesMax: values };
        expect(outline(text, bounds)).toEqual(members(text));
        expect(outline(text, { ...WIDE, depthMax: depth - 1 })).toBe("depthMax");
        expect(outline(text, { ...WIDE, valuesMax: values - 1 })).toBe("valuesMax");
        const narrow = outline(text, { ...WIDE, membersMax: fields - 1 });
        if (fields > 1) expect(narrow).toBe("membersMax");
        else expect(narrow).toEqual(members(text));
      }),
    );
  });

  it("are passed by none of an object whose members are found as they stand, escaped keys and white space included", () => {
    const text = ' { "a" : [1, {"b": 2}] ,\n"\\u0062\\"":"x, y" , "c":-1.5e3\t} ';
    expect(outline(text, WIDE)).toEqual(members(text));
    expect(members(text).map(({ key }) => key)).toEqual(["a", 'b"', "c"]);
  });

  it("stop at the first bound of a hostile text, and count nothing inside a long string", () => {
    for (let round = 0; round < 100; round += 1) {
      expect(outline("[".repeat(1_000_000), { ...WIDE, depthMax: 200 })).toBe("depthMax");
    }
    expect(outline(JSON.stringify({ a: "[".repeat(5_000_000) }), WIDE)).toHaveLength(1);
    // What comes behind the first bound is not looked at any more, whichever it would pass.
    const both = { ...WIDE, depthMax: 3, valuesMax: 6 };
    expect(outline(`{"a":[[[[${"0,".repeat(9)}`, both)).toBe("depthMax");
    expect(outline(`{"a":[${"0,".repeat(9)}[[[[`, both)).toBe("valuesMax");
  });

  it.each(["", '"', "}}}}", '{"a', "]]][[["])("take text that is not JSON: %j", (text) => {
    expect(outline(text, WIDE)).toEqual([]);
  });
});
