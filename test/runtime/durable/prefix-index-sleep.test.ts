// A prefix index that sleeps or dies: what it knew comes back from a snapshot, and without one, or with one that is old,
// damaged or of another version, it is as right and knows less. Slots of a pool with a cap are never given twice.
import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { PART_BYTES_MAX } from "../../../durable/prefix-index-rows.ts";
import { SNAPSHOT_TTL_MS } from "../../../durable/prefix-index-snapshot.ts";
import { ask, FAULT, FINE, replica, settings } from "../../unit/policies/placement/pool-samples.ts";
import { stopClockOfEach } from "./a-clock.ts";
import { freshPool, inStorage, replicaOf, type Stub } from "./pool-samples.ts";

const POOL = settings();
const NARROW = settings({ concurrencyMax: 1, waitMsMax: 0 });

const clock = stopClockOfEach();

/** A prompt of ten blocks that ran, and the replica that has it. */
async function learn(pool: Stub, callId: string, first: number, tenant = "acme"): Promise<string> {
  const home = replicaOf(await pool.place(POOL, ask(callId, first, 10, { tenant })));
  await pool.firstToken(callId);
  await pool.ended(callId, FINE);
  clock.advance(5_000);
  return home;
}

async function matched(pool: Stub, callId: string, first = 1): Promise<number> {
  const answer = await pool.place(POOL, ask(callId, first));
  await pool.ended(callId, FINE);
  return answer.kind === "placed" ? answer.matchedBlocks : -1;
}

describe("an index that slept", () => {
  it("knows after its snapshot what it knew before, whose it is, and what a block stands for", async () => {
    const pool = freshPool("snapshot");
    const homes = [await learn(pool, "a", 1, "acme"), await learn(pool, "b", 100, "beta")];
    const before = await pool.report(POOL);
    expect(await runDurableObjectAlarm(pool)).toBe(true);
    await evictDurableObject(pool);
    const { snapshotAtMs, ...after } = await pool.report(POOL);
    expect(snapshotAtMs).toBe(clock.nowMs);
    expect(after).toMatchObject({ tenants: before.tenants, tokensPerBlock: before.tokensPerBlock });
    expect(after.memory.entries).toBe(20);
    for (const [i, first] of [1, 100].entries())
      expect(await pool.place(POOL, ask(`again-${i}`, first))).toMatchObject({
        replica: homes[i],
        matchedBlocks: 10,
      });
  });

  it("knows nothing without one, places all the same, and ends nothing that it does not know", async () => {
    const pool = freshPool("none");
    await learn(pool, "a", 1);
    await pool.place(POOL, ask("open"));
    await evictDurableObject(pool);
    expect(await pool.ended("open", FINE)).toEqual({ isKnown: false });
    expect(await matched(pool, "b")).toBe(0);
    expect(await matched(pool, "c")).toBe(10);
  });

  it("does not write over what it knew by an alarm that finds it asleep", async () => {
    const pool = freshPool("asleep");
    await learn(pool, "a", 1);
    await runDurableObjectAlarm(pool);
    await learn(pool, "b", 500);
    await evictDurableObject(pool);
    await runDurableObjectAlarm(pool);
    expect(await matched(pool, "c")).toBe(10);
    expect(await matched(pool, "d", 500)).toBe(0);
  });

  it("takes the newest snapshot, with what was evicted gone from it", async () => {
    const pool = freshPool("newest");
    await learn(pool, "a", 1);
    await runDurableObjectAlarm(pool);
    for (let i = 0; i < 3; i++) await pool.place(POOL, ask(`big-${i}`, 10_000 * (i + 1), 1_000));
    await runDurableObjectAlarm(pool);
    await evictDurableObject(pool);
    expect(await matched(pool, "b")).toBe(0);
  });

  it.each([
    ["a byte differs", "UPDATE held SET bytes = replace(hex(bytes), '00', '01')", 0],
    ["a row is gone", "DELETE FROM held", 0],
    ["its head is no JSON", "UPDATE snapshot SET head = '{'", 0],
    [
      "its head says another version",
      `UPDATE snapshot SET head = replace(head, '"version":1', '"version":9')`,
      0,
    ],
    ["nothing is wrong", "SELECT 1", 10],
  ])("leaves out a snapshot where %s", async (_, damage, depth) => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => {});
    const pool = freshPool(`damaged ${damage}`);
    await learn(pool, "a", 1);
    await runDurableObjectAlarm(pool);
    await inStorage(pool, (sql) =>
      damage.includes("hex(")
        ? sql.exec("UPDATE held SET bytes = ?", new Uint8Array(140).buffer)
        : sql.exec(damage),
    );
    await evictDurableObject(pool);
    expect(await matched(pool, "b")).toBe(depth);
    expect(await matched(pool, "c")).toBe(10);
    if (depth === 10) expect(logged).not.toHaveBeenCalled();
  });

  it("leaves out a snapshot that is old, or that comes from the future", async () => {
    for (const [name, passMs] of [
      ["old", SNAPSHOT_TTL_MS + 1],
      ["future", -SNAPSHOT_TTL_MS - 60_000],
    ] as const) {
      const pool = freshPool(name);
      await learn(pool, "a", 1);
      await runDurableObjectAlarm(pool);
      await evictDurableObject(pool);
      clock.advance(passMs);
      expect(await matched(pool, "b")).toBe(0);
      clock.advance(-passMs);
    }
  });

  it("stores what takes several rows, and reads it back whole", async () => {
    const pool = freshPool("rows");
    const big = settings({ replicas: [{ ...replica("one"), capacityTokens: 64 * 200_000 }] });
    for (let i = 0; i < 8; i++) {
      await pool.place(big, ask(`c${i}`, 1 + i * 20_000, 16_000));
      await pool.firstToken(`c${i}`);
    }
    await runDurableObjectAlarm(pool);
    const rows = await inStorage(pool, (sql) =>
      sql.exec<{ size: number }>("SELECT length(bytes) AS size FROM held").toArray(),
    );
    expect(rows.length).toBe(Math.ceil((8 * 16_000 * 14) / PART_BYTES_MAX));
    for (const { size } of rows) expect(size).toBeLessThanOrEqual(PART_BYTES_MAX);
    await evictDurableObject(pool);
    expect(await pool.place(big, ask("again", 1, 16_000))).toMatchObject({ matchedBlocks: 16_000 });
  });
});

describe("slots of a pool with a cap", () => {
  it("are not given twice after a sleep, and come free when their call ends", async () => {
    const pool = freshPool("slots");
    await pool.place(NARROW, ask("a"));
    await evictDurableObject(pool);
    expect(await pool.place(NARROW, ask("b"))).toMatchObject({ kind: "full" });
    expect(await pool.ended("a", FINE)).toEqual({ isKnown: true });
    expect(await pool.place(NARROW, ask("c"))).toMatchObject({ kind: "placed" });
  });

  it("come free when their call ends before anybody else asks, and when it expires", async () => {
    const pool = freshPool("slots-2");
    await pool.place(NARROW, ask("a"));
    await evictDurableObject(pool);
    await pool.ended("a", FINE);
    expect(await pool.place(NARROW, ask("b", 1, 10, { expiresInMs: 5_000 }))).toMatchObject({
      kind: "placed",
    });
    await evictDurableObject(pool);
    clock.advance(5_000);
    expect(await pool.place(NARROW, ask("c"))).toMatchObject({ kind: "placed" });
  });

  it("come free when their call ends after an engine's report woke the index, before any call", async () => {
    const pool = freshPool("slots-5");
    await pool.place(NARROW, ask("a"));
    await evictDurableObject(pool);
    await pool.ingest(NARROW, {
      pool: "pool",
      replica: "r0",
      epoch: 1,
      sequence: 0,
      domain: "units256",
      model: "m",
      operations: [],
    });
    expect(await pool.ended("a", FINE)).toEqual({ isKnown: true });
    expect(await pool.place(NARROW, ask("b"))).toMatchObject({ kind: "placed" });
    const rows = await inStorage(pool, (sql) =>
      sql.exec("SELECT call_id FROM open_call").toArray(),
    );
    expect(rows).toEqual([{ call_id: "b" }]);
  });

  it("are not taken by a call whose end came first, whether or not the index knows anything yet", async () => {
    const pool = freshPool("slots-6");
    await pool.ended("a", FINE);
    expect(await pool.place(NARROW, ask("a"))).toEqual({ kind: "left" });
    await pool.ended("b", FINE);
    expect(await pool.place(NARROW, ask("b"))).toEqual({ kind: "left" });
    expect(await pool.place(NARROW, ask("c"))).toMatchObject({ kind: "placed" });
  });

  it("leave no row behind, and a pool without a cap writes none", async () => {
    const rowsOf = (pool: Stub) =>
      inStorage(pool, (sql) => sql.exec("SELECT * FROM open_call").toArray().length);
    const capped = freshPool("slots-3");
    await capped.place(NARROW, ask("a"));
    expect(await rowsOf(capped)).toBe(1);
    await capped.ended("a", FAULT);
    expect(await rowsOf(capped)).toBe(0);
    const free = freshPool("slots-4");
    await free.place(POOL, ask("a"));
    expect(await rowsOf(free)).toBe(0);
  });
});
