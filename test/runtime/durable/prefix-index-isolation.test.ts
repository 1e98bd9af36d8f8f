// A replica that does not keep callers apart gets no calls, whoever waits and however often the index sleeps.
import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import type { Isolation } from "../../../policies/placement/isolation.ts";
import type { PlaceRequest, PoolSettings } from "../../../policies/placement/pool.ts";
import { freshPool, inStorage, replicaOf, type Stub } from "./pool-samples.ts";

function settingsOf(ids: readonly string[], concurrencyMax: number | null = null): PoolSettings {
  return {
    replicas: ids.map((id) => ({
      id,
      capacityTokens: 64_000,
      prefillTokensPerSecond: 10_000,
      concurrencyMax,
    })),
    concurrencyMax: null,
    order: "arrival",
    waitMsMax: 10_000,
    breaker: { failures: 5, windowMs: 30_000, cooldownMs: 10_000 },
  };
}

function request(callId: string, changes: Partial<PlaceRequest> = {}): PlaceRequest {
  const blocks = Float64Array.from({ length: 20 }, (_, index) => index + 1);
  return {
    callId,
    tenant: "acme",
    blocks,
    inputTokens: 1280,
    expiresInMs: 60_000,
    ...changes,
  };
}

async function place(pool: Stub, settings: PoolSettings, callId: string): Promise<string> {
  const replica = replicaOf(await pool.place(settings, request(callId)));
  await pool.ended(callId, { inputTokens: 1280, cachedTokens: 0, isFault: false });
  return replica;
}

const judge = (
  pool: Stub,
  settings: PoolSettings,
  replica: string,
  isolation: Isolation | null,
  isDryRun = false,
) => pool.judge(settings, [{ replica, isolation }], "somebody", isDryRun);

async function statesOf(pool: Stub, settings: PoolSettings): Promise<readonly string[]> {
  return (await pool.report(settings)).replicas.map(({ state }) => state);
}

const two = settingsOf(["a", "b"]);

describe("a replica that is found to share its cache", () => {
  it("gets no calls, not even those whose prefix it has, and gets them back when it is found to keep callers apart", async () => {
    const pool = freshPool("shares");
    const home = await place(pool, two, "c0");
    const other = home === "a" ? "b" : "a";
    expect(await place(pool, two, "c1")).toBe(home);
    expect(await judge(pool, two, home, "shared")).toMatchObject([
      { replica: home, isolation: "shared", actor: "somebody" },
    ]);
    for (const callId of ["c2", "c3", "c4"]) expect(await place(pool, two, callId)).toBe(other);
    const pinned = await pool.place(two, request("c5", { pin: home }));
    expect(replicaOf(pinned)).toBe(other);
    await pool.ended("c5", { inputTokens: 1280, cachedTokens: 0, isFault: false });
    expect(await statesOf(pool, two)).toEqual(home === "a" ? ["shared", "up"] : ["up", "shared"]);
    await judge(pool, two, home, "kept");
    expect(await statesOf(pool, two)).toEqual(["up", "up"]);
  });

  it("is known after a sleep, by a start that knows nothing else", async () => {
    const pool = freshPool("sleeps");
    await judge(pool, two, "a", "shared");
    await evictDurableObject(pool);
    for (const callId of ["c0", "c1", "c2"]) expect(await place(pool, two, callId)).toBe("b");
    expect((await pool.report(two)).replicas[0]).toMatchObject({
      state: "shared",
      isolation: { isolation: "shared", actor: "somebody" },
    });
  });

  it("leaves nobody an answer where it is the only one that is up", async () => {
    const pool = freshPool("only");
    const one = settingsOf(["a"]);
    await judge(pool, one, "a", "shared");
    const answer = await pool.place(one, request("c0"));
    expect(answer).toEqual({ kind: "none-up", retryAfterMs: 60_000, shared: ["a"] });
    await judge(pool, one, "a", null);
    expect(await place(pool, one, "c1")).toBe("a");
  });

  it("sends those who wait for it away, and lets its calls run to their end", async () => {
    const pool = freshPool("waits");
    const one = settingsOf(["a"], 1);
    expect(replicaOf(await pool.place(one, request("c0")))).toBe("a");
    const waiting = pool.place(one, request("c1"));
    await expect.poll(async () => (await pool.report(one)).line.length).toBe(1);
    await judge(pool, one, "a", "shared");
    expect(await waiting).toMatchObject({ kind: "none-up" });
    expect((await pool.report(one)).calls).toBe(1);
    const ended = { inputTokens: 1280, cachedTokens: 0, isFault: false };
    expect(await pool.ended("c0", ended)).toEqual({ isKnown: true });
  });

  it("is not cleared by a test that proves nothing, and not condemned by a dry run", async () => {
    const pool = freshPool("proves nothing");
    expect(await judge(pool, two, "a", "shared", true)).toMatchObject([{ isolation: "shared" }]);
    expect(await statesOf(pool, two)).toEqual(["up", "up"]);
    await judge(pool, two, "a", "shared");
    await judge(pool, two, "a", "unproven");
    expect(await statesOf(pool, two)).toEqual(["shared", "up"]);
    await judge(pool, two, "b", "unproven");
    expect(await statesOf(pool, two)).toEqual(["shared", "up"]);
  });
});

it("what was found of a replica stands while a caller judges whose catalog lacks it", async () => {
  const pool = freshPool("absent");
  await judge(pool, two, "b", "shared");
  await judge(pool, settingsOf(["a", "c"]), "c", "kept");
  await judge(pool, settingsOf(["a", "c"]), "nobody's", "kept");
  const rows = await inStorage(pool, (sql) => sql.exec("SELECT replica FROM isolation").toArray());
  expect(rows).toEqual([{ replica: "b" }, { replica: "c" }]);
  expect(await place(pool, two, "c0")).toBe("a");
  expect(await statesOf(pool, two)).toEqual(["up", "shared"]);
});

describe("a replica that has moved to another address", () => {
  const at = (address: number): PoolSettings => {
    const [one] = settingsOf(["a"]).replicas;
    return { ...settingsOf([]), replicas: [{ ...one!, address }] };
  };
  const look = async (pool: Stub, settings: PoolSettings) => {
    const [one] = (await pool.report(settings)).replicas;
    return [one!.state, one!.isolation?.isolation ?? null, one!.believedBlocks];
  };

  it("has nothing of what its engine cached, and no verdict but that it shares", async () => {
    const pool = freshPool("moves");
    await place(pool, at(1), "c0");
    await judge(pool, at(1), "a", "kept");
    expect(await look(pool, at(1))).toEqual(["up", "kept", 20]);
    expect(await look(pool, at(2))).toEqual(["up", null, 0]);
    await judge(pool, at(2), "a", "shared");
    expect(await look(pool, at(3))).toEqual(["shared", "shared", 0]);
  });

  it("has nothing either where it moved while the index slept", async () => {
    const pool = freshPool("moves asleep");
    await place(pool, at(1), "c0");
    await judge(pool, at(1), "a", "kept");
    await runDurableObjectAlarm(pool);
    await evictDurableObject(pool);
    expect(await look(pool, at(1))).toEqual(["up", "kept", 20]);
    await evictDurableObject(pool);
    expect(await look(pool, at(2))).toEqual(["up", null, 0]);
  });

  it("is not forgotten again because a caller's copy of the catalog is old", async () => {
    const pool = freshPool("moves once");
    await place(pool, at(1), "c0");
    await place(pool, at(2), "c1");
    await place(pool, at(1), "c2");
    expect(await look(pool, at(2))).toEqual(["up", null, 20]);
  });
});
