// Asking for a hold: what each answer of the ledger means, and what a call tells its ledger.
import { describe, expect, it } from "vitest";
import type { HoldAnswer } from "../../../policies/account.ts";
import type { Limit } from "../../../policies/ledger/limit.ts";
import { pricedPath } from "../../../worker/budget-prices.ts";
import { holdCall, type RunInput } from "../../../worker/call-hold.ts";
import { askHold } from "../../../worker/hold.ts";
import type { LedgerPort } from "../../../worker/ports.ts";
import { bug, limitOf, newMemoryLedger, requestOf } from "./memory-ledger.ts";
import { atNoonWithLog, surround, PAYER, SOFT, HARD, OFFERS } from "./hold-samples.ts";

const logged = atNoonWithLog();

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
