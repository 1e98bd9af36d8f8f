// Whatever a network does to an engine's batches, a gateway that is answered as it asks ends with what the engine holds.
// A failing property prints its seed.
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { createPlacement } from "../../../../policies/placement.ts";
import { Aliases, ALIASES_MAX, endOf } from "../../../../policies/placement/aliases.ts";
import { Hearing } from "../../../../policies/placement/hearing.ts";
import type { KvBatch, KvOperation } from "../../../../policies/prefix/kv-events.ts";

const OPTIONS = {
  replicas: 2,
  blockTokens: 64,
  prefillTokensPerSecond: 1000,
  capacityBlocks: 1000,
  events: true,
};
const PART_KEYS = 5;

/** An engine with its relay: what it holds, and what it said. */
class Engine {
  readonly held = new Set<number>();
  epoch = 1;
  #sequence = 0;
  #said: KvBatch[] = [];

  say(operations: KvOperation[]): KvBatch {
    const batch: KvBatch = {
      pool: "pool",
      replica: "r",
      model: "m",
      domain: "units256",
      epoch: this.epoch,
      sequence: this.#sequence++,
      operations,
    };
    this.#said.push(batch);
    return batch;
  }
  store(keys: number[]): KvBatch {
    for (const key of keys) this.held.add(key);
    return this.say([{ op: "stored", keys, tier: "gpu" }]);
  }
  remove(keys: number[]): KvBatch {
    for (const key of keys) this.held.delete(key);
    return this.say([{ op: "removed", keys }]);
  }
  restart(): void {
    this.held.clear();
    this.epoch++;
    this.#sequence = 0;
    this.#said = [];
  }
  from(sequence: number): KvBatch[] {
    return this.#said.filter((batch) => batch.sequence >= sequence);
  }
  /** In parts, each a batch. */
  snapshot(): KvBatch[] {
    const keys = [...this.held];
    const parts = Math.max(1, Math.ceil(keys.length / PART_KEYS));
    return Array.from({ length: parts }, (_, part) => {
      const some = keys.slice(part * PART_KEYS, (part + 1) * PART_KEYS);
      return this.say([{ op: "snapshot", part, parts, keys: some, tier: "gpu" }]);
    });
  }
}

const anyKeys = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 });
const anyStep = fc.record({
  kind: fc.constantFrom("store", "store", "store", "remove", "clear", "restart", "late"),
  keys: anyKeys,
  fate: fc.constantFrom("heard", "heard", "lost", "twice", "held back"),
});

test("after losses, doubles, late ones and restarts it holds what the engine holds, once it is told what it asks for", () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 60 }), fc.boolean(), (steps, canRepeat) => {
      const placement = createPlacement(OPTIONS);
      const hearing = new Hearing(placement, 2);
      const engine = new Engine();
      let late: KvBatch[] = [];
      const hear = (batch: KvBatch) => hearing.ingest(0, batch, false, 0);
      for (const { kind, keys, fate } of steps) {
        if (kind === "restart") {
          engine.restart();
          continue;
        }
        if (kind === "late") {
          for (const batch of late) hear(batch);
          late = [];
          continue;
        }
        let batch: KvBatch;
        if (kind === "clear") {
          engine.held.clear();
          batch = engine.say([{ op: "cleared" }]);
        } else batch = kind === "store" ? engine.store(keys) : engine.remove(keys);
        if (fate === "lost") continue;
        if (fate === "held back") late.push(batch);
        else hear(batch);
        if (fate === "twice") hear(batch);
      }
      // What a relay does: it goes on, and gives what is wanted.
      let answer = hear(engine.store([99]));
      for (let tries = 0; answer.wants !== "next" && tries < 5; tries++)
        for (const batch of answer.wants === "replay" && canRepeat
          ? engine.from(answer.expected.sequence)
          : engine.snapshot())
          answer = hear(batch);
      expect(answer.wants).toBe("next");
      const believed = [...placement.cache.held(0)].map(({ block }) => block);
      expect(new Set(believed)).toEqual(engine.held);
      expect(hearing.heldBlocks(0)).toBe(engine.held.size);
      expect(hearing.heldBlocks(1)).toBeNull();
    }),
    { numRuns: 400 },
  );
});

describe("aliases", () => {
  it("end a block in units with the block in tokens without which it is not whole", () => {
    expect([0, 1, 2, 3].map((i) => endOf(i, 4, 4))).toEqual([0, 1, 2, 3]);
    expect([0, 1].map((i) => endOf(i, 2, 4))).toEqual([1, 3]);
    expect([0, 1, 2, 3].map((i) => endOf(i, 4, 2))).toEqual([0, 0, 1, 1]);
  });

  it("forget the oldest, both ways, and learn anew what changed", () => {
    const aliases = new Aliases();
    aliases.learn([1], [100]);
    for (let i = 0; i < ALIASES_MAX; i++) aliases.learn([1_000 + i], [1_000_000 + i]);
    expect(aliases.size).toBe(ALIASES_MAX);
    expect(aliases.unitsOf(100)).toEqual([]);
    expect(aliases.tokenOf(1)).toBeUndefined();
    aliases.learn([1_000], [7]);
    expect(aliases.unitsOf(1_000_000)).toEqual([]);
    expect(aliases.unitsOf(7)).toEqual([1_000]);
    aliases.learn([1, 2], []);
    expect(aliases.tokenOf(2)).toBeUndefined();
  });
});
