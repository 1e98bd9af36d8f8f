// The relay beside a simulated engine: events over real ZeroMQ in, keys over HTTP out, and everything that can be missed,
// repeated or forgotten on either side.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { startRelay, type Relay } from "../../../durable/cli/kv-relay/relay.ts";
import { prefixRoot, tokenKeys } from "../../../policies/prefix/keyed-hash.ts";
import type { BlockEvents } from "../../simulator/block-events.ts";
import { startReplicas, type Replica, type ReplicaOptions } from "../../simulator/replicas.ts";
import { noLatency } from "../../simulator/settings.ts";
import { RELAY_TOKEN, startToldGateway, type ToldGateway } from "./told-gateway.ts";

const SECRET = new TextEncoder().encode("pool-secret-of-a-journey");
const PROGRAM = join(import.meta.dirname, "../../../durable/cli/kv-relay.ts");
const MODEL = "sim-mid";
/** Everything here follows within milliseconds; a shared machine may stretch that. */
const SOON = { timeout: 20_000, interval: 20 };

interface Scene {
  readonly replica: Replica;
  readonly gateway: ToldGateway;
  readonly relay: Relay;
  readonly notes: readonly string[];
}

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

async function scene(options: ReplicaOptions = {}, token = RELAY_TOKEN): Promise<Scene> {
  const pool = await startReplicas(1, {
    ...options,
    settings: { ...noLatency, ...options.settings },
    events: { model: MODEL, ...options.events },
  });
  open.push(() => pool.close());
  const [replica] = pool.replicas;
  const gateway = await startToldGateway();
  open.push(() => gateway.close());
  const notes: string[] = [];
  const relay = startRelay({
    engine: {
      eventsUrl: eventsOf(replica!).eventsUrl,
      replayUrl: eventsOf(replica!).replayUrl,
      topic: "",
    },
    rank: null,
    residency: { secret: SECRET, model: MODEL, revision: "", blocksMax: 100_000 },
    sender: { pool: "pool", replica: "r0", model: MODEL },
    delivery: {
      gateway: { url: gateway.url, token },
      flushMs: 5,
      askMs: 100,
      chance: () => 0.5,
      nowMs: Date.now,
      note: (event, fields) => notes.push(JSON.stringify({ event, ...fields })),
    },
  });
  open.push(() => {
    relay.close();
    return relay.done;
  });
  return { replica: replica!, gateway, relay, notes };
}

function eventsOf({ events }: Replica): BlockEvents {
  if (events === null) throw new Error("this replica tells nothing");
  return events;
}

function prompt(text: string): { role: string; content: string }[] {
  return [{ role: "user", content: text.repeat(120) }];
}

async function ask({ url }: Replica, text: string, salt = ""): Promise<void> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    body: JSON.stringify({
      model: MODEL,
      messages: prompt(text),
      ...(salt === "" ? {} : { cache_salt: salt }),
    }),
  });
  expect(response.status).toBe(200);
  await response.arrayBuffer();
}

/** The keys of a prompt as the gateway would make them, from the engine's own tokenizer and the salt that it gave. */
async function keysOf({ url }: Replica, text: string, salt = ""): Promise<number[]> {
  const response = await fetch(`${url}/tokenize`, {
    method: "POST",
    body: JSON.stringify({ model: MODEL, messages: prompt(text) }),
  });
  const { tokens } = (await response.json()) as { tokens: number[] };
  const root = prefixRoot(SECRET, {
    model: MODEL,
    revision: "",
    adapter: "",
    namespace: salt,
    domain: "tokens64",
  });
  const keys = [...tokenKeys(root, tokens, 10_000)];
  expect(keys.length).toBeGreaterThan(5);
  return keys;
}

function shareOf(keys: readonly number[], { keys: told }: ToldGateway): number {
  return keys.filter((key) => told.has(key)).length / keys.length;
}

/** The gateway's set is the relay's, and so in size and by every count that came with a batch. */
async function settled({ gateway, relay }: Scene): Promise<void> {
  await expect.poll(() => gateway.keys.size - relay.report().held, SOON).toBe(0);
  expect(gateway.miscounts).toBe(0);
}

it.each([
  { layout: "array", hashes: "int", cacheBlockTokens: 16 },
  { layout: "map", hashes: "bytes", cacheBlockTokens: 32 },
  { layout: "map", hashes: "int", cacheBlockTokens: 128 },
] as const)(
  "tells what an engine caches under the keys that the gateway makes: $layout, $hashes, blocks of $cacheBlockTokens",
  async ({ layout, hashes, cacheBlockTokens }) => {
    const all = await scene({ settings: { cacheBlockTokens }, events: { layout, hashes } });
    const { replica, gateway } = all;
    const mine = "What the tides do to the mud. ";
    await ask(replica, mine, "salt-of-one");
    const keys = await keysOf(replica, mine, "salt-of-one");
    // Of a prompt's end only whole blocks of the engine count.
    const whole = keys.slice(0, keys.length - (keys.length % Math.max(1, cacheBlockTokens / 64)));
    await expect.poll(() => shareOf(whole, gateway), SOON).toBe(1);
    expect(shareOf(await keysOf(replica, mine, "salt-of-two"), gateway)).toBe(0);
    expect(shareOf(await keysOf(replica, mine), gateway)).toBe(0);
    await settled(all);
    const said = [...gateway.bodies, ...all.notes].join();
    expect(said).not.toContain("salt-of");
    expect(said).not.toContain("token_ids");
  },
);

it("tells what was evicted, and what a reset took", async () => {
  const all = await scene({ settings: { cacheBlocks: 64 } });
  const { replica, gateway } = all;
  await ask(replica, "The first of them goes first. ");
  const first = await keysOf(replica, "The first of them goes first. ");
  await expect.poll(() => shareOf(first, gateway), SOON).toBe(1);
  for (const name of ["second", "third", "fourth"])
    await ask(replica, `Then comes the ${name} of them. `);
  await expect.poll(() => shareOf(first, gateway), SOON).toBe(0);
  await settled(all);
  eventsOf(replica).cleared();
  await expect.poll(() => gateway.keys.size, SOON).toBe(0);
  expect(gateway.batches.at(-1)?.operations[0]?.op).toBe("cleared");
});

it("asks the engine again for what was lost on the way, and takes nothing twice", async () => {
  const all = await scene();
  const { replica, gateway, relay } = all;
  await ask(replica, "Before the gap. ");
  await expect.poll(() => relay.report().batches, SOON).toBeGreaterThan(0);
  eventsOf(replica).lose(3);
  for (const name of ["one", "two", "three", "four"]) await ask(replica, `In the gap, ${name}. `);
  eventsOf(replica).repeat();
  for (const name of ["one", "two", "three", "four"])
    await expect
      .poll(async () => shareOf(await keysOf(replica, `In the gap, ${name}. `), gateway), SOON)
      .toBe(1);
  await expect.poll(() => relay.report().batches, SOON).toBe(eventsOf(replica).sequence);
  expect(relay.report().lostBatches).toBe(0);
  await settled(all);
});

it("tells everything anew when the engine no longer has what was lost", async () => {
  const all = await scene({ events: { batchesKept: 2 } });
  const { replica, gateway, relay } = all;
  await ask(replica, "Before the gap. ");
  const before = await keysOf(replica, "Before the gap. ");
  await expect.poll(() => shareOf(before, gateway), SOON).toBe(1);
  const snapshots = countSnapshots(gateway);
  eventsOf(replica).lose(8);
  for (const name of ["one", "two", "three", "four", "five", "six"])
    await ask(replica, `In the gap, ${name}. `);
  await expect.poll(() => relay.report().lostBatches, SOON).toBeGreaterThan(0);
  await expect.poll(() => countSnapshots(gateway), SOON).toBeGreaterThan(snapshots);
  expect(shareOf(before, gateway)).toBe(1);
  expect(shareOf(await keysOf(replica, "In the gap, one. "), gateway)).toBe(0);
  await settled(all);
});

it("notices an engine that started anew, and forgets what the one before had", async () => {
  const all = await scene();
  const { replica, gateway } = all;
  for (const name of ["one", "two"]) await ask(replica, `An old prompt, ${name}. `);
  const old = await keysOf(replica, "An old prompt, one. ");
  await expect.poll(() => shareOf(old, gateway), SOON).toBe(1);
  const { epoch } = gateway;
  await replica.restart();
  await ask(replica, "A new prompt. ");
  await expect
    .poll(async () => shareOf(await keysOf(replica, "A new prompt. "), gateway), SOON)
    .toBe(1);
  expect(gateway.epoch).toBeGreaterThan(epoch);
  expect(shareOf(old, gateway)).toBe(0);
  await settled(all);
});

it("tells a gateway that forgot, that was away or that asks again what it missed", async () => {
  const all = await scene();
  const { replica, gateway } = all;
  await ask(replica, "A first prompt. ");
  const first = await keysOf(replica, "A first prompt. ");
  await expect.poll(() => shareOf(first, gateway), SOON).toBe(1);

  // Nothing new happens, and still it is asked whether it knows.
  gateway.forget();
  await expect.poll(() => shareOf(first, gateway), SOON).toBe(1);
  expect(gateway.asked.snapshot).toBeGreaterThan(0);

  gateway.fail(2, 503);
  await ask(replica, "While it was away. ");
  const second = await keysOf(replica, "While it was away. ");
  await expect.poll(() => shareOf(second, gateway), SOON).toBe(1);

  const { length } = gateway.batches;
  const again = gateway.batches.findLast(({ operations }) => operations.length > 0)!;
  gateway.askAgainFrom(again.sequence);
  await expect
    .poll(
      () =>
        gateway.batches
          .slice(length)
          .some(({ sequence, operations }) => sequence === again.sequence && operations.length > 0),
      SOON,
    )
    .toBe(true);
  await settled(all);
  expect(gateway.asked.replay).toBe(1);
});

it("says once what the gateway refuses, and shows neither secret", async () => {
  const { gateway, notes } = await scene({}, "a-wrong-token");
  await expect.poll(() => notes.join(), SOON).toContain("gateway-failure");
  expect(notes.join()).toContain('"status":401');
  expect(gateway.batches).toEqual([]);
  for (const secret of ["a-wrong-token", "pool-secret"]) expect(notes.join()).not.toContain(secret);
});

it("runs as a program until it is told to stop", async () => {
  const { replica, gateway, relay } = await scene();
  await ask(replica, "For two relays. ");
  await expect.poll(() => gateway.keys.size, SOON).toBeGreaterThan(5);
  const held = gateway.keys.size;
  relay.close();
  await relay.done;
  gateway.forget();
  const program = spawn(
    process.execPath,
    [
      PROGRAM,
      "--gateway",
      gateway.url,
      "--pool",
      "pool",
      "--replica",
      "r0",
      "--model",
      MODEL,
      "--events",
      eventsOf(replica).eventsUrl,
      "--replay",
      eventsOf(replica).replayUrl,
    ],
    {
      env: {
        SLUICE_POOL_SECRET: new TextDecoder().decode(SECRET),
        SLUICE_RELAY_TOKEN: RELAY_TOKEN,
      },
    },
  );
  const ended = once(program, "exit");
  open.push(async () => {
    program.kill("SIGKILL");
    await ended;
  });
  let said = "";
  program.stderr.on("data", (chunk) => (said += String(chunk)));
  await expect.poll(() => gateway.keys.size, SOON).toBe(held);
  program.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
  expect(said).toContain('"event":"kv-relay.report"');
  expect(said).not.toContain(RELAY_TOKEN);
});

function countSnapshots({ batches }: ToldGateway): number {
  return batches.filter(({ operations }) => operations[0]?.op === "snapshot").length;
}
