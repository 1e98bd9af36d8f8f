// What an owner lends: how much and when, and what a message does that comes twice or late.
import { describe, expect, it } from "vitest";
import { NOTHING, type Amounts } from "../../../../policies/ledger/amounts.ts";
import type { AskEntry } from "../../../../policies/ledger/entry.ts";
import {
  applyLease,
  decideLend,
  decideReturn,
  leaseIdAt,
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
    expect(tokens(newState(), 7)).toBe(994);
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
