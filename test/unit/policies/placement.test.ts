// Where requests go: facts about small pools, and what faults leave behind.
import { describe, expect, test } from "vitest";
import { createPlacement, type Placement } from "../../../policies/placement.ts";
import { weighReplica } from "../../../policies/placement/cost.ts";
import { NO_REPLICA } from "../../../policies/placement/contract.ts";
import { OPTIONS, prompt, run } from "./placement-pool.ts";

function tally(replicas: readonly number[]): number[] {
  const counts = [0, 0, 0, 0];
  for (const replica of replicas) counts[replica]!++;
  return counts;
}

describe("a prefix", () => {
  test("goes where it is cached, and says how much of it; another goes elsewhere while that one is busy", () => {
    const placement = createPlacement(OPTIONS);
    const home = run(placement, prompt(1), 0);
    const longer = placement.choose(prompt(1, 12), 60_000);
    expect(longer).toMatchObject({ replica: home, matchedBlocks: 10 });
    const other = placement.choose(prompt(500, 12), 60_000);
    expect(other).toMatchObject({ matchedBlocks: 0 });
    expect(other.replica).not.toBe(home);
  });

  test("is left behind when waiting for it costs more than computing it again, and not before", () => {
    const placement = createPlacement(OPTIONS);
    const home = run(placement, prompt(1), 0);
    const seconds = (tokens: number, nowMs: number) => {
      const others = createPlacement(OPTIONS);
      others.stored(home, prompt(1).blocks);
      for (let i = 0; i < OPTIONS.replicas; i++)
        others.replica(i, { state: i === home ? "up" : "down" }, nowMs);
      others.choose(prompt(5000, tokens / OPTIONS.blockTokens), nowMs);
      for (let i = 0; i < OPTIONS.replicas; i++) others.replica(i, { state: "up" }, nowMs);
      return others.choose(prompt(1), nowMs).replica;
    };
    expect(seconds(500, 60_000)).toBe(home);
    expect(seconds(20_000, 60_000)).not.toBe(home);
  });

  test("in a burst of siblings is computed once where it is cheap to wait: the second counts on the first", () => {
    const placement = createPlacement(OPTIONS);
    const first = placement.choose(prompt(1, 20), 0);
    const second = placement.choose(prompt(1, 20), 1900);
    expect(second).toMatchObject({ replica: first.replica, matchedBlocks: 20 });
  });

  test("that is hot is copied on purpose: a flood of it reaches every replica, none with twice its share", () => {
    const placement = createPlacement(OPTIONS);
    const replicas: number[] = [];
    for (let i = 0; i < 200; i++) {
      const own = { blocks: [...prompt(1).blocks, 10_000 + 2 * i], inputTokens: 1100 };
      replicas.push(placement.choose(own, i * 10).replica);
    }
    for (const count of tally(replicas)) {
      expect(count).toBeGreaterThan(25);
      expect(count).toBeLessThan(100);
    }
  });
});

describe("a replica that is closed to a request", () => {
  test("does not get it, also where its prefix is, and gets the next one that it is open to", () => {
    const placement = createPlacement(OPTIONS);
    const home = run(placement, prompt(1), 0);
    const closed = [0, 0, 0, 0];
    closed[home] = 1;
    expect(placement.choose({ ...prompt(1), closed }, 60_000).replica).not.toBe(home);
    expect(placement.choose(prompt(1), 120_000)).toMatchObject({
      replica: home,
      matchedBlocks: 10,
    });
    const all = placement.choose({ ...prompt(1), closed: [1, 1, 1, 1] }, 180_000);
    expect(all).toMatchObject({ replica: NO_REPLICA, matchedBlocks: 0 });
  });
});

describe("a block", () => {
  test("is worth what its own prompt says, so that a match spares as much of it", () => {
    const placement = createPlacement(OPTIONS);
    run(placement, prompt(1), 0);
    const { blocks } = prompt(1, 20);
    const asked = (blockTokens: number) =>
      placement.choose({ blocks, inputTokens: 20 * blockTokens, blockTokens }, 60_000);
    expect(asked(30).ticket.uncachedTokens).toBeCloseTo(300);
    const other = createPlacement(OPTIONS);
    run(other, prompt(1), 0);
    expect(other.choose({ blocks, inputTokens: 2000 }, 60_000).ticket.uncachedTokens).toBe(1000);
  });
});

describe("queued work", () => {
  test("that was begun is not waited for again: the longer prompt is done sooner if it began before", () => {
    const placement = createPlacement({ ...OPTIONS, replicas: 2 });
    const old = placement.choose(prompt(1, 60), 0);
    const young = placement.choose(prompt(1000, 50), 3000);
    expect(young.replica).not.toBe(old.replica);
    expect(placement.choose(prompt(2000, 5), 3100).replica).toBe(old.replica);
  });

  test("that should be over and is not repels, the longer the more", () => {
    const placement = createPlacement({ ...OPTIONS, replicas: 2 });
    const stuck = placement.choose(prompt(1, 5), 0);
    const other = placement.choose(prompt(1000, 20), 0);
    placement.prefillEnded(other.ticket, 2000);
    placement.ended(other.ticket, 2000);
    for (let i = 0; i < 4; i++)
      expect(placement.choose(prompt(3000 + i, 1), 9000).replica).not.toBe(stuck.replica);
  });

  test("on a replica that slowed down is noticed though nobody says so", () => {
    const placement = createPlacement(OPTIONS);
    const replicas: number[] = [];
    const freeAtMs = [0, 0, 0, 0];
    const open: { atMs: number; ticket: Parameters<Placement["ended"]>[0] }[] = [];
    for (let i = 0; i < 400; i++) {
      const nowMs = i * 400;
      for (const done of open.filter(({ atMs }) => atMs <= nowMs)) {
        placement.prefillEnded(done.ticket, done.atMs);
        placement.ended(done.ticket, done.atMs);
        open.splice(open.indexOf(done), 1);
      }
      const { replica, ticket } = placement.choose(prompt(100 * i), nowMs);
      replicas.push(replica);
      const tookMs = ticket.uncachedTokens * (replica === 3 ? 4 : 1);
      freeAtMs[replica] = Math.max(freeAtMs[replica]!, nowMs) + tookMs;
      open.push({ atMs: freeAtMs[replica]!, ticket });
      open.sort((left, right) => left.atMs - right.atMs);
    }
    const [first, second, third, slow] = tally(replicas);
    expect(slow).toBeLessThan(Math.min(first!, second!, third!) / 2);
  });

  test("is measured in what prompts took, also on replicas that have not been tried", () => {
    const placement = createPlacement({ ...OPTIONS, replicas: 2 });
    for (let i = 0; i < 200; i++) {
      const { ticket } = placement.choose(prompt(100 * i), i * 60_000);
      expect(ticket.uncachedTokens).toBe(1000);
      placement.prefillEnded(ticket, i * 60_000 + 3000);
      placement.ended(ticket, i * 60_000 + 3000);
    }
    for (const down of [0, 1]) {
      placement.replica(down, { state: "down" }, 2e7);
      expect(placement.choose(prompt(50_000 + down * 100), 2e7).ticket.seconds).toBeCloseTo(3, 0);
      placement.replica(down, { state: "up" }, 2e7);
    }
    const fresh = createPlacement({ ...OPTIONS, replicas: 2 });
    const { replica, ticket } = fresh.choose(prompt(1), 0);
    fresh.prefillEnded(ticket, 100);
    fresh.replica(replica, { state: "down" }, 200);
    expect(fresh.choose(prompt(100), 200).ticket.seconds).toBeLessThan(0.9);
  });

  test("is waited for while others would suffer from computing it again, and never beyond sixteen times the soonest answer", () => {
    const place = (queuedTokens: number) => {
      const placement = createPlacement({ ...OPTIONS, replicas: 2 });
      placement.replica(0, { state: "down" }, 0);
      const asked = Array.from({ length: 400 }, (_, i) =>
        placement.choose(prompt(10_000 + 100 * i), 0),
      );
      asked.forEach(({ ticket }, i) => placement.prefillEnded(ticket, (i + 1) * 1000));
      for (const { ticket } of asked) placement.ended(ticket, 400_000);
      placement.stored(0, prompt(1).blocks);
      placement.replica(0, { state: "up" }, 400_000);
      placement.replica(1, { state: "down" }, 400_000);
      placement.choose(prompt(90_000, queuedTokens / OPTIONS.blockTokens), 400_000);
      placement.replica(1, { state: "up" }, 400_000);
      return placement.choose(prompt(1), 400_000).replica;
    };
    expect([place(8000), place(17_000)]).toEqual([0, 1]);
  });

  test("is gone with the replica: back up, it does not wait for what it lost", () => {
    const placement = createPlacement({ ...OPTIONS, replicas: 2 });
    placement.replica(1, { state: "down" }, 0);
    placement.choose(prompt(1, 500), 0);
    placement.replica(1, { state: "up" }, 0);
    const other = placement.choose(prompt(1000, 50), 0);
    expect(other.replica).toBe(1);
    placement.replica(0, { state: "down" }, 100);
    placement.replica(0, { state: "up" }, 200);
    expect(placement.choose(prompt(2000, 5), 300).replica).toBe(0);
  });

  test("of a replica that is said to be faster grows in proportion", () => {
    const placement = createPlacement({ ...OPTIONS, replicas: 2 });
    placement.replica(1, { state: "up", prefillTokensPerSecond: 3000 }, 0);
    const replicas = Array.from(
      { length: 40 },
      (_, i) => placement.choose(prompt(100 * i), 0).replica,
    );
    const [slow, fast] = tally(replicas);
    expect(fast! / slow!).toBeGreaterThan(2);
  });
});

describe("a replica", () => {
  test("that went down gets nothing, its requests are placed again, and it begins empty when it is back", () => {
    const placement = createPlacement(OPTIONS);
    const home = run(placement, prompt(1), 0);
    const cut = placement.choose(prompt(1), 5000);
    expect(cut.replica).toBe(home);
    placement.replica(home, { state: "down" }, 6000);
    placement.cleared(home, 6000);
    placement.ended(cut.ticket, 6000);
    const again = placement.choose(prompt(1), 6000);
    expect(again.replica).not.toBe(home);
    expect(again.matchedBlocks).toBe(0);
    placement.replica(home, { state: "up" }, 9000);
    const others = Array.from({ length: 8 }, (_, i) =>
      placement.choose(prompt(100 + i * 20), 9000),
    );
    expect(others.map(({ replica }) => replica)).toContain(home);
  });

  test("that drained keeps its cache for when it is back", () => {
    const placement = createPlacement(OPTIONS);
    const home = run(placement, prompt(1), 0);
    placement.replica(home, { state: "down" }, 5000);
    placement.replica(home, { state: "up" }, 6000);
    expect(placement.choose(prompt(1), 7000)).toMatchObject({ replica: home, matchedBlocks: 10 });
  });

  test("is none when none is up, and the ticket of such a request changes nothing", () => {
    const placement = createPlacement({ ...OPTIONS, replicas: 1 });
    placement.replica(0, { state: "down" }, 0);
    const { replica, matchedBlocks, ticket } = placement.choose(prompt(1), 0);
    expect({ replica, matchedBlocks }).toEqual({ replica: NO_REPLICA, matchedBlocks: 0 });
    placement.prefillEnded(ticket, 1);
    placement.cachedTokens(ticket, 100);
    placement.ended(ticket, 2);
    placement.replica(0, { state: "up" }, 3);
    expect(placement.choose(prompt(1), 4)).toMatchObject({ replica: 0, matchedBlocks: 0 });
  });

  test("whose engine finds nothing of what was predicted is believed less", () => {
    const placement = createPlacement({ ...OPTIONS, replicas: 2 });
    const home = run(placement, prompt(1), 0);
    for (let i = 1; i <= 20; i++) {
      const { replica, ticket } = placement.choose(prompt(1), i * 10_000);
      if (replica === home) placement.cachedTokens(ticket, 0);
      placement.prefillEnded(ticket, i * 10_000 + 1000);
      placement.ended(ticket, i * 10_000 + 2000);
    }
    const { replica, ticket } = placement.choose(prompt(1), 900_000);
    if (replica === home) expect(ticket.uncachedTokens).toBeGreaterThan(500);
    placement.replica(1 - home, { state: "down" }, 900_000);
    expect(placement.choose(prompt(1), 900_000).ticket.uncachedTokens).toBeGreaterThan(500);
  });
});

test("what others will have to compute again counts like one's own seconds", () => {
  const pool = { busyShare: 0.5, strangersPerSecond: 1, tokensPerSecond: 1000 };
  const cost = (lostSeconds: number) =>
    weighReplica({ waitSeconds: 2, seconds: 3, lostSeconds }, [], pool);
  expect(cost(4) - cost(0)).toBeCloseTo(4);
});

test("a prompt that was never computed is not counted as cached; one that was, is", () => {
  const placement = createPlacement({ ...OPTIONS, replicas: 1 });
  placement.ended(placement.choose(prompt(1), 0).ticket, 10);
  expect(placement.choose(prompt(1), 20).matchedBlocks).toBe(0);
  const { ticket } = placement.choose(prompt(100), 30);
  placement.prefillEnded(ticket, 2000);
  placement.ended(ticket, 3000);
  expect(placement.choose(prompt(100), 4000).matchedBlocks).toBe(10);
});
