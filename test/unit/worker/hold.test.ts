// Asking for a hold: what each answer of the ledger means, and what is done when there is none in time.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { HoldAnswer } from "../../../policies/account.ts";
import type { Limit } from "../../../policies/ledger/limit.ts";
import { BudgetPrices, pricedPath } from "../../../worker/budget-prices.ts";
import type { Dependencies } from "../../../worker/dependencies.ts";
import { holdCall, type RunInput } from "../../../worker/call-hold.ts";
import { Emergency, newEmergencyMemory } from "../../../worker/emergency.ts";
import { askHold } from "../../../worker/hold.ts";
import { Owed } from "../../../worker/owed.ts";
import { Patience } from "../../../worker/stream/patience.ts";
import type { LedgerPort } from "../../../worker/ports.ts";
import { bug, limitOf, newMemoryLedger, offerWith, requestOf } from "./memory-ledger.ts";

const logged: string[] = [];

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 10, 25, 12) });
  logged.length = 0;
  vi.spyOn(console, "error").mockImplementation((line: string) => logged.push(line));
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function surround(ledger: LedgerPort) {
  const finishing: Promise<unknown>[] = [];
  const now = () => Date.now();
  const deps = {
    ledgerOf: () => ledger,
    prices: new BudgetPrices(new Map(), now),
    emergency: new Emergency(newEmergencyMemory(), now),
    owed: new Owed(new Map()),
    now,
    chance: () => 0.5,
    finish: (work: Promise<unknown>) => finishing.push(work),
  } as unknown as Dependencies;
  return { deps, finishing, patience: new Patience() };
}

const USAGE = {
  inputTokens: 90,
  cachedTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 40,
  reasoningTokens: 0,
};
const SETTLEMENT = { callId: "r:1", usage: USAGE, certainty: "exact", ending: "complete" } as const;
const PAYER = { tenantId: "t", ledger: "t" };
const SOFT = [limitOf({ hard: false, limit: 10_000_000 })];
const HARD = [limitOf()];
const OFFERS = [offerWith({ outputTokens: 300 })];

describe("a ledger that answers", () => {
  it("gives a hold, and its price to the next choice", async () => {
    const ledger = newMemoryLedger(0.75);
    const { deps, patience } = surround(ledger);
    const outcome = await askHold(PAYER, requestOf(HARD), deps, patience);
    expect(outcome).toMatchObject({ kind: "held", isEmergency: false });
    const { scopes } = requestOf(HARD);
    expect(deps.prices.of(pricedPath("t", scopes))).toBe(0.75);
    expect(deps.prices.of(pricedPath("other", scopes))).toBe(0);
  });

  it("with a price for one key leaves another key of its tenant without, whoever asks last", async () => {
    const ledger = newMemoryLedger();
    const { deps, patience } = surround(ledger);
    const keyed = (id: string, limits: readonly Limit[]) => [
      { scope: "tenant", limits: HARD },
      { scope: `key:${id}`, limits },
    ];
    const [poor, free] = [keyed("poor", HARD), keyed("free", [])];
    for (const [lambda, scopes] of [
      [0.5, poor],
      [0, free],
    ] as const) {
      const priced: LedgerPort = {
        ...ledger,
        hold: async (request) => ({ ...(await ledger.hold(request)), lambda }) as HoldAnswer,
      };
      const callId = `${lambda}:1`;
      await askHold(
        PAYER,
        requestOf([], { callId, scopes }),
        { ...deps, ledgerOf: () => priced },
        patience,
      );
    }
    expect(deps.prices.of(pricedPath("t", poor))).toBe(0.5);
    expect(deps.prices.of(pricedPath("t", free))).toBe(0);
    // Keys that have no limits of their own share what their tenant's cost.
    expect(pricedPath("t", keyed("other", []))).toBe(pricedPath("t", free));
  });

  it("refuses in the terms of its limit, and is remembered as having done so", async () => {
    const ledger = newMemoryLedger();
    const { deps, patience } = surround(ledger);
    const closed = requestOf([limitOf({ limit: 0, hard: false })]);
    const outcome = await askHold(PAYER, closed, deps, patience);
    expect(outcome).toMatchObject({
      kind: "failed",
      failure: { kind: "budget-exceeded", reason: "quota", scope: "tenant", window: "day" },
      meters: [{ limit: 0 }],
    });
    ledger.trouble = "away";
    const request = requestOf(SOFT, { callId: "r:2", offers: OFFERS });
    expect(await askHold(PAYER, request, deps, patience)).toMatchObject({
      failure: { kind: "budget-unavailable" },
    });
  });

  it("that knows the key as revoked makes it one that nobody knows", async () => {
    const ledger = { ...newMemoryLedger(), hold: async () => ({ kind: "revoked", keyId: "k" }) };
    const { deps, patience } = surround(ledger as unknown as LedgerPort);
    expect(await askHold(PAYER, requestOf(HARD), deps, patience)).toMatchObject({
      failure: { kind: "key-unknown" },
    });
  });

  it("that knows the call with other arguments is no reason for a 500", async () => {
    const mismatch = { kind: "mismatch", callId: "r:1" };
    const ledger = { ...newMemoryLedger(), hold: async () => mismatch };
    const { deps, patience } = surround(ledger as unknown as LedgerPort);
    expect(await askHold(PAYER, requestOf(HARD), deps, patience)).toMatchObject({
      failure: { kind: "call-mismatch" },
    });
    expect(logged.join()).toContain("call-mismatch");
  });
});

describe("a ledger whose own code throws", () => {
  it("is a bug that is logged, and no outage in which soft limits let a little through", async () => {
    const ledger = newMemoryLedger();
    ledger.trouble = "bug";
    const { deps, patience } = surround(ledger);
    for (const limits of [SOFT, HARD]) {
      const outcome = await askHold(PAYER, requestOf(limits, { offers: OFFERS }), deps, patience);
      expect(outcome).toMatchObject({ kind: "failed", failure: { kind: "internal" } });
    }
    expect(ledger.asked).toEqual(["hold", "hold"]);
    expect(logged.map((line) => (JSON.parse(line) as { event: string }).event)).toEqual([
      "ledger-faulted",
      "ledger-faulted",
    ]);
  });

  it.each([
    { name: "was reset", marks: { durableObjectReset: true } },
    { name: "is overloaded", marks: { overloaded: true } },
    { name: "is not marked as its own", marks: { remote: false } },
  ])("is out of reach where it $name", async ({ marks }) => {
    const hold = async () => {
      throw Object.assign(bug(), marks);
    };
    const { deps, patience } = surround({ ...newMemoryLedger(), hold });
    expect(await askHold(PAYER, requestOf(SOFT, { offers: OFFERS }), deps, patience)).toMatchObject(
      { kind: "held", isEmergency: true },
    );
  });
});

describe("a budget that another ledger lends", () => {
  const shared = { scopes: [{ scope: "org:o", limits: HARD, lender: "org:o" }] };

  it.each([
    { lends: "nothing", failure: { kind: "budget-exceeded", reason: "quota", scope: "org:o" } },
    { lends: "unreachable", failure: { kind: "budget-unavailable" } },
  ] as const)("is asked of its owner, who lends $lends", async ({ lends, failure }) => {
    const ledger = newMemoryLedger();
    ledger.lends = lends;
    const { deps, patience } = surround(ledger);
    const outcome = await askHold(PAYER, requestOf([], shared), deps, patience);
    expect(outcome).toMatchObject({ kind: "failed", failure });
    expect(ledger.asked.slice(0, 2)).toEqual(["hold", "replenish"]);
  });

  it("is held when its owner has lent", async () => {
    const ledger = newMemoryLedger();
    ledger.lends = "lent";
    let isLent = false;
    const lending: LedgerPort = {
      ...ledger,
      replenish: async (request) => {
        isLent = true;
        return ledger.replenish(request);
      },
      hold: (request) => ledger.hold(isLent ? requestOf(HARD) : request),
    };
    const { deps, patience } = surround(lending);
    const outcome = await askHold(PAYER, requestOf([], shared), deps, patience);
    expect(outcome).toMatchObject({ kind: "held", isEmergency: false });
    expect(ledger.asked).toEqual(["hold", "replenish", "hold"]);
  });
});

describe("a ledger that does not answer", () => {
  it("is waited for a second, then a hard limit is a no", async () => {
    const ledger = newMemoryLedger();
    ledger.trouble = "silent";
    const { deps, patience } = surround(ledger);
    let isOver = false;
    const asking = askHold(PAYER, requestOf(HARD), deps, patience).finally(() => {
      isOver = true;
    });
    await vi.advanceTimersByTimeAsync(999);
    expect(isOver).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await asking).toMatchObject({ failure: { kind: "budget-unavailable" } });
  });

  it("and holds after all is told to let go", async () => {
    const ledger = newMemoryLedger();
    const late = Promise.withResolvers<undefined>();
    const slow: LedgerPort = {
      ...ledger,
      hold: async (request) => {
        await late.promise;
        return ledger.hold(request);
      },
    };
    const { deps, finishing, patience } = surround(slow);
    const asking = askHold(PAYER, requestOf(HARD), deps, patience);
    await vi.advanceTimersByTimeAsync(1000);
    await asking;
    late.resolve(undefined);
    await Promise.all(finishing);
    expect(ledger.entries.map(({ op }) => op)).toEqual(["hold", "release"]);
  });

  it("is asked again at once where the platform says that this may help, and not where it is overloaded", async () => {
    const failing = (marks: object) => {
      const ledger = newMemoryLedger();
      let calls = 0;
      const hold: LedgerPort["hold"] = async (request) => {
        calls += 1;
        if (calls === 1) throw Object.assign(new Error("Network connection lost."), marks);
        return ledger.hold(request);
      };
      return surround({ ...ledger, hold });
    };
    const moved = failing({ retryable: true });
    expect(await askHold(PAYER, requestOf(HARD), moved.deps, moved.patience)).toMatchObject({
      kind: "held",
    });
    const full = failing({ retryable: true, overloaded: true });
    expect(await askHold(PAYER, requestOf(HARD), full.deps, full.patience)).toMatchObject({
      kind: "failed",
    });
  });

  it("under soft limits lets a little through, and hears of it when it is back", async () => {
    const ledger = newMemoryLedger();
    ledger.trouble = "away";
    const { deps, finishing, patience } = surround(ledger);
    const outcome = await askHold(PAYER, requestOf(SOFT, { offers: OFFERS }), deps, patience);
    if (outcome.kind !== "held") throw new Error(`It ${outcome.kind}.`);
    expect(outcome.isEmergency).toBe(true);
    await outcome.settle(SETTLEMENT);
    expect(deps.owed.has("t")).toBe(true);

    ledger.trouble = "none";
    await askHold(PAYER, requestOf(SOFT, { callId: "s:1", offers: OFFERS }), deps, patience);
    await Promise.all(finishing);
    expect(deps.owed.has("t")).toBe(false);
    const posted = ledger.entries.find((entry) => entry.op === "settle");
    expect(posted).toMatchObject({ callId: "r:1-emergency", charged: { tokens: 130 } });
    // Nothing was reserved for it.
    expect(posted).toMatchObject({ over: { tokens: 130 } });
  });

  it("has its allowance back from a call that never left, and is owed nothing for it", async () => {
    const ledger = newMemoryLedger();
    ledger.trouble = "away";
    const { deps, patience } = surround(ledger);
    // Half of a thousandth of ten million, at once.
    const whole = [offerWith({ inputTokens: 0, outputTokens: 5_000 })];
    for (const callId of ["a:1", "b:1"]) {
      const outcome = await askHold(
        PAYER,
        requestOf(SOFT, { callId, offers: whole }),
        deps,
        patience,
      );
      if (outcome.kind !== "held") throw new Error(`It ${outcome.kind}.`);
      expect(outcome.held.outputTokens).toBe(5_000);
      await outcome.release();
    }
    expect(deps.owed.has("t")).toBe(false);
  });

  it("is told of everything, also when the budget is used up by then", async () => {
    const ledger = newMemoryLedger();
    ledger.trouble = "away";
    const { deps, finishing, patience } = surround(ledger);
    const soft = [limitOf({ hard: false, limit: 400 })];
    const outcome = await askHold(PAYER, requestOf(soft, { offers: OFFERS }), deps, patience);
    if (outcome.kind !== "held") throw new Error(`It ${outcome.kind}.`);
    await outcome.settle(SETTLEMENT);
    ledger.trouble = "none";
    const rest = [offerWith({ inputTokens: 100, outputTokens: 300, sliceTokens: 300 })];
    await askHold(PAYER, requestOf(soft, { callId: "s:1", offers: rest }), deps, patience);
    await Promise.all(finishing);
    const { buckets } = await ledger.usage("UTC", ["tenant"]);
    const day = buckets.find(({ window }) => window === "day");
    expect([day?.spent.tokens, day?.held.tokens]).toEqual([130, 400]);
    expect(logged.join()).not.toContain("emergency-lost");
  });

  it("that goes away again while it is told keeps the rest owed", async () => {
    const ledger = newMemoryLedger();
    ledger.trouble = "away";
    const { deps, finishing, patience } = surround(ledger);
    for (const callId of ["a:1", "b:1", "c:1"]) {
      const request = requestOf(SOFT, { callId, offers: OFFERS });
      const outcome = await askHold(PAYER, request, deps, patience);
      if (outcome.kind === "held") await outcome.settle({ ...SETTLEMENT, callId });
    }
    ledger.trouble = "none";
    // The hold that shows that it is back, and one debt; then it is gone.
    ledger.next.push("none", "none", "away");
    await askHold(PAYER, requestOf(SOFT, { callId: "s:1", offers: OFFERS }), deps, patience);
    await Promise.all(finishing);
    expect(ledger.entries.filter(({ op }) => op === "settle")).toHaveLength(1);
    expect(deps.owed.has("t")).toBe(true);
    await askHold(PAYER, requestOf(SOFT, { callId: "s:2", offers: OFFERS }), deps, patience);
    await Promise.all(finishing);
    expect(ledger.entries.filter(({ op }) => op === "settle")).toHaveLength(3);
    expect(deps.owed.has("t")).toBe(false);
  });
});

describe("what is owed", () => {
  it("is posted under the limits that the call had, and as the rung that was sent", async () => {
    const ledger = newMemoryLedger();
    ledger.trouble = "away";
    const { deps, patience, finishing } = surround(ledger);
    const request = requestOf(SOFT, { offers: OFFERS });
    const outcome = await askHold(PAYER, request, deps, patience);
    if (outcome.kind !== "held") throw new Error(`It ${outcome.kind}.`);
    await outcome.settle(SETTLEMENT);
    const told: unknown[] = [];
    const chargeDebt: LedgerPort["chargeDebt"] = async (...debt) => {
      told.push(debt);
      return ledger.chargeDebt(...debt);
    };
    ledger.trouble = "none";
    const back = { ...deps, ledgerOf: () => ({ ...ledger, chargeDebt }) };
    await askHold(PAYER, requestOf(SOFT, { callId: "s:1" }), back, patience);
    await Promise.all(finishing);
    expect(told).toEqual([
      [
        {
          ...request,
          callId: "r:1-emergency",
          offers: [{ ...OFFERS[0], sliceTokens: 300 }],
        },
        { ...SETTLEMENT, callId: "r:1-emergency" },
      ],
    ]);
  });

  it("and is thrown back by the ledger's own code is logged, and keeps nothing behind it waiting", async () => {
    const ledger = newMemoryLedger();
    const owed = new Owed(new Map());
    const ids = ["a", "bad", "b"];
    for (const callId of ids)
      owed.keep({
        ledger: "t",
        request: requestOf(SOFT, { callId }),
        settlement: { ...SETTLEMENT, callId },
      });
    const chargeDebt: LedgerPort["chargeDebt"] = async (request, settlement) => {
      if (request.callId === "bad") throw bug();
      return ledger.chargeDebt(request, settlement);
    };
    await owed.post(
      "t",
      () => ({ ...ledger, chargeDebt }),
      new Patience(),
      () => Date.now(),
    );
    const posted = ledger.entries.filter(({ op }) => op === "settle");
    expect(posted.map(({ callId }) => callId)).toEqual(["a", "b"]);
    expect(owed.has("t")).toBe(false);
    expect(logged.map((line) => JSON.parse(line) as object)).toMatchObject([
      { event: "emergency-lost", callId: "bad", usage: { outputTokens: 40 } },
    ]);
  });

  it("without room is logged with what was used, and is the longest queue's", () => {
    const owed = new Owed(new Map());
    const debtOf = (ledger: string, callId: string) => ({
      ledger,
      request: requestOf(SOFT, { callId }),
      settlement: { ...SETTLEMENT, callId },
    });
    for (let debts = 0; debts < 1000; debts += 1) owed.keep(debtOf("evil", `e${debts}`));
    expect(logged).toEqual([]);
    owed.keep(debtOf("good", "g"));
    owed.keep(debtOf("evil", "last"));
    expect(owed.has("good")).toBe(true);
    expect(logged.map((line) => JSON.parse(line) as object)).toMatchObject([
      { event: "emergency-lost", ledger: "evil", callId: "e999", usage: { outputTokens: 40 } },
      { event: "emergency-lost", ledger: "evil", callId: "last" },
    ]);
  });
});

describe("a remembered price", () => {
  it("is forgotten after five minutes, and when the ledger asks none", () => {
    const clock = { ms: 0 };
    const prices = new BudgetPrices(new Map(), () => clock.ms);
    prices.remember("t", 2);
    clock.ms = 300_000;
    expect(prices.of("t")).toBe(2);
    clock.ms = 300_001;
    expect(prices.of("t")).toBe(0);
    prices.remember("t", 2);
    prices.remember("t", 0);
    expect(prices.of("t")).toBe(0);
  });

  it("makes room by forgetting the one that was told longest ago", () => {
    const prices = new BudgetPrices(new Map(), () => 0);
    for (let path = 0; path < 10_000; path += 1) prices.remember(String(path), 1);
    prices.remember("0", 2);
    prices.remember("new", 3);
    expect(["0", "1", "2", "new"].map((path) => prices.of(path))).toEqual([2, 0, 1, 3]);
  });
});

describe("what a call tells its ledger", () => {
  it.each([
    { answers: 4, told: 4 },
    { answers: 1, told: undefined },
  ])(
    "is that $answers are asked for at once, where it is more than one",
    async ({ answers, told }) => {
      const ledger = newMemoryLedger();
      const { deps, patience } = surround(ledger);
      const input = {
        requestId: "r",
        admission: {
          ask: { answers },
          tenant: { id: "t", zone: "UTC" },
          keyId: "k",
          ledger: "t",
          scopes: [{ scope: "tenant", limits: HARD }],
        },
        policy: { name: "p", version: "1", deadlineMs: 60_000, heartbeatMs: 10_000 },
        variant: null,
        patience,
      } as unknown as RunInput;
      const call = { number: 1, isCounted: false, offers: OFFERS, isStream: true };
      expect(await holdCall(input, call, deps)).toMatchObject({ kind: "held" });
      expect(
        ledger.entries.map((entry) => ("answers" in entry ? entry.answers : undefined)),
      ).toEqual([told]);
    },
  );

  it.each([
    ["a stream's", true],
    ["a whole answer's", false],
  ])("lasts as much longer as the call may wait for a replica: %s", async (_, isStream) => {
    const lasts = async (placingMs?: number): Promise<number> => {
      const ledger = newMemoryLedger();
      const { deps, patience } = surround(ledger);
      const input = {
        requestId: "r",
        admission: {
          ask: { answers: 1 },
          tenant: { id: "t", zone: "UTC" },
          keyId: "k",
          ledger: "t",
          scopes: [{ scope: "tenant", limits: HARD }],
        },
        policy: { name: "p", version: "1", deadlineMs: 3_000, heartbeatMs: 1_000 },
        variant: null,
        patience,
      } as unknown as RunInput;
      const call = { number: 1, isCounted: false, offers: OFFERS, isStream };
      const outcome = await holdCall(
        input,
        { ...call, ...(placingMs === undefined ? {} : { placingMs }) },
        deps,
      );
      expect(outcome.kind).toBe("held");
      return ledger.entries.reduce((ttlMs, entry) => ("ttlMs" in entry ? entry.ttlMs : ttlMs), 0);
    };
    expect(await lasts(45_500)).toBe((await lasts()) + 45_500);
  });
});
