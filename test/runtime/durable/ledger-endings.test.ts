// A held call inside workerd until its end: it is extended, settled, released or refunded, each once.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { stopClockOfEach } from "./a-clock.ts";
import {
  dump,
  entriesOf,
  holdRequest,
  NOTHING_STANDS,
  offer,
  openHolds,
  openLedger,
  settlement,
  tokenLimit,
  totalOf,
  usageOf,
} from "./ledger-samples.ts";

const clock = stopClockOfEach();

describe("extend and checkpoint", () => {
  const sliced = [offer({ outputTokens: 4_000, sliceTokens: 500 })];

  it("hold a call in slices up to its cap, and the same total twice is one extension", async () => {
    const ledger = openLedger("extend");
    expect(await ledger.hold(holdRequest("a", { offers: sliced }))).toMatchObject({
      outputTokens: 4_000,
      heldOutputTokens: 500,
      heldTokens: 600,
    });
    const extension = { callId: "a", outputTokens: 1_000, seenOutputTokens: 400, ttlMs: 60_000 };
    clock.advance(5_000);
    const first = await ledger.extend(extension);
    expect(first).toEqual({
      kind: "extended",
      heldOutputTokens: 1_000,
      isFinal: false,
      expiresAtMs: clock.nowMs + 60_000,
    });
    const before = await dump(ledger);
    expect(await ledger.extend(extension)).toEqual(first);
    expect(await dump(ledger)).toBe(before);
    expect(await totalOf(ledger)).toEqual({ spent: 0, held: 1_100, over: 0 });
    expect(await ledger.extend({ ...extension, outputTokens: 9_000 })).toMatchObject({
      heldOutputTokens: 4_000,
      isFinal: true,
    });
  });

  it("refuse what the budget does not afford, and write nothing", async () => {
    const ledger = openLedger("extend-refused");
    await ledger.hold(holdRequest("a", { offers: sliced, limits: [tokenLimit(5_000)] }));
    await ledger.hold(
      holdRequest("b", { offers: [offer({ outputTokens: 4_250 })], limits: [tokenLimit(5_000)] }),
    );
    const before = await dump(ledger);
    expect(
      await ledger.extend({
        callId: "a",
        outputTokens: 1_000,
        seenOutputTokens: 400,
        ttlMs: 1_000,
      }),
    ).toEqual({ kind: "refused", scope: "tenant", dimension: "tokens", window: "day" });
    expect(await dump(ledger)).toBe(before);
  });

  it("keep a hold alive, and what was seen is charged when nobody settles it", async () => {
    const ledger = openLedger("checkpoint");
    await ledger.hold(holdRequest("a", { ttlMs: 2_000 }));
    clock.advance(1_500);
    expect(await ledger.checkpoint({ callId: "a", seenOutputTokens: 150, ttlMs: 2_000 })).toEqual({
      kind: "kept",
      expiresAtMs: clock.nowMs + 2_000,
    });
    clock.advance(1_000);
    await ledger.hold(holdRequest("b"));
    expect(await openHolds(ledger)).toBe(2);
    clock.advance(1_000);
    await ledger.hold(holdRequest("c"));
    // 150 seen, and 2 s at 100 tokens/s.
    expect((await entriesOf(ledger)).find(({ op }) => op === "expire")).toMatchObject({
      callId: "a",
      charged: { tokens: 100 + 350 },
    });
  });

  it("say how a call ended, or that it is none", async () => {
    const ledger = openLedger("extend-ended");
    await ledger.hold(holdRequest("a"));
    await ledger.settle(settlement("a"));
    const extension = { callId: "a", outputTokens: 1, seenOutputTokens: 0, ttlMs: 1 };
    expect(await ledger.extend(extension)).toEqual({ kind: "already", state: "settled" });
    expect(await ledger.checkpoint(extension)).toEqual({ kind: "already", state: "settled" });
    expect(await ledger.extend({ ...extension, callId: "b" })).toEqual({ kind: "missing" });
    expect(await ledger.checkpoint({ ...extension, callId: "b" })).toEqual({ kind: "missing" });
  });
});

describe("settle", () => {
  it("posts what was used at the prices that the hold pinned, and gives the rest back", async () => {
    const ledger = openLedger("settle-exact");
    await ledger.hold(holdRequest("a"));
    const usage = usageOf(90, 200, { cachedTokens: 50, reasoningTokens: 120 });
    expect(await ledger.settle(settlement("a", { usage }))).toEqual({
      kind: "settled",
      chargedTokens: 290,
      // 40 at 2, 50 at 1 and 200 at 4 nanos.
      chargedNanos: 930,
      overTokens: 0,
    });
    const { buckets, openHolds: open } = await ledger.usage("UTC", ["tenant"]);
    expect(open).toBe(0);
    expect(buckets).toHaveLength(2);
    for (const { spent, held } of buckets) {
      expect(spent).toEqual({
        requests: 1,
        tokens: 290,
        nanos: 930,
        uncachedInputTokens: 40,
        cachedInputTokens: 50,
        cacheWriteTokens: 0,
        visibleOutputTokens: 80,
        reasoningTokens: 120,
        concurrency: 0,
      });
      expect(Object.values(held).every((amount) => amount === 0)).toBe(true);
    }
  });

  it("runs once: the first ending stands, and an unknown call is missing", async () => {
    const ledger = openLedger("settle-once");
    await ledger.hold(holdRequest("a"));
    await ledger.settle(settlement("a"));
    const before = await dump(ledger);
    expect(await ledger.settle(settlement("a", { usage: usageOf(1, 1) }))).toEqual({
      kind: "already",
      state: "settled",
    });
    expect(await ledger.release("a")).toEqual({ kind: "already", state: "settled" });
    expect(await ledger.settle(settlement("b"))).toEqual({ kind: "missing" });
    expect(await ledger.release("b")).toEqual({ kind: "missing" });
    expect(await dump(ledger)).toBe(before);
  });

  it("posts a bill above the hold in full, records it as over, and denies until it fits", async () => {
    const ledger = openLedger("settle-over");
    const limits = [tokenLimit(1_000)];
    await ledger.hold(holdRequest("a", { limits }));
    expect(await ledger.settle(settlement("a", { usage: usageOf(100, 1_000) }))).toMatchObject({
      kind: "settled",
      chargedTokens: 1_100,
      overTokens: 600,
    });
    expect(await totalOf(ledger)).toEqual({ spent: 1_100, held: 0, over: 600 });
    expect(await ledger.hold(holdRequest("b", { limits }))).toMatchObject({
      kind: "refused",
      reason: "quota",
      remaining: 0,
    });
    expect(await ledger.hold(holdRequest("b", { limits: [tokenLimit(1_600)] }))).toMatchObject({
      kind: "held",
    });
  });

  it("charges a broken stream what was seen, and an unheard call its input and the time it had", async () => {
    const ledger = openLedger("settle-unsure");
    await ledger.hold(holdRequest("a"));
    await ledger.hold(holdRequest("b"));
    clock.advance(1_500);
    const broken = {
      certainty: "at_least",
      ending: "upstream-broke",
      usage: usageOf(0, 30),
    } as const;
    expect(await ledger.settle(settlement("a", broken))).toMatchObject({ chargedTokens: 130 });
    const unheard = { certainty: "unknown", ending: "client-left", usage: usageOf(0, 0) } as const;
    expect(await ledger.settle(settlement("b", unheard))).toMatchObject({
      chargedTokens: 100 + 150,
    });
  });

  it("takes a usage that cannot be for unknown, and writes down what was wrong", async () => {
    const ledger = openLedger("settle-anomaly");
    await ledger.hold(holdRequest("a"));
    clock.advance(1_000);
    const usage = usageOf(-5, Number.NaN);
    expect(await ledger.settle(settlement("a", { usage }))).toMatchObject({
      kind: "settled",
      chargedTokens: 200,
    });
    expect(await entriesOf(ledger, 1)).toMatchObject([
      {
        op: "settle",
        certainty: "unknown",
        anomaly: "not counts: -5, 0, 0, NaN, 0",
        charged: { tokens: 200 },
      },
    ]);
  });

  it("posts to the windows of the hold after they closed, and leaves the new ones alone", async () => {
    vi.restoreAllMocks();
    clock.stop("2030-05-31T23:59:50Z");
    const ledger = openLedger("settle-window");
    await ledger.hold(holdRequest("a"));
    clock.advance(20_000);
    await ledger.settle(settlement("a"));
    expect((await ledger.usage("UTC", null)).buckets).toEqual([]);
    vi.restoreAllMocks();
    clock.stop("2030-05-31T23:59:59Z");
    await evictDurableObject(ledger);
    // In a zone that is behind, the same instant still lies in May.
    expect((await ledger.usage("UTC", null)).buckets).toEqual([]);
    await ledger.hold(holdRequest("b", { zone: "America/New_York" }));
    const { buckets } = await ledger.usage("America/New_York", null);
    expect(buckets.map(({ key }) => key)).toEqual([
      "2030-05-31@America/New_York",
      "2030-05@America/New_York",
    ]);
  });

  it("leaves nothing behind when it fails half-way, and the object begins anew from storage", async () => {
    const logged = vi.spyOn(console, "error").mockReturnValue();
    const ledger = openLedger("settle-broken");
    await ledger.hold(holdRequest("a"));
    await runInDurableObject(ledger, (_, { storage }) => {
      // The settlement's own line is written before this.
      storage.sql.exec(
        "CREATE TRIGGER broken BEFORE INSERT ON ended BEGIN SELECT RAISE(ABORT, 'broken'); END",
      );
    });
    const before = await dump(ledger);
    const problem = await ledger.settle(settlement("a")).then(String, String);
    expect(problem).toMatch(/broken/);
    expect(logged).toHaveBeenCalledWith(expect.stringContaining("ledger-turn-failed"));
    const again = openLedger("settle-broken");
    expect(await dump(again)).toBe(before);
    expect(await totalOf(again)).toEqual({ spent: 0, held: 500, over: 0 });
    await runInDurableObject(again, (_, { storage }) => {
      storage.sql.exec("DROP TRIGGER broken");
    });
    expect(await again.settle(settlement("a"))).toMatchObject({ kind: "settled" });
    expect(await totalOf(again)).toEqual({ spent: 290, held: 0, over: 0 });
  });
});

describe("release", () => {
  it("gives a hold back whole and charges nothing, not even the request", async () => {
    const ledger = openLedger("release");
    await ledger.hold(holdRequest("a"));
    expect(await ledger.release("a")).toEqual({ kind: "released" });
    expect(await openHolds(ledger)).toBe(0);
    expect(await totalOf(ledger, "requests")).toEqual(NOTHING_STANDS);
    expect(await totalOf(ledger)).toEqual(NOTHING_STANDS);
    expect(await ledger.release("a")).toEqual({ kind: "already", state: "released" });
    expect(await ledger.settle(settlement("a"))).toEqual({ kind: "already", state: "released" });
  });
});

describe("refund", () => {
  it("credits what a call was charged, once a refund id and never more than was charged", async () => {
    const ledger = openLedger("refund");
    await ledger.hold(holdRequest("a"));
    const refund = { callId: "a", refundId: "r1", tokens: 200, nanos: 300 };
    expect(await ledger.refund(refund)).toEqual({ kind: "open" });
    await ledger.settle(settlement("a"));
    expect(await ledger.refund(refund)).toEqual({ kind: "refunded" });
    const before = await dump(ledger);
    expect(await ledger.refund(refund)).toEqual({ kind: "refunded" });
    expect(await ledger.refund({ ...refund, tokens: 1 })).toEqual({
      kind: "mismatch",
      refundId: "r1",
    });
    expect(await ledger.refund({ ...refund, refundId: "r2" })).toEqual({
      kind: "too-much",
      tokensLeft: 90,
      nanosLeft: 680,
    });
    expect(await ledger.refund({ ...refund, callId: "b" })).toEqual({ kind: "missing" });
    expect(await dump(ledger)).toBe(before);
    await evictDurableObject(ledger);
    expect(await ledger.refund(refund)).toEqual({ kind: "refunded" });
    expect(await ledger.refund({ ...refund, refundId: "r2", tokens: 90 })).toEqual({
      kind: "refunded",
    });
    expect(await totalOf(ledger)).toEqual({ spent: 0, held: 0, over: 0 });
    expect(await totalOf(ledger, "nanos")).toMatchObject({ spent: 380 });
  });

  it("throws at a refund of nothing", async () => {
    await runInDurableObject(openLedger("refund-nothing"), (instance) => {
      expect(() => instance.refund({ callId: "a", refundId: "r", tokens: 0, nanos: 0 })).toThrow(
        RangeError,
      );
    });
  });
});
