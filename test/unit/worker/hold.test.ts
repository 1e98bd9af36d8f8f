// Asking for a hold: what each answer of the ledger means, and what is done when there is none in time.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BudgetPrices } from "../../../worker/budget-prices.ts";
import type { Dependencies } from "../../../worker/dependencies.ts";
import { Emergency, newEmergencyMemory } from "../../../worker/emergency.ts";
import { askHold } from "../../../worker/hold.ts";
import { Owed } from "../../../worker/owed.ts";
import { Patience } from "../../../worker/stream/patience.ts";
import type { LedgerPort } from "../../../worker/ports.ts";
import { limitOf, newMemoryLedger, offerWith, requestOf } from "./memory-ledger.ts";

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
    expect(deps.prices.of("t")).toBe(0.75);
    expect(deps.prices.of("other")).toBe(0);
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
    expect(posted).toMatchObject({ over: { tokens: 0 } });
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
    ledger.next.push("none", "none", "none", "away");
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

it("debts that find no room are logged with what was used", () => {
  const owed = new Owed(new Map());
  const debt = { ledger: "t", request: requestOf(SOFT), settlement: SETTLEMENT };
  for (let debts = 0; debts < 1001; debts += 1) owed.keep(debt);
  expect(logged).toHaveLength(1);
  expect(JSON.parse(logged[0] ?? "")).toMatchObject({
    event: "emergency-lost",
    ledger: "t",
    usage: { outputTokens: 40 },
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
});
