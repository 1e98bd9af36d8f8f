// What engines report about their caches, and what makes no sense.
import { describe, expect, test } from "vitest";
import { createPlacement } from "../../../policies/placement.ts";
import { OPTIONS, prompt, run } from "./placement-pool.ts";

describe("reports", () => {
  test("of a removal end a match, those of a store begin one", () => {
    const placement = createPlacement(OPTIONS);
    placement.stored(2, prompt(1).blocks);
    expect(placement.choose(prompt(1), 0)).toMatchObject({ replica: 2, matchedBlocks: 10 });
    placement.stored(2, prompt(1).blocks);
    placement.removed(2, prompt(1).blocks);
    expect(placement.choose(prompt(1), 60_000)).toMatchObject({ matchedBlocks: 0 });
  });

  test("that are late do not undo what was sent since; once the store was heard, a removal counts", () => {
    const placement = createPlacement(OPTIONS);
    const home = run(placement, prompt(1), 0);
    placement.removed(home, prompt(1).blocks);
    expect(placement.choose(prompt(1), 5000)).toMatchObject({ replica: home, matchedBlocks: 10 });
    placement.stored(home, prompt(1).blocks);
    placement.removed(home, prompt(1).blocks);
    expect(placement.choose(prompt(1), 9000)).toMatchObject({ matchedBlocks: 0 });
  });

  test("of more than was said to fit raise the capacity, up to four times", () => {
    const placement = createPlacement({ ...OPTIONS, replicas: 1, capacityBlocks: 10 });
    for (let block = 100; block > 0; block--) placement.stored(0, [block]);
    expect(placement.choose(prompt(1, 100), 0).matchedBlocks).toBe(40);
  });
});

describe("a report of slower memory", () => {
  test("makes a block worth less, until it is used", () => {
    const uncached = (tier: "gpu" | "cpu" | "disk") => {
      const placement = createPlacement(OPTIONS);
      const asked = { ...prompt(1), closed: [1, 1, 0, 1] };
      placement.stored(2, asked.blocks, tier);
      const seen = [0, 60_000].map((nowMs) => placement.choose(asked, nowMs).ticket.uncachedTokens);
      return seen.map(Math.round);
    };
    expect(uncached("gpu")).toEqual([0, 0]);
    expect(uncached("cpu")).toEqual([200, 0]);
    expect(uncached("disk")).toEqual([750, 0]);
  });
});

describe("bad input", () => {
  test.each([
    ["replicas", { replicas: 0 }],
    ["replicas", { replicas: 1.5 }],
    ["replicas", { replicas: 1025 }],
    ["blockTokens", { blockTokens: 0 }],
    ["prefillTokensPerSecond", { prefillTokensPerSecond: Number.NaN }],
    ["capacityBlocks", { capacityBlocks: -1 }],
  ])("options without sense name their field: %s of %j", (field, wrong) => {
    expect(() => createPlacement({ ...OPTIONS, ...wrong })).toThrow(new RegExp(`^${field}: `));
  });

  test("a replica that is not in the pool, or no number of tokens, is refused by name and changes nothing", () => {
    const placement = createPlacement(OPTIONS);
    expect(() => placement.stored(4, [1])).toThrow(/^replica: /);
    expect(() => placement.removed(-1, [1])).toThrow(/^replica: /);
    expect(() => placement.cleared(0.5, 0)).toThrow(/^replica: /);
    expect(() => placement.replica(9, { state: "up" }, 0)).toThrow(/^replica: /);
    expect(() => placement.replica(0, { state: "down", capacityBlocks: 0 }, 0)).toThrow(
      /^capacityBlocks: /,
    );
    expect(() => placement.choose({ blocks: [1], inputTokens: Number.NaN }, 0)).toThrow(
      /^inputTokens: /,
    );
    expect(placement.choose(prompt(1), 0)).toMatchObject({ replica: 0, matchedBlocks: 0 });
  });

  test("an empty prompt, keys that are no numbers and the same key twice are placed like any other", () => {
    const placement = createPlacement({ ...OPTIONS, replicas: 1 });
    for (const blocks of [[], [Number.NaN, Number.NaN], [7, 7, 7]])
      run(placement, { blocks, inputTokens: 300 }, 0);
    expect(placement.choose({ blocks: [7], inputTokens: 100 }, 9000).matchedBlocks).toBe(1);
    expect(placement.choose({ blocks: [Number.NaN], inputTokens: 9 }, 9000).matchedBlocks).toBe(0);
  });

  test("a clock that goes back stands still, and what ends twice ends once", () => {
    const placement = createPlacement({ ...OPTIONS, replicas: 2 });
    const first = placement.choose(prompt(1, 50), 100_000);
    const second = placement.choose(prompt(1000, 50), 0);
    expect(second.replica).not.toBe(first.replica);
    for (let i = 0; i < 3; i++) placement.prefillEnded(first.ticket, 50_000);
    placement.ended(first.ticket, 0);
    placement.ended(first.ticket, 0);
    expect(placement.choose(prompt(2000, 5), 1).replica).toBe(first.replica);
  });
});
