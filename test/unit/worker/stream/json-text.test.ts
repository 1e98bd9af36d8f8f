// Edits of JSON as text: what is not edited stays byte for byte, and the result is JSON. Properties print their seed.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applyEdits, editMembers, elements, members } from "../../../../worker/stream/json-text.ts";

function edit(text: string, fields: Record<string, string | undefined>): string {
  return applyEdits(text, editMembers(text, fields));
}

describe("the members of an object", () => {
  it("stand in order with their keys unescaped and their values as text", () => {
    const text = String.raw` { "a" : 1.0 , "b\u0063":[ "]" , {} ],"d":"\\\"}" } `;
    const read = members(text).map(({ key, valueStart, valueEnd }) => [
      key,
      text.slice(valueStart, valueEnd),
    ]);
    expect(read).toEqual([
      ["a", "1.0"],
      ["bc", '[ "]" , {} ]'],
      ["d", String.raw`"\\\"}"`],
    ]);
  });

  it("are those that JSON.parse finds", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue()),
        fc.constantFrom(0, 1, 3),
        (object, indent) => {
          const text = JSON.stringify(object, null, indent);
          const read = members(text).map(({ key, valueStart, valueEnd }) => [
            key,
            JSON.parse(text.slice(valueStart, valueEnd)) as unknown,
          ]);
          expect(read).toEqual(Object.entries(JSON.parse(text) as object));
        },
      ),
    );
  });

  it("are none in an empty object", () => {
    expect(members(" { } ")).toEqual([]);
  });
});

describe("the elements of an array", () => {
  it("are those that JSON.parse finds", () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.constantFrom(0, 2), (array, indent) => {
        const text = JSON.stringify(array, null, indent);
        expect(
          elements(text, 0).map(({ start, end }) => JSON.parse(text.slice(start, end)) as unknown),
        ).toEqual(JSON.parse(text));
      }),
    );
  });
});

describe("an edit", () => {
  it.each([
    {
      name: "sets a value in place",
      text: '{ "a" : 1.0, "b":2 }',
      fields: { a: "3" },
      out: '{ "a" : 3, "b":2 }',
    },
    { name: "adds at the end", text: '{"a":1.0 }', fields: { b: "2" }, out: '{"a":1.0 ,"b":2}' },
    { name: "adds to an empty object", text: "{ }", fields: { b: "2" }, out: '{ "b":2}' },
    {
      name: "removes the first",
      text: '{ "a":1, "b":2}',
      fields: { a: undefined },
      out: '{"b":2}',
    },
    {
      name: "removes the last",
      text: '{"a":1, "b":2 }',
      fields: { b: undefined },
      out: '{"a":1 }',
    },
    {
      name: "removes one between",
      text: '{"a":1, "b":2, "c":3}',
      fields: { b: undefined },
      out: '{"a":1, "c":3}',
    },
    { name: "removes the only one", text: '{"a":1}', fields: { a: undefined }, out: "{}" },
    {
      name: "removes all and adds one",
      text: '{"a":1,"b":2}',
      fields: { a: undefined, b: undefined, c: "3" },
      out: '{"c":3}',
    },
    {
      name: "removes both ends",
      text: '{"a":1,"b":2,"c":3}',
      fields: { a: undefined, c: undefined },
      out: '{"b":2}',
    },
    {
      name: "removes every one of a pair",
      text: '{"a":1,"b":2,"a":3}',
      fields: { a: undefined },
      out: '{"b":2}',
    },
    {
      name: "sees through escapes",
      text: String.raw`{"\u0061":1,"b":2}`,
      fields: { a: undefined },
      out: '{"b":2}',
    },
    {
      name: "leaves nested namesakes",
      text: '{"b":{"a":1}}',
      fields: { a: undefined },
      out: '{"b":{"a":1}}',
    },
    {
      name: "takes no inherited name for a field",
      text: '{"toString":1,"__proto__":2}',
      fields: {},
      out: '{"toString":1,"__proto__":2}',
    },
  ])("$name", ({ text, fields, out }) => {
    expect(edit(text, fields)).toBe(out);
  });

  it("does to the text what the same edit does to the value", () => {
    const key = fc.constantFrom("a", "b", "c", "d");
    fc.assert(
      fc.property(
        fc.dictionary(key, fc.jsonValue()),
        fc.dictionary(
          key,
          fc.option(
            fc.jsonValue().map((value) => JSON.stringify(value)),
            { nil: undefined },
          ),
        ),
        fc.constantFrom(0, 2),
        (object, fields, indent) => {
          const expected = JSON.parse(JSON.stringify(object)) as Record<string, unknown>;
          for (const [name, text] of Object.entries(fields)) {
            if (text === undefined) delete expected[name];
            else expected[name] = JSON.parse(text);
          }
          const out = edit(JSON.stringify(object, null, indent), fields);
          expect(JSON.parse(out)).toEqual(expected);
        },
      ),
    );
  });

  it("changes nothing when every field already is as wanted", () => {
    const text = '{ "a" : 1 , "b":2}';
    expect(editMembers(text, { a: "1", c: undefined })).toEqual([]);
  });
});

describe("a hostile text", () => {
  it("of a hundred thousand brackets costs no stack", () => {
    const nest = "[".repeat(100_000) + "]".repeat(100_000);
    const text = `{"x":${nest},"a":1}`;
    expect(members(text).map(({ key }) => key)).toEqual(["x", "a"]);
    expect(edit(text, { a: undefined })).toBe(`{"x":${nest}}`);
  });

  it("of many members, escapes or quotes costs no more than a test has time for", () => {
    const many = `{${Array.from({ length: 200_000 }, (_, index) => `"k${index}":${index}`).join(",")}}`;
    expect(members(many)).toHaveLength(200_000);
    expect(edit(many, { k5: undefined })).not.toContain('"k5":');
    const quotes = JSON.stringify({ a: '"\\'.repeat(500_000), b: "\\".repeat(1_000_000) });
    expect(members(quotes).map(({ valueEnd, valueStart }) => valueEnd - valueStart)).toEqual([
      2_000_002, 2_000_002,
    ]);
  });
});
