// What a borrower asks for and when, what it gives back, and what it can do with what it was lent.
import { describe, expect, it } from "vitest";
import { NOTHING } from "../../../../policies/ledger/amounts.ts";
import {
  decideBorrow,
  decideReports,
  lacksFor,
  lowFor,
} from "../../../../policies/ledger/borrow.ts";
import { decideExtension } from "../../../../policies/ledger/extend.ts";
import type { Limit } from "../../../../policies/ledger/limit.ts";
import { freeOf } from "../../../../policies/ledger/loan.ts";
import { OFFER, ROOT } from "./lease-messages.ts";
import { Network } from "./lease-network.ts";
import type { Node } from "./lease-node.ts";

const DAY_MS = 86_400_000;

function limit(dimension: Limit["dimension"], window: Limit["window"], most: number): Limit {
  return { dimension, window, limit: most, hard: true };
}

/** A network without faults, and its only borrower. */
function alone(limits: readonly Limit[]): { network: Network; node: Node } {
  const faults = { loss: 0, doubling: 0 };
  const network = new Network(7, { borrowers: 1, limits, faults });
  return { network, node: network.borrowers[0]! };
}

function pathOf({ limits }: Network) {
  return { zone: "UTC", scopes: [{ scope: ROOT, limits, lender: ROOT }] };
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
    const path = pathOf(network);
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
    const path = pathOf(network);
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

  it("takes an answer once, and none to what it did not ask", () => {
    const { network, node } = alone([limit("tokens", "day", 10_000)]);
    network.hold(node);
    const [leaseId] = [...node.state.leases.asked.keys()];
    const amounts = { ...NOTHING, tokens: 500 };
    node.record(decideBorrow(node.state.leases, leaseId!, amounts, network.nowMs));
    expect([...node.state.leases.loans.values()]).toMatchObject([{ limited: ["tokens"] }]);
    expect(decideBorrow(node.state.leases, leaseId!, amounts, network.nowMs)).toBeNull();
    expect(decideBorrow(node.state.leases, "other:1", amounts, network.nowMs)).toBeNull();
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
