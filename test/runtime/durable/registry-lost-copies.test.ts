// What a Worker serves while documents are gone from KV or bad in it.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Configuration } from "../../../worker/configuration.ts";
import { stopClockOfEach } from "./a-clock.ts";
import { LATER_MS, absent, away, findIn, found, openReader } from "./reader-samples.ts";
import {
  ADMIN,
  catalog,
  catchUp,
  configuration as configurationOf,
  emptyStore,
  environmentOf,
  fill,
  hash,
  openRegistry,
  organisation,
  policy,
  tenant,
} from "./registry-samples.ts";

const clock = stopClockOfEach();
let logged: string[];
beforeEach(() => {
  logged = [];
  vi.spyOn(console, "error").mockImplementation((line) => logged.push(String(line)));
});

describe("an empty KV", () => {
  it("leaves what an isolate has read in force, keys too while the registry is away", async () => {
    const registry = openRegistry("reader-empty");
    await fill(registry);
    await registry.createKey({ id: "kept", hash: hash(7), tenant: "acme" }, ADMIN);
    await catchUp(registry, clock);
    const { configuration } = openReader(away);
    const read = () =>
      Promise.all([
        configuration.catalog(),
        configuration.policy("plain"),
        configuration.tenant("acme"),
        configuration.key(hash(7)),
      ]);
    const before = await read();
    expect(before).not.toContain(null);
    await emptyStore();
    for (let turn = 0; turn < 3; turn += 1) {
      clock.advance(LATER_MS);
      expect(await read()).toEqual(before);
    }
    expect(logged.join()).toContain("configuration-lost");
    // A fresh isolate has nothing to keep.
    expect(await openReader(away).configuration.catalog()).toBeNull();
  });

  it("is made up for by the registry in a fresh isolate, once for each document", async () => {
    const registry = openRegistry("reader-fresh");
    await fill(registry, configurationOf({ organisations: [organisation("holding")] }));
    await registry.createKey({ id: "fresh", hash: hash(9), tenant: "acme" }, ADMIN);
    await catchUp(registry, clock);
    await emptyStore();
    const { configuration, asked } = openReader(findIn(registry));
    for (let turn = 0; turn < 3; turn += 1) {
      expect(await configuration.key(hash(9))).toMatchObject({ id: "fresh" });
      expect(await configuration.tenant("acme")).toMatchObject({ id: "acme" });
      expect(await configuration.policy("plain")).toMatchObject({ name: "plain" });
      expect(await configuration.organisation("holding")).toMatchObject({ zone: "UTC" });
      expect(await configuration.catalog()).toMatchObject({ version: "1" });
    }
    expect(asked).toHaveBeenCalledTimes(5);
    expect(await configuration.policy("none-such")).toBeNull();
    expect(await configuration.tenant("nobody")).toBeNull();
    expect(await configuration.organisation("nobody")).toBeNull();
  });

  it("lets an isolate that has read everything hear of new versions all the same", async () => {
    const registry = openRegistry("reader-warm");
    await fill(registry);
    await catchUp(registry, clock);
    const { configuration } = openReader(findIn(registry));
    expect(await configuration.policy("plain")).toMatchObject({ lambda: 0.2 });
    const { CONFIGURATION: store } = await environmentOf(registry);
    vi.spyOn(store, "put").mockRejectedValue(new Error("KV is away"));
    await emptyStore();
    await registry.put("policy", "plain", JSON.stringify(policy("plain", { lambda: 1 })), 1, ADMIN);
    clock.advance(LATER_MS);
    expect(await configuration.policy("plain")).toMatchObject({ lambda: 1 });
  });

  it("does not open a key that the registry has revoked", async () => {
    const registry = openRegistry("reader-revoked");
    await fill(registry);
    await registry.createKey({ id: "revoked", hash: hash(10), tenant: "acme" }, ADMIN);
    await registry.revokeKey("revoked", ADMIN);
    await catchUp(registry, clock);
    await emptyStore();
    const key = await openReader(findIn(registry)).configuration.key(hash(10));
    expect(key?.revokedAtMs).toBeGreaterThan(0);
  });

  it("serves every request of a burst that meets it, and asks once for each document", async () => {
    const registry = openRegistry("reader-burst");
    await fill(registry);
    await catchUp(registry, clock);
    await emptyStore();
    const { configuration, asked } = openReader(findIn(registry));
    const burst = await Promise.all(
      Array.from({ length: 40 }, () =>
        Promise.all([
          configuration.tenant("acme"),
          configuration.policy("plain"),
          configuration.catalog(),
        ]),
      ),
    );
    expect(burst.flat()).not.toContain(null);
    expect(asked).toHaveBeenCalledTimes(3);
  });

  it("takes a key away that the registry does not know", async () => {
    await env.CONFIGURATION.put(`key:${hash(8)}`, JSON.stringify({ id: "k", tenant: "acme" }));
    const { configuration } = openReader(absent);
    expect(await configuration.key(hash(8))).not.toBeNull();
    await env.CONFIGURATION.delete(`key:${hash(8)}`);
    clock.advance(LATER_MS);
    expect(await configuration.key(hash(8))).toBeNull();
  });
});

describe("a document that is bad in KV", () => {
  const good = { catalog: catalog(), policy: policy("plain"), tenant: tenant("acme") };
  const nameOf = { catalog: "catalog", policy: "policy:plain", tenant: "tenant:acme" };
  type Kind = keyof typeof good;
  const kinds = Object.keys(good) as Kind[];
  const read = (of: Configuration, kind: Kind) =>
    kind === "catalog" ? of.catalog() : kind === "policy" ? of.policy("plain") : of.tenant("acme");
  const bad: [string, (kind: Kind) => string][] = [
    ["cut short", (kind) => JSON.stringify(good[kind]).slice(0, 20)],
    ["without what it must have", () => "{}"],
    ["another document", () => JSON.stringify(tenant("globex"))],
  ];
  const cases = kinds.flatMap((kind) => bad.map(([how, write]) => [kind, how, write] as const));

  it.each(cases)(
    "(%s, %s) leaves the last good one in force while the registry is away, and says so in the log",
    async (kind, _how, write) => {
      await env.CONFIGURATION.put(nameOf[kind], JSON.stringify(good[kind]));
      const { configuration } = openReader(away);
      const before = await read(configuration, kind);
      expect(before).not.toBeNull();
      await env.CONFIGURATION.put(nameOf[kind], write(kind));
      clock.advance(LATER_MS);
      expect(await read(configuration, kind)).toEqual(before);
      expect(logged.map((line) => JSON.parse(line) as object)).toContainEqual(
        expect.objectContaining({ event: "configuration-bad", document: nameOf[kind] }),
      );
      // A fresh isolate has no good one, and takes the bad one for none.
      expect(await read(openReader(away).configuration, kind)).toBeNull();
    },
  );

  it.each(cases)(
    "(%s, %s) is the registry's in a fresh isolate and in one that has read it",
    async (kind, _how, write) => {
      await env.CONFIGURATION.put(nameOf[kind], write(kind));
      const newer = {
        ...good[kind],
        ...(kind === "tenant" ? { name: "Newer" } : { version: "2" }),
      };
      const { configuration } = openReader(async () => found(newer));
      expect(await read(configuration, kind)).toMatchObject(newer);
      clock.advance(LATER_MS);
      expect(await read(configuration, kind)).toMatchObject(newer);
    },
  );

  it("gives way to a good one as soon as KV has that", async () => {
    await env.CONFIGURATION.put("policy:plain", "{}");
    const { configuration } = openReader(async () => found(good.policy));
    expect(await configuration.policy("plain")).toMatchObject({ lambda: 0.2 });
    await env.CONFIGURATION.put("policy:plain", JSON.stringify(policy("plain", { lambda: 1 })));
    clock.advance(LATER_MS);
    expect(await configuration.policy("plain")).toMatchObject({ lambda: 1 });
  });

  it("and in the registry too leaves the last good one in force, and both are told", async () => {
    await env.CONFIGURATION.put("policy:plain", JSON.stringify(good.policy));
    const { configuration } = openReader(async () => found({ name: "plain" }));
    const before = await configuration.policy("plain");
    await env.CONFIGURATION.put("policy:plain", "{}");
    clock.advance(LATER_MS);
    expect(await configuration.policy("plain")).toEqual(before);
    expect(logged.filter((line) => line.includes("configuration-bad"))).toHaveLength(2);
  });
});
