// The breaker's object inside workerd: its state outlives eviction, and one upstream's is not another's.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { breakerOf } from "../../../durable/reach.ts";
import { stopClockOfEach } from "./a-clock.ts";

const SETTINGS = { failures: 2, windowMs: 30_000, cooldownMs: 10_000 };

const clock = stopClockOfEach();

function evict(upstreamId: string): Promise<void> {
  return evictDurableObject(env.BREAKER.getByName(`upstream:${upstreamId}`));
}

async function open(upstreamId: string): Promise<void> {
  const breaker = breakerOf(env.BREAKER, upstreamId);
  expect(await breaker.report(false, SETTINGS)).toEqual({ state: "closed" });
  expect(await breaker.report(false, SETTINGS)).toEqual({ state: "open" });
}

describe("a breaker", () => {
  it("is closed for an upstream that nobody reported", async () => {
    expect(await breakerOf(env.BREAKER, "fresh").permit(SETTINGS)).toEqual({
      state: "closed",
      permitted: true,
      retryInMs: 0,
    });
  });

  it("stays open across eviction, and another upstream stays closed", async () => {
    await open("asleep");
    await evict("asleep");
    clock.advance(4_000);
    expect(await breakerOf(env.BREAKER, "asleep").permit(SETTINGS)).toEqual({
      state: "open",
      permitted: false,
      retryInMs: 6_000,
    });
    expect(await breakerOf(env.BREAKER, "awake").permit(SETTINGS)).toMatchObject({
      permitted: true,
    });
  });

  it("shows how it stands without taking the probe's slot", async () => {
    const breaker = breakerOf(env.BREAKER, "watched");
    await breaker.report(false, SETTINGS);
    expect(await breaker.look(SETTINGS)).toEqual({
      state: "closed",
      permitted: true,
      retryInMs: 0,
      recentFailures: 1,
    });
    await breaker.report(false, SETTINGS);
    expect(await breaker.look(SETTINGS)).toMatchObject({ state: "open", retryInMs: 10_000 });
    clock.advance(10_000);
    for (let glance = 0; glance < 3; glance += 1)
      expect(await breaker.look(SETTINGS)).toMatchObject({ state: "open", permitted: true });
    expect(await breaker.permit(SETTINGS)).toMatchObject({ state: "half-open", permitted: true });
    expect(await breaker.look(SETTINGS)).toMatchObject({ state: "half-open", permitted: false });
  });

  it("counts failures across eviction", async () => {
    await breakerOf(env.BREAKER, "counting").report(false, SETTINGS);
    await evict("counting");
    expect(await breakerOf(env.BREAKER, "counting").report(false, SETTINGS)).toEqual({
      state: "open",
    });
  });

  it("lets one of many parallel callers through when half-open, and remembers across eviction that it did", async () => {
    await open("probed");
    clock.advance(10_000);
    const breaker = breakerOf(env.BREAKER, "probed");
    const permits = await Promise.all(Array.from({ length: 20 }, () => breaker.permit(SETTINGS)));
    expect(permits.filter(({ permitted }) => permitted)).toHaveLength(1);
    expect(permits.every(({ state }) => state === "half-open")).toBe(true);
    await evict("probed");
    expect(await breakerOf(env.BREAKER, "probed").permit(SETTINGS)).toMatchObject({
      state: "half-open",
      permitted: false,
    });
  });

  it("closes when the probe succeeds, also across eviction", async () => {
    await open("healed");
    clock.advance(10_000);
    const breaker = breakerOf(env.BREAKER, "healed");
    await breaker.permit(SETTINGS);
    expect(await breaker.report(true, SETTINGS)).toEqual({ state: "closed" });
    await evict("healed");
    expect(await breakerOf(env.BREAKER, "healed").permit(SETTINGS)).toMatchObject({
      state: "closed",
      permitted: true,
    });
  });

  it("opens again when the probe fails", async () => {
    await open("sick");
    clock.advance(10_000);
    const breaker = breakerOf(env.BREAKER, "sick");
    await breaker.permit(SETTINGS);
    expect(await breaker.report(false, SETTINGS)).toEqual({ state: "open" });
    expect(await breaker.permit(SETTINGS)).toMatchObject({ permitted: false, retryInMs: 10_000 });
  });

  it("writes nothing while its circuit stays closed, and writes when it changes", async () => {
    const stored = (): Promise<unknown> =>
      runInDurableObject<DurableObject, unknown>(
        env.BREAKER.getByName("upstream:quiet"),
        (_, { storage }) => storage.get("data"),
      );
    const breaker = breakerOf(env.BREAKER, "quiet");
    await breaker.permit(SETTINGS);
    await breaker.report(true, SETTINGS);
    expect(await stored()).toBeUndefined();
    await breaker.report(false, SETTINGS);
    expect(await stored()).toEqual({ circuit: { kind: "closed", failedAtMs: [clock.nowMs] } });
  });

  it("is found by an id that looks like an object's own", async () => {
    expect(await breakerOf(env.BREAKER, "f".repeat(64)).permit(SETTINGS)).toMatchObject({
      permitted: true,
    });
  });
});
