// The ledger inside workerd: hold, settle and release, one by one and many at once.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Balance } from "../../../durable/ledger.ts";
import type { HoldAnswer, HoldRequest } from "../../../policies/account.ts";
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

let clock: Clock;
beforeEach(() => {
  clock = stopClock();
});
afterEach(() => {
  vi.restoreAllMocks();
});

function inDay(balances: readonly Balance[], dimension: Balance["dimension"]): Balance | undefined {
  return balances.find((balance) => balance.window === "day" && balance.dimension === dimension);
}

describe("hold", () => {
  it("holds the first rung that fits, in every dimension and both windows", async () => {
    const ledger = openLedger("hold-fits");
    const answer = await ledger.hold(holdRequest("a", { limits: [tokenLimit(1_000)] }));
    expect(answer).toEqual({
      kind: "held",
      callId: "a",
      rung: 0,
      outputTokens: 400,
      heldTokens: 500,
      heldNanos: 1_800,
      expiresAtMs: clock.nowMs + 60_000,
      lambda: 0,
      meters: [
        {
          dimension: "tokens",
          window: "day",
          limit: 1_000,
          remaining: 500,
          resetAtMs: Date.parse("2030-05-16T00:00:00Z"),
          resetInMs: 12 * 3_600_000,
        },
      ],
    });
    const { balances, openHolds } = await ledger.usage();
    expect(openHolds).toBe(1);
    expect(balances).toEqual(
      [
        { window: "day", key: "2030-05-15" },
        { window: "month", key: "2030-05" },
      ].flatMap((window) => [
        { ...window, dimension: "requests", spent: 0, held: 1, over: 0 },
        { ...window, dimension: "tokens", spent: 0, held: 500, over: 0 },
        { ...window, dimension: "nanos", spent: 0, held: 1_800, over: 0 },
      ]),
    );
  });

  it("takes a lower rung when the higher one does not fit, and clips it to what is affordable", async () => {
    const ledger = openLedger("hold-ladder");
    const offers = [
      offer({ outputTokens: 4_000, outputTokensMin: 2_000 }),
      offer({ rung: 1, arm: "small/direct" }),
    ];
    const answer = await ledger.hold(holdRequest("a", { offers, limits: [tokenLimit(400)] }));
    expect(answer).toMatchObject({ kind: "held", rung: 1, outputTokens: 300, heldTokens: 400 });
    expect(await ledger.journal(0, 10)).toMatchObject([{ arm: "small/direct" }]);
  });

  it("checks every limit in one turn and holds in all windows or in none", async () => {
    const ledger = openLedger("hold-all");
    const limits = [
      tokenLimit(10_000),
      { dimension: "nanos", window: "month", limit: 100 } as const,
    ];
    const before = await dump(ledger);
    expect(await ledger.hold(holdRequest("a", { limits }))).toMatchObject({
      kind: "refused",
      reason: "unfit",
      scope: "tenant",
      dimension: "nanos",
      window: "month",
      limit: 100,
      remaining: 100,
      resetAtMs: Date.parse("2030-06-01T00:00:00Z"),
      meters: [
        { dimension: "tokens", remaining: 10_000 },
        { dimension: "nanos", remaining: 100 },
      ],
    });
    expect(await dump(ledger)).toBe(before);
  });

  it("always fits when there are no limits", async () => {
    const answer = await openLedger("hold-unlimited").hold(
      holdRequest("a", { offers: [offer({ outputTokens: 1e6 })] }),
    );
    expect(answer).toMatchObject({ kind: "held", outputTokens: 1e6, meters: [] });
  });

  it("writes nothing when it refuses, and does not remember the refusal", async () => {
    const ledger = openLedger("hold-refused");
    const limits = [tokenLimit(550)];
    await ledger.hold(holdRequest("a", { limits }));
    const before = await dump(ledger);
    const refused = await ledger.hold(holdRequest("b", { limits }));
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

  it("gives the same answer to the same call again and charges once, also after the call ended or the object slept", async () => {
    const ledger = openLedger("hold-again");
    const request = holdRequest("a", { limits: [tokenLimit(600)] });
    const first = await ledger.hold(request);
    clock.advance(1_000);
    expect(await ledger.hold(request)).toEqual(first);
    expect(inDay((await ledger.usage()).balances, "tokens")?.held).toBe(500);
    await ledger.settle(settlement("a"));
    await evictDurableObject(ledger);
    expect(await ledger.hold(request)).toEqual(first);
    expect(inDay((await ledger.usage()).balances, "tokens")).toMatchObject({ held: 0, spent: 290 });
  });

  it("calls it a mismatch when a known call id comes with other arguments, and writes nothing", async () => {
    const ledger = openLedger("hold-mismatch");
    await ledger.hold(holdRequest("a"));
    const before = await dump(ledger);
    const changes: Partial<HoldRequest>[] = [
      { requestId: "other" },
      { keyId: "other" },
      { policyVersion: "other" },
      { variant: "other" },
      { requests: 0 },
      { ttlMs: 1_000 },
      { limits: [tokenLimit(1_000)] },
      { offers: [offer(), offer()] },
      ...[
        { rung: 1 },
        { arm: "other" },
        { strategies: [] },
        { inputTokens: 101 },
        { outputTokens: 401 },
        { outputTokensMin: 65 },
        { priceVersion: null },
        { inputNanosPerMtok: 1 },
        { outputNanosPerMtok: 1 },
        { cachedInputNanosPerMtok: 1 },
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
    expect(await ledger.hold(turned)).toEqual(first);
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
    expect(inDay((await ledger.usage()).balances, "tokens")?.held).toBe(5_000);
  });

  it.each([
    ["a fraction", { offers: [offer({ inputTokens: 1.5 })] }],
    ["a negative count", { offers: [offer({ outputTokens: -1 })] }],
    ["no offer", { offers: [] }],
    ["no lifetime", { ttlMs: 0 }],
  ])("throws at %s, which only a bug can send, and writes nothing", async (_, changes) => {
    const ledger = openLedger("hold-faulty");
    await runInDurableObject(ledger, (instance) => {
      expect(() => instance.hold(holdRequest("a", changes))).toThrow(RangeError);
    });
    expect((await ledger.usage()).openHolds).toBe(0);
  });

  it("leaves nothing behind when it fails half-way", async () => {
    const ledger = openLedger("hold-broken");
    await runInDurableObject(ledger, (instance, { storage }) => {
      storage.sql.exec("ALTER TABLE balance RENAME TO hidden");
      expect(() => instance.hold(holdRequest("a"))).toThrow();
      storage.sql.exec("ALTER TABLE hidden RENAME TO balance");
    });
    expect(await ledger.journal(0, 10)).toEqual([]);
    expect(await ledger.settle(settlement("a"))).toEqual({ kind: "missing" });
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
    const { balances, openHolds } = await ledger.usage();
    expect(openHolds).toBe(0);
    expect(inDay(balances, "requests")).toMatchObject({ spent: 1, held: 0 });
    expect(inDay(balances, "tokens")).toMatchObject({ spent: 290, held: 0, over: 0 });
    expect(inDay(balances, "nanos")).toMatchObject({ spent: 930, held: 0, over: 0 });
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
    expect(inDay((await ledger.usage()).balances, "tokens")).toMatchObject({
      spent: 1_100,
      over: 600,
    });
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
    expect(await ledger.journal(1, 10)).toMatchObject([
      {
        op: "settle",
        certainty: "unknown",
        anomaly: "not counts: -5, 0, NaN, 0",
        spent: { tokens: 200 },
      },
    ]);
  });

  it("posts to the windows of the hold after they closed, and leaves the new ones alone", async () => {
    vi.restoreAllMocks();
    clock = stopClock("2030-05-31T23:59:50Z");
    const ledger = openLedger("settle-window");
    await ledger.hold(holdRequest("a"));
    clock.advance(20_000);
    await ledger.settle(settlement("a"));
    const { balances } = await ledger.usage();
    expect(balances.map(({ key }) => key)).toContain("2030-06-01");
    expect(balances.every(({ spent, held }) => spent === 0 && held === 0)).toBe(true);
    expect(await ledger.journal(1, 10)).toMatchObject([
      { op: "settle", day: "2030-05-31", month: "2030-05" },
    ]);
    await runInDurableObject(ledger, (_, { storage }) => {
      const rows = storage.sql
        .exec("SELECT window, key, spent_tokens, held_tokens FROM balance ORDER BY window")
        .toArray();
      expect(rows).toEqual([
        { window: "day", key: "2030-05-31", spent_tokens: 290, held_tokens: 0 },
        { window: "month", key: "2030-05", spent_tokens: 290, held_tokens: 0 },
      ]);
    });
  });

  it("keeps sums exact above 2^53", async () => {
    // No double is odd up there.
    const odd = 3n * (399_999_999n * 9_000_000n + 1n);
    const ledger = openLedger("settle-huge");
    const dear = offer({ outputNanosPerMtok: 9_000_000_000_000, outputTokens: 400_000_000 });
    for (const callId of ["a", "b", "c"]) {
      await ledger.hold(holdRequest(callId, { offers: [dear] }));
      await ledger.settle(
        settlement(callId, { usage: usageOf(1, 399_999_999, { cachedTokens: 1 }) }),
      );
    }
    await runInDurableObject(ledger, (_, { storage }) => {
      const [row] = storage.sql
        .exec(
          "SELECT CAST(spent_nanos AS TEXT) AS nanos, typeof(spent_nanos) AS type FROM balance WHERE window = 'day'",
        )
        .toArray();
      expect(row).toEqual({ nanos: String(odd), type: "integer" });
    });
  });
});

describe("release", () => {
  it("gives a hold back whole and charges nothing, not even the request", async () => {
    const ledger = openLedger("release");
    await ledger.hold(holdRequest("a"));
    expect(await ledger.release("a")).toEqual({ kind: "released" });
    const { balances, openHolds } = await ledger.usage();
    expect(openHolds).toBe(0);
    expect(balances.every(({ spent, held }) => spent === 0 && held === 0)).toBe(true);
    expect(await ledger.release("a")).toEqual({ kind: "already", state: "released" });
    expect(await ledger.settle(settlement("a"))).toEqual({ kind: "already", state: "released" });
  });
});

describe("journal", () => {
  it("carries who called, what for and under which policy on every line", async () => {
    const ledger = openLedger("journal-words");
    await ledger.hold(holdRequest("a", { variant: "treatment" }));
    clock.advance(2_000);
    await ledger.settle(
      settlement("a", { usage: usageOf(90, 200, { cachedTokens: 50, reasoningTokens: 120 }) }),
    );
    const shared = {
      callId: "a",
      requestId: "request-of-a",
      keyId: "key-1",
      policyVersion: "policy-7",
      variant: "treatment",
      arm: "large/long",
      strategies: ["concise"],
      priceVersion: "2026-10",
      day: "2030-05-15",
      month: "2030-05",
      anomaly: null,
      over: { requests: 0, tokens: 0, nanos: 0 },
    };
    expect(await ledger.journal(0, 10)).toEqual([
      {
        ...shared,
        seq: 1,
        atMs: clock.nowMs - 2_000,
        op: "hold",
        held: { requests: 1, tokens: 500, nanos: 1_800 },
        spent: { requests: 0, tokens: 0, nanos: 0 },
        usage: usageOf(100, 400),
        certainty: null,
        ending: null,
      },
      {
        ...shared,
        seq: 2,
        atMs: clock.nowMs,
        op: "settle",
        held: { requests: -1, tokens: -500, nanos: -1_800 },
        spent: { requests: 1, tokens: 290, nanos: 930 },
        usage: usageOf(90, 200, { cachedTokens: 50, reasoningTokens: 120 }),
        certainty: "exact",
        ending: "complete",
      },
    ]);
  });

  it("is read on from any line, a page at a time", async () => {
    const ledger = openLedger("journal-pages");
    for (const callId of ["a", "b", "c"]) await ledger.hold(holdRequest(callId));
    expect((await ledger.journal(0, 2)).map(({ callId }) => callId)).toEqual(["a", "b"]);
    expect((await ledger.journal(2, 2)).map(({ callId }) => callId)).toEqual(["c"]);
    expect(await ledger.journal(3, 2)).toEqual([]);
  });
});

describe("two tenants", () => {
  it("never see each other's holds, calls or journal", async () => {
    const [one, other] = [openLedger("tenant-one"), openLedger("tenant-two")];
    const limits = [tokenLimit(500)];
    expect(await one.hold(holdRequest("a", { limits }))).toMatchObject({ kind: "held" });
    expect(await other.settle(settlement("a"))).toEqual({ kind: "missing" });
    expect(await other.hold(holdRequest("a", { limits, requestId: "another" }))).toMatchObject({
      kind: "held",
    });
    expect((await other.journal(0, 10)).map(({ requestId }) => requestId)).toEqual(["another"]);
    expect((await one.journal(0, 10)).map(({ requestId }) => requestId)).toEqual(["request-of-a"]);
  });
});
