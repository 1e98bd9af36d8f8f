// What engines tell a prefix index: in order and once, whatever comes twice, late, too early, from before a restart or from
// nobody; and what the audit says when engine and gateway do not count the same.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import type { PrefixIndex } from "../../../durable/prefix-index.ts";
import {
  BATCH_KEYS_MAX,
  type KvBatch,
  type KvOperation,
} from "../../../policies/prefix/kv-events.ts";
import { ask, settings } from "../../unit/policies/placement/pool-samples.ts";
import { stopClockOfEach } from "./a-clock.ts";
import { freshPool, type Stub } from "./pool-samples.ts";

const POOL = settings({}, 2);
const KEYS = Array.from({ length: 10 }, (_, i) => i + 1);

const clock = stopClockOfEach();

function batch(
  sequence: number,
  operations: readonly KvOperation[],
  changes: Partial<KvBatch> = {},
): KvBatch {
  const names = { pool: "pool", replica: "r1", model: "m" };
  return { ...names, epoch: 7, sequence, domain: "units256", operations, ...changes };
}

const stored = (keys: readonly number[]): KvOperation => ({
  op: "stored",
  keys: [...keys],
  tier: "gpu",
});
const snapshot = (part: number, parts: number, keys: readonly number[]): KvOperation => ({
  op: "snapshot",
  part,
  parts,
  keys: [...keys],
  tier: "gpu",
});

let calls = 0;
/** How much of a prompt is believed to be on the replica of the events. */
async function depth(pool: Stub, first = 1): Promise<number> {
  const callId = `look-${calls++}`;
  const { depths } = await runInDurableObject(pool, async (index: PrefixIndex) => {
    const answer = await index.place(POOL, ask(callId, first, 10, { pin: "r1" }));
    index.ended(callId, { inputTokens: null, cachedTokens: null, isFault: null });
    return { depths: answer.kind === "placed" ? answer.matchedBlocks : -1 };
  });
  return depths;
}

describe("batches", () => {
  it("tell what is cached: a prompt that was never sent there goes there", async () => {
    const pool = freshPool("tells");
    expect(await pool.ingest(POOL, batch(0, [stored(KEYS)]))).toEqual({
      kind: "heard",
      expected: { epoch: 7, sequence: 1 },
      wants: "next",
    });
    expect(await pool.place(POOL, ask("a"))).toMatchObject({ replica: "r1", matchedBlocks: 10 });
    expect(
      await pool.ingest(POOL, batch(1, [{ op: "removed", keys: KEYS.slice(5) }])),
    ).toMatchObject({ wants: "next" });
  });

  it("count once when they come twice, and are asked for when one is missing or came too early", async () => {
    const pool = freshPool("once");
    const second = batch(1, [{ op: "removed", keys: KEYS.slice(4) }]);
    await pool.ingest(POOL, batch(0, [stored(KEYS)]));
    expect(await pool.ingest(POOL, batch(2, [stored([99])]))).toMatchObject({
      expected: { epoch: 7, sequence: 1 },
      wants: "replay",
    });
    await pool.ingest(POOL, second);
    await pool.ingest(POOL, batch(2, [stored(KEYS)]));
    expect(await pool.ingest(POOL, second)).toMatchObject({
      expected: { sequence: 3 },
      wants: "next",
    });
    expect(await depth(pool)).toBe(10);
    const { replicas } = await pool.report(POOL);
    expect(replicas[1]).toMatchObject({ epoch: 7, sequence: 3, heldBlocks: 10 });
  });

  it("of a higher epoch make void what was before, and those of a lower one change nothing", async () => {
    const pool = freshPool("epochs");
    await pool.ingest(POOL, batch(0, [stored(KEYS)]));
    expect(await pool.ingest(POOL, batch(0, [stored([500])], { epoch: 8 }))).toMatchObject({
      expected: { epoch: 8, sequence: 1 },
      wants: "next",
    });
    expect(await pool.ingest(POOL, batch(1, [stored(KEYS)]))).toMatchObject({
      expected: { epoch: 8, sequence: 1 },
      wants: "snapshot",
    });
    const { replicas } = await pool.report(POOL);
    expect(replicas[1]).toMatchObject({ epoch: 8, heldBlocks: 1, believedBlocks: 1 });
  });

  it("of a replica that is none of the pool's are refused, and those of one are not another's", async () => {
    const pool = freshPool("strangers");
    expect(await pool.ingest(POOL, batch(0, [stored(KEYS)], { replica: "r9" }))).toEqual({
      kind: "unknown-replica",
    });
    await pool.ingest(POOL, batch(0, [stored(KEYS)]));
    const { replicas } = await pool.report(POOL);
    expect(replicas.map(({ heldBlocks }) => heldBlocks)).toEqual([null, 10]);
  });

  it("that are too large, or hold what is no key, are refused and change nothing", async () => {
    const pool = freshPool("forged");
    const problems = await runInDurableObject(pool, (index: PrefixIndex) =>
      [
        [stored(new Array<number>(BATCH_KEYS_MAX + 1).fill(1))],
        new Array<KvOperation>(2_000).fill(stored([])),
        [snapshot(0, 1, []), snapshot(0, 1, [])],
        [{ op: "cleared" as const }, { op: "cleared" as const }],
        [stored([1.5])],
        [stored([-1])],
        [stored([2 ** 53])],
      ].map((operations) => {
        try {
          index.ingest(POOL, batch(0, operations));
          return null;
        } catch (error) {
          return (error as Error).message;
        }
      }),
    );
    expect(problems).toEqual(new Array(7).fill(expect.stringMatching(/^operations/)));
    expect((await pool.report(POOL)).replicas[1]).toMatchObject({ heldBlocks: null });
  });
});

describe("a snapshot", () => {
  it("is asked for where the index knows nothing of what came before, and may begin at any sequence", async () => {
    const pool = freshPool("late");
    expect(await pool.ingest(POOL, batch(500, [stored([1])]))).toMatchObject({ wants: "snapshot" });
    await pool.ingest(POOL, batch(501, [snapshot(0, 2, KEYS.slice(0, 5))]));
    expect(await pool.ingest(POOL, batch(502, [snapshot(1, 2, KEYS.slice(5))]))).toMatchObject({
      expected: { sequence: 503 },
      wants: "next",
    });
    expect(await depth(pool)).toBe(10);
  });

  it("clears ghosts whose removal was lost, and keeps what was sent there since", async () => {
    const pool = freshPool("ghosts");
    await pool.ingest(POOL, batch(0, [stored(KEYS), stored([77, 78])]));
    await pool.place(POOL, ask("sent", 1_000, 10, { pin: "r1" }));
    await pool.firstToken("sent");
    await pool.ingest(POOL, batch(9, [snapshot(0, 1, [77, 78])]));
    expect(await depth(pool)).toBe(0);
    expect(await depth(pool, 1_000)).toBe(10);
  });

  it("that is broken off is asked for again", async () => {
    const pool = freshPool("broken");
    await pool.ingest(POOL, batch(0, [snapshot(0, 3, KEYS.slice(0, 3))]));
    expect(await pool.ingest(POOL, batch(1, [snapshot(2, 3, KEYS.slice(6))]))).toMatchObject({
      wants: "snapshot",
    });
    expect(await pool.ingest(POOL, batch(2, [snapshot(0, 1, KEYS)]))).toMatchObject({
      wants: "next",
    });
    expect(await depth(pool)).toBe(10);
  });

  it("is asked for when the index counts other than the engine, once a minute", async () => {
    const pool = freshPool("counts");
    await pool.ingest(POOL, batch(0, [stored(KEYS)], { held: 10 }));
    const off = (sequence: number) => pool.ingest(POOL, batch(sequence, [], { held: 11 }));
    expect(await off(1)).toMatchObject({ wants: "snapshot", expected: { sequence: 1 } });
    expect(await off(1)).toMatchObject({ wants: "next" });
    clock.advance(60_000);
    expect(await off(1)).toMatchObject({ wants: "snapshot" });
    expect(await pool.ingest(POOL, batch(1, [], { held: 10 }))).toMatchObject({ wants: "next" });
  });

  it("is asked for where matches do not come true, every ten minutes", async () => {
    const pool = freshPool("doubted");
    await pool.ingest(POOL, batch(0, [stored(KEYS)]));
    for (let i = 0; i < 30; i++) {
      await pool.place(POOL, ask(`doubted-${i}`, 1, 10, { pin: "r1" }));
      await pool.ended(`doubted-${i}`, { inputTokens: 672, cachedTokens: 200, isFault: false });
    }
    expect((await pool.report(POOL)).replicas[1]).toMatchObject({ alarms: ["over-predicted"] });
    expect(await pool.ingest(POOL, batch(1, [stored([500])]))).toMatchObject({ wants: "snapshot" });
    expect(await pool.ingest(POOL, batch(2, [snapshot(0, 1, KEYS)]))).toMatchObject({
      wants: "next",
    });
    clock.advance(600_000);
    expect(await pool.ingest(POOL, batch(3, [stored([501])]))).toMatchObject({ wants: "snapshot" });
  });

  it("is asked for after a sleep, because events are not stored", async () => {
    const pool = freshPool("slept");
    await pool.ingest(POOL, batch(0, [stored(KEYS)]));
    await evictDurableObject(pool);
    expect(await pool.ingest(POOL, batch(1, [stored([11])]))).toMatchObject({
      expected: { epoch: 7 },
      wants: "snapshot",
    });
  });
});

describe("events in tokens, where the gateway counts in units", () => {
  const TOKENS = { domain: "tokens64" } as const;
  const tokenKeys = Array.from({ length: 12 }, (_, i) => 9_000 + i);

  it("tell how full a cache is and when it is gone, and the audit says that they tell no more", async () => {
    const pool = freshPool("domains");
    await pool.ingest(POOL, batch(0, [stored(tokenKeys)], TOKENS));
    await pool.place(POOL, ask("a", 1, 10, { pin: "r1" }));
    await pool.firstToken("a");
    expect((await pool.report(POOL)).replicas[1]).toMatchObject({
      domain: "tokens64",
      heldBlocks: 12,
      believedBlocks: 10,
      alarms: ["domain-mismatch"],
    });
    await pool.ingest(POOL, batch(1, [{ op: "cleared" }], TOKENS));
    expect((await pool.report(POOL)).replicas[1]).toMatchObject({
      heldBlocks: 0,
      believedBlocks: 0,
    });
  });

  it("are translated once a prompt is known in both, whichever came first", async () => {
    const pool = freshPool("aliases");
    await pool.ingest(POOL, batch(0, [stored(tokenKeys.slice(0, 6))], TOKENS));
    await pool.alias(Float64Array.from(KEYS), Float64Array.from(tokenKeys));
    expect(await depth(pool)).toBe(5);
    await pool.ingest(POOL, batch(1, [stored(tokenKeys.slice(6))], TOKENS));
    expect(await depth(pool)).toBe(10);
    expect((await pool.report(POOL)).replicas[1]).toMatchObject({ alarms: [] });
  });

  it.each([
    ["another secret than the pool's are an alarm", 2, ["domain-mismatch"]],
    ["the pool's secret are none", 1, []],
  ])("made with %s, though the pool's own routing predicts well", async (_, factor, alarms) => {
    const pool = freshPool(`secret-${factor}`);
    for (let call = 0; call < 24; call++) {
      const callId = `call-${call}`;
      await pool.place(POOL, ask(callId, 1, 10, { pin: "r1" }));
      await pool.ended(callId, { inputTokens: 672, cachedTokens: 640, isFault: false });
      const told = tokenKeys.map((key) => factor * key + call);
      await pool.ingest(POOL, batch(call, [stored(told)], TOKENS));
      await pool.alias(Float64Array.from(KEYS), Float64Array.from(tokenKeys));
    }
    const { replicas } = await pool.report(POOL);
    expect(replicas[1]!.predictedTokens).toBeGreaterThan(0);
    expect(replicas.map((one) => one.alarms)).toEqual([[], alarms]);
  });
});
