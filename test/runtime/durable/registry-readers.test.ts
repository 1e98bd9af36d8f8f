// What a Worker keeps serving when KV or the registry fails it, and how it learns of what KV does not know.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { stopClockOfEach } from "./a-clock.ts";
import { LATER_MS, absent, away, findIn, found, openReader } from "./reader-samples.ts";
import {
  ADMIN,
  catchUp,
  emptyStore,
  environmentOf,
  fill,
  hash,
  openRegistry,
  policy,
} from "./registry-samples.ts";

const clock = stopClockOfEach();
let logged: string[];
beforeEach(() => {
  logged = [];
  vi.spyOn(console, "error").mockImplementation((line) => logged.push(String(line)));
});

describe("a key that KV does not know", () => {
  it("opens as soon as the registry has it", async () => {
    const registry = openRegistry("reader-new");
    await fill(registry);
    const { CONFIGURATION: store } = await environmentOf(registry);
    vi.spyOn(store, "put").mockRejectedValue(new Error("KV is away"));
    await registry.createKey({ id: "new", hash: hash(1), tenant: "acme" }, ADMIN);
    const { configuration, asked } = openReader(findIn(registry));
    expect(await configuration.key(hash(1))).toMatchObject({ id: "new", tenant: "acme" });
    expect(await configuration.key(hash(1))).toMatchObject({ id: "new" });
    expect(asked).toHaveBeenCalledTimes(1);
  });

  it("is asked for once in five seconds when the registry does not know it either", async () => {
    const { configuration, asked } = openReader(absent);
    for (let turn = 0; turn < 5; turn += 1) {
      expect(await configuration.key(hash(2))).toBeNull();
      clock.advance(900);
    }
    expect(asked).toHaveBeenCalledTimes(1);
    clock.advance(1000);
    expect(await configuration.key(hash(2))).toBeNull();
    expect(asked).toHaveBeenCalledTimes(2);
  });

  it("is asked for at most ten times a second, however many are made up", async () => {
    const { configuration, asked, cache } = openReader(absent);
    for (let number = 100; number < 150; number += 1)
      expect(await configuration.key(hash(number))).toBeNull();
    expect(asked).toHaveBeenCalledTimes(10);
    // Those that were not asked for are not remembered as absent: the next second may be theirs.
    expect(cache.missing.size).toBe(10);
    clock.advance(1000);
    expect(await configuration.key(hash(149))).toBeNull();
    expect(asked).toHaveBeenCalledTimes(11);
  });

  it("does not keep a client waiting for a registry that is silent", async () => {
    const { configuration } = openReader(() => new Promise(() => undefined));
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const answer = configuration.key(hash(3));
      // KV answers in real time; only then does the wait begin.
      for (let turn = 0; turn < 50; turn += 1) {
        await env.CONFIGURATION.get("nothing");
        await vi.advanceTimersByTimeAsync(100);
      }
      expect(await answer).toBeNull();
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("a key's document that is corrupt in KV", () => {
  it.each([
    ["not JSON", "{"],
    ["another document", JSON.stringify(policy("plain"))],
  ])("as %s is taken from the registry", async (_, text) => {
    await env.CONFIGURATION.put(`key:${hash(4)}`, text);
    const { configuration } = openReader(async () => found({ id: "whole", tenant: "acme" }));
    expect(await configuration.key(hash(4))).toEqual({ id: "whole", tenant: "acme", limits: [] });
  });

  it("opens nothing when the registry never made such a key", async () => {
    await env.CONFIGURATION.put(`key:${hash(5)}`, "{");
    expect(await openReader(absent).configuration.key(hash(5))).toBeNull();
    expect(await openReader(away).configuration.key(hash(5))).toBeNull();
  });

  it("leaves the last good one in force while the registry is away", async () => {
    const key = { id: "good", tenant: "acme", limits: [] };
    await env.CONFIGURATION.put(`key:${hash(6)}`, JSON.stringify(key));
    const { configuration } = openReader(away);
    expect(await configuration.key(hash(6))).toEqual(key);
    await env.CONFIGURATION.put(`key:${hash(6)}`, "{");
    clock.advance(LATER_MS);
    expect(await configuration.key(hash(6))).toEqual(key);
  });
});

describe("a document that was read", () => {
  it("is believed for thirty seconds, and then read again", async () => {
    await env.CONFIGURATION.put("policy:plain", JSON.stringify(policy("plain", { lambda: 0.1 })));
    const { configuration, asked } = openReader(absent);
    expect(await configuration.policy("plain")).toMatchObject({ lambda: 0.1 });
    await env.CONFIGURATION.put("policy:plain", JSON.stringify(policy("plain", { lambda: 0.9 })));
    clock.advance(29_999);
    expect(await configuration.policy("plain")).toMatchObject({ lambda: 0.1 });
    clock.advance(1);
    expect(await configuration.policy("plain")).toMatchObject({ lambda: 0.9 });
    expect(asked).not.toHaveBeenCalled();
  });
});

describe("a flood of made-up keys", () => {
  it("does not keep a fresh isolate from the documents of a real tenant", async () => {
    const registry = openRegistry("reader-flood");
    await fill(registry);
    await catchUp(registry, clock);
    await emptyStore();
    const { configuration, asked } = openReader(findIn(registry));
    for (let number = 200; number < 260; number += 1) await configuration.key(hash(number));
    expect(asked).toHaveBeenCalledTimes(10);
    expect(await configuration.tenant("acme")).not.toBeNull();
    expect(await configuration.policy("plain")).not.toBeNull();
    expect(await configuration.catalog()).not.toBeNull();
  });
});
