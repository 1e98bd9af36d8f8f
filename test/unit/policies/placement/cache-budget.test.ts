// What gives way when more is cached than the index has memory for: the replica of which it knows most, and there the
// tenant that has more than its part of it. Nothing gives way to time.
import { describe, expect, it } from "vitest";
import { CacheIndex } from "../../../../policies/placement/cache-index.ts";
import { Dispatch, ENTRIES_MAX } from "../../../../policies/placement/dispatch.ts";
import { Quota } from "../../../../policies/placement/quota.ts";
import { ask, FINE, replica, settings } from "./pool-samples.ts";

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

  it("a pool remembers no more than it has memory for, whatever its engines tell", () => {
    const told = (replica: string, first: number) => ({
      ...({
        pool: "pool",
        replica,
        model: "m",
        domain: "units256",
        epoch: 1,
        sequence: 0,
      } as const),
      operations: [{ op: "stored", keys: keys(first, ENTRIES_MAX * 0.51), tier: "gpu" } as const],
    });
    const wide = settings({
      replicas: ["r0", "r1"].map((id) => ({ ...replica(id), capacityTokens: 64 * ENTRIES_MAX })),
    });
    const dispatch = new Dispatch();
    dispatch.ingest(wide, told("r0", 1), 0);
    dispatch.ingest(wide, told("r1", 1e7), 0);
    expect(dispatch.placement.cache.total).toBe(ENTRIES_MAX);
  });
});

describe("what was sent to a replica", () => {
  it.each([
    ["no engine tells of it", false],
    ["its engine tells of other blocks only", true],
  ])(
    "is believed to be there an hour later, though %s, and room is made by use alone",
    (_, tells) => {
      const pool = settings({}, 1);
      const dispatch = new Dispatch();
      const run = (callId: string, first: number, nowMs: number) => {
        const answer = dispatch.ask(pool, ask(callId, first), nowMs);
        dispatch.firstToken(callId, nowMs);
        dispatch.end(callId, FINE, nowMs);
        return answer;
      };
      const tell = (sequence: number, first: number, nowMs: number) => {
        if (!tells) return;
        const operations = [{ op: "stored", keys: keys(first, 10), tier: "gpu" } as const];
        const names = { pool: "pool", replica: "r0", model: "m", domain: "units256" } as const;
        dispatch.ingest(pool, { ...names, epoch: 1, sequence, operations }, nowMs);
      };
      // From its first word on, which makes void what was before.
      tell(0, 100, 0);
      run("first", 1, 0);
      for (let minute = 1; minute < 60; minute++) {
        run(`other-${minute}`, 1_000 * minute, minute * 60_000);
        tell(minute, 1_000 * minute, minute * 60_000);
      }
      expect(run("again", 1, 3_600_000)).toMatchObject({ kind: "placed", matchedBlocks: 10 });
      for (let i = 0; i < 100; i++) run(`more-${i}`, 1e6 + 1_000 * i, 3_600_001 + i);
      expect(run("gone", 1, 3_700_000)).toMatchObject({ kind: "placed", matchedBlocks: 0 });
    },
  );
});
