// A bound on tokens that no vocabulary was asked for: each kind of character at what it is worth at most.
import { describe, expect, it } from "vitest";
import { tokenBound } from "../../../../worker/stream/token-bound.ts";

describe("the bound of a text", () => {
  it.each([
    ["", 0],
    ["a", 1],
    ["cat", 1],
    ["kitten", 2],
    ["a cat sat", 3],
    ["Hello", 2],
    ["HELLO", 3],
    ["camelCase", 4],
    ["1234", 4],
    ["a_b_c", 5],
    ["{}[]", 4],
    [" ", 1],
    ["     cat", 2],
    ["    ", 1],
    [" ".repeat(17), 5],
    ["\t\t", 2],
    ["\u00e9", 1],
    ["\u4e2d\u6587", 3],
    ["\ud55c", 2],
    ["\u{1f600}", 4],
    ["a\u0301", 3],
    [String.raw`\n\n`, 2],
    [String.raw`\"\\\/`, 3],
    [String.raw`\u4e2d\u6587`, 3],
    [String.raw`\ud83d\ude00`, 4],
    [String.raw`\u0061\u0020`, 2],
  ])("%j is %i", (text, tokens) => {
    expect(tokenBound(text)).toBe(tokens);
  });

  it("is that of a stretch, without the stretches in it that are left out", () => {
    const text = `one "${"1".repeat(50)}" two "${"2".repeat(50)}"`;
    const spans = [
      { start: 5, end: 55 },
      { start: 62, end: 112 },
    ];
    expect(tokenBound(text)).toBe(108);
    expect(tokenBound(text, 0, text.length, spans)).toBe(8);
    expect(tokenBound(text, 5, 15)).toBe(10);
  });

  it("of pieces is never less than that of the whole", () => {
    const text = "The quick BROWN fox, aged 12,   jumps\tover \u4e2d\u6587 caf\u00e9s.".repeat(5);
    for (let at = 0; at <= text.length; at += 1) {
      const pieces = tokenBound(text, 0, at) + tokenBound(text, at);
      expect(pieces).toBeGreaterThanOrEqual(tokenBound(text));
    }
  });
});
