// A key's life, and that a revoked one is refused by its tenant's ledger in the same turn, whatever KV still says.
import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import type { Ledger } from "../../../durable/ledger.ts";
import type { Registry } from "../../../durable/registry.ts";
import { stopClockOfEach } from "./a-clock.ts";
import { holdRequest, openLedger, settlement } from "./ledger-samples.ts";
import {
  ADMIN,
  catchUp,
  configuration,
  environmentOf,
  fill,
  hash,
  openRegistry,
  tenant,
} from "./registry-samples.ts";

const HOUR_MS = 60 * 60 * 1000;

const clock = stopClockOfEach();

/** Each test has a tenant of its own, because ledgers are named by it. */
async function openWith(tenantId: string): Promise<DurableObjectStub<Registry>> {
  const registry = openRegistry(`keys-${tenantId}`);
  await fill(registry, configuration({ tenants: [tenant(tenantId)] }));
  const order = { id: `${tenantId}-1`, hash: hash(1), tenant: tenantId };
  expect(await registry.createKey(order, ADMIN)).toMatchObject({ kind: "created" });
  return registry;
}

async function keyIn(registry: DurableObjectStub<Registry>, keyId: string) {
  const document = await registry.readKey(keyId);
  return document === null ? null : (JSON.parse(document.documentText) as object);
}

async function holdKind(tenantId: string, callId: string, keyId = `${tenantId}-1`) {
  return (await openLedger(tenantId).hold(holdRequest(callId, { keyId }))).kind;
}

/** Makes the registry's way to ledgers fail. */
async function breakLedgers(registry: DurableObjectStub<Registry>) {
  const { LEDGER } = await environmentOf(registry);
  const away = { revoke: () => Promise.reject(new Error("The ledger is away")) };
  return vi
    .spyOn(LEDGER, "getByName")
    .mockReturnValue(away as unknown as DurableObjectStub<Ledger>);
}

describe("a new key", () => {
  it("is kept under its hash with everything but its secret, and found by either name", async () => {
    const registry = await openWith("create");
    const order = {
      id: "create-2",
      hash: hash(2),
      tenant: "create",
      name: "Build server",
      scopes: ["inference"] as const,
      expiresAtMs: clock.nowMs + HOUR_MS,
    };
    const documentText = JSON.stringify({
      id: "create-2",
      tenant: "create",
      name: "Build server",
      scopes: ["inference"],
      createdAtMs: clock.nowMs,
      expiresAtMs: clock.nowMs + HOUR_MS,
    });
    expect(await registry.createKey(order, ADMIN)).toEqual({
      kind: "created",
      version: 1,
      documentText,
    });
    expect(await registry.find(`key:${hash(2)}`)).toEqual({ version: 1, documentText });
    expect(await registry.readKey("create-2")).toMatchObject({ id: hash(2), documentText });
    expect(await registry.find(`key:${hash(3)}`)).toBeNull();
  });

  it.each<[string, object, string]>([
    ["for a tenant that there is not", { tenant: "nobody" }, "tenant"],
    ["with an id that is taken", { id: "refuse-1" }, "id"],
    ["with a secret that is taken", { hash: hash(1) }, "hash"],
    ["under its secret instead of a hash", { hash: "sk-sluice-abc" }, "hash"],
    ["that has expired already", { expiresAtMs: 1 }, "expiresAtMs"],
    [
      "with a limit that cannot be kept",
      { limits: [{ dimension: "tokens", window: "day", limit: 1, burst: 1, hard: true }] },
      "limits.0.burst",
    ],
    ["with a scope that there is not", { scopes: ["everything"] }, "scopes.0"],
  ])("is not made %s", async (title, changes, path) => {
    const registry = openRegistry(`refused ${title}`);
    await fill(registry, configuration({ tenants: [tenant("refuse")] }));
    await registry.createKey({ id: "refuse-1", hash: hash(1), tenant: "refuse" }, ADMIN);
    const order = { id: "refuse-2", hash: hash(2), tenant: "refuse", ...changes };
    const answer = await registry.createKey(order, ADMIN);
    expect(answer).toMatchObject({ kind: "faulty", faults: [{ path }] });
    expect((await registry.list("key", "", 10)).documents).toHaveLength(1);
  });
});

describe("a revoked key", () => {
  it("is refused by every shard of its tenant, and by the tenant's own ledger", async () => {
    const registry = openRegistry("keys-sharded");
    const sharded = { ...tenant("sharded"), shards: 3 };
    await fill(registry, configuration({ tenants: [sharded] }));
    const order = { id: "sharded-1", hash: hash(1), tenant: "sharded" };
    expect(await registry.createKey(order, ADMIN)).toMatchObject({ kind: "created" });
    const names = ["sharded", "sharded#0", "sharded#1", "sharded#2"];
    for (const name of names) expect(await holdKind(name, "before", "sharded-1")).toBe("held");
    expect(await registry.revokeKey("sharded-1", ADMIN)).toMatchObject({ kind: "revoked" });
    for (const name of names) {
      expect(await holdKind(name, "after", "sharded-1")).toBe("revoked");
      expect(await holdKind(name, "another", "sharded-2")).toBe("held");
    }
  });

  it("holds nothing from the moment that its revocation is answered", async () => {
    const registry = await openWith("revoke");
    expect(await holdKind("revoke", "before")).toBe("held");
    expect(await registry.revokeKey("revoke-1", ADMIN)).toEqual({
      kind: "revoked",
      version: 2,
      revokedAtMs: clock.nowMs,
      isConfirmed: true,
    });
    expect(await openLedger("revoke").hold(holdRequest("after", { keyId: "revoke-1" }))).toEqual({
      kind: "revoked",
      keyId: "revoke-1",
    });
    expect(await keyIn(registry, "revoke-1")).toMatchObject({ revokedAtMs: clock.nowMs });
    // Another key of the tenant is none the worse.
    expect(await holdKind("revoke", "other", "revoke-2")).toBe("held");
  });

  it("ends and settles what it held before, and gets the same answer for the same call", async () => {
    const registry = await openWith("running");
    const request = holdRequest("call", { keyId: "running-1" });
    const held = await openLedger("running").hold(request);
    await registry.revokeKey("running-1", ADMIN);
    expect(await openLedger("running").hold(request)).toEqual(held);
    expect(await openLedger("running").settle(settlement("call"))).toMatchObject({
      kind: "settled",
    });
  });

  it("stays revoked in a ledger that slept, and is revoked once however often it is asked for", async () => {
    const registry = await openWith("again");
    await registry.revokeKey("again-1", ADMIN);
    const revokedAtMs = clock.nowMs;
    clock.advance(HOUR_MS);
    await evictDurableObject(openLedger("again"));
    expect(await holdKind("again", "after")).toBe("revoked");
    expect(await registry.revokeKey("again-1", ADMIN)).toMatchObject({ version: 2, revokedAtMs });
    expect((await registry.audit(0, 100)).filter(({ kind }) => kind === "key")).toHaveLength(2);
  });

  it("is told to a ledger that was away until that confirms", async () => {
    const registry = await openWith("away");
    await catchUp(registry, clock);
    const ledger = openLedger("away");
    const broken = await breakLedgers(registry);
    expect(await registry.revokeKey("away-1", ADMIN)).toMatchObject({ isConfirmed: false });
    expect(await registry.publication()).toMatchObject({
      unconfirmedCount: 1,
      unconfirmed: [{ tenant: "away", keyId: "away-1" }],
    });
    clock.advance(HOUR_MS);
    await runDurableObjectAlarm(registry);
    expect((await registry.publication()).unconfirmed[0]?.tries).toBeGreaterThanOrEqual(2);
    const meanwhile = holdRequest("meanwhile", { keyId: "away-1" });
    expect((await ledger.hold(meanwhile)).kind).toBe("held");
    broken.mockRestore();
    await catchUp(registry, clock);
    expect(await registry.publication()).toMatchObject({ unconfirmedCount: 0 });
    expect(await holdKind("away", "after")).toBe("revoked");
  });

  it("is told although the registry died after writing and before telling", async () => {
    const registry = await openWith("died");
    await catchUp(registry, clock);
    await breakLedgers(registry);
    await registry.revokeKey("died-1", ADMIN);
    vi.restoreAllMocks();
    clock.stop("2030-05-15T18:00:00Z");
    await evictDurableObject(registry);
    expect(await runDurableObjectAlarm(registry)).toBe(true);
    expect(await holdKind("died", "after")).toBe("revoked");
  });

  it("is missing where there is none of that id", async () => {
    const registry = await openWith("missing");
    expect(await registry.revokeKey("nobody", ADMIN)).toEqual({ kind: "missing" });
    expect(
      await registry.rotateKey("nobody", { id: "x", hash: hash(8), overlapMs: 0 }, ADMIN),
    ).toEqual({ kind: "missing" });
  });
});

describe("a rotated key", () => {
  it("opens beside its successor until the overlap ends, and then its ledger refuses it", async () => {
    const registry = await openWith("rotate");
    await catchUp(registry, clock);
    const order = { id: "rotate-2", hash: hash(2), overlapMs: 2 * HOUR_MS };
    const atMs = clock.nowMs;
    expect(await registry.rotateKey("rotate-1", order, ADMIN)).toMatchObject({
      kind: "rotated",
      oldExpiresAtMs: atMs + 2 * HOUR_MS,
    });
    expect(await keyIn(registry, "rotate-2")).toEqual({
      id: "rotate-2",
      tenant: "rotate",
      createdAtMs: atMs,
    });
    expect(await keyIn(registry, "rotate-1")).toMatchObject({ expiresAtMs: atMs + 2 * HOUR_MS });
    clock.advance(HOUR_MS);
    await runDurableObjectAlarm(registry);
    expect(await holdKind("rotate", "old", "rotate-1")).toBe("held");
    expect(await holdKind("rotate", "new", "rotate-2")).toBe("held");
    clock.advance(HOUR_MS);
    await runDurableObjectAlarm(registry);
    expect(await holdKind("rotate", "old-late", "rotate-1")).toBe("revoked");
    expect(await holdKind("rotate", "new-late", "rotate-2")).toBe("held");
  });

  it("is revoked at once when there is no overlap, or when it is revoked within it", async () => {
    const registry = await openWith("turn");
    await registry.rotateKey("turn-1", { id: "turn-2", hash: hash(2), overlapMs: 0 }, ADMIN);
    await catchUp(registry, clock);
    expect(await holdKind("turn", "one")).toBe("revoked");
    const order = { id: "turn-3", hash: hash(3), overlapMs: HOUR_MS };
    await registry.rotateKey("turn-2", order, ADMIN);
    expect(await registry.revokeKey("turn-2", ADMIN)).toMatchObject({ isConfirmed: true });
    expect(await holdKind("turn", "two", "turn-2")).toBe("revoked");
    expect(await holdKind("turn", "three", "turn-3")).toBe("held");
  });

  it("hands on its scopes, its limits and its own end, and never lives longer than that", async () => {
    const registry = await openWith("bounded");
    const expiresAtMs = clock.nowMs + HOUR_MS;
    const scopes = ["usage"] as const;
    const limits = [{ dimension: "tokens", window: "day", limit: 7, hard: true }] as const;
    const bounds = { scopes, limits, expiresAtMs };
    await registry.createKey(
      { id: "bounded-2", hash: hash(2), tenant: "bounded", ...bounds },
      ADMIN,
    );
    const rotation = { id: "bounded-3", hash: hash(3), overlapMs: 24 * HOUR_MS };
    expect(await registry.rotateKey("bounded-2", rotation, ADMIN)).toMatchObject({
      oldExpiresAtMs: expiresAtMs,
    });
    expect(await keyIn(registry, "bounded-3")).toMatchObject({ scopes, limits, expiresAtMs });
  });

  it("has other limits where they were ordered, and none that cannot be kept", async () => {
    const registry = await openWith("raised");
    const daily = (most: number) =>
      ({ dimension: "tokens", window: "day", limit: most, hard: true }) as const;
    const order = { id: "raised-2", hash: hash(2), overlapMs: HOUR_MS };
    const wrong = { ...order, limits: [daily(1), daily(2)] };
    expect(await registry.rotateKey("raised-1", wrong, ADMIN)).toMatchObject({
      faults: [{ path: "limits.1", problem: "tokens per day stands twice" }],
    });
    await registry.rotateKey("raised-1", { ...order, limits: [daily(9)] }, ADMIN);
    expect(await keyIn(registry, "raised-2")).toMatchObject({ limits: [daily(9)] });
    expect(await keyIn(registry, "raised-1")).not.toHaveProperty("limits.0");
    await registry.rotateKey(
      "raised-2",
      { ...order, id: "raised-3", hash: hash(3), limits: [] },
      ADMIN,
    );
    expect(JSON.parse((await registry.readKey("raised-3"))?.documentText ?? "")).not.toHaveProperty(
      "limits",
    );
  });

  it("cannot be one that is dead, nor take a name that is taken", async () => {
    const registry = await openWith("dead");
    const rotation = { id: "dead-1", hash: hash(1), overlapMs: -1 };
    expect(await registry.rotateKey("dead-1", rotation, ADMIN)).toMatchObject({
      faults: [{ path: "hash" }, { path: "id" }, { path: "overlapMs" }],
    });
    await registry.revokeKey("dead-1", ADMIN);
    const order = { id: "dead-2", hash: hash(2), overlapMs: 0 };
    expect(await registry.rotateKey("dead-1", order, ADMIN)).toMatchObject({
      faults: [{ path: "id" }],
    });
    expect(await registry.readKey("dead-2")).toBeNull();
  });
});

describe("a key that died long ago", () => {
  it("is dropped after 400 days, together with the audit of that time", async () => {
    const registry = await openWith("old");
    await registry.revokeKey("old-1", ADMIN);
    clock.advance(401 * 24 * HOUR_MS);
    for (let turn = 0; turn < 3; turn += 1) {
      await runDurableObjectAlarm(registry);
      clock.advance(2 * HOUR_MS);
    }
    expect(await registry.readKey("old-1")).toBeNull();
    expect(await registry.find(`key:${hash(1)}`)).toBeNull();
    expect(await holdKind("old", "after")).toBe("revoked");
    const lines = await registry.audit(0, 100);
    expect(lines[0]?.atMs).toBeGreaterThan(clock.nowMs - 24 * HOUR_MS);
    expect(lines[0]?.seq).toBeGreaterThan(5);
    expect(lines.at(-1)).toMatchObject({ actor: "registry", kind: "key", after: null });
  });

  it("stays while its ledger has not confirmed", async () => {
    const registry = await openWith("owed");
    await catchUp(registry, clock);
    const broken = await breakLedgers(registry);
    await registry.revokeKey("owed-1", ADMIN);
    for (let turn = 0; turn < 3; turn += 1) {
      clock.advance(401 * 24 * HOUR_MS);
      await runDurableObjectAlarm(registry);
    }
    expect(await registry.readKey("owed-1")).not.toBeNull();
    broken.mockRestore();
    await catchUp(registry, clock);
    expect(await holdKind("owed", "after")).toBe("revoked");
  });
});
