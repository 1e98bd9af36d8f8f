// A write is seen at once by the isolate that took it, however long KV shows what was there before.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { forgetDocument } from "../../../worker/configuration.ts";
import { stopClock, type Clock } from "./a-clock.ts";
import { LATER_MS, findIn, openReader } from "./reader-samples.ts";
import {
  ADMIN,
  breakStore,
  catchUp,
  configuration as configurationOf,
  fill,
  hash,
  openRegistry,
  policy,
  tenant,
} from "./registry-samples.ts";

let clock: Clock;
let logged: string[];
beforeEach(() => {
  clock = stopClock();
  logged = [];
  vi.spyOn(console, "error").mockImplementation((line) => logged.push(String(line)));
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** A registry that KV agrees with until its puts and deletes begin to fail, and an isolate that has read all. */
async function openLagging(name: string) {
  const registry = openRegistry(name);
  await fill(registry);
  await registry.createKey({ id: `key-${name}`, hash: hash(900), tenant: "acme" }, ADMIN);
  await catchUp(registry, clock);
  const reader = openReader(findIn(registry));
  expect(await reader.configuration.policy("plain")).toMatchObject({ lambda: 0.2 });
  expect(await reader.configuration.policy("spare")).not.toBeNull();
  expect(await reader.configuration.key(hash(900))).not.toBeNull();
  const faults = [await breakStore(registry, "put")];
  const heal = () => faults.map((fault) => fault.mockRestore());
  const write = async (lambda: number, version: number) => {
    const text = JSON.stringify(policy("plain", { lambda }));
    const answer = await registry.put("policy", "plain", text, version, ADMIN);
    expect(answer.kind).toBe("written");
    forgetDocument(reader.cache, "policy:plain");
  };
  return { registry, ...reader, write, heal };
}

it("what was put is read at once, and never the old copy again while KV lags", async () => {
  const { registry, configuration, write, heal } = await openLagging("own-put");
  await write(0.7, 1);
  for (let turn = 0; turn < 4; turn += 1) {
    expect(await configuration.policy("plain")).toMatchObject({ lambda: 0.7 });
    clock.advance(LATER_MS);
  }
  expect(await env.CONFIGURATION.get("policy:plain")).not.toContain("0.7");
  await write(0.9, 2);
  expect(await configuration.policy("plain")).toMatchObject({ lambda: 0.9 });
  heal();
  await catchUp(registry, clock);
  expect(await configuration.policy("plain")).toMatchObject({ lambda: 0.9 });
});

it("once KV shows it too, the registry is left alone, and is not told that anything was lost", async () => {
  const { registry, configuration, asked, cache, write, heal } = await openLagging("own-agreed");
  await write(0.7, 1);
  heal();
  await catchUp(registry, clock);
  clock.advance(10 * 60_000);
  expect(await configuration.policy("plain")).toMatchObject({ lambda: 0.7 });
  expect(asked).toHaveBeenCalledTimes(1);
  expect(cache.ahead.size).toBe(0);
  clock.advance(LATER_MS);
  expect(await configuration.policy("plain")).toMatchObject({ lambda: 0.7 });
  expect(asked).toHaveBeenCalledTimes(1);
  expect(logged.join()).not.toContain("publication-doubted");
  expect(logged.join()).not.toContain("configuration-lost");
});

it("what was removed is gone, and what was revoked is known to be, while KV still has both", async () => {
  const { registry, configuration, cache } = await openLagging("own-removal");
  vi.spyOn(env.CONFIGURATION, "delete").mockRejectedValue(new Error("KV is away"));
  await registry.remove("policy", "spare", 1, ADMIN);
  forgetDocument(cache, "policy:spare");
  expect(await configuration.policy("spare")).toBeNull();
  expect(await env.CONFIGURATION.get("policy:spare")).not.toBeNull();
  clock.advance(LATER_MS);
  expect(await configuration.policy("spare")).toBeNull();
  await registry.revokeKey("key-own-removal", ADMIN);
  forgetDocument(cache, `key:${hash(900)}`);
  expect(await configuration.key(hash(900))).toHaveProperty("revokedAtMs");
});

it("an import is seen like any other write", async () => {
  const { registry, configuration, cache } = await openLagging("own-import");
  const text = configurationOf({
    policies: [policy("plain", { lambda: 0.4 }), policy("spare")],
    tenants: [tenant("acme", { name: "Renamed" }), tenant("globex")],
  });
  const imported = await registry.importAll(text, ADMIN, { expectedRevision: null });
  if (imported.kind !== "imported") throw new Error(JSON.stringify(imported));
  for (const { kind, id } of imported.changes) forgetDocument(cache, `${kind}:${id}`);
  expect(await configuration.policy("plain")).toMatchObject({ lambda: 0.4 });
  expect(await configuration.tenant("acme")).toMatchObject({ name: "Renamed" });
});

it("a read that began before a write leaves no old copy behind it", async () => {
  const { configuration, asked, cache, write } = await openLagging("own-race");
  await write(0.3, 1);
  const answer = asked.getMockImplementation();
  asked.mockImplementationOnce(async (name, isLost) => {
    const old = (await answer?.(name, isLost)) ?? null;
    await write(0.8, 2);
    return old;
  });
  expect(await configuration.policy("plain")).toMatchObject({ lambda: 0.3 });
  expect(await configuration.policy("plain")).toMatchObject({ lambda: 0.8 });
  expect(cache.ahead.size).toBe(1);
});

it("with the registry away KV's copy serves, and one that is newer is not given up for it", async () => {
  const { configuration, asked, cache, write } = await openLagging("own-away");
  forgetDocument(cache, "policy:spare");
  asked.mockRejectedValueOnce(new Error("away"));
  expect(await configuration.policy("spare")).toMatchObject({ name: "spare" });
  await write(0.7, 1);
  expect(await configuration.policy("plain")).toMatchObject({ lambda: 0.7 });
  clock.advance(LATER_MS);
  asked.mockRejectedValueOnce(new Error("away"));
  expect(await configuration.policy("plain")).toMatchObject({ lambda: 0.7 });
});
