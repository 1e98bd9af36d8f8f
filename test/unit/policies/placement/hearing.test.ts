// What is heard of an engine and by whom it could be forged, repeated or miscounted.
import { describe, expect, it } from "vitest";
import { Outbox } from "../../../../durable/cli/kv-relay/outbox.ts";
import { ToldKeys } from "../../../../durable/cli/kv-relay/told-keys.ts";
import { Dispatch } from "../../../../policies/placement/dispatch.ts";
import { TOLD_MAX } from "../../../../policies/placement/hearing.ts";
import { OpenEnds } from "../../../../policies/placement/open-ends.ts";
import type { KvBatch, KvOperation } from "../../../../policies/prefix/kv-events.ts";
import { reportOf } from "../../../../policies/placement/report.ts";
import { ask, FINE, replica, settings } from "./pool-samples.ts";

const POOL = settings({}, 1);
const NOW_MS = 1_790_000_000_000;
const DAY_MS = 86_400_000;

function batch(changes: Partial<KvBatch>): KvBatch {
  const names = { pool: "pool", replica: "r0", model: "m", domain: "units256" } as const;
  return { ...names, epoch: NOW_MS, sequence: 0, operations: [], ...changes };
}

describe("an epoch", () => {
  it("of a day and more ahead is not taken, so that a relay goes on, and one that starts anew is heard", () => {
    const dispatch = new Dispatch();
    for (const epoch of [2 ** 53 - 1, NOW_MS + DAY_MS + 1])
      expect(dispatch.ingest(POOL, batch({ epoch }), NOW_MS)?.wants).toBe("snapshot");
    const outbox = new Outbox({ pool: "pool", replica: "r0", model: "m" }, new ToldKeys(), NOW_MS);
    const first = outbox.next()!;
    const answer = dispatch.ingest(POOL, first, NOW_MS)!;
    expect(answer).toEqual({ expected: { epoch: NOW_MS, sequence: 1 }, wants: "next" });
  });

  it("of a day ahead is taken, and the relay that is told of it rises above", () => {
    const dispatch = new Dispatch();
    dispatch.ingest(POOL, batch({ epoch: NOW_MS + DAY_MS }), NOW_MS);
    const outbox = new Outbox({ pool: "pool", replica: "r0", model: "m" }, new ToldKeys(), NOW_MS);
    const first = outbox.next()!;
    outbox.answered(first, dispatch.ingest(POOL, first, NOW_MS)!, NOW_MS);
    const second = outbox.next()!;
    expect(dispatch.ingest(POOL, second, NOW_MS + 1)).toEqual({
      expected: { epoch: NOW_MS + DAY_MS + 1, sequence: 1 },
      wants: "next",
    });
  });
});

it("what is expected back on one replica is forgotten with it, and on another is not", () => {
  const ends = new OpenEnds(2);
  const end = ends.open(0, [1, 2], 128, 0);
  ends.forget(1);
  expect(ends.size).toBe(1);
  ends.rest(end, 1);
  ends.forget(0);
  expect(ends.size).toBe(0);
});

describe("a cache that holds what it was said to hold", () => {
  const keys = Array.from({ length: 800 }, (_, i) => i + 1);
  const capacityOf = (dispatch: Dispatch) => dispatch.placement.look(0, 0).capacityBlocks;

  it("is not believed to hold more because the same is told again", () => {
    const dispatch = new Dispatch();
    for (let sequence = 0; sequence < 6; sequence++) {
      const whole = { op: "snapshot", part: 0, parts: 1, keys, tier: "gpu" } as const;
      dispatch.ingest(POOL, batch({ sequence, operations: [whole] }), NOW_MS);
    }
    expect(capacityOf(dispatch)).toBe(1_000);
  });

  it("is not believed to hold more because blocks move between tiers", () => {
    const dispatch = new Dispatch();
    for (let sequence = 0; sequence < 6; sequence++) {
      const tier = sequence % 2 === 0 ? "gpu" : "cpu";
      const operations = [{ op: "stored", keys, tier } as const];
      dispatch.ingest(POOL, batch({ sequence, operations }), NOW_MS);
    }
    expect(capacityOf(dispatch)).toBe(1_000);
  });

  it.each(["units256", "tokens64"] as const)(
    "is believed to hold what it tells beyond that, in %s, and all of it is kept",
    (domain) => {
      const dispatch = new Dispatch();
      const more = Array.from({ length: 1_500 }, (_, i) => i + 1);
      const operations = [{ op: "stored", keys: more, tier: "gpu" } as const];
      dispatch.ingest(POOL, batch({ domain, operations }), NOW_MS);
      expect(capacityOf(dispatch)).toBe(1_500);
      expect(dispatch.placement.cache.size(0)).toBe(domain === "units256" ? 1_500 : 0);
    },
  );
});

describe("where replicas together told more than is remembered", () => {
  const WIDE = settings({
    replicas: ["r0", "r1"].map((id) => ({ ...replica(id), capacityTokens: 64 * TOLD_MAX })),
  });
  const PARTS = 4;
  const snapshot = (keys: number[], part = 0, parts = 1): KvOperation => ({
    op: "snapshot",
    part,
    parts,
    keys,
    tier: "gpu",
  });
  const alarmsOf = (dispatch: Dispatch) =>
    reportOf(dispatch, WIDE, null, NOW_MS).replicas.map(({ alarms }) => alarms);
  const from = (first: number, length: number) => Array.from({ length }, (_, i) => first + i);

  /** The first told more than fits, the second a thousand blocks. */
  function full(): Dispatch {
    const dispatch = new Dispatch();
    for (let part = 0; part < PARTS; part++) {
      const operations = [snapshot(from(1e6 + part * 1e5, TOLD_MAX / PARTS), part, PARTS)];
      dispatch.ingest(WIDE, batch({ sequence: part, operations, held: TOLD_MAX }), NOW_MS);
    }
    expect(alarmsOf(dispatch)).toEqual([[], []]);
    const operations = [snapshot(from(1, 1_000))];
    const told = batch({ replica: "r1", operations, held: 1_000 });
    expect(dispatch.ingest(WIDE, told, NOW_MS)?.wants).toBe("next");
    return dispatch;
  }

  it("the one that told most has an alarm, and is not asked for what there is no room for", () => {
    const dispatch = full();
    expect(alarmsOf(dispatch)).toEqual([["events-beyond-memory"], []]);
    const counted = batch({ sequence: PARTS, held: TOLD_MAX });
    expect(dispatch.ingest(WIDE, counted, NOW_MS)?.wants).toBe("next");
  });

  it("the others are counted as ever, and so is what the one has too many", () => {
    const dispatch = full();
    const off = batch({ replica: "r1", sequence: 1, held: 999 });
    expect(dispatch.ingest(WIDE, off, NOW_MS)?.wants).toBe("snapshot");
    const fewer = batch({ sequence: PARTS, held: TOLD_MAX / 2 });
    expect(dispatch.ingest(WIDE, fewer, NOW_MS)?.wants).toBe("snapshot");
  });

  it("what a snapshot does not name is dropped, and what it names is kept", () => {
    const dispatch = full();
    const { cache } = dispatch.placement;
    const believed = (slot: number) => [...cache.held(slot)].map(({ block }) => block);
    const others = [5, 6, ...from(10_000, 2_000)];
    const other = { replica: "r1", sequence: 1, held: others.length };
    dispatch.ingest(WIDE, batch({ ...other, operations: [snapshot(others)] }), NOW_MS);
    expect(believed(1).toSorted((a, b) => a - b)).toEqual(others);
    const named = from(1e6, TOLD_MAX / PARTS);
    const operations = [snapshot(named)];
    const held = named.length;
    dispatch.ingest(WIDE, batch({ sequence: PARTS, operations, held }), NOW_MS);
    expect(cache.size(0)).toBe(held);
    expect(alarmsOf(dispatch)).toEqual([[], []]);
  });

  it("the one is asked for all of it again once there is room to spare", () => {
    const dispatch = full();
    const most = TOLD_MAX - 2_000;
    const operations = [{ op: "removed", keys: from(1e6 + 3e5, TOLD_MAX / PARTS) } as const];
    const held = most - TOLD_MAX / PARTS;
    const removed = batch({ sequence: PARTS, operations, held: held + 2_000 });
    expect(dispatch.ingest(WIDE, removed, NOW_MS)?.wants).toBe("snapshot");
  });
});

describe("events in tokens, where the gateway knows prompts in both", () => {
  const TOKENS = { domain: "tokens64" } as const;
  const tokens = (call: number) => Array.from({ length: 10 }, (_, i) => 1e9 + 1_000 * call + i);

  interface Course {
    readonly isForeign?: boolean;
    readonly isLate?: boolean;
    readonly isQuiet?: boolean;
    readonly calls?: number;
    readonly epoch?: number;
  }

  /** Calls of one conversation and of new ones, whose engine tells of them after or before their tokens are known. */
  function run(
    dispatch: Dispatch,
    { isForeign, isLate, isQuiet, calls = 30, epoch = NOW_MS }: Course,
  ) {
    for (let call = 0; call < calls; call++) {
      const request = ask(`${epoch}-${call}`, 1_000 * (1 + (call >> 1)));
      const tell = () => {
        if (isQuiet === true && call > 0) return;
        const keys = tokens(call).map((key) => (isForeign === true ? 2 * key : key));
        const operations = [{ op: "stored", keys, tier: "gpu" } as const];
        dispatch.ingest(POOL, batch({ ...TOKENS, epoch, sequence: call, operations }), NOW_MS);
      };
      dispatch.ask(POOL, request, NOW_MS);
      dispatch.firstToken(request.callId, NOW_MS);
      dispatch.end(request.callId, { ...FINE, inputTokens: 650, cachedTokens: 600 }, NOW_MS);
      if (isLate !== true) tell();
      dispatch.hearing.alias(request.blocks, tokens(call));
      if (isLate === true) tell();
    }
  }

  const alarmsOf = (dispatch: Dispatch) =>
    reportOf(dispatch, POOL, null, NOW_MS).replicas[0]!.alarms;

  it("that never once meet a prompt which was sent there are of other keys, though routing predicts", () => {
    const dispatch = new Dispatch();
    // The first batch makes void what was before, its own prompt as well.
    run(dispatch, { isForeign: true, calls: 20 });
    expect(alarmsOf(dispatch)).toEqual([]);
    const other = new Dispatch();
    run(other, { isForeign: true, calls: 21 });
    expect(alarmsOf(other)).toEqual(["domain-mismatch"]);
    expect(reportOf(other, POOL, null, NOW_MS).replicas[0]!.predictedTokens).toBeGreaterThan(0);
  });

  it.each([
    ["meet one before its tokens are known", {}],
    ["meet one after its tokens are known", { isLate: true }],
    ["stopped", { isForeign: true, isQuiet: true }],
  ])("that %s are no such fault", (_, course) => {
    const dispatch = new Dispatch();
    run(dispatch, { ...course, calls: 60 });
    expect(alarmsOf(dispatch)).toEqual([]);
  });

  it("are of the right keys again once a relay with the right secret has begun anew", () => {
    const dispatch = new Dispatch();
    run(dispatch, { isForeign: true, calls: 30 });
    run(dispatch, { epoch: NOW_MS + 1, calls: 2 });
    expect(alarmsOf(dispatch)).toEqual([]);
  });
});
