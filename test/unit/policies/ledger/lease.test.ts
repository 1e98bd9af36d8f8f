// Leases under loss, doubling, reordering and crashes: what borrowers may spend and what the owner has spent never pass the
// limit (P13), and when the faults stop nothing stays behind. A failing schedule names its seed.
import { describe, expect, it } from "vitest";
import { above, NOTHING, plus, type Amounts } from "../../../../policies/ledger/amounts.ts";
import { bucketName } from "../../../../policies/ledger/bucket.ts";
import type { Limit } from "../../../../policies/ledger/limit.ts";
import { freeOf, unreportedOf } from "../../../../policies/ledger/loan.ts";
import { limitsIn, ROOT } from "./lease-messages.ts";
import { Network } from "./lease-network.ts";
import { Chance } from "./lease-node.ts";

const SEED = 4_000_000;
/** Two cores are shared; nothing here waits. */
const TIMEOUT_MS = 120_000;
/** The owner below that frees on a timeout is found out by more than one schedule in thirty. */
const RUNS = 600;
const STEPS = 200;
const HOSTILE = { loss: 0.2, doubling: 0.3 };

function limit(dimension: Limit["dimension"], window: Limit["window"], most: number): Limit {
  return { dimension, window, limit: most, hard: true };
}

const TWO_LIMITS = [limit("tokens", "day", 1_000), limit("concurrency", "lifetime", 20)];

/** Some of what may be limited, tight enough to be used up. */
function someLimits(chance: Chance): Limit[] {
  const all = [
    limit("tokens", "day", 60 + chance.below(900)),
    limit("requests", "day", 3 + chance.below(30)),
    limit("nanos", "lifetime", 100 + chance.below(1500)),
    limit("concurrency", "lifetime", 2 + chance.below(12)),
    limit("tokens", "hour", 60 + chance.below(500)),
  ];
  const some = all.filter(() => chance.next() < 0.4);
  return some.length === 0 ? all : some;
}

function networkOf(seed: number, overrun = 0): Network {
  const chance = new Chance(seed ^ 0x5eed);
  const borrowers = 1 + chance.below(4);
  return new Network(seed, { borrowers, limits: someLimits(chance), faults: HOSTILE, overrun });
}

interface Window {
  readonly name: string;
  readonly window: string;
}

function windowsOf(network: Network): Window[] {
  const found = new Map<string, Window>();
  for (const { state } of network.nodes)
    for (const [name, { window }] of state.buckets) found.set(name, { name, window });
  return [...found.values()];
}

/** What breaks P13 now; null: nothing. */
function overspend(network: Network): string | null {
  for (const { name, window } of windowsOf(network)) {
    const own = network.root.state.buckets.get(name);
    const spent = network.spentInAll(name);
    for (const [dimension, most] of limitsIn(network.limits, window)) {
      const over = own?.over[dimension] ?? 0;
      const taken = (own?.spent[dimension] ?? 0) + (own?.held[dimension] ?? 0);
      if (taken - over > most) return `${name}: the owner has ${taken} of ${most} ${dimension}`;
      if (network.overrun > 0) continue;
      if (over > 0) return `${name}: ${over} ${dimension} went over although no bill did`;
      // What a borrower has spent, holds, and may still take.
      let allowed = network.ownSpent(name)[dimension];
      for (const { state } of network.borrowers) {
        const bucket = state.buckets.get(name);
        if (bucket === undefined) continue;
        const taken = bucket.spent[dimension] + bucket.held[dimension];
        allowed += taken + Math.max(0, freeOf(state.leases, bucket, bucket)[dimension]);
      }
      if (allowed > most) return `${name}: borrowers may spend ${allowed} of ${most} ${dimension}`;
      if (spent[dimension] > most)
        return `${name}: ${spent[dimension]} of ${most} ${dimension} were spent`;
    }
  }
  return null;
}

/** Calls that borrowers have held. */
function callsOf(network: Network): number {
  return network.borrowers.flatMap(({ journal }) => journal.filter(({ op }) => op === "hold"))
    .length;
}

/** Whether the owner has lent or spent nine tenths of some limit. */
function isUsedUp(network: Network, name: string, window: string): boolean {
  const own = network.root.state.buckets.get(name);
  const taken = plus(own?.spent ?? NOTHING, own?.held ?? NOTHING);
  return limitsIn(network.limits, window).some(([of, most]) => taken[of] >= 0.9 * most);
}

/** What the owner was told too much: corrections downward that came after the report, which the borrower may spend. */
function creditOf(network: Network, name: string): Amounts {
  return network.borrowers.reduce((sum, { state }) => {
    const unreported = unreportedOf(state.leases.loans.get(name), state.buckets.get(name));
    return plus(sum, above(NOTHING, unreported));
  }, NOTHING);
}

/** The faults stop: calls end, ledgers rest, and messages arrive. */
function settleDown(network: Network): void {
  network.faults = { loss: 0, doubling: 0 };
  for (let round = 0; round < 6; round++) {
    network.nowMs += 700_000;
    for (const node of network.nodes) network.alarm(node, true);
    network.check();
    network.deliverAll();
  }
}

describe("leases on a hostile network", { timeout: TIMEOUT_MS }, () => {
  it(`never let more be spent than the limit, ${RUNS} schedules from seed ${SEED}`, () => {
    let held = 0;
    let usedUp = 0;
    for (let run = 0; run < RUNS; run++) {
      const network = networkOf(SEED + run);
      for (let step = 0; step < STEPS; step++) {
        network.step();
        const broken = overspend(network);
        if (broken !== null) expect.fail(`seed ${SEED + run}, step ${step}: ${broken}`);
      }
      held += callsOf(network);
      usedUp += windowsOf(network).some(({ name, window }) => isUsedUp(network, name, window))
        ? 1
        : 0;
    }
    // Schedules in which little is lent, or which never come near the limit, would prove nothing.
    expect(held).toBeGreaterThan(3 * RUNS);
    expect(usedUp).toBeGreaterThan(RUNS / 10);
  });

  it("give everything back once faults stop, and the owner knows all that was spent", () => {
    for (let run = 0; run < RUNS / 4; run++) {
      const network = networkOf(SEED + run);
      for (let step = 0; step < STEPS; step++) network.step();
      settleDown(network);
      for (const { name } of windowsOf(network)) {
        const own = network.root.state.buckets.get(name);
        expect(own?.held ?? NOTHING, `seed ${SEED + run}, ${name}`).toEqual(NOTHING);
      }
      for (const { state } of network.nodes)
        expect(
          [state.leases.asked.size, state.leases.unheard.size, state.leases.lent.size],
          `seed ${SEED + run}`,
        ).toEqual([0, 0, 0]);
      for (const { name, window } of windowsOf(network)) {
        const spent = plus(network.spentInAll(name), creditOf(network, name));
        const own = network.root.state.buckets.get(name)?.spent ?? NOTHING;
        for (const [dimension] of limitsIn(network.limits, window))
          expect(own[dimension], `seed ${SEED + run}, ${name} ${dimension}`).toBe(spent[dimension]);
      }
    }
  });

  it("let the owner lend all of the limit again in the next window", () => {
    for (let run = 0; run < 200; run++) {
      const network = new Network(SEED + run, {
        borrowers: 3,
        limits: TWO_LIMITS,
        faults: HOSTILE,
      });
      for (let step = 0; step < STEPS; step++) network.step();
      settleDown(network);
      network.nowMs += 86_400_000;
      expect(network.lendAll("day", "tokens"), `seed ${SEED + run}`).toBe(1_000);
      expect(network.lendAll("lifetime", "concurrency"), `seed ${SEED + run}`).toBe(20);
    }
  });

  it("post bills above their holds, so that what the owner knows is what was spent", () => {
    let over = 0;
    for (let run = 0; run < RUNS / 4; run++) {
      const network = networkOf(SEED + run, 30);
      for (let step = 0; step < STEPS; step++) {
        network.step();
        const broken = overspend(network);
        if (broken !== null) expect.fail(`seed ${SEED + run}, step ${step}: ${broken}`);
      }
      settleDown(network);
      for (const { name, window } of windowsOf(network)) {
        const own = network.root.state.buckets.get(name);
        const spent = plus(network.spentInAll(name), creditOf(network, name));
        for (const [dimension] of limitsIn(network.limits, window)) {
          const at = `seed ${SEED + run}, ${name} ${dimension}`;
          expect(own?.spent[dimension] ?? 0, at).toBe(spent[dimension]);
          over += own?.over[dimension] ?? 0;
        }
      }
    }
    expect(over).toBeGreaterThan(0);
  });

  it("would be overspent by an owner that frees them on a timeout", () => {
    let worst = 0;
    let runs = 0;
    for (let run = 0; run < 300; run++) {
      const network = new Network(SEED + run, {
        borrowers: 3,
        limits: [limit("tokens", "day", 200)],
        faults: HOSTILE,
      });
      for (let step = 0; step < STEPS; step++) {
        network.step();
        network.freeByClock(network.root, 2_000);
      }
      const spent = network.spentInAll(bucketName(ROOT, "day", "2026-11-25")).tokens;
      worst = Math.max(worst, spent - 200);
      if (spent > 200) runs += 1;
    }
    expect(runs).toBeGreaterThan(10);
    expect(worst).toBeGreaterThan(60);
  });
});
