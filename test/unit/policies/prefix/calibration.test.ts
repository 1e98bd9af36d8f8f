// What a block of text is worth in tokens.
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  calibrated,
  tokensPerBlock,
  TOKENS_PER_BLOCK_MAX,
  TOKENS_PER_BLOCK_MIN,
  UNCALIBRATED,
} from "../../../../policies/prefix/calibration.ts";
import { BLOCK_TOKENS, BLOCK_UNITS } from "../../../../policies/prefix/keyed-hash.ts";

function learned(promptTokens: number, units: number, times: number, from = UNCALIBRATED) {
  let calibration = from;
  for (let i = 0; i < times; i++) calibration = calibrated(calibration, promptTokens, units);
  return tokensPerBlock(calibration);
}

test("it is 64 tokens until something was reported", () => {
  expect(tokensPerBlock(UNCALIBRATED)).toBe(BLOCK_TOKENS);
});

test("it becomes what engines report, and follows when that changes", () => {
  expect(learned(100 * 80, 100 * BLOCK_UNITS, 100)).toBeCloseTo(80, 0);
  let calibration = UNCALIBRATED;
  for (let i = 0; i < 1000; i++) calibration = calibrated(calibration, 8000, 100 * BLOCK_UNITS);
  expect(learned(100 * 40, 100 * BLOCK_UNITS, 1000, calibration)).toBeCloseTo(40, 0);
});

test("a long prompt says more than a short one, and yet no more than a sixteenth of all that is known", () => {
  const long = learned(1000 * 128, 1000 * BLOCK_UNITS, 1);
  expect(long).toBeGreaterThan(learned(10 * 128, 10 * BLOCK_UNITS, 1));
  let known = UNCALIBRATED;
  for (let i = 0; i < 100; i++) known = calibrated(known, 64_000, 1000 * BLOCK_UNITS);
  expect(learned(1e6 * 128, 1e6 * BLOCK_UNITS, 1, known)).toBeLessThan(64 + 64 / 15);
});

test.each([
  ["a picture beside three words", 1600, 2 * BLOCK_UNITS],
  ["three blocks, which are mostly template", 300, 3 * BLOCK_UNITS],
  ["more tokens than text can be", 257 * 100, 100 * BLOCK_UNITS],
  ["a prompt that was cut", 100, 100 * BLOCK_UNITS],
  ["no units", 100, 0],
  ["no tokens", 0, 100 * BLOCK_UNITS],
  ["nonsense", Number.NaN, 100 * BLOCK_UNITS],
  ["nonsense of units", 100, Number.NaN],
])("nothing is learned from %s", (_, promptTokens, units) => {
  expect(calibrated(UNCALIBRATED, promptTokens, units)).toBe(UNCALIBRATED);
});

test("it stays within its bounds for any reports", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.double(), fc.double({ min: 0 })), { maxLength: 50 }),
      (reports) => {
        let calibration = UNCALIBRATED;
        for (const [tokens, units] of reports) calibration = calibrated(calibration, tokens, units);
        expect(tokensPerBlock(calibration)).toBeGreaterThanOrEqual(TOKENS_PER_BLOCK_MIN);
        expect(tokensPerBlock(calibration)).toBeLessThanOrEqual(TOKENS_PER_BLOCK_MAX);
      },
    ),
  );
});
