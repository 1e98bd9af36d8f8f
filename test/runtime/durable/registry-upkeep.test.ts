// A KV that somebody emptied or wrote over becomes again what the registry holds: each hour, when an operator says so, and
// as soon as a Worker misses something.
import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { stopClockOfEach } from "./a-clock.ts";
import {
  ADMIN,
  catalog,
  catchUp,
  configuration,
  emptyStore,
  fill,
  hash,
  held,
  openRegistry,
  policy,
  stored,
} from "./registry-samples.ts";

const HOUR_MS = 60 * 60 * 1000;

const clock = stopClockOfEach();
afterEach(async () => {
  vi.restoreAllMocks();
  await emptyStore();
});

describe("a KV that others changed", () => {
  it("that was emptied is filled again within an hour", async () => {
    const registry = openRegistry("emptied");
    await fill(registry);
    await catchUp(registry, clock);
    await runDurableObjectAlarm(registry);
    const before = await stored();
    await emptyStore();
    clock.advance(HOUR_MS);
    await runDurableObjectAlarm(registry);
    await catchUp(registry, clock);
    expect(await stored()).toEqual(before);
  });

  it("that was emptied is filled again in steps where documents are many", async () => {
    const registry = openRegistry("many");
    const names = Array.from({ length: 130 }, (_, index) => `p${index}`);
    const policies = ["plain", ...names].map((name) => policy(name));
    await fill(registry, configuration({ policies }));
    await catchUp(registry, clock);
    await runDurableObjectAlarm(registry);
    await emptyStore();
    clock.advance(HOUR_MS);
    for (let step = 0; step < 3; step += 1) {
      await runDurableObjectAlarm(registry);
      await catchUp(registry, clock);
      clock.advance(10_000);
    }
    expect(Object.keys(await stored())).toHaveLength(131 + 1 + 2);
  }, 20_000);

  it("is set right at once when an operator says so, whatever was written over", async () => {
    const registry = openRegistry("written-over");
    await fill(registry);
    await catchUp(registry, clock);
    await env.CONFIGURATION.put("catalog", "{}");
    await env.CONFIGURATION.put("policy:strange", "{}");
    clock.advance(2000);
    await registry.republish();
    await runDurableObjectAlarm(registry);
    await catchUp(registry, clock);
    // A document that the registry never had is not its to remove.
    expect(await stored()).toEqual({ ...(await held(registry)), "policy:strange": "{}" });
  });

  it.each([
    ["a key", `key:${hash(1)}`],
    ["a tenant", "tenant:acme"],
    ["the catalog", "catalog"],
  ])(
    "that does not know %s is compared as soon as somebody asks for it, and says so",
    async (title, name) => {
      const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
      const registry = openRegistry(`doubt ${title}`);
      await fill(registry);
      await registry.createKey(
        { id: `doubt-${name.length}`, hash: hash(1), tenant: "acme" },
        ADMIN,
      );
      await catchUp(registry, clock);
      await runDurableObjectAlarm(registry);
      const before = await stored();
      await emptyStore();
      clock.advance(10 * 60_000);
      expect(await registry.find(name)).toMatchObject({ version: 1, documentText: before[name] });
      expect(logged.mock.calls.join()).toContain("publication-doubted");
      clock.advance(2000);
      await runDurableObjectAlarm(registry);
      await catchUp(registry, clock);
      // What is doubted is not counted as unpublished, so there is nothing else to wait for.
      await expect.poll(stored).toEqual(before);
    },
  );
});

describe("a document asked for by KV's name", () => {
  it("is the one that stands, and nothing that was refused, removed or never made", async () => {
    const registry = openRegistry("find");
    await fill(registry);
    const text = JSON.stringify(policy("plain", { lambda: 0.5 }));
    await registry.put("policy", "plain", text, 1, ADMIN);
    await registry.put("policy", "plain", '{"name":"plain"}', 2, ADMIN);
    await registry.put("policy", "spare", JSON.stringify(policy("spare")), 1, ADMIN, {
      isDryRun: true,
    });
    await registry.remove("policy", "spare", 1, ADMIN);
    expect(await registry.find("policy:plain")).toEqual({ version: 2, documentText: text });
    expect(await registry.find("catalog")).toEqual({
      version: 1,
      documentText: JSON.stringify(catalog()),
    });
    for (const name of [
      "policy:spare",
      "policy:acme",
      "tenant:",
      "tenant:nobody",
      `key:${hash(1)}`,
      "catalog:catalog",
      "audit:1",
      "",
      "tenantacme",
    ])
      expect(await registry.find(name), name).toBeNull();
  });
});
