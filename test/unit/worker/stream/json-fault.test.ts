// The place where text stops being JSON: a fact for people, so it has to be the place that they would point at.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { faultPosition } from "../../../../worker/stream/json-fault.ts";

describe("the fault of a text", () => {
  it.each([
    { text: '{"a": hello}', at: 6 },
    { text: '{"a": position 3}', at: 6 },
    { text: "nope", at: 0 },
    { text: '{"a":1,}', at: 7 },
    { text: "[1,]", at: 3 },
    { text: "[,1]", at: 1 },
    { text: "[1 2]", at: 3 },
    { text: '{"a" 1}', at: 5 },
    { text: "{a:1}", at: 1 },
    { text: "{1:2}", at: 1 },
    { text: '{"a":01}', at: 6 },
    { text: '{"a":1.}', at: 6 },
    { text: '{"a":+1}', at: 5 },
    { text: '{"a":"b\nc"}', at: 7 },
    { text: String.raw`{"a":"\x"}`, at: 6 },
    { text: String.raw`{"a":"\u12g4"}`, at: 6 },
    { text: "{} {}", at: 3 },
    { text: "[}", at: 1 },
    { text: '{"a":]', at: 5 },
    { text: "\ufeff{}", at: 0 },
    { text: "{'a':1}", at: 1 },
  ])("of $text stands at $at", ({ text, at }) => {
    expect(() => JSON.parse(text) as unknown).toThrow();
    expect(faultPosition(text)).toBe(at);
  });

  it.each([
    "",
    " ",
    "{",
    "[",
    '{"a',
    '{"a"',
    '{"a":',
    '{"a":1',
    "[1,",
    '"',
    "tru",
    "-",
    "[[[]",
    '{"a":"\\',
  ])("of %j is that it ends too early", (text) => {
    expect(faultPosition(text)).toBe(text.length);
  });

  it("lies nowhere in JSON", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(faultPosition(text)).toBe(text.length);
      }),
    );
  });

  it("leaves a beginning that JSON can go on from, and none one character later", () => {
    const torn = fc
      .tuple(
        fc.json({ maxDepth: 4 }),
        fc.nat(),
        fc.constantFrom('"', ",", "}", "]", ":", "x", "1", "\n", "\\"),
      )
      .map(
        ([text, at, unit]) =>
          text.slice(0, at % (text.length + 1)) + unit + text.slice(at % (text.length + 1)),
      );
    fc.assert(
      fc.property(torn, (text) => {
        const at = faultPosition(text);
        // A text that is cut where it was still right only ends too early.
        expect(faultPosition(text.slice(0, at))).toBe(at);
        if (at < text.length) expect(() => JSON.parse(text) as unknown).toThrow();
      }),
    );
  });

  it("is found behind a hundred thousand brackets", () => {
    expect(faultPosition(`${"[".repeat(100_000)}x`)).toBe(100_000);
  });
});
