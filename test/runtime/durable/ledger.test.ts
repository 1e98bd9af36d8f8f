// The ledger inside workerd: hold, extend, settle, release and refund, one by one and many at once.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import type { HoldAnswer, HoldRequest } from "../../../policies/account.ts";
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

describe("hold", () => {
  it("holds the first rung that fits, in every dimension, in the day and the month", async () => {
    const ledger = openLedger("hold-fits");
    const answer = await ledger.hold(holdRequest("a", { limits: [tokenLimit(1_000)] }));
    expect(answer).toEqual({
      kind: "held",
      callId: "a",
      rung: 0,
      outputTokens: 400,
      heldOutputTokens: 400,
      heldTokens: 500,
      heldNanos: 1_800,
      expiresAtMs: clock.nowMs + 60_000,
      lambda: 0,
      meters: [
        {
          scope: "tenant",
          dimension: "tokens",
          window: "day",
          limit: 1_000,
          remaining: 500,
          resetAtMs: Date.parse("2030-05-16T00:00:00Z"),
          resetInMs: 12 * 3_600_000,
        },
      ],
    });
    const held = {
      requests: 1,
      tokens: 500,
      nanos: 1_800,
      uncachedInputTokens: 100,
      cachedInputTokens: 100,
      cacheWriteTokens: 100,
      visibleOutputTokens: 400,
      reasoningTokens: 400,
      concurrency: 1,
    };
    const { buckets, openHolds: open } = await ledger.usage("UTC", null);
    expect(open).toBe(1);
    expect(buckets).toMatchObject([
      { scope: "tenant", window: "day", key: "2030-05-15", held },
      { scope: "tenant", window: "month", key: "2030-05", held },
    ]);
  });

  it("charges all scopes of a call in one turn, or none when one of them has no room", async () => {
    const ledger = openLedger("hold-scopes");
    const scopes = [
      { scope: "tenant", limits: [tokenLimit(10_000)] },
      { scope: "key:k", limits: [] },
      { scope: "user:u", limits: [tokenLimit(800, "hour")] },
    ];
    expect(await ledger.hold(holdRequest("a", { scopes }))).toMatchObject({ kind: "held" });
    const before = await dump(ledger);
    expect(
      await ledger.hold(holdRequest("b", { scopes, offers: [offer({ outputTokensMin: 400 })] })),
    ).toMatchObject({ kind: "refused", scope: "user:u", window: "hour", remaining: 300 });
    expect(await dump(ledger)).toBe(before);
    await ledger.settle(settlement("a"));
    for (const scope of ["tenant", "key:k", "user:u"])
      expect(await totalOf(ledger, "tokens", "month", scope)).toEqual({
        spent: 290,
        held: 0,
        over: 0,
      });
    expect(await totalOf(ledger, "tokens", "hour", "user:u")).toMatchObject({ spent: 290 });
  });

  it("takes a lower rung when the higher one does not fit, and clips it to what is affordable", async () => {
    const ledger = openLedger("hold-ladder");
    const offers = [
      offer({ outputTokens: 4_000, outputTokensMin: 2_000 }),
      offer({ rung: 1, arm: "small/direct" }),
    ];
    const answer = await ledger.hold(holdRequest("a", { offers, limits: [tokenLimit(400)] }));
    expect(answer).toMatchObject({ kind: "held", rung: 1, outputTokens: 300, heldTokens: 400 });
    expect(await entriesOf(ledger)).toMatchObject([{ words: { arm: "small/direct" }, rung: 1 }]);
  });

  it("writes nothing when it refuses, and does not remember the refusal", async () => {
    const ledger = openLedger("hold-refused");
    const limits = [tokenLimit(550)];
    await ledger.hold(holdRequest("a", { limits }));
    const before = await dump(ledger);
    const refused = await ledger.hold(holdRequest("b", { limits, policyVersion: "never-seen" }));
    expect(refused).toMatchObject({
      kind: "refused",
      reason: "busy",
      remaining: 50,
      affordableTokens: 0,
    });
    expect(await dump(ledger)).toBe(before);
    await ledger.release("a");
    expect(await ledger.hold(holdRequest("b", { limits }))).toMatchObject({
      kind: "held",
      heldTokens: 500,
    });
  });

  it("says unfit and what would fit while there is room for a smaller answer", async () => {
    const answer = await openLedger("hold-unfit").hold(
      holdRequest("a", { limits: [tokenLimit(150)] }),
    );
    expect(answer).toMatchObject({
      kind: "refused",
      reason: "unfit",
      affordableTokens: 50,
      remaining: 150,
    });
  });

  it("gives the same hold to the same call again and charges once, also after it ended or the object slept", async () => {
    const ledger = openLedger("hold-again");
    const request = holdRequest("a", { limits: [tokenLimit(600)] });
    const first = await ledger.hold(request);
    const sameHold = (answer: HoldAnswer): unknown => ({ ...answer, meters: null });
    clock.advance(1_000);
    const before = await dump(ledger);
    expect(sameHold(await ledger.hold(request))).toEqual(sameHold(first));
    expect(await totalOf(ledger)).toEqual({ spent: 0, held: 500, over: 0 });
    expect(await dump(ledger)).toBe(before);
    await ledger.settle(settlement("a"));
    await evictDurableObject(ledger);
    expect(sameHold(await ledger.hold(request))).toEqual(sameHold(first));
    expect(await totalOf(ledger)).toEqual({ spent: 290, held: 0, over: 0 });
  });

  it("calls it a mismatch when a known call id comes with other arguments, and writes nothing", async () => {
    const ledger = openLedger("hold-mismatch");
    await ledger.hold(holdRequest("a"));
    const before = await dump(ledger);
    const changes: Partial<HoldRequest>[] = [
      { keyId: "other" },
      { policyVersion: "other" },
      { variant: "other" },
      { requests: 0 },
      { ttlMs: 1_000 },
      { zone: "Europe/Berlin" },
      { session: "other" },
      { scopes: [{ scope: "tenant", limits: [tokenLimit(1_000)] }] },
      {
        scopes: [
          { scope: "tenant", limits: [] },
          { scope: "key:k", limits: [] },
        ],
      },
      { scopes: [{ scope: "tenant", limits: [], lender: "org:o" }] },
      { offers: [offer(), offer()] },
      ...[
        { rung: 1 },
        { arm: "other" },
        { strategies: [] },
        { inputTokens: 101 },
        { outputTokens: 401 },
        { outputTokensMin: 65 },
        { sliceTokens: 65 },
        { priceVersion: null },
        { inputNanosPerMtok: 1 },
        { outputNanosPerMtok: 1 },
        { cachedInputNanosPerMtok: 1 },
        { cacheWriteNanosPerMtok: 1 },
      ].map((change) => ({ offers: [offer(change)] })),
    ];
    for (const change of changes) {
      const answer = await ledger.hold(holdRequest("a", change));
      expect(answer, JSON.stringify(change)).toEqual({ kind: "mismatch", callId: "a" });
    }
    expect(await dump(ledger)).toBe(before);
  });

  it("does not mind in which order the same arguments are written", async () => {
    const ledger = openLedger("hold-order");
    const request = holdRequest("a");
    const first = await ledger.hold(request);
    const turned = Object.fromEntries(
      Object.entries(request).toReversed(),
    ) as unknown as HoldRequest;
    expect(await ledger.hold(turned)).toMatchObject({ ...first, meters: [] });
  });

  it("admits exactly ten of a hundred parallel holds when there is room for ten", async () => {
    const ledger = openLedger("hold-parallel");
    const limits = [tokenLimit(5_499)];
    const offers = [offer({ outputTokensMin: 400 })];
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index): Promise<HoldAnswer> =>
        ledger.hold(holdRequest(`c${index}`, { limits, offers })),
      ),
    );
    expect(answers.filter(({ kind }) => kind === "held")).toHaveLength(10);
    expect(answers.filter(({ kind }) => kind === "refused")).toHaveLength(90);
    expect((await totalOf(ledger)).held).toBe(5_000);
  });

  it("counts a conversation by itself where a limit says so", async () => {
    const ledger = openLedger("hold-session");
    const limits = [tokenLimit(700, "session")];
    const hold = (callId: string, session: string | null): Promise<HoldAnswer> =>
      ledger.hold(
        holdRequest(callId, { limits, session, offers: [offer({ outputTokensMin: 400 })] }),
      );
    expect(await hold("a", "one")).toMatchObject({ kind: "held" });
    expect(await hold("b", "one")).toMatchObject({ kind: "refused", window: "session" });
    expect(await hold("c", "two")).toMatchObject({ kind: "held" });
    expect(await hold("d", null)).toMatchObject({ kind: "held", meters: [] });
  });

  it.each([
    ["a fraction", { offers: [offer({ inputTokens: 1.5 })] }, /inputTokens/],
    ["a negative count", { offers: [offer({ outputTokens: -1 })] }, /outputTokens/],
    ["no number", { offers: [offer({ sliceTokens: Number.NaN })] }, /sliceTokens/],
    ["no offer", { offers: [] }, /offers/],
    ["no lifetime", { ttlMs: 0 }, /ttlMs/],
    ["a lifetime above a day", { ttlMs: 86_400_001 }, /ttlMs/],
    ["no scope", { scopes: [] }, /scopes/],
    [
      "a scope twice",
      {
        scopes: [
          { scope: "a", limits: [] },
          { scope: "a", limits: [] },
        ],
      },
      /twice/,
    ],
    ["a scope without a name", { scopes: [{ scope: "", limits: [] }] }, /scope/],
    ["a limit above the bound", { limits: [tokenLimit(9_000_000_000_000_001)] }, /limit/],
    ["a fraction of a limit", { limits: [tokenLimit(0.5)] }, /limit/],
    ["a window that is none", { limits: [tokenLimit(1, "week" as "day")] }, /window/],
    ["a limit twice", { limits: [tokenLimit(1), tokenLimit(2)] }, /twice/],
    ["an unknown zone", { zone: "Mars/Olympus" }, /zone/],
    ["a conversation with a bar", { session: "a|b" }, /session/],
    ["an empty key id", { keyId: "" }, /keyId/],
    ["a huge call id", { callId: "x".repeat(257) }, /callId/],
    ["a call id that is half a character", { callId: "\ud800" }, /callId/],
  ])("throws at %s, which only a bug can send, and writes nothing", async (_, changes, name) => {
    const ledger = openLedger("hold-faulty");
    const before = await dump(ledger);
    await runInDurableObject(ledger, (instance) => {
      expect(() => instance.hold(holdRequest("a", changes))).toThrow(RangeError);
      expect(() => instance.hold(holdRequest("a", changes))).toThrow(name);
    });
    expect(await dump(ledger)).toBe(before);
  });
});

describe("a revoked key", () => {
  it("holds nothing any more, also after a sleep, while other keys go on", async () => {
    const ledger = openLedger("revoked");
    const request = holdRequest("a");
    await ledger.hold(request);
    await ledger.revoke("key-1");
    expect(await ledger.hold(holdRequest("b"))).toEqual({ kind: "revoked", keyId: "key-1" });
    await evictDurableObject(ledger);
    expect(await ledger.hold(holdRequest("b"))).toEqual({ kind: "revoked", keyId: "key-1" });
    expect(await ledger.hold(holdRequest("c", { keyId: "key-2" }))).toMatchObject({ kind: "held" });
  });

  it("still finds what it held before, open or ended", async () => {
    const ledger = openLedger("revoked-held");
    const request = holdRequest("a");
    await ledger.hold(request);
    await ledger.revoke("key-1");
    expect(await ledger.hold(request)).toMatchObject({ kind: "held" });
    expect(await ledger.settle(settlement("a"))).toMatchObject({ kind: "settled" });
    expect(await ledger.hold(request)).toMatchObject({ kind: "held" });
    await ledger.revoke("key-1");
    expect(await ledger.hold(holdRequest("b"))).toMatchObject({ kind: "revoked" });
  });
});

describe("knows", () => {
  it.each([
    ["a uuid", "0a1b2c3d-0000-4000-8000-0123456789ab", "0a1b2c3d-0000-4000-8000-0123456789ac"],
    ["another text", "request", "request2"],
  ])(
    "finds the calls of a request by %s, open and ended, and of no other",
    async (name, id, other) => {
      const ledger = openLedger(`knows-${name}`);
      expect(await ledger.knows(id)).toBe(false);
      await ledger.hold(holdRequest(`${id}:127`));
      expect(await ledger.knows(id)).toBe(true);
      await ledger.settle(settlement(`${id}:127`));
      await ledger.hold(holdRequest(`${other}:0`));
      await ledger.release(`${other}:0`);
      await evictDurableObject(ledger);
      expect(await ledger.knows(id)).toBe(true);
      expect(await ledger.knows(id.slice(0, -1))).toBe(false);
      expect(await ledger.knows(`${id}x`)).toBe(false);
    },
  );
});

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

describe("the budget's price", () => {
  it("rises while a limit is spent faster than its window lasts, and survives a sleep", async () => {
    const ledger = openLedger("price");
    const limits = [tokenLimit(40_000)];
    let lambda = 0;
    for (let index = 0; index < 60; index++) {
      const answer = await ledger.hold(holdRequest(`c${index}`, { limits }));
      if (answer.kind === "held") ({ lambda } = answer);
      clock.advance(60_000);
      await ledger.settle(settlement(`c${index}`, { usage: usageOf(100, 400) }));
    }
    expect(lambda).toBeGreaterThan(0);
    const standing = await ledger.usage("UTC", null);
    expect(standing.lambda).toBeGreaterThan(0);
    await evictDurableObject(ledger);
    expect((await ledger.usage("UTC", null)).lambda).toBe(standing.lambda);
  });

  it("is nothing while the budget lasts", async () => {
    const ledger = openLedger("price-none");
    const limits = [tokenLimit(100_000_000)];
    for (let index = 0; index < 20; index++) {
      expect(await ledger.hold(holdRequest(`c${index}`, { limits }))).toMatchObject({ lambda: 0 });
      clock.advance(60_000);
      await ledger.settle(settlement(`c${index}`));
    }
  });
});

describe("two tenants", () => {
  it("never see each other's holds, calls or journal", async () => {
    const [one, other] = [openLedger("tenant-one"), openLedger("tenant-two")];
    const limits = [tokenLimit(500)];
    expect(await one.hold(holdRequest("a", { limits }))).toMatchObject({ kind: "held" });
    expect(await other.settle(settlement("a"))).toEqual({ kind: "missing" });
    expect(await other.hold(holdRequest("a", { limits, keyId: "another" }))).toMatchObject({
      kind: "held",
    });
    expect(await entriesOf(other)).toMatchObject([{ words: { keyId: "another" } }]);
    expect(await entriesOf(one)).toMatchObject([{ words: { keyId: "key-1" } }]);
  });
});
