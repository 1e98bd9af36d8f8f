// What placement keeps for any stream of requests, reports and faults. A failing property prints its seed.
import fc from "fast-check";
import { expect, test } from "vitest";
import { createPlacement, type Placement } from "../../../policies/placement.ts";
import { NO_REPLICA, type Ticket } from "../../../policies/placement/contract.ts";
import { CacheIndex } from "../../../policies/placement/cache-index.ts";
import { HOLES_MAX } from "../../../policies/placement/held-block.ts";
import { OpenEnds } from "../../../policies/placement/open-ends.ts";

const BLOCK_TOKENS = 64;
const REPLICAS = 5;

/** Prefixes that branch: a family, a length within it, and a tail of one's own. */
const anyPrompt = fc
  .record({ family: fc.nat(6), shared: fc.nat(30), own: fc.nat(20), tail: fc.nat(50) })
  .map(({ family, shared, own, tail }) => {
    const blocks = [
      ...Array.from({ length: shared }, (_, i) => family * 1000 + i),
      ...Array.from({ length: own }, (_, i) => 1e6 + (family * 50 + tail) * 100 + i),
    ];
    return { blocks, inputTokens: blocks.length * BLOCK_TOKENS + tail };
  });

const anyStep = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("ask" as const), prompt: anyPrompt }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("first" as const), of: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("end" as const), of: fc.nat() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom("stored" as const, "removed" as const),
      replica: fc.nat(REPLICAS - 1),
      prompt: anyPrompt,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom("down" as const, "up" as const, "cleared" as const),
      replica: fc.nat(REPLICAS - 1),
    }),
  },
);
const anyRun = fc.array(
  fc.record({ step: anyStep, afterMs: fc.integer({ min: -50, max: 5000 }) }),
  {
    maxLength: 120,
  },
);
type Run = typeof anyRun extends fc.Arbitrary<infer Value> ? Value : never;

function play(
  run: Run,
  see: (placed: ReturnType<Placement["choose"]>, isUp: readonly boolean[]) => void,
): void {
  const placement = createPlacement({
    replicas: REPLICAS,
    blockTokens: BLOCK_TOKENS,
    prefillTokensPerSecond: 8000,
    capacityBlocks: 100,
    events: true,
  });
  const tickets: Ticket[] = [];
  const isUp = Array.from({ length: REPLICAS }, () => true);
  let nowMs = 0;
  for (const { step, afterMs } of run) {
    nowMs += afterMs;
    switch (step.kind) {
      case "ask": {
        const placed = placement.choose(step.prompt, nowMs);
        tickets.push(placed.ticket);
        see(placed, isUp);
        break;
      }
      case "first":
      case "end": {
        const ticket = tickets[step.of % Math.max(1, tickets.length)];
        if (ticket === undefined) break;
        if (step.kind === "first") placement.prefillEnded(ticket, nowMs);
        else placement.ended(ticket, nowMs);
        break;
      }
      case "stored":
      case "removed":
        placement[step.kind](step.replica, step.prompt.blocks);
        break;
      case "cleared":
        placement.cleared(step.replica, nowMs);
        break;
      case "down":
      case "up":
        isUp[step.replica] = step.kind === "up";
        placement.replica(step.replica, { state: step.kind }, nowMs);
    }
  }
}

test("never a replica that is down, always one when one is up, and never more matched than asked", () => {
  fc.assert(
    fc.property(anyRun, (run) => {
      play(run, ({ replica, matchedBlocks, ticket }, isUp) => {
        if (isUp.includes(true)) expect(isUp[replica]).toBe(true);
        else expect(replica).toBe(NO_REPLICA);
        expect(matchedBlocks).toBeGreaterThanOrEqual(0);
        expect(matchedBlocks).toBeLessThanOrEqual(ticket.blocks.length);
        expect(Number.isFinite(ticket.seconds)).toBe(true);
      });
    }),
    { numRuns: 300 },
  );
});

test("the same stream is placed the same way twice", () => {
  fc.assert(
    fc.property(anyRun, (run) => {
      const [first, second]: number[][] = [[], []];
      play(run, ({ replica, matchedBlocks }) => first!.push(replica, matchedBlocks));
      play(run, ({ replica, matchedBlocks }) => second!.push(replica, matchedBlocks));
      expect(second).toEqual(first);
    }),
    { numRuns: 100 },
  );
});

test("nobody starves: what a request waits for is at most sixteen times the soonest answer of any replica", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ prompt: anyPrompt, copies: fc.integer({ min: 1, max: 40 }) }), {
        minLength: 1,
        maxLength: 10,
      }),
      (bursts) => {
        const placement = createPlacement({
          replicas: REPLICAS,
          blockTokens: BLOCK_TOKENS,
          prefillTokensPerSecond: 8000,
          capacityBlocks: 100,
          events: false,
        });
        // All at once, so that what waits on a replica is what was sent there.
        const waits = Array.from({ length: REPLICAS }, () => 0);
        for (const { prompt, copies } of bursts)
          for (let i = 0; i < copies; i++) {
            const soonest = Math.min(...waits) + prompt.inputTokens / 8000;
            const { replica, ticket } = placement.choose(prompt, 0);
            expect(waits[replica]).toBeLessThanOrEqual(16 * soonest + 1e-9);
            waits[replica]! += ticket.seconds;
          }
      },
    ),
    { numRuns: 200 },
  );
});

/** One replica's cache, kept the slow way: oldest first. */
class SlowCache {
  held: number[] = [];
  readonly #capacity: number;
  constructor(capacity: number) {
    this.#capacity = capacity;
  }
  touch(block: number): void {
    this.held = [...this.held.filter((other) => other !== block), block].slice(-this.#capacity);
  }
  use(blocks: readonly number[], matched: number): void {
    for (const block of blocks.slice(0, matched).toReversed())
      if (this.held.includes(block)) this.touch(block);
    for (const block of blocks.toReversed()) this.touch(block);
  }
}

test("the index holds what a plain list for each replica holds, within its capacity, and matches as deep", () => {
  const anyUse = fc.record({
    replica: fc.nat(2),
    prompt: anyPrompt,
    kind: fc.constantFrom("use", "use", "use", "forget", "clear"),
  });
  fc.assert(
    fc.property(
      fc.array(anyUse, { maxLength: 60 }),
      fc.integer({ min: 1, max: 60 }),
      (uses, capacity) => {
        const index = new CacheIndex(3, capacity);
        const slow = [0, 1, 2].map(() => new SlowCache(capacity));
        const depths = new Int32Array(3);
        for (const { replica, prompt, kind } of uses) {
          const { blocks } = prompt;
          index.match(blocks, depths);
          for (let other = 0; other < 3; other++) {
            let depth = 0;
            blocks.forEach((block, i) => {
              if (i - depth <= HOLES_MAX && slow[other]!.held.includes(block)) depth = i + 1;
            });
            expect(depths[other]).toBe(depth);
            expect(index.size(other)).toBe(slow[other]!.held.length);
          }
          if (kind === "clear") {
            index.clear(replica);
            slow[replica]!.held = [];
          } else if (kind === "forget") {
            for (const block of blocks) index.forget(replica, block);
            slow[replica]!.held = slow[replica]!.held.filter((block) => !blocks.includes(block));
          } else {
            slow[replica]!.use(blocks, depths[replica]!);
            index.use(replica, blocks, depths[replica]!, 0);
          }
        }
      },
    ),
    { numRuns: 200 },
  );
});

test("a match steps over four missing blocks and not over five", () => {
  const blocks = Array.from({ length: 20 }, (_, i) => i);
  const depths = new Int32Array(1);
  for (const [missing, depth] of [
    [4, 20],
    [5, 3],
  ] as const) {
    const index = new CacheIndex(1, 100);
    index.use(0, blocks, 0, 0);
    for (let i = 3; i < 3 + missing; i++) index.forget(0, i);
    index.match(blocks, depths);
    expect(depths[0]).toBe(depth);
  }
});

test("keys far beyond 32 bits stay apart, and a table that grew and shrank still finds each", () => {
  const index = new CacheIndex(1, 50_000);
  const depths = new Int32Array(1);
  const key = (i: number) => i * 4_294_967_296 + 7;
  for (let i = 0; i < 50_000; i++) index.stored(0, key(i));
  for (let i = 0; i < 50_000; i += 2) index.removed(0, key(i));
  for (let i = 0; i < 50_000; i += 97) {
    index.match([key(i)], depths);
    expect(depths[0]).toBe(i % 2);
  }
  expect(index.size(0)).toBe(25_000);
});

test("conversations are bounded, however many never end: the oldest are forgotten, the newest found", () => {
  const ends = new OpenEnds(2);
  for (let i = 0; i < 70_000; i++) ends.open(i % 2, [2 * i, 2 * i + 1], 1000, i);
  expect(ends.size).toBeLessThanOrEqual(65_536);
  expect(ends.resume([0, 1], 70_000)).toBe(false);
  expect(ends.resume([2 * 69_999, 2 * 69_999 + 1], 70_000)).toBe(true);
});

test("conversations that always come back are expected, those that never do are not", () => {
  const chance = (returns: boolean) => {
    const ends = new OpenEnds(1);
    for (let i = 0; i < 400; i++) {
      const blocks = [2 * i, 2 * i + 1];
      ends.rest(ends.open(0, blocks, 1000, i * 10_000), i * 10_000);
      if (returns) ends.resume(blocks, i * 10_000 + 5000);
      ends.advance(i * 10_000 + 9000);
    }
    return ends.returnChance(500);
  };
  expect(chance(true)).toBeGreaterThan(0.95);
  expect(chance(false)).toBeLessThan(0.05);
});
