// The index with events: a relay beside the engine tells in tokens what that caches, the engine's own tokenizer ties it to
// prompts, and what the engine dropped is not expected of it any more. Without either, it is.
import { afterEach, describe, expect, test, vi } from "vitest";
import { startRelay, type Relay } from "../../../durable/cli/kv-relay/relay.ts";
import type { Replica } from "../../simulator/replicas.ts";
import {
  POOL_ID,
  POOL_SECRET,
  startPooledGateway,
  type Message,
  type PooledGateway,
} from "../support/pooled-gateway.ts";

const RELAY_TOKEN = "relay-token-of-a-journey-0123456789";
const MODEL = "sim-mid";
/** Everything here follows within milliseconds; a shared machine may stretch that. */
const SOON = { timeout: 20_000, interval: 50 };
/** Two of the prompts below, of some hundred blocks of sixteen tokens each; the catalog says far more. */
const CACHE_BLOCKS = 250;
const ASKED = { fields: { model: "mid" } };

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

async function start(hasRelay: boolean, tokenizes: boolean): Promise<PooledGateway> {
  const pooled = await startPooledGateway(
    1,
    { tokenizes },
    { settings: { cacheBlocks: CACHE_BLOCKS }, events: { model: MODEL } },
    { secrets: { POOL_SECRET, RELAY_TOKEN } },
  );
  open.push(() => pooled.dispose());
  if (!hasRelay) return pooled;
  const relay = relayOf(pooled.replicas[0]!, pooled.gateway.url);
  open.push(() => {
    relay.close();
    return relay.done;
  });
  return pooled;
}

function relayOf({ id, events }: Replica, gatewayUrl: string): Relay {
  if (events === null) throw new Error("This replica tells nothing.");
  return startRelay({
    engine: { eventsUrl: events.eventsUrl, replayUrl: events.replayUrl, topic: "" },
    rank: null,
    residency: {
      secret: new TextEncoder().encode(POOL_SECRET),
      model: MODEL,
      revision: "",
      blocksMax: 100_000,
    },
    sender: { pool: POOL_ID, replica: id, model: MODEL },
    delivery: {
      gateway: { url: gatewayUrl, token: RELAY_TOKEN },
      flushMs: 5,
      askMs: 100,
      chance: () => 0.5,
      nowMs: Date.now,
      note: () => undefined,
    },
  });
}

function prompt(topic: string): Message[] {
  const text = Array.from({ length: 200 }, (_, at) => `Sentence ${at} is about ${topic}.`).join(
    " ",
  );
  return [{ role: "user", content: text }];
}

/** Asks for one prompt, then for others until the engine has dropped it. */
async function askAndPushOut(pooled: PooledGateway, topic: string): Promise<void> {
  await pooled.say(prompt(topic), ASKED);
  for (let at = 0; at < 4; at += 1) await pooled.say(prompt(`${topic} ${at}`), ASKED);
}

describe("what an engine has dropped", () => {
  test("is not expected of it where its relay says so and its tokenizer was asked", async () => {
    const pooled = await start(true, true);
    let round = 0;
    await vi.waitFor(async () => {
      round += 1;
      await askAndPushOut(pooled, `rivers ${round}`);
      const after = await pooled.say(prompt(`rivers ${round}`), ASKED);
      expect(after).toMatchObject({ status: 200, cachedTokens: 0, predictedTokens: 0 });
      // And what it still has is expected, so that the zero above is knowledge.
      const again = await pooled.say(prompt(`rivers ${round}`), ASKED);
      expect(again.cachedTokens).toBeGreaterThan(0);
      expect(again.predictedTokens).toBeGreaterThan(0);
    }, SOON);
  });

  test.each([
    ["its relay is heard and the tokens of prompts are unknown", true, false],
    ["nobody tells of it", false, true],
  ])("is still expected where %s", async (_, hasRelay, tokenizes) => {
    const pooled = await start(hasRelay, tokenizes);
    await askAndPushOut(pooled, "lakes");
    const after = await pooled.say(prompt("lakes"), ASKED);
    expect(after.cachedTokens).toBe(0);
    expect(after.predictedTokens).toBeGreaterThan(0);
  });
});
