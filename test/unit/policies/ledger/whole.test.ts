// What an owner and its borrowers come to together: the calls' own charges, each once, whoever has reported what; and never
// more with what is held and lent than the owner's limit.
import { describe, expect, it } from "vitest";
import { DIMENSIONS, NOTHING, plus, type Amounts } from "../../../../policies/ledger/amounts.ts";
import { bucketName } from "../../../../policies/ledger/bucket.ts";
import { windowsOf, type Limit } from "../../../../policies/ledger/limit.ts";
import { lentAndUnreported } from "../../../../policies/ledger/loan.ts";
import { standingOf, type Standing } from "../../../../policies/ledger/standing.ts";
import { pinnedKey, type LedgerState } from "../../../../policies/ledger/state.ts";
import { joinAll, joinParts, wholeOf, type LedgerPart } from "../../../../policies/ledger/whole.ts";
import { limitsIn } from "./lease-messages.ts";
import { Network } from "./lease-network.ts";
import { Chance, type Node } from "./lease-node.ts";

const SEED = 7_000_000;
const RUNS = 200;
const STEPS = 150;
const HOSTILE = { loss: 0.2, doubling: 0.3 };

function limit(dimension: Limit["dimension"], window: Limit["window"], most: number): Limit {
  return { dimension, window, limit: most, hard: true };
}

function networkOf(seed: number, overrun: number): Network {
  const chance = new Chance(seed);
  const limits = [
    limit("tokens", "day", 200 + chance.below(900)),
    limit("requests", "lifetime", 10 + chance.below(60)),
    limit("concurrency", "lifetime", 4 + chance.below(12)),
  ];
  return new Network(seed, { borrowers: 1 + chance.below(4), limits, faults: HOSTILE, overrun });
}

/** What the journals say that calls were charged, by window: leases do not come into it. */
function chargedIn(nodes: readonly Node[], limits: readonly Limit[]): Map<string, Amounts> {
  const charged = new Map<string, Amounts>();
  for (const { journal } of nodes) {
    const calls = new Map<string, { readonly atMs: number; charged: Amounts }>();
    for (const entry of journal) {
      if (!("callId" in entry)) continue;
      if (entry.op === "hold") calls.set(entry.callId, { atMs: entry.atMs, charged: NOTHING });
      const call = calls.get(entry.callId);
      if (call !== undefined && "charged" in entry) call.charged = entry.charged;
    }
    for (const { atMs, charged: amounts } of calls.values())
      for (const window of windowsOf(limits)) {
        const name = bucketName("org:o", window, pinnedKey(window, "UTC", null, atMs) ?? "");
        charged.set(name, plus(charged.get(name) ?? NOTHING, amounts));
      }
  }
  return charged;
}

function partsOf(state: LedgerState): LedgerPart[] {
  const partOf = lentAndUnreported(state.leases);
  return [...state.buckets.values()].map((bucket) => {
    const { scope, window, key, spent, held, over } = bucket;
    return { scope, window, key, spent, held, over, ...partOf(bucket) };
  });
}

function wholeIn({ root, borrowers }: Network, heard = borrowers.length) {
  const shards = borrowers.slice(0, heard).map(({ state }) => partsOf(state));
  const all = joinAll(partsOf(root.state), shards, heard === borrowers.length);
  return new Map(all.map((part) => [bucketName(part.scope, part.window, part.key), part]));
}

describe("all ledgers of a budget together", { timeout: 60_000 }, () => {
  it.each([0, 40])(
    `have spent what their calls were charged and pass no limit, with bills up to %i above their holds; seed ${SEED}`,
    (overrun) => {
      let [lentSeen, heldSeen, reported] = [0, 0, 0];
      for (let run = 0; run < RUNS; run++) {
        const network = networkOf(SEED + run, overrun);
        for (let step = 0; step < STEPS; step++) {
          network.step();
          if (step % 10 !== 9) continue;
          const where = `seed ${SEED + run}, step ${step}`;
          const expected = chargedIn(network.nodes, network.limits);
          for (const [name, { window, spent, held, lent, over }] of wholeIn(network)) {
            expect(spent, `${where}: ${name}`).toEqual(expected.get(name) ?? NOTHING);
            for (const of of DIMENSIONS) expect(Math.min(held[of], lent[of])).toBeGreaterThan(-1);
            for (const [of, most] of limitsIn(network.limits, window)) {
              const taken = spent[of] + held[of] + lent[of] - over[of];
              expect(taken, `${where}: ${name} ${of}`).toBeLessThanOrEqual(most);
              lentSeen += lent[of] > 0 ? 1 : 0;
              heldSeen += held[of] > 0 ? 1 : 0;
            }
          }
        }
        for (const { tokens } of network.root.told.values()) reported += tokens;
      }
      // Where nothing is lent, held or reported, nothing could count twice.
      expect(Math.min(lentSeen, heldSeen)).toBeGreaterThan(RUNS);
      expect(reported).toBeGreaterThan(0);
    },
  );

  it("hold nothing once all of them rest, and lend only what the owner was told too much", () => {
    for (let run = 0; run < RUNS / 4; run++) {
      const network = networkOf(SEED + run, 0);
      for (let step = 0; step < STEPS; step++) network.step();
      network.faults = { loss: 0, doubling: 0 };
      for (let round = 0; round < 6; round++) {
        network.nowMs += 700_000;
        for (const node of network.nodes) network.alarm(node, true);
        network.check();
        network.deliverAll();
      }
      const expected = chargedIn(network.nodes, network.limits);
      for (const [name, { window, spent, held, lent }] of wholeIn(network)) {
        expect(spent).toEqual(expected.get(name) ?? NOTHING);
        expect(held).toEqual(NOTHING);
        const own = network.root.state.buckets.get(name)?.spent ?? NOTHING;
        for (const [of] of limitsIn(network.limits, window))
          expect(lent[of], `seed ${SEED + run}: ${name}`).toBe(Math.max(0, own[of] - spent[of]));
      }
    }
  });

  it("tell, where some are not heard, at least what the owner knows and never more than was spent", () => {
    let less = 0;
    for (let run = 0; run < RUNS; run++) {
      const network = networkOf(SEED + run, 0);
      for (let step = 0; step < STEPS; step++) network.step();
      const all = wholeIn(network);
      for (const [name, { spent }] of wholeIn(network, network.borrowers.length - 1)) {
        const own = network.root.state.buckets.get(name)?.spent ?? NOTHING;
        const whole = all.get(name)?.spent ?? NOTHING;
        expect(spent.requests).toBeLessThanOrEqual(whole.requests);
        expect(spent.requests).toBeGreaterThanOrEqual(Math.min(own.requests, whole.requests));
        less += spent.requests < whole.requests ? 1 : 0;
      }
    }
    expect(less).toBeGreaterThan(0);
  });
});

describe("joinParts", () => {
  const window = { scope: "tenant", window: "day", key: "2026-11-25@UTC" } as const;
  const part = (tokens: Partial<Record<keyof LedgerPart, number>>): LedgerPart => {
    const of = (count = 0): Amounts => ({ ...NOTHING, tokens: count });
    const { spent, held, over, lent, returned, unreported } = tokens;
    return {
      ...window,
      spent: of(spent),
      held: of(held),
      over: of(over),
      ...(lent === undefined ? {} : { lent: of(lent) }),
      ...(returned === undefined ? {} : { returned: { spent: of(returned), over: NOTHING } }),
      ...(unreported === undefined ? {} : { unreported: of(unreported) }),
    };
  };
  const tokensOf = (whole: ReturnType<typeof joinParts>) =>
    Object.fromEntries(Object.entries(whole).map(([name, { tokens }]) => [name, tokens]));

  it("takes what was reported out of the owner's figure, and what is used out of what is lent", () => {
    const own = part({ spent: 100, held: 70, lent: 60, returned: 80 });
    const shards = [part({ spent: 95, held: 10, unreported: 15 }), part({ spent: 5 })];
    expect(tokensOf(joinParts(own, shards, true))).toEqual({
      spent: 20 + 95 + 5,
      held: 10 + 10,
      over: 0,
      lent: 60 - 15 - 10,
    });
  });

  it("keeps a ledger that lends nothing as it is, and one that nobody borrows from but others do", () => {
    const own = part({ spent: 100, held: 70, over: 3 });
    expect(tokensOf(joinParts(own, [], true))).toEqual({ spent: 100, held: 70, over: 3, lent: 0 });
    const lender = part({ spent: 100, held: 70, lent: 70, returned: 100 });
    const known = { spent: 100, held: 0, over: 0, lent: 70 };
    expect(tokensOf(joinParts(lender, [], false))).toEqual(known);
  });

  it("counts what no limit made a shard report", () => {
    const shards = [part({ spent: 40 }), part({ spent: 2 })];
    expect(tokensOf(joinParts(undefined, shards, true))["spent"]).toBe(42);
    expect(tokensOf(joinParts(undefined, shards, false))["spent"]).toBe(42);
  });
});

describe("wholeOf", () => {
  const AT_MS = Date.UTC(2026, 10, 25, 23, 59);
  const standing = (atMs: number, changes: Partial<Standing> = {}): Standing => ({
    atMs,
    openHolds: 1,
    suspendedHolds: 2,
    buckets: [],
    rates: [],
    lambda: 0,
    ...changes,
  });

  it("leaves out a day that turned while ledgers were read one after the other", () => {
    const key = (atMs: number) => pinnedKey("day", "UTC", null, atMs) ?? "";
    const bucketAt = (atMs: number) => ({
      scope: "tenant",
      window: "day" as const,
      key: key(atMs),
      spent: { ...NOTHING, tokens: 5 },
      held: NOTHING,
      over: NOTHING,
      resetAtMs: atMs,
    });
    const later = AT_MS + 120_000;
    const whole = wholeOf(
      standing(AT_MS, { buckets: [bucketAt(AT_MS)] }),
      [standing(later, { buckets: [bucketAt(later)], lambda: 0.5 })],
      true,
      "UTC",
    );
    expect(whole).toMatchObject({ atMs: later, openHolds: 2, suspendedHolds: 4, lambda: 0.5 });
    expect(whole.buckets.map((bucket) => bucket.key)).toEqual([key(later)]);
  });

  it("says of each rate whether it is a shard's part, which a key's never is", () => {
    const rate = { dimension: "requests" as const, level: 3, atMs: AT_MS };
    const rates = [
      { scope: "tenant", ...rate },
      { scope: "key:k", ...rate },
    ];
    const whole = wholeOf(standing(AT_MS, { rates }), [standing(AT_MS, { rates })], true, "UTC");
    expect(whole.rates.map(({ scope, isPart }) => [scope, isPart])).toEqual([
      ["tenant", false],
      ["key:k", false],
      ["tenant", true],
      ["key:k", false],
    ]);
  });
});

it("a standing names of a scope's conversations those that spent most, and so many at most", () => {
  const network = new Network(1, { borrowers: 1, limits: [], faults: HOSTILE });
  const { state } = network.root;
  for (let index = 0; index < 60; index++)
    state.buckets.set(`c${index}`, {
      scope: "tenant",
      window: "session",
      key: `c${index}`,
      spent: { ...NOTHING, tokens: index },
      held: NOTHING,
      over: NOTHING,
      returned: { spent: NOTHING, over: NOTHING },
    });
  const { buckets } = standingOf(state, "UTC", null, 0, network.nowMs);
  expect(buckets.map(({ key }) => key)).toEqual(
    Array.from({ length: 50 }, (_, index) => `c${59 - index}`),
  );
});
