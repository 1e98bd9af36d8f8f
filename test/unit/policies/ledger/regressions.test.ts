// Histories that once broke a promise, of this ledger or of the model that its bound was proven on. Each stays.
import { beforeEach, describe, expect, it } from "vitest";
import { NO_USAGE, type HoldRequest, type Offer } from "../../../../policies/account.ts";
import type { Limit } from "../../../../policies/ledger/limit.ts";
import { loadCore } from "../../../torture/core.ts";
import type { Act, Answer } from "../../../torture/ledger-model.ts";
import { Watch } from "../../../torture/watch.ts";

const START_MS = Date.UTC(2026, 10, 25, 12);
const SUSPENSE_MS = 600_000;
const core = await loadCore();

let watch: Watch;
let nowMs: number;
beforeEach(() => {
  watch = new Watch(core);
  nowMs = START_MS;
});

function perform(act: Act): Answer {
  return watch.perform(act, nowMs).answer;
}

interface Held {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly sliceTokens?: number;
  readonly ttlMs?: number;
  readonly key?: string;
  readonly prices?: Partial<Offer>;
}

function hold(callId: string, tenant: readonly Limit[], held: Held): Answer {
  const { inputTokens, outputTokens, sliceTokens = outputTokens, ttlMs = 60_000, key = "a" } = held;
  const request: HoldRequest = {
    callId,
    keyId: key,
    policyVersion: "1",
    variant: null,
    requests: 1,
    scopes: [
      { scope: "tenant", limits: tenant },
      { scope: `key:${key}`, limits: [] },
    ],
    zone: "UTC",
    session: null,
    offers: [
      {
        rung: 0,
        arm: "model/long",
        strategies: [],
        inputTokens,
        outputTokens,
        outputTokensMin: 1,
        sliceTokens,
        priceVersion: null,
        inputNanosPerMtok: 0,
        cachedInputNanosPerMtok: 0,
        cacheWriteNanosPerMtok: 0,
        outputNanosPerMtok: 0,
        ...held.prices,
      },
    ],
    ttlMs,
  };
  return perform({ op: "hold", request });
}

function settle(
  callId: string,
  inputTokens: number,
  outputTokens: number,
  cacheWriteTokens = 0,
): Answer {
  const usage = { ...NO_USAGE, inputTokens, outputTokens, cacheWriteTokens };
  return perform({
    op: "settle",
    request: { callId, usage, certainty: "exact", ending: "complete" },
  });
}

/** Tokens of the tenant's day. */
function tenantDay(): object {
  const bucket = watch.model.state.buckets.get("tenant|day|2026-11-25");
  return {
    spent: bucket?.spent.tokens,
    held: bucket?.held.tokens,
    over: bucket?.over.tokens,
  };
}

describe("a hold of 18 of 20 that expires at 5, while another key wants 15, and of which an exact 10 comes", () => {
  const limits = (hard: boolean): Limit[] => [
    { dimension: "tokens", window: "day", limit: 20, hard },
  ];
  const expire = (hard: boolean): void => {
    expect(hold("one", limits(hard), { inputTokens: 4, outputTokens: 14, ttlMs: 1 }).kind).toBe(
      "held",
    );
    nowMs += 1;
    perform({ op: "sweep" });
  };
  const takeTheRoom = (hard: boolean): string =>
    hold("two", limits(hard), { inputTokens: 5, outputTokens: 10, key: "b" }).kind;

  it("is 25 of 20 under a soft limit, and the 5 are recorded as over", () => {
    expire(false);
    expect(tenantDay()).toEqual({ spent: 5, held: 0, over: 0 });
    expect(takeTheRoom(false)).toBe("held");
    settle("two", 5, 10);
    expect(settle("one", 4, 6)).toMatchObject({
      kind: "settled",
      chargedTokens: 10,
      overTokens: 5,
    });
    expect(tenantDay()).toEqual({ spent: 25, held: 0, over: 5 });
  });

  it("stays within a hard limit, because what expiry left is in suspense until the figure comes", () => {
    expire(true);
    expect(tenantDay()).toEqual({ spent: 5, held: 13, over: 0 });
    expect(takeTheRoom(true)).toBe("refused");
    expect(settle("one", 4, 6)).toMatchObject({
      kind: "settled",
      chargedTokens: 10,
      overTokens: 0,
    });
    expect(tenantDay()).toEqual({ spent: 10, held: 0, over: 0 });
    expect(hold("two", limits(true), { inputTokens: 5, outputTokens: 5 }).kind).toBe("held");
  });

  it("is over also of a hard limit when the figure comes after the suspense", () => {
    expire(true);
    nowMs += SUSPENSE_MS;
    expect(takeTheRoom(true)).toBe("held");
    expect(settle("one", 4, 6)).toMatchObject({ kind: "settled", overTokens: 5 });
    expect(tenantDay()).toEqual({ spent: 10, held: 15, over: 5 });
  });
});

describe("a correction after a refund", () => {
  it("credits the window no second time", () => {
    hold("one", [], { inputTokens: 4, outputTokens: 14, ttlMs: 1 });
    nowMs += 1;
    perform({ op: "sweep" });
    expect(tenantDay()).toMatchObject({ spent: 5 });
    perform({ op: "refund", request: { callId: "one", refundId: "r", tokens: 4, nanos: 0 } });
    expect(tenantDay()).toMatchObject({ spent: 1 });
    expect(settle("one", 1, 1)).toMatchObject({ kind: "settled", chargedTokens: 4 });
    expect(tenantDay()).toMatchObject({ spent: 0 });
  });

  it("counts whole where it is more than what was given back", () => {
    hold("one", [], { inputTokens: 4, outputTokens: 14, ttlMs: 1 });
    nowMs += 1;
    perform({ op: "refund", request: { callId: "one", refundId: "r", tokens: 4, nanos: 0 } });
    expect(settle("one", 4, 8)).toMatchObject({ kind: "settled", chargedTokens: 12 });
    expect(tenantDay()).toMatchObject({ spent: 8 });
  });
});

describe("a correction of a call that expired at 5", () => {
  const settleAtLeast = (inputTokens: number, outputTokens: number): Answer => {
    const usage = { ...NO_USAGE, inputTokens, outputTokens };
    return perform({
      op: "settle",
      request: { callId: "one", usage, certainty: "at_least", ending: "upstream-broke" },
    });
  };
  beforeEach(() => {
    hold("one", [], { inputTokens: 4, outputTokens: 14, ttlMs: 1 });
    nowMs += 1;
    perform({ op: "sweep" });
    expect(tenantDay()).toMatchObject({ spent: 5 });
  });

  it.each([0, 3, 4])("changes nothing when it saw no output and an input of %i", (inputTokens) => {
    expect(settleAtLeast(inputTokens, 0)).toEqual({ kind: "already", state: "expired" });
    expect(tenantDay()).toMatchObject({ spent: 5 });
    expect(settle("one", 4, 6)).toMatchObject({ kind: "settled", chargedTokens: 10 });
  });

  it("raises it by more input than was held, and by no output that nobody saw", () => {
    expect(settleAtLeast(9, 0)).toMatchObject({ kind: "settled", chargedTokens: 10 });
    expect(tenantDay()).toMatchObject({ spent: 10 });
  });

  it("raises it by output that was seen", () => {
    expect(settleAtLeast(0, 6)).toMatchObject({ kind: "settled", chargedTokens: 10 });
  });
});

describe("an extension", () => {
  const cacheWrites: Limit[] = [
    { dimension: "cacheWriteTokens", window: "day", limit: 10, hard: true },
  ];
  const extend = (callId: string): Answer =>
    perform({
      op: "extend",
      request: { callId, outputTokens: 20, seenOutputTokens: 8, ttlMs: 1000 },
    });

  it("is not stopped by a limit that others have overrun and that it needs no more of", () => {
    hold("one", cacheWrites, { inputTokens: 5, outputTokens: 20, sliceTokens: 10 });
    hold("two", cacheWrites, { inputTokens: 5, outputTokens: 20 });
    settle("two", 50, 1, 50);
    expect(extend("one")).toMatchObject({ kind: "extended", heldOutputTokens: 20 });
  });

  it("is not stopped by calls in flight that a lowered limit would not let in any more", () => {
    const inFlight = (limit: number): Limit[] => [
      { dimension: "concurrency", window: "lifetime", limit, hard: true },
    ];
    hold("one", inFlight(1), { inputTokens: 5, outputTokens: 20, sliceTokens: 10 });
    hold("two", inFlight(3), { inputTokens: 5, outputTokens: 20 });
    hold("three", inFlight(3), { inputTokens: 5, outputTokens: 20 });
    expect(extend("one")).toMatchObject({ kind: "extended", heldOutputTokens: 20 });
  });

  it("is stopped by a limit that others have overrun and that it needs more of", () => {
    const outputs: Limit[] = [
      { dimension: "visibleOutputTokens", window: "day", limit: 40, hard: true },
    ];
    hold("one", outputs, { inputTokens: 5, outputTokens: 20, sliceTokens: 10 });
    hold("two", outputs, { inputTokens: 5, outputTokens: 20 });
    settle("two", 5, 50);
    expect(extend("one")).toMatchObject({ kind: "refused", dimension: "visibleOutputTokens" });
  });
});

it("keeps no meter for a scope that was only ever refused", () => {
  const rate: Limit[] = [{ dimension: "tokens", window: "minute", limit: 5, hard: true }];
  expect(hold("one", rate, { inputTokens: 5, outputTokens: 5 }).kind).toBe("refused");
  expect(watch.model.state.rates.size).toBe(0);
  hold("two", rate, { inputTokens: 1, outputTokens: 4 });
  expect(watch.model.state.rates.size).toBe(1);
});
