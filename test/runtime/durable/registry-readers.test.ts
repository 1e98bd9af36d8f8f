// What a Worker keeps serving when KV or the registry fails it, and how it learns of a key that KV does not know.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { FoundKey } from "../../../policies/administration.ts";
import {
  Configuration,
  newDocumentCache,
  type DocumentCache,
} from "../../../worker/configuration.ts";
import { keyLookup } from "../../../worker/key-lookup.ts";
import { stopClock, type Clock } from "./ledger-samples.ts";
import {
  ADMIN,
  catchUp,
  environmentOf,
  fill,
  hash,
  openRegistry,
  policy,
} from "./registry-samples.ts";

/** Past the isolate's cache of anything. */
const LATER_MS = 31_000;

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

/** One isolate's view: its cache lives as long as this. */
function openReader(
  find: (hash: string) => Promise<FoundKey | null>,
  cache: DocumentCache = newDocumentCache(),
) {
  const asked = vi.fn(find);
  const now = () => clock.nowMs;
  const lookUp = keyLookup(asked, { secondMs: 0, lookups: 0 }, now);
  return { configuration: new Configuration(env.CONFIGURATION, cache, now, lookUp), asked, cache };
}

const absent = () => Promise.resolve(null);
const away = () => Promise.reject(new Error("The registry is away"));

function found(number: number, document: object): FoundKey {
  return { hash: hash(number), version: 1, documentText: JSON.stringify(document) };
}

describe("a key that KV does not know", () => {
  it("opens as soon as the registry has it", async () => {
    const registry = openRegistry("reader-new");
    await fill(registry);
    const { CONFIGURATION: store } = await environmentOf(registry);
    vi.spyOn(store, "put").mockRejectedValue(new Error("KV is away"));
    await registry.createKey({ id: "new", hash: hash(1), tenant: "acme" }, ADMIN);
    const { configuration, asked } = openReader(
      async (of) => (await registry.findKey(of)) as FoundKey | null,
    );
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
    const { configuration } = openReader(async () => found(4, { id: "whole", tenant: "acme" }));
    expect(await configuration.key(hash(4))).toEqual({ id: "whole", tenant: "acme" });
  });

  it("opens nothing when the registry never made such a key", async () => {
    await env.CONFIGURATION.put(`key:${hash(5)}`, "{");
    expect(await openReader(absent).configuration.key(hash(5))).toBeNull();
    expect(await openReader(away).configuration.key(hash(5))).toBeNull();
  });

  it("leaves the last good one in force while the registry is away", async () => {
    const key = { id: "good", tenant: "acme" };
    await env.CONFIGURATION.put(`key:${hash(6)}`, JSON.stringify(key));
    const { configuration } = openReader(away);
    expect(await configuration.key(hash(6))).toEqual(key);
    await env.CONFIGURATION.put(`key:${hash(6)}`, "{");
    clock.advance(LATER_MS);
    expect(await configuration.key(hash(6))).toEqual(key);
  });
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
    const { keys } = await env.CONFIGURATION.list();
    await Promise.all(keys.map(({ name }) => env.CONFIGURATION.delete(name)));
    for (let turn = 0; turn < 3; turn += 1) {
      clock.advance(LATER_MS);
      expect(await read()).toEqual(before);
    }
    // A fresh isolate has nothing to keep.
    expect(await openReader(away).configuration.catalog()).toBeNull();
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

describe("a new document that is bad in KV", () => {
  it("leaves the last good one in force, and says so in the log", async () => {
    await env.CONFIGURATION.put("policy:plain", JSON.stringify(policy("plain")));
    const { configuration } = openReader(absent);
    const good = await configuration.policy("plain");
    await env.CONFIGURATION.put("policy:plain", '{"name": "plain"}');
    clock.advance(LATER_MS);
    expect(await configuration.policy("plain")).toEqual(good);
    expect(logged.join()).toContain("configuration-bad");
    await env.CONFIGURATION.put("policy:plain", JSON.stringify(policy("plain", { lambda: 1 })));
    clock.advance(LATER_MS);
    expect(await configuration.policy("plain")).toMatchObject({ lambda: 1 });
  });
});
