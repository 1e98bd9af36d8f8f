// KV holds what the registry holds, sooner or later, whatever happens on the way, and never an older version after a
// newer.
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Registry } from "../../../durable/registry.ts";
import { stopClockOfEach } from "./a-clock.ts";
import {
  ADMIN,
  breakStore,
  catalog,
  catchUp,
  configuration,
  emptyStore,
  environmentOf,
  fill,
  hash,
  held,
  openRegistry,
  policy,
  stored,
  tenant,
} from "./registry-samples.ts";

const HOUR_MS = 60 * 60 * 1000;

const clock = stopClockOfEach();
afterEach(async () => {
  vi.restoreAllMocks();
  await emptyStore();
});

async function putPolicy(registry: DurableObjectStub<Registry>, version: string): Promise<string> {
  const seen = (await registry.read("policy", "plain"))?.version ?? 0;
  const text = JSON.stringify(policy("plain", { version }));
  expect(await registry.put("policy", "plain", text, seen, ADMIN)).toMatchObject({
    kind: "written",
  });
  return text;
}

describe("a document that was written", () => {
  it("is in KV at once, and its registry says so", async () => {
    const registry = openRegistry("at-once");
    await fill(registry);
    await expect.poll(async () => (await registry.publication()).unpublishedCount).toBe(0);
    expect(await stored()).toEqual(await held(registry));
    expect(await registry.read("tenant", "acme")).toMatchObject({ isPublished: true });
  });

  it("waits for KV while that takes no writes, and the write itself does not fail", async () => {
    const registry = openRegistry("put-fails");
    await fill(registry);
    await catchUp(registry, clock);
    clock.advance(2000);
    const before = await stored();
    const broken = await breakStore(registry, "put");
    const text = await putPolicy(registry, "2");
    await expect
      .poll(async () => (await registry.publication()).unpublished)
      .toMatchObject([{ kind: "policy", id: "plain", version: 2, putVersion: 1, tries: 1 }]);
    expect(await registry.read("policy", "plain")).toMatchObject({
      documentText: text,
      isPublished: false,
    });
    expect(await stored()).toEqual(before);
    clock.advance(HOUR_MS);
    await runDurableObjectAlarm(registry);
    expect((await registry.publication()).unpublished[0]?.tries).toBeGreaterThanOrEqual(2);
    broken.mockRestore();
    await catchUp(registry, clock);
    expect(await stored()).toEqual({ ...before, "policy:plain": text });
  });

  it("is not taken for published before KV was seen to hold it", async () => {
    const registry = openRegistry("get-fails");
    const broken = await breakStore(registry, "get");
    await fill(registry);
    await expect
      .poll(async () => (await registry.publication()).unpublished.map(({ tries }) => tries))
      .toEqual([1, 1, 1, 1, 1]);
    broken.mockRestore();
    await catchUp(registry, clock);
    expect(await registry.publication()).toMatchObject({ unpublishedCount: 0 });
    expect(await stored()).toEqual(await held(registry));
  });

  it("comes to KV although the registry died before it told KV", async () => {
    const registry = openRegistry("dies");
    await fill(registry);
    await catchUp(registry, clock);
    clock.advance(2000);
    await breakStore(registry, "put");
    const text = await putPolicy(registry, "2");
    vi.restoreAllMocks();
    clock.stop("2030-05-15T18:00:00Z");
    await evictDurableObject(registry);
    await runDurableObjectAlarm(registry);
    await catchUp(registry, clock);
    expect(await env.CONFIGURATION.get("policy:plain")).toBe(text);
  });

  it("comes to KV although the platform dropped the alarm, once the registry wakes", async () => {
    const registry = openRegistry("dropped");
    const broken = await breakStore(registry, "put");
    await fill(registry);
    await expect
      .poll(async () => (await registry.publication()).unpublished.map(({ tries }) => tries))
      .toEqual([1, 1, 1, 1, 1]);
    broken.mockRestore();
    await runInDurableObject(registry, (_, { storage }) => storage.deleteAlarm());
    await evictDurableObject(registry);
    expect((await registry.publication()).unpublishedCount).toBe(5);
    await catchUp(registry, clock);
    expect(await stored()).toEqual(await held(registry));
  });

  it("leaves KV when it was removed, and a revoked key stays there as revoked", async () => {
    const registry = openRegistry("leaves");
    await fill(registry);
    await registry.createKey({ id: "leaves", hash: hash(1), tenant: "acme" }, ADMIN);
    await catchUp(registry, clock);
    clock.advance(2000);
    await registry.remove("policy", "spare", 1, ADMIN);
    await registry.revokeKey("leaves", ADMIN);
    await catchUp(registry, clock);
    expect(await stored()).toEqual(await held(registry));
    expect(await env.CONFIGURATION.get("policy:spare")).toBeNull();
    expect(await env.CONFIGURATION.get(`key:${hash(1)}`)).toContain("revokedAtMs");
  });
});

describe("the order in KV", () => {
  it("is that of the versions, with a second between two writes of one key", async () => {
    const registry = openRegistry("order");
    await fill(registry);
    await catchUp(registry, clock);
    const { CONFIGURATION: store } = await environmentOf(registry);
    const put = store.put.bind(store) as (name: string, text: string) => Promise<void>;
    const begun: { text: string; atMs: number }[] = [];
    // A slow KV: later versions are written while an earlier one is still on its way.
    vi.spyOn(store, "put").mockImplementation(async (name: string, text: unknown) => {
      begun.push({ text: String(text), atMs: Date.now() });
      await new Promise((resolve) => setTimeout(resolve, 20));
      await put(name, String(text));
    });
    clock.advance(2000);
    const texts: string[] = [];
    for (let version = 2; version < 8; version += 1) {
      texts.push(await putPolicy(registry, String(version)));
      clock.advance(400);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await catchUp(registry, clock);
    expect(begun.length).toBeGreaterThan(1);
    const order = begun.map(({ text }) => texts.indexOf(text));
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(new Set(order).size).toBe(order.length);
    for (const [index, { atMs }] of begun.entries())
      expect(atMs - (begun[index - 1]?.atMs ?? 0)).toBeGreaterThanOrEqual(1000);
    expect(await env.CONFIGURATION.get("policy:plain")).toBe(texts.at(-1));
  });

  it("is set right when a put that had failed lands after the version that followed it", async () => {
    const registry = openRegistry("late");
    await fill(registry);
    await catchUp(registry, clock);
    clock.advance(2000);
    const broken = await breakStore(registry, "put");
    const late = await putPolicy(registry, "2");
    await expect
      .poll(async () => (await registry.publication()).unpublished[0]?.tries)
      .toBeGreaterThanOrEqual(1);
    broken.mockRestore();
    clock.advance(2000);
    const text = await putPolicy(registry, "3");
    await expect.poll(() => env.CONFIGURATION.get("policy:plain")).toBe(text);
    expect((await registry.publication()).unpublishedCount).toBe(1);
    await env.CONFIGURATION.put("policy:plain", late);
    await catchUp(registry, clock);
    expect(await env.CONFIGURATION.get("policy:plain")).toBe(text);
  });
});

type Step =
  | { kind: "put"; of: "policy" | "tenant"; id: string; value: number }
  | { kind: "catalog"; value: number }
  | { kind: "remove"; of: "policy" | "tenant"; id: string }
  | { kind: "key"; number: number }
  | { kind: "revoke"; number: number }
  | { kind: "import"; value: number }
  | { kind: "break"; isBroken: boolean }
  | { kind: "alarm"; waitMs: number };

const id = fc.constantFrom("plain", "spare", "third");
const of = fc.constantFrom("policy" as const, "tenant" as const);
const value = fc.integer({ min: 1, max: 99 });
const number = fc.integer({ min: 1, max: 4 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("put" as const), of, id, value }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("catalog" as const), value }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("remove" as const), of, id }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("key" as const), number }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("revoke" as const), number }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("import" as const), value }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("break" as const), isBroken: fc.boolean() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("alarm" as const),
      waitMs: fc.integer({ min: 0, max: HOUR_MS }),
    }),
  },
);

async function take(registry: DurableObjectStub<Registry>, one: Step): Promise<void> {
  const versionOf = async (kind: "catalog" | "policy" | "tenant", name: string) =>
    (await registry.read(kind, name))?.version ?? 0;
  switch (one.kind) {
    case "put": {
      const changes = { policy: "plain", name: `n${one.value}` };
      const document =
        one.of === "policy"
          ? policy(one.id, { version: `v${one.value}` })
          : tenant(one.id, changes);
      const seen = await versionOf(one.of, one.id);
      await registry.put(one.of, one.id, JSON.stringify(document), seen, ADMIN);
      return;
    }
    case "catalog": {
      const text = JSON.stringify({ ...catalog(), version: `v${one.value}` });
      await registry.put("catalog", "catalog", text, await versionOf("catalog", "catalog"), ADMIN);
      return;
    }
    case "remove":
      await registry.remove(one.of, one.id, await versionOf(one.of, one.id), ADMIN);
      return;
    case "key":
      await registry.createKey(
        { id: `k${one.number}`, hash: hash(one.number), tenant: "plain" },
        ADMIN,
      );
      return;
    case "revoke":
      await registry.revokeKey(`k${one.number}`, ADMIN);
      return;
    case "import":
      await registry.importAll(
        configuration({ tenants: [tenant("plain", { name: `n${one.value}` })] }),
        ADMIN,
        { expectedRevision: null },
      );
      return;
    case "break": {
      vi.restoreAllMocks();
      clock.stop(new Date(clock.nowMs).toISOString());
      if (one.isBroken) await breakStore(registry, "put");
      return;
    }
    case "alarm":
      clock.advance(one.waitMs);
      await runDurableObjectAlarm(registry);
  }
}

describe("any history of writes, failures and alarms", () => {
  it("leaves KV equal to the registry, and the audit replayed equal to both", async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        await emptyStore();
        run += 1;
        const registry = openRegistry(`history-${run}`);
        await fill(registry, configuration({ tenants: [tenant("plain")] }));
        for (const one of steps) await take(registry, one);
        await take(registry, { kind: "break", isBroken: false });
        await catchUp(registry, clock);

        expect(await registry.publication()).toMatchObject({
          unpublishedCount: 0,
          unconfirmedCount: 0,
        });
        const state = await held(registry);
        expect(await stored()).toEqual(state);

        const replayed = new Map<string, string>();
        let seq = 0;
        for (const line of await registry.audit(0, 200)) {
          const name = line.kind === "catalog" ? line.id : `${line.kind}:${line.id}`;
          expect(line.seq).toBe((seq += 1));
          expect(line.before).toBe(replayed.get(name) ?? null);
          if (line.after === null) replayed.delete(name);
          else replayed.set(name, line.after);
        }
        expect(Object.fromEntries(replayed)).toEqual(state);
      }),
      { numRuns: 25 },
    );
  }, 60_000);
});
