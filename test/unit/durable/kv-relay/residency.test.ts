// What an engine's events come to in canonical blocks, whatever its blocks' size, and what is missing, late or too much.
import fc from "fast-check";
import { expect, it } from "vitest";
import type { EngineEvent, Stored } from "../../../../durable/cli/kv-relay/event.ts";
import { Residency } from "../../../../durable/cli/kv-relay/residency.ts";
import { ToldKeys } from "../../../../durable/cli/kv-relay/told-keys.ts";
import { prefixRoot, tokenKeys } from "../../../../policies/prefix/keyed-hash.ts";
import type { KvOperation, Tier } from "../../../../policies/prefix/kv-events.ts";

const SECRET = new TextEncoder().encode("a pool's secret");
const KEYS_MAX = 16_384;

function open(blocksMax = 10_000): {
  residency: Residency;
  told: ToldKeys;
  held: () => Map<number, Tier>;
} {
  const told = new ToldKeys();
  const residency = new Residency({ secret: SECRET, model: "m", revision: "r", blocksMax }, told);
  return { residency, told, held: () => heldIn(told.takeSnapshot(KEYS_MAX)) };
}

function heldIn(operations: readonly KvOperation[]): Map<number, Tier> {
  const held = new Map<number, Tier>();
  for (const operation of operations)
    if (operation.op === "snapshot")
      for (const key of operation.keys) held.set(key, operation.tier);
  return held;
}

function keysOf(tokens: readonly number[], namespace = "", adapter = ""): number[] {
  const root = prefixRoot(SECRET, {
    model: "m",
    revision: "r",
    adapter,
    namespace,
    domain: "tokens64",
  });
  return [...tokenKeys(root, tokens, 10_000)];
}

function tokensOf(count: number, salt = 0): number[] {
  return Array.from({ length: count }, (_, at) => (at * 7 + salt) % 1000);
}

function store(tokens: readonly number[], blockTokens: number, more: Partial<Stored> = {}): Stored {
  const count = Math.floor(tokens.length / blockTokens);
  return {
    kind: "stored",
    ids: Array.from({ length: count }, (_, at) => `${more.parent ?? ""}/${at}`),
    parent: null,
    tokens: Uint32Array.from(tokens),
    blockTokens,
    adapter: "",
    salt: "",
    textBlocks: count,
    tier: "gpu",
    group: null,
    ...more,
  };
}

function remove(...ids: readonly string[]): EngineEvent {
  return { kind: "removed", ids, tier: "gpu", group: null };
}

it.each([1, 16, 32, 48, 64, 128])(
  "gives the gateway's own keys from blocks of %d tokens",
  (size) => {
    const { residency, held } = open();
    const tokens = tokensOf(384);
    residency.apply(store(tokens, size));
    expect([...held().keys()]).toEqual(keysOf(tokens));
  },
);

it("holds a canonical block only while every part of it is there", () => {
  const { residency, held } = open();
  const tokens = tokensOf(128);
  residency.apply(store(tokens.slice(0, 112), 16));
  expect([...held().keys()]).toEqual(keysOf(tokens).slice(0, 1));
  residency.apply(store(tokens.slice(112), 16, { parent: "/6" }));
  expect([...held().keys()]).toEqual(keysOf(tokens));
  residency.apply(remove("/4"));
  expect([...held().keys()]).toEqual(keysOf(tokens).slice(0, 1));
  residency.apply(store(tokens.slice(64, 80), 16, { parent: "/3", ids: ["/4"] }));
  expect([...held().keys()]).toEqual(keysOf(tokens));
});

it("credits a larger block of the engine whole or not at all", () => {
  const { residency, held } = open();
  const tokens = tokensOf(200);
  residency.apply(store(tokens, 128));
  expect([...held().keys()]).toEqual(keysOf(tokens).slice(0, 2));
  residency.apply(remove("/0"));
  expect(held().size).toBe(0);
});

it("keeps salts, LoRAs and what is no text apart", () => {
  const tokens = tokensOf(128);
  const { residency, held } = open();
  residency.apply(store(tokens, 64, { salt: "one", ids: ["a", "b"] }));
  residency.apply(store(tokens, 64, { salt: "two", adapter: "lora", ids: ["c", "d"] }));
  residency.apply(store(tokens, 64, { textBlocks: 1, ids: ["e", "f"] }));
  residency.apply(store(tokensOf(64, 5), 64, { parent: "f", ids: ["g"] }));
  expect(new Set(held().keys())).toEqual(
    new Set([...keysOf(tokens, "one"), ...keysOf(tokens, "two", "lora"), keysOf(tokens)[0]]),
  );
});

it("lets blocks wait for their parent, forgets those removed meanwhile, and never takes them for a beginning", () => {
  const tokens = tokensOf(256);
  const { residency, held } = open();
  residency.apply(store(tokens.slice(128), 64, { parent: "b", ids: ["c", "d"] }));
  residency.apply(remove("d"));
  residency.apply(store(tokens.slice(64, 128), 64, { parent: "a", ids: ["b"] }));
  expect(held().size).toBe(0);
  expect(residency.counts).toMatchObject({ pending: 2, orphans: 0 });
  residency.apply(store(tokens.slice(0, 64), 64, { ids: ["a"] }));
  expect([...held().keys()]).toEqual(keysOf(tokens).slice(0, 3));
  expect(residency.counts).toMatchObject({ pending: 0, unknown: 0 });
});

it("lets no more wait than fit", () => {
  const { residency } = open();
  for (let at = 0; at < 20_000; at++)
    residency.apply(store([1], 1, { parent: `nobody ${at}`, ids: [`x ${at}`] }));
  expect(residency.counts).toMatchObject({ pending: 16_384, orphans: 20_000 - 16_384 });
});

it("tells the fastest tier of the slowest part, and a copy by name only where it is whole", () => {
  const tokens = tokensOf(128);
  const { residency, held } = open();
  residency.apply(store(tokens, 16));
  const copy = (ids: string[], blockTokens: number): EngineEvent =>
    store([], blockTokens, { ids, tier: "cpu", tokens: new Uint32Array() });
  residency.apply(copy(["/3", "/5", "nobody"], 64));
  expect(residency.counts.unknown).toBe(1);
  for (const id of ["/7", "/6", "/5", "/4", "/3", "/2", "/1", "/0"]) residency.apply(remove(id));
  // The chunk of 64 that ends in /3 was copied; of the one around /5 only its middle was named.
  expect([...held()]).toEqual([[keysOf(tokens)[0], "cpu"]]);
  residency.apply({ kind: "removed", ids: ["/0"], tier: "cpu", group: null });
  expect(held().size).toBe(0);
});

it("passes over removals of groups that it does not follow", () => {
  const { residency, held } = open();
  residency.apply(store(tokensOf(64), 64));
  residency.ignoreGroup(2);
  residency.apply({ kind: "removed", ids: ["/0"], tier: "gpu", group: 2 });
  expect(held().size).toBe(1);
  residency.apply({ kind: "removed", ids: ["/0"], tier: "gpu", group: 0 });
  expect(held().size).toBe(0);
});

it("drops the ends of the oldest prompts when there is more than it may follow, and a hot beginning last", () => {
  const { residency, held } = open(64);
  const hot = tokensOf(64);
  residency.apply(store(hot, 64, { ids: ["hot"] }));
  for (let at = 0; at < 200; at++)
    residency.apply(store(tokensOf(128, at), 64, { parent: "hot", ids: [`a${at}`, `b${at}`] }));
  expect(held().size).toBeLessThanOrEqual(64);
  expect(held().size).toBeGreaterThan(32);
  expect(held().has(keysOf(hot)[0]!)).toBe(true);
  expect(held().has(keysOf([...hot, ...tokensOf(128, 199)])[2]!)).toBe(true);
  expect(held().has(keysOf([...hot, ...tokensOf(128, 0)])[1]!)).toBe(false);
  expect(residency.counts.overflowed).toBeGreaterThan(100);
});

it("holds what a plain model holds, for any order of stores and removals and any block size", () => {
  const step = fc.record({
    path: fc.array(fc.nat(1), { minLength: 1, maxLength: 9 }),
    removes: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.constantFrom(8, 16, 32, 48, 64, 96, 128),
      fc.array(step, { maxLength: 40 }),
      (size, steps) => {
        const { residency, told } = open();
        const resident = new Set<string>();
        const seen = new Map<number, Tier>();
        const nameOf = (path: readonly number[]): string => path.join("");
        const blockOf = (path: readonly number[], at: number): number[] =>
          Array.from(
            { length: size },
            (_, i) => Number.parseInt(`1${nameOf(path.slice(0, at + 1))}`, 2) * 200 + i,
          );
        for (const { path, removes } of steps) {
          if (removes) {
            const name = nameOf(path);
            if (!resident.delete(name)) continue;
            residency.apply(remove(name));
          } else {
            let from = 0;
            while (from < path.length && resident.has(nameOf(path.slice(0, from + 1)))) from++;
            if (from === path.length) continue;
            const ids = path.slice(from).map((_, at) => nameOf(path.slice(0, from + at + 1)));
            for (const id of ids) resident.add(id);
            residency.apply(
              store(
                path.slice(from).flatMap((_, at) => blockOf(path, from + at)),
                size,
                {
                  parent: from === 0 ? null : nameOf(path.slice(0, from)),
                  ids,
                },
              ),
            );
          }
          // Told piece by piece, with few keys a time: what was told comes to what is held.
          for (const operation of told.takeChanges(3)) follow(seen, operation);
        }
        const wanted = new Set<number>();
        for (const name of resident) {
          const path = name.split("").map(Number);
          const keys = keysOf(path.flatMap((_, at) => blockOf(path, at)));
          keys.forEach((key, block) => {
            const first = Math.floor((block * 64) / size);
            const last = Math.floor((block * 64 + 63) / size);
            for (let at = first; at <= last; at++)
              if (!resident.has(nameOf(path.slice(0, at + 1)))) return;
            wanted.add(key);
          });
        }
        while (told.changes > 0)
          for (const operation of told.takeChanges(3)) follow(seen, operation);
        expect(new Set(seen.keys())).toEqual(wanted);
        expect(told.held).toBe(wanted.size);
        expect(new Set(heldIn(told.takeSnapshot(KEYS_MAX)).keys())).toEqual(wanted);
      },
    ),
  );
});

function follow(seen: Map<number, Tier>, operation: KvOperation): void {
  if (operation.op === "stored") for (const key of operation.keys) seen.set(key, operation.tier);
  if (operation.op === "removed") for (const key of operation.keys) seen.delete(key);
  if (operation.op === "cleared") seen.clear();
}
