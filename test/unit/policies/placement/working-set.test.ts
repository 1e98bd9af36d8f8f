// How many distinct blocks were used of late: within a few percent, forgotten in time, and the same twice is one.
import { expect, it } from "vitest";
import { GENERATION_MS, WorkingSet } from "../../../../policies/placement/working-set.ts";

/** Spread as keyed hashes are. */
function keys(from: number, count: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => ((from + i) * 6_364_136_223_847) % 2 ** 53);
}

it.each([10, 1_000, 30_000, 300_000])("counts %i blocks within five percent", (count) => {
  const set = new WorkingSet();
  set.use(keys(1, count), 0);
  set.use(keys(1, count), 1_000);
  expect(Math.abs(set.count(2_000) / count - 1)).toBeLessThan(0.05);
});

it("looks back ten minutes at least, and twenty at most", () => {
  const set = new WorkingSet();
  set.use(keys(1, 1_000), 0);
  expect(set.count(GENERATION_MS)).toBeGreaterThan(900);
  expect(set.count(2 * GENERATION_MS)).toBe(0);
});

it("forgets all after a long rest", () => {
  const set = new WorkingSet();
  set.use(keys(1, 1_000), 0);
  set.use(keys(5_000, 10), 5 * GENERATION_MS);
  expect(set.count(5 * GENERATION_MS)).toBeLessThan(20);
});
