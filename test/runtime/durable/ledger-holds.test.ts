// Holding inside workerd: what fits is held once, what does not writes nothing, and a revoked key holds nothing.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import type { HoldAnswer, HoldRequest } from "../../../policies/account.ts";
import { stopClockOfEach } from "./a-clock.ts";
import {
  dump,
  entriesOf,
  holdRequest,
  offer,
  openLedger,
  settlement,
  tokenLimit,
  totalOf,
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
