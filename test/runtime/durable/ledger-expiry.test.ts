// Holds that nobody ends: they expire by the ledger's own alarm, are charged, and may be corrected once.
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  dump,
  holdRequest,
  offer,
  openLedger,
  settlement,
  stopClock,
  tokenLimit,
  usageOf,
  type Clock,
} from "./ledger-samples.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

let clock: Clock;
beforeEach(() => {
  clock = stopClock();
});
afterEach(() => {
  vi.restoreAllMocks();
});

async function tokensOf(
  ledger: ReturnType<typeof openLedger>,
): Promise<{ spent: number; held: number; over: number }> {
  const { balances } = await ledger.usage();
  const found = balances.find(
    ({ window, dimension }) => window === "day" && dimension === "tokens",
  );
  return { spent: found?.spent ?? 0, held: found?.held ?? 0, over: found?.over ?? 0 };
}

describe("a hold that nobody ends", () => {
  it("expires by alarm and is charged its input and the output that its lifetime allows", async () => {
    const ledger = openLedger("expiry-alarm");
    await ledger.hold(holdRequest("a", { ttlMs: 2_000 }));
    await ledger.hold(holdRequest("b", { ttlMs: 60_000 }));
    clock.advance(5_000);
    expect(await runDurableObjectAlarm(ledger)).toBe(true);
    // 100 of input and 2 s at 100 tokens/s; b still holds 500.
    expect(await tokensOf(ledger)).toEqual({ spent: 300, held: 500, over: 0 });
    expect(await ledger.journal(2, 10)).toMatchObject([
      {
        op: "expire",
        callId: "a",
        certainty: "unknown",
        ending: "expired",
        spent: { requests: 1, tokens: 300 },
      },
    ]);
    clock.advance(60_000);
    expect(await runDurableObjectAlarm(ledger)).toBe(true);
    expect(await tokensOf(ledger)).toEqual({ spent: 300 + 500, held: 0, over: 0 });
    expect((await ledger.usage()).openHolds).toBe(0);
  });

  it("is left alone by an alarm that comes before its time, and expires at the next", async () => {
    const ledger = openLedger("expiry-early");
    await ledger.hold(holdRequest("a"));
    expect(await runDurableObjectAlarm(ledger)).toBe(true);
    expect((await ledger.usage()).openHolds).toBe(1);
    clock.advance(60_000);
    expect(await runDurableObjectAlarm(ledger)).toBe(true);
    expect((await ledger.usage()).openHolds).toBe(0);
  });

  it("is cleared by the next hold when the alarm is late, and the room is free in the same turn", async () => {
    const ledger = openLedger("expiry-sweep");
    const limits = [tokenLimit(800)];
    await ledger.hold(holdRequest("a", { limits, ttlMs: 1_000 }));
    expect(
      await ledger.hold(holdRequest("b", { limits, offers: [offer({ outputTokensMin: 400 })] })),
    ).toMatchObject({
      kind: "refused",
    });
    clock.advance(1_000);
    expect(await ledger.hold(holdRequest("b", { limits }))).toMatchObject({
      kind: "held",
      heldTokens: 500,
    });
    expect(await tokensOf(ledger)).toEqual({ spent: 200, held: 500, over: 0 });
  });

  it("counts as spent also when the hold that cleared it is refused", async () => {
    const ledger = openLedger("expiry-refused");
    const limits = [tokenLimit(500)];
    await ledger.hold(holdRequest("a", { limits, ttlMs: 60_000 }));
    clock.advance(60_000);
    expect(await ledger.hold(holdRequest("b", { limits }))).toMatchObject({ kind: "refused" });
    expect((await ledger.journal(0, 10)).map(({ op, callId }) => `${op} ${callId}`)).toEqual([
      "hold a",
      "expire a",
    ]);
  });

  it("is swept at most fifty a hold; the rest stays held until the alarm", async () => {
    const ledger = openLedger("expiry-many");
    await runInDurableObject(ledger, (instance) => {
      for (let index = 0; index < 60; index++)
        instance.hold(holdRequest(`c${index}`, { ttlMs: 1_000 }));
      clock.advance(1_000);
      instance.hold(holdRequest("next"));
      expect(instance.usage().openHolds).toBe(11);
      instance.alarm();
      expect(instance.usage().openHolds).toBe(1);
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
    expect((await ledger.journal(1, 10)).map(({ op }) => op)).toEqual(["settle"]);
  });

  it("is charged to the windows of its hold", async () => {
    vi.restoreAllMocks();
    clock = stopClock("2030-12-31T23:59:59Z");
    const ledger = openLedger("expiry-window");
    await ledger.hold(holdRequest("a", { ttlMs: 5_000 }));
    clock.advance(10_000);
    await runDurableObjectAlarm(ledger);
    expect(await tokensOf(ledger)).toEqual({ spent: 0, held: 0, over: 0 });
    expect(await ledger.journal(1, 10)).toMatchObject([
      { op: "expire", day: "2030-12-31", month: "2030-12" },
    ]);
  });
});

describe("a settlement after expiry", () => {
  async function expire(tenantId: string): Promise<ReturnType<typeof openLedger>> {
    const ledger = openLedger(tenantId);
    await ledger.hold(holdRequest("a", { ttlMs: 2_000 }));
    clock.advance(5_000);
    await runDurableObjectAlarm(ledger);
    expect(await tokensOf(ledger)).toEqual({ spent: 300, held: 0, over: 0 });
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
    expect(await tokensOf(ledger)).toEqual({ spent: 450, held: 0, over: 150 });
    expect(await ledger.settle(exact)).toEqual({ kind: "already", state: "settled" });
    expect(await tokensOf(ledger)).toEqual({ spent: 450, held: 0, over: 150 });
    expect((await ledger.journal(0, 10)).map(({ op }) => op)).toEqual(["hold", "expire", "adjust"]);
  });

  it("lowers the charge to an exact usage, and nothing is over", async () => {
    const ledger = await expire("late-down");
    expect(await ledger.settle(settlement("a", { usage: usageOf(90, 10) }))).toMatchObject({
      chargedTokens: 100,
      overTokens: 0,
    });
    expect(await tokensOf(ledger)).toEqual({ spent: 100, held: 0, over: 0 });
  });

  it("only raises it by what was seen of a broken stream", async () => {
    const more = await expire("late-seen-more");
    expect(
      await more.settle(settlement("a", { usage: usageOf(100, 350), certainty: "at_least" })),
    ).toMatchObject({
      chargedTokens: 450,
    });
    const less = await expire("late-seen-less");
    expect(
      await less.settle(settlement("a", { usage: usageOf(100, 10), certainty: "at_least" })),
    ).toMatchObject({
      chargedTokens: 300,
    });
  });

  it("changes nothing when it knows no more than expiry did", async () => {
    const ledger = await expire("late-unknown");
    const before = await dump(ledger);
    expect(await ledger.settle(settlement("a", { certainty: "unknown" }))).toEqual({
      kind: "already",
      state: "expired",
    });
    expect(await ledger.settle(settlement("a", { usage: usageOf(-1, 5) }))).toEqual({
      kind: "already",
      state: "expired",
    });
    expect(await ledger.release("a")).toEqual({ kind: "already", state: "expired" });
    expect(await dump(ledger)).toBe(before);
  });
});

describe("the alarm", () => {
  it("is set again on waking when it was lost while holds are open", async () => {
    const ledger = openLedger("alarm-lost");
    await ledger.hold(holdRequest("a"));
    await runInDurableObject(ledger, (_, { storage }) => storage.deleteAlarm());
    await evictDurableObject(ledger);
    expect((await ledger.usage()).openHolds).toBe(1);
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
    await ledger.usage();
    expect(await runDurableObjectAlarm(ledger)).toBe(false);
  });

  it("comes again after it failed, and loses nothing", async () => {
    const logged = vi.spyOn(console, "error").mockReturnValue();
    const ledger = openLedger("alarm-fails");
    await ledger.hold(holdRequest("a", { ttlMs: 1_000 }));
    clock.advance(5_000);
    const rename = (from: string, to: string): Promise<void> =>
      runInDurableObject(ledger, (_, { storage }) => {
        storage.sql.exec(`ALTER TABLE ${from} RENAME TO ${to}`);
      });
    await rename("balance", "hidden");
    expect(await runDurableObjectAlarm(ledger)).toBe(true);
    expect(logged).toHaveBeenCalledOnce();
    await rename("hidden", "balance");
    expect((await ledger.usage()).openHolds).toBe(1);
    expect(await runDurableObjectAlarm(ledger)).toBe(true);
    expect((await ledger.usage()).openHolds).toBe(0);
  });

  it("prunes lines after seventy days and keeps the newest, whose seq the next one counts on from", async () => {
    const ledger = openLedger("alarm-prunes");
    await ledger.hold(holdRequest("a"));
    await ledger.settle(settlement("a"));
    clock.advance(69 * DAY_MS);
    await runDurableObjectAlarm(ledger);
    expect(await ledger.journal(0, 10)).toHaveLength(2);
    expect(await ledger.settle(settlement("a"))).toEqual({ kind: "already", state: "settled" });
    clock.advance(2 * DAY_MS);
    expect(await runDurableObjectAlarm(ledger)).toBe(true);
    expect((await ledger.journal(0, 10)).map(({ seq }) => seq)).toEqual([2]);
    await ledger.hold(holdRequest("b"));
    expect((await ledger.journal(0, 10)).map(({ seq }) => seq)).toEqual([2, 3]);
  });

  it("prunes the balances of a window a month after its lines, and never those of an open one", async () => {
    const ledger = openLedger("alarm-prunes-balances");
    await ledger.hold(holdRequest("a"));
    await ledger.settle(settlement("a"));
    clock.advance(140 * DAY_MS);
    await ledger.hold(holdRequest("b"));
    await runDurableObjectAlarm(ledger);
    await runInDurableObject(ledger, (_, { storage }) => {
      const keys = storage.sql
        .exec<{ key: string }>("SELECT key FROM balance ORDER BY key")
        .toArray();
      expect(keys.map(({ key }) => key)).toEqual(["2030-10", "2030-10-02"]);
    });
  });
});

describe("the clock", () => {
  it("never runs backwards, not even across a sleep", async () => {
    const ledger = openLedger("clock");
    await ledger.hold(holdRequest("a"));
    const { atMs } = await ledger.usage();
    clock.advance(-3_600_000);
    expect((await ledger.usage()).atMs).toBe(atMs);
    await evictDurableObject(ledger);
    expect((await ledger.usage()).atMs).toBe(atMs);
    expect(await ledger.hold(holdRequest("b"))).toMatchObject({ expiresAtMs: atMs + 60_000 });
  });
});
