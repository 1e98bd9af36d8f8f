// What one tenant may hold of a cache: as much as it likes while nobody else wants it, and no flood pushes others out.
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { createPlacement } from "../../../../policies/placement.ts";
import { CacheIndex } from "../../../../policies/placement/cache-index.ts";
import { NOBODY, Quota, SPACES_MAX } from "../../../../policies/placement/quota.ts";
import { Spaces } from "../../../../policies/placement/spaces.ts";

const CAPACITY = 100;
const FLOODER = 1;
const VICTIM = 2;

const keys = (first: number, length: number) => Array.from({ length }, (_, i) => first + i);

function held(index: CacheIndex, blocks: readonly number[]): number {
  return blocks.filter((block) => index.has(0, block)).length;
}

test("what a tenant holds within half of a cache no flood of another takes, however it comes", () => {
  const anyPrompts = fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), anyPrompts, anyPrompts, (own, before, after) => {
      const index = new CacheIndex(1, CAPACITY, Infinity, new Quota(1, 0.5));
      let next = 1_000;
      const flood = (lengths: readonly number[]) => {
        for (const length of lengths) {
          index.use(0, keys(next, length), 0, next, FLOODER);
          next += length;
        }
      };
      flood(before);
      const blocks = keys(1, own);
      index.use(0, blocks, 0, next, VICTIM);
      flood(after);
      expect(held(index, blocks)).toBe(own);
      expect(index.size(0)).toBeLessThanOrEqual(CAPACITY);
    }),
    { numRuns: 300 },
  );
});

describe("without a quota", () => {
  it("the same flood takes all", () => {
    const index = new CacheIndex(1, CAPACITY);
    index.use(0, keys(1, 50), 0, 0, VICTIM);
    for (let i = 1; i < 5; i++) index.use(0, keys(1_000 * i, 50), 0, i, FLOODER);
    expect(held(index, keys(1, 50))).toBe(0);
  });
});

test("a tenant alone is placed as if there were no quota", () => {
  const anyPrompt = fc.record({ family: fc.nat(8), length: fc.integer({ min: 1, max: 60 }) });
  fc.assert(
    fc.property(fc.array(anyPrompt, { maxLength: 60 }), (prompts) => {
      const options = {
        replicas: 3,
        blockTokens: 64,
        prefillTokensPerSecond: 1000,
        capacityBlocks: 80,
        events: false,
      };
      const placements = [
        createPlacement(options),
        createPlacement({ ...options, quotaShare: 0.5 }),
      ];
      for (const [i, { family, length }] of prompts.entries()) {
        const question = { blocks: keys(family * 1_000, length), inputTokens: length * 64 };
        const [plain, quoted] = placements.map((placement, which) => {
          const placed = placement.choose({ ...question, space: which }, i * 500);
          placement.prefillEnded(placed.ticket, i * 500 + 100);
          return { replica: placed.replica, matchedBlocks: placed.matchedBlocks };
        });
        expect(quoted).toEqual(plain);
      }
    }),
    { numRuns: 200 },
  );
});

it("lets go first of what the tenant above its share has not used for longest", () => {
  const index = new CacheIndex(1, CAPACITY, Infinity, new Quota(1, 0.5));
  index.use(0, keys(1, 20), 0, 0, VICTIM);
  index.use(0, keys(100, 40), 0, 1, FLOODER);
  index.use(0, keys(200, 40), 0, 2, FLOODER);
  index.use(0, keys(100, 40), 40, 3, FLOODER);
  index.use(0, keys(300, 40), 0, 4, FLOODER);
  expect(held(index, keys(1, 20))).toBe(20);
  expect(held(index, keys(100, 40))).toBe(40);
  expect(held(index, keys(200, 40))).toBe(0);
});

it("protects nobody's blocks, which an engine reported and no prompt asked for", () => {
  const index = new CacheIndex(1, CAPACITY, Infinity, new Quota(1, 0.5));
  for (const block of keys(1, 40)) index.stored(0, block);
  index.use(0, keys(100, 60), 0, 1, FLOODER);
  index.use(0, keys(200, 40), 0, 2, FLOODER);
  expect(held(index, keys(1, 40))).toBe(0);
  expect(held(index, keys(100, 60))).toBe(60);
});

it("counts what each holds, through stores that nobody asked for, uses, evictions and clearing", () => {
  const quota = new Quota(1, 0.5);
  const index = new CacheIndex(1, CAPACITY, Infinity, quota);
  for (const block of keys(1, 10)) index.stored(0, block);
  expect(quota.held(0, NOBODY)).toBe(10);
  index.use(0, keys(1, 20), 10, 0, VICTIM);
  expect([quota.held(0, NOBODY), quota.held(0, VICTIM)]).toEqual([0, 20]);
  index.use(0, keys(500, 95), 0, 1, FLOODER);
  expect(quota.held(0, VICTIM)).toBe(20);
  expect(quota.held(0, FLOODER)).toBe(80);
  index.clear(0);
  expect([quota.held(0, VICTIM), quota.held(0, FLOODER)]).toEqual([0, 0]);
});

it("takes a share of a half at least, since two tenants may not both be above theirs", () => {
  expect(() => new Quota(1, 0.4)).toThrow(/quotaShare/);
  expect(() => new Quota(1, 1)).not.toThrow();
});

it("numbers tenants, gives an idle one's number to another, and takes one too many for nobody", () => {
  const busy = new Set<number>();
  const spaces = new Spaces((space) => busy.has(space));
  for (let i = 1; i < SPACES_MAX; i++) {
    expect(spaces.of(`t${i}`)).toBe(i);
    busy.add(i);
  }
  expect(spaces.of("more")).toBe(NOBODY);
  busy.delete(40);
  // It looks at a few numbers a call, and so comes round to the idle one.
  let given: number = NOBODY;
  for (let i = 0; i < SPACES_MAX && given === NOBODY; i++) given = spaces.of("more");
  expect(given).toBe(40);
  expect(spaces.nameOf(40)).toBe("more");
  expect(spaces.of("t40")).toBe(NOBODY);
});
