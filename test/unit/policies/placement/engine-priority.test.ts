// The number by which an engine orders its queue: short before long among those that come together, and nobody overtaken
// for longer than a bound.
import fc from "fast-check";
import { expect, it } from "vitest";
import { enginePriority } from "../../../../policies/placement/engine-priority.ts";

const NOW_MS = Date.UTC(2026, 10, 25);

it("puts less to compute before more among those that come together", () => {
  const short = enginePriority(NOW_MS, 1_000, 10_000);
  expect(short).toBeLessThan(enginePriority(NOW_MS, 50_000, 10_000));
  expect(short).toBe(enginePriority(NOW_MS, 2_000, 20_000));
});

it("lets nobody be overtaken by who comes more than a minute later, whatever either has to compute", () => {
  const tokens = fc.integer({ min: 0, max: 1_000_000_000 });
  const speed = fc.integer({ min: 1, max: 1_000_000 });
  fc.assert(
    fc.property(
      tokens,
      tokens,
      speed,
      fc.integer({ min: 60_100, max: 10_000_000 }),
      (own, other, of, laterMs) => {
        expect(enginePriority(NOW_MS, own, of)).toBeLessThanOrEqual(
          enginePriority(NOW_MS + laterMs, other, of),
        );
      },
    ),
  );
});

it("is a whole number from 0 that 32 bits hold", () => {
  for (const nowMs of [0, NOW_MS, Date.UTC(2031, 0, 1)])
    for (const tokens of [-1, 0, 1e12]) {
      const priority = enginePriority(nowMs, tokens, 10_000);
      expect(Number.isInteger(priority)).toBe(true);
      expect(priority).toBeGreaterThanOrEqual(0);
      expect(priority).toBeLessThan(2 ** 31);
    }
});
