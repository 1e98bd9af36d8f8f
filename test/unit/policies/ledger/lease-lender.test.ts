// What an owner lends: how much and when, and what a message does that comes twice or late.
import { describe, expect, it } from "vitest";
import { NOTHING, type Amounts } from "../../../../policies/ledger/amounts.ts";
import type { AskEntry } from "../../../../policies/ledger/entry.ts";
import { leastHeard, type Heard } from "../../../../policies/ledger/heard.ts";
import { applyLease } from "../../../../policies/ledger/lease-entries.ts";
import { leaseIdAt } from "../../../../policies/ledger/lease-id.ts";
import {
  borrowersOf,
  decideLend,
  decideReturn,
  type Purpose,
} from "../../../../policies/ledger/lease.ts";
import type { Limit } from "../../../../policies/ledger/limit.ts";
import { newState, type LedgerState } from "../../../../policies/ledger/state.ts";
import { ROOT, START_MS } from "./lease-messages.ts";
import { Chance } from "./lease-node.ts";

const chance = new Chance(1);

function limit(dimension: Limit["dimension"], window: Limit["window"], most: number): Limit {
  return { dimension, window, limit: most, hard: true };
}

const LIMITS = [limit("tokens", "day", 100_000)];

function ask(amounts: Partial<Amounts>, atMs = START_MS): AskEntry {
  return {
    op: "ask",
    leaseId: leaseIdAt(chance.uuid(), atMs),
    atMs,
    lender: ROOT,
    scope: ROOT,
    window: "day",
    key: "2026-11-25",
    amounts: { ...NOTHING, ...amounts },
  };
}

function lend(
  state: LedgerState,
  asked: AskEntry,
  purpose: Purpose = "ahead",
  limits: readonly Limit[] = LIMITS,
  atMs = START_MS,
): Amounts {
  const { amounts, entry } = decideLend(state, asked, "b", limits, purpose, atMs);
  if (entry !== null) applyLease(state, state.leases, entry);
  return amounts;
}

function tokens(state: LedgerState, needed: number, purpose?: Purpose): number {
  return lend(state, ask({ tokens: needed }), purpose).tokens;
}

describe("how much is lent", () => {
  it("is a hundredth of the limit, or four times what the request needs where that is more", () => {
    expect(tokens(newState(), 100)).toBe(1_000);
    expect(tokens(newState(), 500)).toBe(2_000);
    // For whole requests.
    expect(tokens(newState(), 30)).toBe(990);
  });

  it("is never more than 64 such requests take, however large the limit is said to be", () => {
    expect(tokens(newState(), 7)).toBe(448);
    const untrue = [limit("tokens", "day", 9e15)];
    for (const purpose of ["early", "ahead"] as const)
      expect(lend(newState(), ask({ tokens: 500 }), purpose, untrue).tokens).toBe(32_000);
  });

  it("is no more than an eighth of what is left, unless one request needs it", () => {
    const state = newState();
    tokens(state, 92_000, "need");
    expect(tokens(state, 100)).toBe(1_000);
    expect(tokens(state, 500)).toBe(500);
  });

  it("is exactly what each request needs in the last twentieth, and nothing before it needs it", () => {
    const state = newState();
    tokens(state, 95_000, "need");
    expect(tokens(state, 10)).toBe(10);
    expect(tokens(state, 10, "early")).toBe(0);
    expect(tokens(state, 4_990)).toBe(4_990);
    expect(tokens(state, 1)).toBe(0);
  });

  it("is what is needed while others of the same borrower are asking too", () => {
    expect(tokens(newState(), 100, "need")).toBe(100);
  });

  it("is nothing where there is not enough for the request, and nothing is written down", () => {
    const state = newState();
    const asked = ask({ tokens: 100_001 });
    expect(decideLend(state, asked, "b", LIMITS, "ahead", START_MS)).toEqual({
      amounts: NOTHING,
      isBusy: false,
      entry: null,
    });
  });

  it("says whether what is missing is spent, or only held and lent", () => {
    const state = newState();
    const asked = ask({ tokens: 60_000 });
    lend(state, asked, "need");
    const more = ask({ tokens: 50_000 });
    expect(decideLend(state, more, "c", LIMITS, "need", START_MS).isBusy).toBe(true);
    const spent = { ...NOTHING, tokens: 60_000 };
    applyLease(state, state.leases, decideReturn(state.leases, asked.leaseId, spent, START_MS)!);
    expect(decideLend(state, more, "c", LIMITS, "need", START_MS).isBusy).toBe(false);
  });

  it("is nothing in any dimension where one has not enough", () => {
    const limits = [...LIMITS, limit("requests", "day", 1)];
    const state = newState();
    expect(lend(state, ask({ tokens: 100, requests: 2 }), "need", limits)).toEqual(NOTHING);
    expect(lend(state, ask({ tokens: 100, requests: 1 }), "need", limits)).toEqual({
      ...NOTHING,
      tokens: 100,
      requests: 1,
    });
  });
});

describe("a message that comes twice or late", () => {
  it("gets the same answer while the lease is open, and lends once", () => {
    const state = newState();
    const asked = ask({ tokens: 100 });
    const first = lend(state, asked);
    expect(lend(state, asked)).toEqual(first);
    expect(state.buckets.get(`${ROOT}|day|2026-11-25`)?.held.tokens).toBe(first.tokens);
  });

  it("lends nothing again once the lease has ended, and a second report changes nothing", () => {
    const state = newState();
    const asked = ask({ tokens: 100 });
    lend(state, asked);
    const back = decideReturn(state.leases, asked.leaseId, { ...NOTHING, tokens: 60 }, START_MS);
    applyLease(state, state.leases, back!);
    expect(decideReturn(state.leases, asked.leaseId, NOTHING, START_MS)).toBeNull();
    expect(lend(state, asked)).toEqual(NOTHING);
    expect(state.buckets.get(`${ROOT}|day|2026-11-25`)).toMatchObject({
      held: NOTHING,
      spent: { tokens: 60 },
    });
  });

  it("lends nothing a day later, so that ids of ended leases are kept a day and no longer", () => {
    const state = newState();
    const asks: AskEntry[] = [];
    for (let hour = 0; hour < 24 * 30; hour++) {
      const atMs = START_MS + hour * 3_600_000;
      const asked = ask({ tokens: 1 }, atMs);
      asks.push(asked);
      lend(state, asked, "need", LIMITS, atMs);
      const back = decideReturn(state.leases, asked.leaseId, NOTHING, atMs);
      applyLease(state, state.leases, back!);
      expect(state.leases.returned.size).toBeLessThanOrEqual(26);
    }
    const endMs = START_MS + 24 * 30 * 3_600_000;
    for (const asked of asks)
      expect(lend(state, asked, "need", LIMITS, endMs), asked.leaseId).toEqual(NOTHING);
    expect(lend(state, ask({ tokens: 1 }, endMs), "need", LIMITS, endMs).tokens).toBe(1);
  });

  it("finds out what became of an ask without lending", () => {
    const state = newState();
    expect(lend(state, ask({ tokens: 1 }), "need", [])).toEqual(NOTHING);
    const asked = ask({ tokens: 1 });
    const amounts = lend(state, asked);
    expect(lend(state, asked, "need", [])).toEqual(amounts);
  });
});

describe("what an owner remembers", () => {
  it("is no more than 40,000 ended leases, and an ask of those it forgot lends nothing", () => {
    const state = newState();
    const asked: AskEntry[] = [];
    for (let count = 0; count < 45_000; count++) {
      // A hundred a second.
      const atMs = START_MS + count * 10;
      const one = ask({ tokens: 1 }, atMs);
      asked.push(one);
      expect(lend(state, one, "need", LIMITS, atMs).tokens).toBe(1);
      const back = decideReturn(state.leases, one.leaseId, NOTHING, atMs);
      if (back !== null) applyLease(state, state.leases, back);
    }
    const { returned } = state.leases;
    expect(returned.size).toBeLessThanOrEqual(21_000);
    const lastMs = START_MS + 450_000;
    for (const one of [asked[0]!, asked[20_000]!, asked.at(-1)!])
      expect(lend(state, one, "need", LIMITS, lastMs)).toEqual(NOTHING);
    expect(lend(state, ask({ tokens: 1 }, lastMs), "need", LIMITS, lastMs).tokens).toBe(1);
    expect(state.buckets.get(`${ROOT}|day|2026-11-25`)?.held.tokens).toBe(1);
  });

  it("is who borrowed of a window, those with most first", () => {
    const state = newState();
    for (const borrower of ["a", "b", "b"]) {
      const { entry } = decideLend(state, ask({ tokens: 1 }), borrower, LIMITS, "need", START_MS);
      if (entry !== null) applyLease(state, state.leases, entry);
    }
    expect(borrowersOf(state.leases, ask({}))).toEqual(["b", "a"]);
    expect(borrowersOf(state.leases, { ...ask({}), key: "2026-11-26" })).toEqual([]);
  });

  it("is the least limit that it heard within two minutes, by scope and window", () => {
    const heard: Heard = new Map();
    const told = (most: number, atMs: number, scope = ROOT) =>
      leastHeard(heard, scope, [limit("tokens", "day", most)], atMs)[0]?.limit;
    expect(told(100, 0)).toBe(100);
    expect(told(9e15, 1_000)).toBe(100);
    expect(told(9e15, 1_000, "org:other")).toBe(9e15);
    expect(told(50, 2_000)).toBe(50);
    expect(told(100, 100_000)).toBe(50);
    expect(told(50, 110_000)).toBe(50);
    expect(told(100, 229_000)).toBe(50);
    expect(told(100, 231_000)).toBe(100);
    for (let user = 0; user < 20_000; user++) told(1, 240_000, `user:${user}`);
    expect(heard.size).toBe(10_000);
  });
});
