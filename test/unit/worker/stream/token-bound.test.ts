// A bound on tokens that no vocabulary was asked for: each kind of character at what it is worth at most.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sizeOf, tokenBound } from "../../../../worker/stream/token-bound.ts";

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
    expect(sizeOf(text, 0, text.length, spans)).toEqual({ tokens: 8, bytes: text.length - 100 });
    expect(sizeOf(text, 5, 15).tokens).toBe(10);
  });

  it("comes with the bytes of the text in UTF-8", () => {
    for (const unit of ["grapheme", "binary"] as const) {
      fc.assert(
        fc.property(fc.string({ unit }), (text) => {
          const { bytes } = sizeOf(JSON.stringify(text), 0, JSON.stringify(text).length);
          expect(bytes).toBe(new TextEncoder().encode(JSON.stringify(text)).length);
        }),
      );
    }
  });

  it("of a long text, wherever the walks over it are cut, is that of its short parts to a few tokens, and its bytes are exact", () => {
    const unit =
      'The quick BROWN fox, aged 12,    jumps\tover \u4e2d\u6587 caf\u00e9s \u{1f600} \\u4e2d\\u00e9\\n"{}".';
    for (let turn = 0; turn < unit.length; turn += 1) {
      const text = (unit.slice(turn) + unit.slice(0, turn)).toWellFormed().repeat(700);
      const { tokens, bytes } = sizeOf(text, 0, text.length);
      let parts = 0;
      let cuts = 0;
      for (let at = 0; at < text.length; at += 500, cuts += 1)
        parts += sizeOf(text, at, Math.min(text.length, at + 500)).tokens;
      expect(tokens).toBeLessThanOrEqual(parts);
      expect(tokens).toBeGreaterThan(parts - 5 * cuts);
      expect(bytes).toBe(new TextEncoder().encode(text).length);
    }
  });

  it("of pieces is never less than that of the whole", () => {
    const text = "The quick BROWN fox, aged 12,   jumps\tover \u4e2d\u6587 caf\u00e9s.".repeat(5);
    for (let at = 0; at <= text.length; at += 1) {
      const pieces = sizeOf(text, 0, at).tokens + sizeOf(text, at, text.length).tokens;
      expect(pieces).toBeGreaterThanOrEqual(tokenBound(text));
    }
  });
});
