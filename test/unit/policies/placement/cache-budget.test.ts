// What gives way when more is cached than the index has memory for: the replica of which it knows most, and there the
// tenant that has more than its part of it.
import { describe, expect, it } from "vitest";
import { CacheIndex } from "../../../../policies/placement/cache-index.ts";
import { Quota } from "../../../../policies/placement/quota.ts";

const FLOODER = 1;
const VICTIM = 2;
const keys = (first: number, length: number) => Array.from({ length }, (_, i) => first + i);

describe("where all replicas together hold more than is remembered", () => {
  it("a replica that joins late, or began anew, is known as far as others are", () => {
    const index = new CacheIndex(4, 1_000, 300);
    for (let replica = 0; replica < 3; replica++)
      index.use(replica, keys(1_000 * replica, 100), 0, 0);
    index.use(3, keys(5_000, 60), 0, 1);
    expect(index.size(3)).toBe(60);
    expect(index.total).toBe(300);
    index.clear(1);
    index.use(0, keys(7_000, 200), 0, 2);
    index.use(1, keys(8_000, 70), 0, 3);
    expect(index.size(1)).toBe(70);
    expect(index.total).toBe(300);
  });

  it("one that alone holds all of it makes room for itself", () => {
    const index = new CacheIndex(2, 1_000, 300);
    index.use(0, keys(1, 300), 0, 0);
    index.use(0, keys(1_000, 50), 0, 1);
    expect([index.size(0), index.has(0, 1_000), index.has(0, 300)]).toEqual([300, true, false]);
  });

  it("a tenant's half is half of what is remembered, whatever the replica could hold", () => {
    const index = new CacheIndex(1, 10_000, 300, new Quota(1, 0.5));
    index.use(0, keys(1, 100), 0, 0, VICTIM);
    for (let i = 1; i <= 20; i++) index.use(0, keys(1_000 * i, 100), 0, i, FLOODER);
    expect(keys(1, 100).filter((block) => index.has(0, block))).toHaveLength(100);
    expect(index.size(0)).toBe(300);
  });
});
