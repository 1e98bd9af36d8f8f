// An edit of the zone gives nobody a fresh budget: what was spent in a window counts on until the window has ended, and until
// the new calendar has left the window of the same name.
import { describe, expect, it } from "vitest";
import type { HoldAnswer, HoldRequest, Offer } from "../../../../policies/account.ts";
import { NOTHING } from "../../../../policies/ledger/amounts.ts";
import { decideHold } from "../../../../policies/ledger/hold.ts";
import { applyLease } from "../../../../policies/ledger/lease-entries.ts";
import { leaseIdAt } from "../../../../policies/ledger/lease-id.ts";
import { decideLend, decideReturn } from "../../../../policies/ledger/lease.ts";
import type { Limit, Window } from "../../../../policies/ledger/limit.ts";
import { decideSettlement } from "../../../../policies/ledger/settle.ts";
import { apply, newState } from "../../../../policies/ledger/state.ts";
import { windowKey } from "../../../../policies/ledger/window.ts";
import { noteZone, olderWindows, type Zones } from "../../../../policies/ledger/zones.ts";
import { OFFER } from "./lease-messages.ts";

const at = (text: string): number => Date.parse(text);
const MOST = 3;

/** A tenant of three requests a window, whose zone is edited as often as one likes. */
class Tenant {
  readonly state = newState();
  readonly #limits: readonly Limit[];
  #calls = 0;

  constructor(window: Window) {
    this.#limits = [{ dimension: "requests", window, limit: MOST, hard: true }];
  }

  hold(zone: string, atMs: number): HoldAnswer {
    const ended = { find: () => null };
    const offer: Offer = { ...OFFER, outputTokens: 4 };
    const request: HoldRequest = {
      callId: `c:${this.#calls++}`,
      keyId: "k",
      policyVersion: "1",
      variant: null,
      requests: 1,
      scopes: [{ scope: "tenant", limits: this.#limits }],
      zone,
      session: null,
      offers: [offer],
      ttlMs: 60_000,
    };
    const { answer, entry } = decideHold(this.state, ended, request, 0, 0, atMs);
    if (entry === null) return answer;
    apply(this.state, entry, ended);
    const usage = { ...NO_USAGE, inputTokens: 1 };
    const settlement = { callId: request.callId, usage, certainty: "exact", ending: "" } as const;
    const end = decideSettlement(this.state, ended, settlement, atMs).entry;
    if (end !== null) apply(this.state, end, ended);
    return answer;
  }

  /** How many of five calls are held. */
  held(zone: string, atMs: number): number {
    let count = 0;
    for (let call = 0; call < 5; call++) count += this.hold(zone, atMs).kind === "held" ? 1 : 0;
    return count;
  }
}

const NO_USAGE = {
  inputTokens: 0,
  cachedTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
};

describe("a budget that is used up when the zone is edited", () => {
  it.each([
    ["Europe/Berlin", "Africa/Lagos", "US/Pacific", "America/Los_Angeles", "GMT", "Asia/Kathmandu"],
  ])("stays so for the month, however often it is edited", (...zones) => {
    const tenant = new Tenant("month");
    expect(tenant.held("UTC", at("2026-11-10T12:00:00Z"))).toBe(MOST);
    for (const [index, zone] of zones.entries())
      expect(tenant.held(zone, at("2026-11-11T12:00:00Z") + index * 86_400_000), zone).toBe(0);
    expect(tenant.held("UTC", at("2026-11-29T12:00:00Z"))).toBe(0);
    // All of them are in December.
    expect(tenant.held("Europe/Berlin", at("2026-12-01T09:00:00Z"))).toBe(MOST);
  });

  it("begins anew when the old hour ends, where the new calendar is ahead", () => {
    const tenant = new Tenant("hour");
    expect(tenant.held("UTC", at("2026-11-10T12:10:00Z"))).toBe(MOST);
    const refused = tenant.hold("Asia/Kathmandu", at("2026-11-10T12:20:00Z"));
    expect(refused).toMatchObject({
      kind: "refused",
      reason: "quota",
      resetAtMs: at("2026-11-10T13:00:00Z"),
      meters: [{ limit: MOST, remaining: 0 }],
    });
    expect(tenant.held("Asia/Kathmandu", at("2026-11-10T13:00:00Z"))).toBe(MOST);
    expect(tenant.held("UTC", at("2026-11-10T13:01:00Z"))).toBe(0);
  });

  it("is one long day where the new calendar is behind", () => {
    const tenant = new Tenant("day");
    expect(tenant.held("Europe/Berlin", at("2026-11-10T12:00:00Z"))).toBe(MOST);
    const behind = "America/Los_Angeles";
    // Over in Berlin since 23:00, and still the tenth in Los Angeles.
    expect(tenant.hold(behind, at("2026-11-11T05:00:00Z"))).toMatchObject({
      kind: "refused",
      resetAtMs: at("2026-11-11T08:00:00Z"),
    });
    expect(tenant.held(behind, at("2026-11-11T08:00:00Z"))).toBe(MOST);
    // And back: Berlin's eleventh was never in use, Los Angeles' is.
    expect(tenant.held("Europe/Berlin", at("2026-11-11T09:00:00Z"))).toBe(0);
  });

  it("does not stop a budget that was not used up", () => {
    const tenant = new Tenant("day");
    tenant.hold("UTC", at("2026-11-10T12:00:00Z"));
    expect(tenant.held("Europe/Berlin", at("2026-11-10T12:01:00Z"))).toBe(MOST - 1);
  });

  it("is forgotten once no wall shows its month any more, and zones are remembered within bounds", () => {
    const zones: Zones = new Map();
    noteZone(zones, "UTC", at("2026-11-10T12:00:00Z"));
    noteZone(zones, "Europe/Berlin", at("2026-12-01T10:00:00Z"));
    expect([...zones.keys()]).toEqual(["UTC", "Europe/Berlin"]);
    noteZone(zones, "Europe/Berlin", at("2026-12-02T02:00:00Z"));
    expect([...zones.keys()]).toEqual(["Europe/Berlin"]);
    for (const name of Intl.supportedValuesOf("timeZone").slice(0, 40))
      noteZone(zones, name, at("2026-12-02T03:00:00Z"));
    expect(zones.size).toBeLessThanOrEqual(17);
    expect(olderWindows(new Map([["UTC", 0]]), "UTC", 5)).toEqual([]);
  });
});

describe("an owner whose borrowers come with another zone", () => {
  it("lends no more than the older window has left, and counts what is spent in both", () => {
    const state = newState();
    const limits: Limit[] = [{ dimension: "requests", window: "month", limit: MOST, hard: true }];
    const atMs = at("2026-11-10T12:00:00Z");
    let asks = 0;
    const lend = (zone: string, requests: number, later = atMs) => {
      const ask = {
        op: "ask" as const,
        leaseId: leaseIdAt(`lease-${asks++}`, later),
        atMs: later,
        lender: "org:o",
        scope: "org:o",
        window: "month" as const,
        key: windowKey("month", zone, later),
        amounts: { ...NOTHING, requests },
      };
      const { entry, ...answer } = decideLend(state, ask, "b", limits, "need", later);
      if (entry !== null) applyLease(state, state.leases, entry);
      return { ...answer, leaseId: ask.leaseId };
    };
    const first = lend("UTC", 2);
    expect(lend("Europe/Berlin", 2)).toMatchObject({ amounts: NOTHING, isBusy: true });
    const second = lend("Europe/Berlin", 1);
    expect(second.amounts.requests).toBe(1);
    for (const { leaseId } of [first, second]) {
      const spent = { ...NOTHING, requests: 1 };
      const entry = decideReturn(state.leases, leaseId, spent, atMs);
      if (entry !== null) applyLease(state, state.leases, entry);
    }
    const standing = (key: string) => state.buckets.get(`org:o|month|${key}`);
    expect(standing("2026-11")).toMatchObject({ spent: { requests: 2 }, held: NOTHING });
    expect(standing("2026-11@Europe/Berlin")).toMatchObject({
      spent: { requests: 1 },
      held: NOTHING,
    });
    expect(lend("Africa/Lagos", 2).amounts).toEqual(NOTHING);
    expect(lend("Europe/Berlin", MOST, at("2026-12-01T00:00:00Z")).amounts.requests).toBe(MOST);
  });
});
