// The relay beside a simulated engine and the real gateway: what the engine caches reaches the pool's index, over real
// ZeroMQ and HTTP.
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { startRelay, type Relay } from "../../../durable/cli/kv-relay/relay.ts";
import type { Replica } from "../../simulator/replicas.ts";
import { admin } from "../admin/admin-client.ts";
import {
  POOL_ID,
  POOL_SECRET,
  startPooledGateway,
  type PooledGateway,
} from "../support/pooled-gateway.ts";

const RELAY_TOKEN = "relay-token-of-a-journey-0123456789";
const MODEL = "sim-mid";
/** Everything here follows within milliseconds; a shared machine may stretch that. */
const SOON = { timeout: 20_000, interval: 50 };

interface PoolFields {
  readonly replicas: readonly {
    readonly id: string;
    readonly epoch: number | null;
    readonly held_blocks: number | null;
  }[];
}

let pooled: PooledGateway;
beforeAll(async () => {
  const events = { model: MODEL };
  pooled = await startPooledGateway(4, {}, { events }, { secrets: { POOL_SECRET, RELAY_TOKEN } });
});
afterAll(() => pooled.dispose());

const relays: Relay[] = [];
afterEach(async () => {
  for (const relay of relays.splice(0)) {
    relay.close();
    await relay.done;
  }
});

function relayOf(
  { id, events }: Replica,
  changes: { readonly token?: string; readonly replica?: string } = {},
): { readonly relay: Relay; readonly notes: readonly string[] } {
  if (events === null) throw new Error("this replica tells nothing");
  const notes: string[] = [];
  const relay = startRelay({
    engine: { eventsUrl: events.eventsUrl, replayUrl: events.replayUrl, topic: "" },
    rank: null,
    residency: {
      secret: new TextEncoder().encode(POOL_SECRET),
      model: MODEL,
      revision: "",
      blocksMax: 100_000,
    },
    sender: { pool: POOL_ID, replica: changes.replica ?? id, model: MODEL },
    delivery: {
      gateway: { url: pooled.gateway.url, token: changes.token ?? RELAY_TOKEN },
      flushMs: 5,
      askMs: 100,
      chance: () => 0.5,
      nowMs: Date.now,
      note: (event, fields) => notes.push(JSON.stringify({ event, ...fields })),
    },
  });
  relays.push(relay);
  return { relay, notes };
}

async function reportOf(id: string) {
  const { body } = await admin<PoolFields>(pooled.gateway, `GET /pools/${POOL_ID}`);
  return body.replicas.find((one) => one.id === id)!;
}

async function heldOf(id: string): Promise<number | null> {
  return (await reportOf(id)).held_blocks;
}

async function ask({ url }: Replica, text: string): Promise<void> {
  const messages = [{ role: "user", content: text.repeat(120) }];
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    body: JSON.stringify({ model: MODEL, messages, cache_salt: "salt-of-a-caller" }),
  });
  expect(response.status).toBe(200);
  await response.arrayBuffer();
}

it("the index counts what each engine caches, through a restart of an engine and of the Worker", async () => {
  const [first, second] = pooled.replicas as [Replica, Replica];
  const { relay, notes } = relayOf(first);
  expect(await heldOf("r0")).toBeNull();
  await ask(first, "Why the tide turns twice a day. ");
  await expect.poll(() => relay.report().held, SOON).toBeGreaterThan(5);
  await expect.poll(() => heldOf("r0"), SOON).toBe(relay.report().held);
  expect(await heldOf("r1")).toBeNull();

  relayOf(second);
  await ask(second, "Of the mud flats and who lives there. ");
  await expect.poll(() => heldOf("r1"), SOON).toBeGreaterThan(5);

  const { epoch } = await reportOf("r0");
  await first.restart();
  await ask(first, "A short one. ");
  await expect.poll(async () => (await reportOf("r0")).epoch, SOON).toBeGreaterThan(epoch!);
  await expect.poll(() => heldOf("r0"), SOON).toBe(relay.report().held);

  // The index forgets what it had in memory, and the relay tells it again.
  await pooled.gateway.startAnew();
  await expect.poll(() => heldOf("r0"), SOON).toBe(relay.report().held);
  const said = [...notes, ...pooled.gateway.logged].join();
  for (const secret of [RELAY_TOKEN, POOL_SECRET, "salt-of"]) expect(said).not.toContain(secret);
});

it.each([
  {
    at: 2,
    what: "a wrong token",
    changes: { token: "relay-token-of-nobody-0123456789abc" },
    status: 401,
  },
  { at: 3, what: "a replica that the catalog has not", changes: { replica: "r9" }, status: 404 },
])("a relay with $what hears why, and the index hears nothing", async ({ at, changes, status }) => {
  const replica = pooled.replicas[at]!;
  const { relay, notes } = relayOf(replica, changes);
  await ask(replica, "Nobody hears of this. ");
  await expect.poll(() => relay.report().held, SOON).toBeGreaterThan(5);
  await expect.poll(() => notes.join(), SOON).toContain(`"status":${status}`);
  expect(await heldOf(replica.id)).toBeNull();
});
