// A conversation's memory inside workerd: across eviction, for a day, and for one tenant only.
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { conversationOf } from "../../../durable/reach.ts";
import { stopClockOfEach } from "./a-clock.ts";

const HOUR_MS = 60 * 60 * 1000;

const clock = stopClockOfEach();

describe("a conversation", () => {
  it("recalls nothing before it remembers", async () => {
    expect(await conversationOf(env.CONVERSATION, "acme", "new").recall()).toBeNull();
  });

  it("recalls the latest arm across eviction", async () => {
    const conversation = conversationOf(env.CONVERSATION, "acme", "sleeps");
    await conversation.remember("small/direct");
    clock.advance(1_000);
    await conversation.remember("large/long");
    await evictDurableObject(conversation);
    expect(await conversation.recall()).toEqual({ arm: "large/long", atMs: clock.nowMs });
  });

  it("keeps beside an arm what it would have been without the budget's price, until the next arm", async () => {
    const conversation = conversationOf(env.CONVERSATION, "acme", "degraded");
    await conversation.remember("small/short", "large/long");
    // A recall that counts as a use writes as well.
    clock.advance(HOUR_MS);
    await conversation.recall();
    await evictDurableObject(conversation);
    const kept = { arm: "small/short", undegraded: "large/long" };
    expect(await conversation.recall()).toEqual({ ...kept, atMs: clock.nowMs });
    await conversation.remember("large/long");
    expect(await conversation.recall()).toEqual({ arm: "large/long", atMs: clock.nowMs });
  });

  it("forgets itself by alarm a day after the last use, storage and all", async () => {
    const conversation = conversationOf(env.CONVERSATION, "acme", "forgets");
    await conversation.remember("small/direct");
    clock.advance(24 * HOUR_MS);
    expect(await runDurableObjectAlarm(conversation)).toBe(true);
    expect(await conversation.recall()).toBeNull();
    await runInDurableObject(conversation, async (_, { storage }) => {
      expect([...storage.kv.list()]).toEqual([]);
      expect(await storage.getAlarm()).toBeNull();
    });
  });

  it("tells nothing that is due to be forgotten, though the alarm is late", async () => {
    const conversation = conversationOf(env.CONVERSATION, "acme", "late");
    await conversation.remember("small/direct");
    clock.advance(24 * HOUR_MS - 1);
    expect(await conversation.recall()).toMatchObject({ arm: "small/direct" });
    clock.advance(24 * HOUR_MS);
    expect(await conversation.recall()).toBeNull();
  });

  it("lives on when it was recalled meanwhile, and forgets a day after that", async () => {
    const conversation = conversationOf(env.CONVERSATION, "acme", "lives");
    await conversation.remember("small/direct");
    clock.advance(20 * HOUR_MS);
    expect(await conversation.recall()).toEqual({
      arm: "small/direct",
      atMs: clock.nowMs - 20 * HOUR_MS,
    });
    clock.advance(20 * HOUR_MS);
    expect(await runDurableObjectAlarm(conversation)).toBe(true);
    expect(await conversation.recall()).toEqual({
      arm: "small/direct",
      atMs: clock.nowMs - 20 * HOUR_MS,
    });
    clock.advance(24 * HOUR_MS);
    expect(await runDurableObjectAlarm(conversation)).toBe(true);
    expect(await conversation.recall()).toBeNull();
  });

  it("is another one for another tenant with the same session", async () => {
    await conversationOf(env.CONVERSATION, "acme", "shared").remember("small/direct");
    expect(await conversationOf(env.CONVERSATION, "bolt", "shared").recall()).toBeNull();
  });
});
