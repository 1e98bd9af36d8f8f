// How much of its cap a stream holds at a time.
import fc from "fast-check";
import { expect, it } from "vitest";
import {
  extendsAt,
  firstSlice,
  nextHeld,
  SLICE_TOKENS_MAX,
  SLICE_TOKENS_MIN,
} from "../../../worker/slice.ts";

it.each([
  { predicted: 0, answers: 1, slice: 256 },
  { predicted: 170, answers: 1, slice: 256 },
  { predicted: 400, answers: 1, slice: 600 },
  { predicted: 400.3, answers: 1, slice: 601 },
  { predicted: 9000, answers: 1, slice: 2048 },
  { predicted: 400, answers: 3, slice: 1800 },
])(
  "of $predicted expected tokens and $answers answers $slice are held at first",
  ({ predicted, answers, slice }) => {
    expect(firstSlice(predicted, answers)).toBe(slice);
  },
);

it("grows so that a long answer asks seldom, and never holds more than a slice beyond what was written", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e5, noNaN: true }), fc.nat(100_000), (predicted, cap) => {
      let held = Math.min(cap, firstSlice(predicted, 1));
      let asked = 0;
      while (held < cap) {
        const written = extendsAt(held);
        const next = Math.min(cap, nextHeld(held, written, 1));
        expect(next).toBeGreaterThan(held);
        expect(next - held).toBeLessThanOrEqual(SLICE_TOKENS_MAX);
        held = next;
        asked += 1;
      }
      const doublings = Math.ceil(Math.log2(SLICE_TOKENS_MAX / SLICE_TOKENS_MIN));
      expect(asked).toBeLessThanOrEqual(doublings + Math.ceil(cap / SLICE_TOKENS_MAX));
    }),
  );
});

it("covers what was written already, however far that is beyond what is held", () => {
  expect(nextHeld(256, 5000, 1)).toBeGreaterThan(5000);
});
