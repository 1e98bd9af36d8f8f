// A stream's hold keeps ahead of it: it grows before it is needed, lives while the stream does, and says when there is no more.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Hold } from "../../../policies/account.ts";
import type { Limit } from "../../../policies/ledger/limit.ts";
import { Metering } from "../../../worker/metering.ts";
import { Patience } from "../../../worker/stream/patience.ts";
import { limitOf, newMemoryLedger, offerWith, requestOf } from "./memory-ledger.ts";

const INPUT = 100;
const SLICE = 256;
const CAP = 4000;

let patience: Patience;
beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 10, 25, 12) });
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  patience = new Patience();
  // The upstream is waited for all the while, as in any stream.
  void patience.wait(new Promise(() => undefined), 3_600_000);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

async function begin(limits: readonly Limit[] = [limitOf()], cap = CAP) {
  const ledger = newMemoryLedger();
  const offers = [offerWith({ inputTokens: INPUT, outputTokens: cap, sliceTokens: SLICE })];
  const answer = await ledger.hold(requestOf(limits, { offers }));
  if (answer.kind !== "held") throw new Error(`It was ${answer.kind}.`);
  const hold: Hold = answer;
  const isHard = limits.some(({ hard }) => hard);
  const reach = () => ledger;
  const now = () => Date.now();
  const metering = new Metering({ hold, answers: 1, isHard, reach, patience, now });
  ledger.asked.length = 0;
  return { ledger, metering, hold };
}

const soon = () => vi.advanceTimersByTimeAsync(0);

describe("a ledger whose own code throws", () => {
  it.each([true, false])(
    "ends the stream when what it holds was written, also under soft limits: hard is %s",
    async (hard) => {
      const { ledger, metering } = await begin([limitOf({ hard, limit: 1_000_000 })]);
      ledger.trouble = "bug";
      metering.see(SLICE);
      await soon();
      expect(metering.end).toBeNull();
      metering.see(SLICE + 1);
      expect(metering.isWaiting).toBe(true);
      const room = metering.room();
      await vi.advanceTimersByTimeAsync(500);
      await room;
      expect(metering.end).toEqual({ kind: "lost" });
      expect(ledger.asked).toEqual(["extend", "extend"]);
    },
  );
});

describe("a stream that writes", () => {
  it("asks for more at three quarters of what it holds, once, and is not kept waiting", async () => {
    const { ledger, metering } = await begin();
    metering.see(191);
    await soon();
    expect(ledger.asked).toEqual([]);
    metering.see(192);
    metering.see(193);
    expect(metering.isWaiting).toBe(false);
    await soon();
    expect(ledger.asked).toEqual(["extend"]);
    expect(metering.heldTokens).toBe(2 * SLICE);
    expect(ledger.entries.at(-1)).toMatchObject({ op: "extend", seenOutputTokens: 192 });
  });

  it("waits when all that is held was seen, and goes on with the answer", async () => {
    const { metering } = await begin();
    metering.see(SLICE + 1);
    expect(metering.isWaiting).toBe(true);
    await metering.room();
    expect(metering.end).toBeNull();
    expect(metering.isWaiting).toBe(false);
  });

  it("never asks for more than its cap, and at its cap for nothing", async () => {
    const { ledger, metering } = await begin([limitOf()], 300);
    metering.see(250);
    await soon();
    expect(metering.heldTokens).toBe(300);
    metering.see(900);
    await soon();
    expect(metering.isWaiting).toBe(false);
    expect(ledger.asked).toEqual(["extend"]);
  });

  it("tells the ledger what was seen at least every 2,000 tokens", async () => {
    const { ledger, metering } = await begin([limitOf({ limit: 1_000_000 })], 100_000);
    for (let seen = 0; seen <= 20_000; seen += 10) {
      metering.see(seen);
      if (metering.isWaiting) await metering.room();
      await soon();
    }
    const told = ledger.entries.map((entry) =>
      "seenOutputTokens" in entry ? entry.seenOutputTokens : 0,
    );
    const gaps = told.map((seen, index) => seen - (told[index - 1] ?? 0));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(2_010);
    expect(told.at(-1)).toBeGreaterThan(17_000);
  });
});

describe("a stream that lasts", () => {
  it("is renewed about every ten seconds, so that it never expires", async () => {
    const { ledger, metering, hold } = await begin();
    metering.see(5);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(ledger.asked.length).toBeGreaterThanOrEqual(8);
    expect(ledger.asked.length).toBeLessThanOrEqual(12);
    expect(new Set(ledger.asked)).toEqual(new Set(["checkpoint"]));
    expect(hold.expiresAtMs).toBeLessThan(Date.now());
    expect(ledger.entries.at(-1)).toMatchObject({ op: "checkpoint", ttlMs: 90_000 });
  });

  it("in silence holds more for what may have been written out of sight, and a refusal of that ends nothing", async () => {
    const { ledger, metering } = await begin([limitOf({ limit: INPUT + SLICE + 100 })]);
    const startedAtMs = Date.now();
    metering.heedSilence(() => Date.now() - startedAtMs);
    await vi.advanceTimersByTimeAsync(12_000);
    expect(ledger.asked).toEqual(["extend"]);
    expect(metering.heldTokens).toBe(SLICE + 100);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(metering.end).toBeNull();
    expect(ledger.asked.filter((name) => name === "checkpoint").length).toBeGreaterThan(3);
  });

  it("that has stopped is told no more", async () => {
    const { ledger, metering } = await begin();
    await metering.stop();
    metering.see(5000);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ledger.asked).toEqual([]);
    expect(metering.isWaiting).toBe(false);
  });
});

describe("a budget that others share", () => {
  /** Room for two such calls and `left` tokens; another call holds its part. */
  async function beginBeside(left: number) {
    const limits = [limitOf({ limit: 2 * (INPUT + SLICE) + left })];
    const begun = await begin(limits);
    const other = requestOf(limits, { callId: "other:1" });
    expect((await begun.ledger.hold(other)).kind).toBe("held");
    begun.ledger.asked.length = 0;
    return begun;
  }

  it("lets the stream write what it holds, is asked again then, and ends it with the limit's name", async () => {
    const { ledger, metering } = await beginBeside(20);
    metering.see(200);
    await soon();
    expect(metering.end).toBeNull();
    metering.see(SLICE);
    await soon();
    expect(ledger.asked).toEqual(["extend"]);
    metering.see(SLICE + 1);
    await metering.room();
    expect(ledger.asked).toEqual(["extend", "extend"]);
    expect(metering.end).toEqual({
      kind: "refused",
      scope: "tenant",
      dimension: "tokens",
      window: "day",
    });
  });

  it("goes on when others have given back meanwhile", async () => {
    const { ledger, metering } = await beginBeside(0);
    metering.see(200);
    await soon();
    expect(metering.heldTokens).toBe(SLICE);
    await ledger.release("other:1");
    metering.see(SLICE + 1);
    await metering.room();
    expect(metering.end).toBeNull();
    expect(metering.heldTokens).toBeGreaterThan(SLICE);
  });

  it("that gives a part gives it whole before the stream ends", async () => {
    const { metering } = await beginBeside(100);
    metering.see(200);
    await soon();
    expect(metering.heldTokens).toBe(SLICE + 100);
    metering.see(SLICE + 100);
    await soon();
    expect(metering.end).toBeNull();
    metering.see(SLICE + 101);
    await metering.room();
    expect(metering.end).toMatchObject({ kind: "refused" });
  });
});

describe("a budget that another ledger lends", () => {
  /** The first extension finds too little lent. */
  async function beginUnlent(lends: "lent" | "nothing") {
    const { ledger, metering } = await begin();
    ledger.lends = lends;
    const extend = ledger.extend.bind(ledger);
    let asked = 0;
    ledger.extend = async (extension) => {
      asked += 1;
      if (asked > 1) return extend(extension);
      ledger.asked.push("extend");
      const limit = { scope: "org:o", dimension: "tokens", window: "month" } as const;
      return { kind: "refused", ...limit, isUnlent: true };
    };
    return { ledger, metering };
  }

  it("is asked of its owner, and goes on when that has lent", async () => {
    const { ledger, metering } = await beginUnlent("lent");
    metering.see(SLICE + 1);
    await metering.room();
    expect(ledger.asked).toEqual(["extend", "replenishCall", "extend"]);
    expect(metering.end).toBeNull();
    expect(metering.heldTokens).toBeGreaterThan(SLICE);
  });

  it("ends the stream when its owner has no more", async () => {
    const { ledger, metering } = await beginUnlent("nothing");
    metering.see(SLICE + 1);
    await metering.room();
    expect(ledger.asked).toEqual(["extend", "replenishCall"]);
    expect(metering.end).toMatchObject({ kind: "refused", scope: "org:o", window: "month" });
  });
});

describe("a ledger that cannot be reached", () => {
  it.each(["away", "silent"] as const)(
    "%s: costs a stream nothing while it has something left, and is asked again",
    async (trouble) => {
      const { ledger, metering } = await begin();
      ledger.next.push(trouble);
      metering.see(200);
      expect(metering.isWaiting).toBe(false);
      await vi.advanceTimersByTimeAsync(1600);
      metering.see(201);
      await soon();
      expect(metering.heldTokens).toBe(2 * SLICE);
      expect(metering.end).toBeNull();
    },
  );

  it.each(["away", "silent"] as const)(
    "%s: under a hard limit ends the stream that has used up what it holds, after seconds",
    async (trouble) => {
      const { ledger, metering } = await begin();
      ledger.trouble = trouble;
      metering.see(SLICE + 1);
      const waited = metering.room();
      await vi.advanceTimersByTimeAsync(3000);
      expect(metering.end).toBeNull();
      await vi.advanceTimersByTimeAsync(7000);
      await waited;
      expect(metering.end).toEqual({ kind: "lost" });
    },
  );

  it("under soft limits lets the stream go on to its own cap", async () => {
    const { ledger, metering } = await begin([limitOf({ hard: false })]);
    ledger.trouble = "away";
    metering.see(SLICE + 1);
    await metering.room();
    expect(metering.end).toBeNull();
    expect(metering.heldTokens).toBe(CAP);
  });

  it("is not asked for every event", async () => {
    const { ledger, metering } = await begin();
    ledger.trouble = "away";
    for (let seen = 192; seen < SLICE; seen += 1) {
      metering.see(seen);
      await soon();
    }
    expect(ledger.asked).toEqual(["extend"]);
  });

  it("that has expired the hold ends the stream", async () => {
    const { ledger, metering } = await begin();
    await ledger.release("r:1");
    metering.see(200);
    await soon();
    expect(metering.end).toEqual({ kind: "lost" });
  });
});

it("a settlement waits for what is being said", async () => {
  const { ledger, metering } = await begin();
  metering.see(200);
  const stopped = metering.stop();
  await stopped;
  expect(ledger.entries.at(-1)).toMatchObject({ op: "extend" });
});
