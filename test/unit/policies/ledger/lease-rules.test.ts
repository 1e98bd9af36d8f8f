// What one lease is: how much is lent and when, what goes back, and what a message does that comes twice or late.
import { describe, expect, it } from "vitest";
import { NOTHING, type Amounts } from "../../../../policies/ledger/amounts.ts";
import { decideReports, lacksFor, lowFor } from "../../../../policies/ledger/borrow.ts";
import type { AskEntry } from "../../../../policies/ledger/entry.ts";
import { decideExtension } from "../../../../policies/ledger/extend.ts";
import {
  applyLease,
  decideLend,
  decideReturn,
  leaseIdAt,
  type Purpose,
} from "../../../../policies/ledger/lease.ts";
import type { Limit } from "../../../../policies/ledger/limit.ts";
import { freeOf } from "../../../../policies/ledger/loan.ts";
import { newState, type LedgerState } from "../../../../policies/ledger/state.ts";
import { Chance, Network, OFFER, ROOT, START_MS, type Node } from "./lease-network.ts";

const DAY_MS = 86_400_000;
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
  });

  it("is for whole requests", () => {
    expect(tokens(newState(), 300)).toBe(1_200);
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
    // And one that is of now is lent.
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

/** A network without faults, and its only borrower. */
function alone(limits: readonly Limit[]): { network: Network; node: Node } {
  const faults = { loss: 0, doubling: 0 };
  const network = new Network(7, { borrowers: 1, limits, faults });
  return { network, node: network.borrowers[0]! };
}

/** Holds, borrowing what it takes. */
function hold(network: Network, node: Node, offer = OFFER): boolean {
  if (network.hold(node, offer)) return true;
  network.deliverAll();
  return network.hold(node, offer);
}

describe("a borrower", () => {
  it("is limited in what its lender limits and in nothing else", () => {
    const { network, node } = alone([limit("nanos", "day", 1_000)]);
    const path = { zone: "UTC", scopes: [{ scope: ROOT, limits: network.limits, lender: ROOT }] };
    const needs = { ...NOTHING, tokens: 1_000_000, nanos: 5, concurrency: 1 };
    expect(lacksFor(node.state, path, network.nowMs, needs)).toMatchObject([
      { window: "day", amounts: { ...NOTHING, nanos: 5 } },
    ]);
    const free = { ...OFFER, inputNanosPerMtok: 0, cachedInputNanosPerMtok: 0 };
    const unpriced = { ...free, cacheWriteNanosPerMtok: 0, outputNanosPerMtok: 0 };
    expect(network.hold(node, unpriced)).toBe(true);
    expect(network.messages).toEqual([]);
  });

  it("asks ahead once little is left, and not twice", () => {
    const { network, node } = alone([limit("tokens", "day", 10_000)]);
    hold(network, node);
    network.deliverAll();
    const path = { zone: "UTC", scopes: [{ scope: ROOT, limits: network.limits, lender: ROOT }] };
    expect(lowFor(node.state, path, network.nowMs, { ...NOTHING, tokens: 1 })).toEqual([]);
    while (network.messages.length === 0) expect(network.hold(node)).toBe(true);
    expect(network.messages).toMatchObject([{ kind: "ask", purpose: "early" }]);
    expect(lowFor(node.state, path, network.nowMs, { ...NOTHING, tokens: 50 })).toEqual([]);
  });

  it("keeps its cap although less than that is lent, and is told so when it cannot write on", () => {
    const { network, node } = alone([limit("tokens", "day", 10_000)]);
    const long = { ...OFFER, outputTokens: 9_000, sliceTokens: 20 };
    expect(hold(network, node, long)).toBe(true);
    const [call] = [...node.state.calls.values()];
    expect(call).toMatchObject({ heldOutputTokens: 20, hold: { outputTokens: 9_000 } });
    const extension = { callId: call!.hold.callId, seenOutputTokens: 20, ttlMs: 60_000 };
    const more = { ...extension, outputTokens: 5_000 };
    const { answer, entry } = decideExtension(node.state, node.ended, more, network.nowMs);
    expect(answer).toMatchObject({ kind: "extended", isFinal: false });
    node.record(entry);
    expect(decideExtension(node.state, node.ended, more, network.nowMs).answer).toMatchObject({
      kind: "refused",
      isUnlent: true,
    });
  });

  it("stops at a limit that was lowered below what it has borrowed", () => {
    const { network, node } = alone([limit("tokens", "day", 10_000)]);
    expect(hold(network, node)).toBe(true);
    const closed = new Network(7, {
      borrowers: 0,
      limits: [limit("tokens", "day", 0)],
      faults: { loss: 0, doubling: 0 },
    });
    closed.nowMs = network.nowMs;
    expect(closed.hold(node)).toBe(false);
    expect(network.hold(node)).toBe(true);
  });

  it("reports and ends the leases of a window that has turned, and borrows of the new one", () => {
    const { network, node } = alone([limit("tokens", "day", 10_000)]);
    hold(network, node);
    network.end(node);
    const spent = node.state.buckets.get(`${ROOT}|day|2026-11-25`)?.spent ?? NOTHING;
    network.nowMs += DAY_MS;
    network.alarm(node, false);
    network.deliverAll();
    expect(network.root.state.buckets.get(`${ROOT}|day|2026-11-25`)).toMatchObject({
      held: NOTHING,
      spent,
    });
    expect(node.state.leases.loans.size).toBe(0);
    expect(hold(network, node)).toBe(true);
    expect([...node.state.leases.loans.values()]).toMatchObject([{ key: "2026-11-26" }]);
  });

  it("borrows concurrency as room for calls in flight, which nothing uses up", () => {
    const { network, node } = alone([limit("concurrency", "lifetime", 40)]);
    for (let call = 0; call < 12; call++) expect(hold(network, node)).toBe(true);
    const lent = () => network.root.state.buckets.get(`${ROOT}|lifetime|lifetime`)?.held;
    expect(lent()?.concurrency).toBeGreaterThanOrEqual(12);
    while (node.state.calls.size > 0) network.end(node);
    network.deliverAll();
    network.alarm(node, true);
    network.deliverAll();
    expect(lent()).toEqual(NOTHING);
    for (let call = 0; call < 40; call++) expect(hold(network, node)).toBe(true);
    expect(hold(network, node)).toBe(false);
  });

  it("leaves less than two leases idle while it works, and none when it rests", () => {
    const limits = [limit("tokens", "day", 50_000), limit("concurrency", "lifetime", 60)];
    const { network, node } = alone(limits);
    const { chance: draw } = network;
    for (let step = 0; step < 3_000; step++) {
      if (draw.next() < (step % 600 < 300 ? 0.7 : 0.3)) hold(network, node);
      else network.end(node);
      if (step % 25 > 0) continue;
      network.deliverAll();
      network.alarm(node, false);
      for (const loan of node.state.leases.loans.values()) {
        const bucket = node.state.buckets.get(`${loan.scope}|${loan.window}|${loan.key}`);
        const free = freeOf(node.state.leases, loan, bucket);
        for (const of of loan.limited) {
          const most = Math.max(...[...loan.leases.values()].map((one) => one?.[of] ?? 0), 0);
          expect(free[of], `step ${step}, ${of}`).toBeLessThan(Math.max(1, 2 * most));
        }
      }
    }
    while (node.state.calls.size > 0) network.end(node);
    network.deliverAll();
    network.alarm(node, true);
    expect(node.state.leases.loans.size).toBe(0);
  });

  it("keeps of a lease what its calls hold", () => {
    const { network, node } = alone([limit("tokens", "day", 10_000)]);
    hold(network, node);
    const [loan] = [...node.state.leases.loans.values()];
    expect(decideReports(node.state, loan!, true, network.nowMs)).toEqual([]);
    network.end(node);
    expect(decideReports(node.state, loan!, true, network.nowMs)).toHaveLength(1);
  });
});
