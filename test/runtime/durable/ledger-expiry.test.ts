// Holds that nobody ends: they expire by the ledger's own alarm, are charged, and may be corrected once.
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import type { Ledger } from "../../../durable/ledger.ts";
import { stopClockOfEach } from "./a-clock.ts";
import {
  dump,
  entriesOf,
  holdRequest,
  offer,
  openHolds,
  openLedger,
  settlement,
  tokenLimit,
  totalOf,
  usageOf,
} from "./ledger-samples.ts";

const SUSPENSE_MS = 600_000;

const clock = stopClockOfEach();

describe("a hold that nobody ends", () => {
  it("expires by alarm and is charged its input and the output that its lifetime allows", async () => {
    const ledger = openLedger("expiry-alarm");
    await ledger.hold(holdRequest("a", { ttlMs: 2_000 }));
    await ledger.hold(holdRequest("b", { ttlMs: 60_000 }));
    clock.advance(5_000);
    expect(await runDurableObjectAlarm(ledger)).toBe(true);
    // 100 of input and 2 s at 100 tokens/s; b still holds 500.
    expect(await totalOf(ledger)).toEqual({ spent: 300, held: 500, over: 0 });
    expect(await entriesOf(ledger, 2)).toMatchObject([
      {
        op: "expire",
        callId: "a",
        certainty: "unknown",
        ending: "expired",
        suspendedUntilMs: null,
        charged: { requests: 1, tokens: 300 },
      },
    ]);
    clock.advance(60_000);
    expect(await runDurableObjectAlarm(ledger)).toBe(true);
    expect(await totalOf(ledger)).toEqual({ spent: 300 + 500, held: 0, over: 0 });
    expect(await openHolds(ledger)).toBe(0);
  });

  it("is left alone by an alarm that comes before its time or twice, and expires at the next", async () => {
    const ledger = openLedger("expiry-early");
    await ledger.hold(holdRequest("a"));
    await runInDurableObject(ledger, async (instance) => {
      await instance.alarm();
      await Promise.all([instance.alarm(), instance.alarm()]);
    });
    expect(await openHolds(ledger)).toBe(1);
    clock.advance(60_000);
    await runInDurableObject(ledger, (instance) =>
      Promise.all([instance.alarm(), instance.alarm()]),
    );
    expect((await entriesOf(ledger)).map(({ op }) => op)).toEqual(["hold", "expire"]);
  });

  it("is cleared by the next hold when the alarm is late, and the room is free in the same turn", async () => {
    const ledger = openLedger("expiry-sweep");
    const limits = [tokenLimit(800)];
    await ledger.hold(holdRequest("a", { limits, ttlMs: 1_000 }));
    expect(
      await ledger.hold(holdRequest("b", { limits, offers: [offer({ outputTokensMin: 400 })] })),
    ).toMatchObject({ kind: "refused" });
    clock.advance(1_000);
    expect(await ledger.hold(holdRequest("b", { limits }))).toMatchObject({
      kind: "held",
      heldTokens: 500,
    });
    expect(await totalOf(ledger)).toEqual({ spent: 200, held: 500, over: 0 });
  });

  it("counts as spent also when the hold that cleared it is refused", async () => {
    const ledger = openLedger("expiry-refused");
    const limits = [tokenLimit(500)];
    await ledger.hold(holdRequest("a", { limits, ttlMs: 60_000 }));
    clock.advance(60_000);
    expect(await ledger.hold(holdRequest("b", { limits }))).toMatchObject({ kind: "refused" });
    expect((await entriesOf(ledger)).map(({ op }) => op)).toEqual(["hold", "expire"]);
  });

  it("is swept at most fifty a hold; the rest stays held until the alarm", async () => {
    const ledger = openLedger("expiry-many");
    await runInDurableObject(ledger, async (instance) => {
      for (let index = 0; index < 60; index++)
        instance.hold(holdRequest(`c${index}`, { ttlMs: 1_000 }));
      clock.advance(1_000);
      instance.hold(holdRequest("next"));
      expect(instance.usage("UTC", []).openHolds).toBe(11);
      await instance.alarm();
      expect(instance.usage("UTC", []).openHolds).toBe(1);
    });
  });

  it("still settles as an ordinary hold while nobody has cleared it", async () => {
    const ledger = openLedger("expiry-unswept");
    await ledger.hold(holdRequest("a", { ttlMs: 1_000 }));
    clock.advance(2_000);
    expect(await ledger.settle(settlement("a"))).toMatchObject({
      kind: "settled",
      chargedTokens: 290,
    });
    expect((await entriesOf(ledger, 1)).map(({ op }) => op)).toEqual(["settle"]);
  });

  it("is charged to the windows of its hold", async () => {
    vi.restoreAllMocks();
    clock.stop("2030-12-31T23:59:59Z");
    const ledger = openLedger("expiry-window");
    await ledger.hold(holdRequest("a", { ttlMs: 5_000 }));
    clock.advance(10_000);
    await runDurableObjectAlarm(ledger);
    expect((await entriesOf(ledger)).map(({ op }) => op)).toEqual(["hold", "expire"]);
    expect((await ledger.usage("UTC", null)).buckets).toEqual([]);
    // Where the year is still the old one.
    expect((await ledger.usage("America/New_York", null)).buckets).toEqual([]);
  });
});

describe("a hold under a hard limit that nobody ends", () => {
  const limits = [tokenLimit(600, "day", true)];

  async function expire(tenantId: string): Promise<DurableObjectStub<Ledger>> {
    const ledger = openLedger(tenantId);
    await ledger.hold(holdRequest("a", { ttlMs: 2_000, limits }));
    clock.advance(5_000);
    await runDurableObjectAlarm(ledger);
    // 300 are charged; the other 200 of the hold wait for the truth.
    expect(await totalOf(ledger)).toEqual({ spent: 300, held: 200, over: 0 });
    return ledger;
  }

  it("keeps its rest in suspense, also across a sleep, and gives it back by alarm", async () => {
    const ledger = await expire("suspense");
    await evictDurableObject(ledger);
    expect(await totalOf(ledger)).toEqual({ spent: 300, held: 200, over: 0 });
    const { openHolds: open, suspendedHolds } = await ledger.usage("UTC", []);
    expect([open, suspendedHolds]).toEqual([0, 1]);
    expect(
      await ledger.hold(holdRequest("b", { limits, offers: [offer({ outputTokensMin: 100 })] })),
    ).toMatchObject({ kind: "refused", remaining: 100 });
    expect(await ledger.refund({ callId: "a", refundId: "r", tokens: 1, nanos: 0 })).toEqual({
      kind: "open",
    });
    clock.advance(SUSPENSE_MS);
    expect(await runDurableObjectAlarm(ledger)).toBe(true);
    expect(await totalOf(ledger)).toEqual({ spent: 300, held: 0, over: 0 });
    expect((await entriesOf(ledger)).map(({ op }) => op)).toEqual(["hold", "expire", "lapse"]);
    expect(await ledger.refund({ callId: "a", refundId: "r", tokens: 1, nanos: 0 })).toEqual({
      kind: "refunded",
    });
  });

  it("is corrected out of the suspense, so that nothing is over", async () => {
    const ledger = await expire("suspense-exact");
    const exact = settlement("a", { usage: usageOf(100, 400) });
    expect(await ledger.settle(exact)).toMatchObject({ chargedTokens: 500, overTokens: 0 });
    expect(await totalOf(ledger)).toEqual({ spent: 500, held: 0, over: 0 });
    const before = await dump(ledger);
    expect(await ledger.settle(exact)).toEqual({ kind: "already", state: "settled" });
    expect(await dump(ledger)).toBe(before);
    await evictDurableObject(ledger);
    expect(await ledger.settle(exact)).toEqual({ kind: "already", state: "settled" });
    expect(await totalOf(ledger)).toEqual({ spent: 500, held: 0, over: 0 });
  });

  it("is corrected after the lapse as well, and then the raise is over", async () => {
    const ledger = await expire("suspense-lapsed");
    clock.advance(SUSPENSE_MS);
    await runDurableObjectAlarm(ledger);
    await evictDurableObject(ledger);
    expect(await ledger.settle(settlement("a", { usage: usageOf(100, 400) }))).toMatchObject({
      chargedTokens: 500,
      overTokens: 200,
    });
    await evictDurableObject(ledger);
    expect(await totalOf(ledger)).toEqual({ spent: 500, held: 0, over: 200 });
  });
});

describe("a settlement after expiry", () => {
  async function expire(tenantId: string): Promise<DurableObjectStub<Ledger>> {
    const ledger = openLedger(tenantId);
    await ledger.hold(holdRequest("a", { ttlMs: 2_000 }));
    clock.advance(5_000);
    await runDurableObjectAlarm(ledger);
    expect(await totalOf(ledger)).toEqual({ spent: 300, held: 0, over: 0 });
    return ledger;
  }

  it("raises the charge to an exact usage once, and counts the raise as over", async () => {
    const ledger = await expire("late-up");
    const exact = settlement("a", { usage: usageOf(100, 350) });
    expect(await ledger.settle(exact)).toEqual({
      kind: "settled",
      chargedTokens: 450,
      chargedNanos: 1_600,
      overTokens: 150,
    });
    expect(await totalOf(ledger)).toEqual({ spent: 450, held: 0, over: 150 });
    expect(await ledger.settle(exact)).toEqual({ kind: "already", state: "settled" });
    expect(await totalOf(ledger)).toEqual({ spent: 450, held: 0, over: 150 });
    expect((await entriesOf(ledger)).map(({ op }) => op)).toEqual(["hold", "expire", "adjust"]);
  });

  it("comes out the same when the correction is replayed", async () => {
    const ledger = await expire("late-replayed");
    await ledger.settle(settlement("a", { usage: usageOf(100, 350) }));
    await ledger.refund({ callId: "a", refundId: "r", tokens: 50, nanos: 0 });
    await evictDurableObject(ledger);
    expect(await totalOf(ledger)).toEqual({ spent: 400, held: 0, over: 150 });
  });

  it("lowers the charge to an exact usage, and nothing is over", async () => {
    const ledger = await expire("late-down");
    expect(await ledger.settle(settlement("a", { usage: usageOf(90, 10) }))).toMatchObject({
      chargedTokens: 100,
      overTokens: 0,
    });
    expect(await totalOf(ledger)).toEqual({ spent: 100, held: 0, over: 0 });
  });

  it("only raises it by what was seen of a broken stream", async () => {
    const more = await expire("late-seen-more");
    expect(
      await more.settle(settlement("a", { usage: usageOf(100, 350), certainty: "at_least" })),
    ).toMatchObject({ chargedTokens: 450 });
    const less = await expire("late-seen-less");
    expect(
      await less.settle(settlement("a", { usage: usageOf(100, 10), certainty: "at_least" })),
    ).toMatchObject({ chargedTokens: 300 });
  });

  it("changes nothing when it knows no more than expiry did", async () => {
    const ledger = await expire("late-unknown");
    const before = await dump(ledger);
    const already = { kind: "already", state: "expired" };
    expect(await ledger.settle(settlement("a", { certainty: "unknown" }))).toEqual(already);
    expect(await ledger.settle(settlement("a", { usage: usageOf(-1, 5) }))).toEqual(already);
    expect(await ledger.release("a")).toEqual(already);
    const extension = { callId: "a", outputTokens: 400, seenOutputTokens: 0, ttlMs: 1_000 };
    expect(await ledger.extend(extension)).toEqual(already);
    expect(await ledger.checkpoint(extension)).toEqual(already);
    expect(await dump(ledger)).toBe(before);
  });
});

describe("the alarm", () => {
  it("is set again on waking when it was lost while holds are open", async () => {
    const ledger = openLedger("alarm-lost");
    await ledger.hold(holdRequest("a"));
    await runInDurableObject(ledger, (_, { storage }) => storage.deleteAlarm());
    await evictDurableObject(ledger);
    expect(await openHolds(ledger)).toBe(1);
    expect(await runDurableObjectAlarm(ledger)).toBe(true);
  });

  it("is set again by the next hold when it is long overdue", async () => {
    const ledger = openLedger("alarm-overdue");
    await ledger.hold(holdRequest("a", { ttlMs: 1_000 }));
    await runInDurableObject(ledger, (_, { storage }) => storage.deleteAlarm());
    clock.advance(120_000);
    await ledger.hold(holdRequest("b"));
    expect(await runDurableObjectAlarm(ledger)).toBe(true);
  });

  it("stands on a grid of five seconds and moves only for a hold that expires earlier", async () => {
    const ledger = openLedger("alarm-grid");
    const alarmInMs = (): Promise<number> =>
      runInDurableObject(
        ledger,
        async (_, { storage }) => ((await storage.getAlarm()) ?? 0) - clock.nowMs,
      );
    await ledger.hold(holdRequest("a", { ttlMs: 58_000 }));
    expect(await alarmInMs()).toBe(60_000);
    await ledger.hold(holdRequest("b", { ttlMs: 90_000 }));
    expect(await alarmInMs()).toBe(60_000);
    await ledger.hold(holdRequest("c", { ttlMs: 1 }));
    expect(await alarmInMs()).toBe(5_000);
  });

  it("is not set while there is nothing to wait for", async () => {
    const ledger = openLedger("alarm-none");
    await openHolds(ledger);
    expect(await runDurableObjectAlarm(ledger)).toBe(false);
  });
});

describe("the clock", () => {
  it("never runs backwards, not even across a sleep", async () => {
    const ledger = openLedger("clock");
    await ledger.hold(holdRequest("a"));
    const { atMs } = await ledger.usage("UTC", []);
    clock.advance(-3_600_000);
    expect((await ledger.usage("UTC", [])).atMs).toBe(atMs);
    await evictDurableObject(ledger);
    expect((await ledger.usage("UTC", [])).atMs).toBe(atMs);
    expect(await ledger.hold(holdRequest("b"))).toMatchObject({ expiresAtMs: atMs + 60_000 });
  });
});
