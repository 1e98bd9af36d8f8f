// Replicas of the simulator: each with its own cache and fate, and what each tells of its cache.
import { decode } from "@msgpack/msgpack";
import { Subscriber } from "zeromq";
import { afterEach, expect, test } from "vitest";
import { createPrefillQueue } from "../../simulator/prefill-queue.ts";
import { createPrefixCache, type StoredBlocks } from "../../simulator/prefix-cache.ts";
import { startReplicas, type ReplicaOptions, type Replicas } from "../../simulator/replicas.ts";
import { noLatency } from "../../simulator/settings.ts";
import { latinTokenIds, tokenIds } from "../../simulator/tokens.ts";
import { askWhole } from "./ask.ts";

const open: { close(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

async function start(count: number, options: ReplicaOptions = {}): Promise<Replicas> {
  const replicas = await startReplicas(count, {
    ...options,
    settings: { ...noLatency, ...options.settings },
  });
  open.push(replicas);
  return replicas;
}

const body = { model: "sim-mid", messages: [{ role: "user", content: "Rain again. ".repeat(40) }] };

async function cachedAt(url: string, salt = ""): Promise<number> {
  const { usage } = await askWhole(url, { ...body, ...(salt === "" ? {} : { cache_salt: salt }) });
  return usage.prompt_tokens_details.cached_tokens;
}

test("each replica has its own cache, salts part it, and a restart empties it", async () => {
  const { replicas } = await start(2);
  const [one, two] = replicas;
  expect(await cachedAt(one!.url)).toBe(0);
  expect(await cachedAt(one!.url)).toBeGreaterThan(0);
  expect(await cachedAt(two!.url)).toBe(0);
  expect(await cachedAt(one!.url, "pepper")).toBe(0);
  const { url } = one!;
  await one!.restart();
  expect(one!.url).toBe(url);
  expect(await cachedAt(url)).toBe(0);
});

test("a cache that ignores salts finds a prompt under every one, and one that heeds them does not", async () => {
  for (const ignoresSalts of [true, false]) {
    const { replicas } = await start(1, { settings: { ignoresSalts } });
    const { url } = replicas[0]!;
    expect(await cachedAt(url, "pepper")).toBe(0);
    expect((await cachedAt(url, "sugar")) > 0).toBe(ignoresSalts);
  }
});

test("a killed replica is gone while the others answer, and comes back at its address", async () => {
  const { replicas } = await start(2);
  const [one, two] = replicas;
  await one!.kill();
  expect(one!.isUp).toBe(false);
  await expect(fetch(`${one!.url}/health`)).rejects.toThrow("fetch failed");
  expect((await fetch(`${two!.url}/health`)).status).toBe(200);
  await one!.restart();
  expect((await fetch(`${one!.url}/health`)).status).toBe(200);
});

test("it tells what it stored and evicted, in order, as vLLM does", async () => {
  const { replicas } = await start(1, { settings: { cacheBlocks: 10 }, events: { layout: "map" } });
  const { events, url } = replicas[0]!;
  const subscriber = new Subscriber({ linger: 0 });
  open.push(subscriber);
  subscriber.subscribe("");
  const subscribed = new Promise((resolve) => subscriber.events.on("handshake", resolve));
  subscriber.connect(events!.eventsUrl);
  await subscribed;
  // The subscription itself is still on its way; a batch comes through once it has arrived.
  const knocking = setInterval(() => events!.cleared(), 20);
  await subscriber.receive();
  clearInterval(knocking);
  const { sequence } = events!;

  await cachedAt(url, "pepper");
  const stored = await eventsFrom(subscriber, sequence);
  expect(stored[0]).toMatchObject({ type: "BlockStored", parent_block_hash: null, block_size: 16 });
  const extras = stored[0]?.["extra_keys"] as unknown[];
  expect(extras.slice(0, 2)).toEqual([["pepper"], null]);
  await cachedAt(url, "salt");
  const types: unknown[] = [];
  for (let at = sequence + 1; at < events!.sequence; at++)
    types.push(...(await eventsFrom(subscriber, at)).map(({ type }) => type));
  expect(types).toContain("BlockRemoved");
});

async function eventsFrom(
  subscriber: Subscriber,
  sequence: number,
): Promise<Record<string, unknown>[]> {
  for (;;) {
    const [, number, payload] = await subscriber.receive();
    if (Number(number?.readBigUInt64BE()) < sequence) continue;
    return (decode(payload!, { useBigInt64: true }) as [number, Record<string, unknown>[]])[1];
  }
}

test("what a cache tells comes to what it holds, with the tokens of the prompt", () => {
  const told = new Map<number, StoredBlocks>();
  const cache = createPrefixCache({
    blocksHeldMax: 24,
    blockTokens: 4,
    seed: 1,
    listener: {
      changed(stored, removed) {
        for (const run of stored) for (const hash of run.hashes) told.set(hash, run);
        for (const { hash } of removed) expect(told.delete(hash)).toBe(true);
      },
    },
  });
  const scope = { model: "m", salt: "" };
  const prompt = "abcdefghijklmnop".repeat(6);
  cache.admit(prompt, scope);
  const [run] = told.values();
  expect(told.size).toBe(6);
  expect(run?.parent).toBe(null);
  expect(latinTokenIds(run!.bytes)).toEqual(tokenIds(prompt));
  cache.admit(`${prompt}${"more".repeat(8)}`, scope);
  const longer = [...told.values()].at(-1);
  expect(longer?.parent).toBe(run?.hashes.at(-1));
  for (let at = 0; at < 20; at++) cache.admit(`${at}`.padEnd(64, "x"), scope);
  expect(told.size).toBe(24);
});

test("names a block otherwise after each start", () => {
  const names = [1, 2].map((seed) => {
    const found: number[] = [];
    createPrefixCache({
      blocksHeldMax: 8,
      blockTokens: 4,
      seed,
      listener: { changed: (stored) => void found.push(...stored.flatMap(({ hashes }) => hashes)) },
    }).admit("x".repeat(32), { model: "m", salt: "" });
    return found;
  });
  expect(names[0]?.length).toBe(2);
  expect(names[0]).not.toEqual(names[1]);
});

test("prompts queue where they are told to, and a slow replica takes longer", () => {
  const free = createPrefillQueue(false);
  expect(free.enter(0, 100)).toEqual({ waitMs: 0, prefillMs: 100 });
  expect(free.enter(0, 100)).toEqual({ waitMs: 0, prefillMs: 100 });
  const queue = createPrefillQueue(true);
  expect(queue.enter(0, 100)).toEqual({ waitMs: 0, prefillMs: 100 });
  expect(queue.enter(40, 100)).toEqual({ waitMs: 60, prefillMs: 100 });
  queue.slowness = 4;
  expect(queue.enter(200, 100)).toEqual({ waitMs: 0, prefillMs: 400 });
  expect(queue.enter(1_000, 50)).toEqual({ waitMs: 0, prefillMs: 200 });
});

test("the tokenizer counts a chat's tools, as the usage does", async () => {
  const { replicas } = await start(1);
  const { url } = replicas[0]!;
  const tool = { type: "function", function: { name: "look", description: "Looks.".repeat(9) } };
  const counts: number[] = [];
  for (const tools of [[], [tool]]) {
    const asked = JSON.stringify({ ...body, tools });
    const response = await fetch(`${url}/tokenize`, { method: "POST", body: asked });
    const { count } = (await response.json()) as { count: number };
    expect((await askWhole(url, { ...body, tools })).usage.prompt_tokens).toBe(count);
    counts.push(count);
  }
  expect(counts[1]).toBeGreaterThan(counts[0]!);
});
