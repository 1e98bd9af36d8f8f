// Engines' batches in every layout that is about, and what is no batch, or no event.
import { encode } from "@msgpack/msgpack";
import fc from "fast-check";
import { expect, it } from "vitest";
import { decodeBatch } from "../../../../durable/cli/kv-relay/decode.ts";
import type { EngineEvent, Stored } from "../../../../durable/cli/kv-relay/event.ts";

const BIG = { useBigInt64: true } as const;
const TOKENS = Array.from({ length: 32 }, (_, at) => at);

function bytesOf(events: readonly unknown[], rank: number | null = null): Uint8Array {
  return encode([1.5, events, rank], BIG);
}

function only(events: readonly unknown[]): EngineEvent {
  const batch = decodeBatch(bytesOf(events));
  expect(batch?.skipped).toEqual([]);
  expect(batch?.events.length).toBe(1);
  return batch!.events[0]!;
}

function stored(event: unknown): Stored {
  const read = only([event]);
  if (read.kind !== "stored") throw new Error(`read as ${read.kind}`);
  return read;
}

function reasons(...events: readonly unknown[]): readonly string[] {
  return decodeBatch(bytesOf(events))!.skipped.map(({ reason }) => reason);
}

const MAP = {
  type: "BlockStored",
  block_hashes: [11, 12],
  parent_block_hash: null,
  token_ids: TOKENS,
  block_size: 16,
  lora_id: null,
  medium: "GPU",
  lora_name: null,
};
const LIST = ["BlockStored", [11, 12], null, TOKENS, 16, null, "GPU", null];

it("reads lists and maps alike, at both levels", () => {
  const fromMap = stored(MAP);
  expect(stored(LIST)).toEqual(fromMap);
  expect(fromMap).toMatchObject({
    parent: null,
    blockTokens: 16,
    tier: "gpu",
    adapter: "",
    salt: "",
  });
  expect([...(fromMap.tokens as Uint32Array)]).toEqual(TOKENS);
  const mixed = decodeBatch(
    encode(
      {
        ts: 1,
        events: [MAP, LIST, ["AllBlocksCleared"], { type: "AllBlocksCleared" }],
        data_parallel_rank: 3,
      },
      BIG,
    ),
  );
  expect(mixed?.rank).toBe(3);
  expect(mixed?.events).toEqual([fromMap, fromMap, { kind: "cleared" }, { kind: "cleared" }]);
});

it("takes SGLang's short list, and its map of a salt where vLLM has a LoRA's name", () => {
  const short = stored(["BlockStored", [11, 12], null, TOKENS, 16]);
  expect(short).toMatchObject({ tier: "gpu", adapter: "", salt: "" });
  const salted = stored([...LIST.slice(0, 7), { cache_salt: "pepper", other: 1 }]);
  expect(salted).toMatchObject({ salt: "pepper", adapter: "", textBlocks: 2 });
  expect(stored({ ...MAP, metadata: { cache_salt: "pepper" } }).salt).toBe("pepper");
});

it("knows a hash as a signed, an unsigned and a small number, and as bytes", () => {
  const high = 2n ** 63n + 5n;
  const [unsigned] = stored({ ...MAP, block_hashes: [high, 2] }).ids;
  const [signed] = stored({ ...MAP, block_hashes: [BigInt.asIntN(64, high), 2] }).ids;
  expect(signed).toBe(unsigned);
  expect(stored({ ...MAP, block_hashes: [-1, 2] }).ids[0]).toBe(
    stored({ ...MAP, block_hashes: [2n ** 64n - 1n, 2] }).ids[0],
  );
  const bytes = stored({
    ...MAP,
    block_hashes: [new Uint8Array(32).fill(7), new Uint8Array(32).fill(8)],
  }).ids;
  expect(new Set(bytes).size).toBe(2);
  // Two numbers that a double would take for one.
  const near = stored({ ...MAP, block_hashes: [2n ** 60n, 2n ** 60n + 1n] }).ids;
  expect(near[0]).not.toBe(near[1]);
});

it("takes a parent that is null, left out or given, and none that is no hash", () => {
  const { parent_block_hash: _, ...without } = MAP;
  expect(stored(without).parent).toBe(null);
  expect(stored({ ...MAP, parent_block_hash: 11 }).parent).toBe(stored(MAP).ids[0]);
  expect(reasons({ ...MAP, parent_block_hash: 1.5 })).toEqual(["malformed"]);
});

it("passes over fields and events that nobody knows, and reads what is around them", () => {
  expect(stored([...LIST, null, 0, "full_attention", null, null, "later", [1]])).toMatchObject({
    group: 0,
  });
  expect(stored({ ...MAP, from_the_future: { deep: [1] } }).ids.length).toBe(2);
  const batch = decodeBatch(bytesOf([["BlockMigrated", [1]], LIST, 7]));
  expect(batch?.skipped.map(({ reason }) => reason)).toEqual(["unknown-kind", "malformed"]);
  expect(batch?.events.length).toBe(1);
});

it("tells a LoRA from a salt, also when they are spelled alike", () => {
  const lora = { ...MAP, lora_id: 1, lora_name: "same" };
  expect(stored({ ...lora, extra_keys: [["same"], ["same"]] })).toMatchObject({
    adapter: "same",
    salt: "",
    textBlocks: 2,
  });
  expect(stored({ ...lora, extra_keys: [["same", "same"], ["same"]] })).toMatchObject({
    adapter: "same",
    salt: "same",
    textBlocks: 2,
  });
  expect(stored({ ...MAP, extra_keys: [["pepper"], null] })).toMatchObject({
    adapter: "",
    salt: "pepper",
  });
  expect(stored({ ...MAP, lora_id: 4, extra_keys: [[4, "pepper"], [4]] })).toMatchObject({
    adapter: "#4",
    salt: "pepper",
    textBlocks: 2,
  });
});

it("knows where text ends: images, and bytes of embeddings", () => {
  expect(stored({ ...MAP, extra_keys: [["pepper"], [["image", 3]]] })).toMatchObject({
    salt: "pepper",
    textBlocks: 1,
  });
  expect(stored({ ...MAP, extra_keys: [[["image", 0], "pepper"], null] })).toMatchObject({
    salt: "pepper",
    textBlocks: 0,
  });
  expect(stored({ ...MAP, parent_block_hash: 9, extra_keys: [["image"], null] })).toMatchObject({
    salt: "",
    textBlocks: 0,
  });
  expect(stored({ ...MAP, extra_keys: [[new Uint8Array(32)], null] }).textBlocks).toBe(0);
  expect(stored({ ...MAP, extra_keys: [null, null] }).textBlocks).toBe(2);
});

it("skips what it cannot place: sparse groups, windows, other machines' blocks", () => {
  expect(reasons({ ...MAP, block_hashes: [11], group_idx: 2 })).toEqual(["sparse"]);
  expect(reasons({ ...MAP, block_hashes: [11, 12, 13] })).toEqual(["malformed"]);
  for (const kind of ["sliding_window", "sliding_window_mla", "mamba", "chunked_local_attention"])
    expect(reasons({ ...MAP, kv_cache_spec_kind: kind, group_idx: 1 })).toEqual(["windowed-group"]);
  for (const kind of ["full_attention", "mla_attention", null])
    expect(stored({ ...MAP, kv_cache_spec_kind: kind }).ids.length).toBe(2);
  expect(
    reasons(
      { ...MAP, locality: "REMOTE" },
      { type: "BlockRemoved", block_hashes: [1], locality: "REMOTE" },
    ),
  ).toEqual(["remote", "remote"]);
});

it("knows the tiers, and takes blocks without tokens as copies", () => {
  const tiers = ["GPU", "CPU_PINNED", "STORAGE", null, "device", "host"];
  expect(tiers.map((medium) => stored({ ...MAP, medium }).tier)).toEqual([
    "gpu",
    "cpu",
    "disk",
    "gpu",
    "gpu",
    "cpu",
  ]);
  expect(stored({ ...MAP, medium: "CPU", token_ids: [], block_size: 64 })).toMatchObject({
    blockTokens: 64,
    tier: "cpu",
  });
  expect(only([["BlockRemoved", [11], "CPU"]])).toMatchObject({
    kind: "removed",
    tier: "cpu",
    group: null,
  });
  expect(only([{ type: "BlockRemoved", block_hashes: [11], group_idx: 3 }])).toMatchObject({
    tier: "gpu",
    group: 3,
  });
});

it("reads pairs of tokens by their first, and ids beyond 32 bits", () => {
  const pairs = stored({ ...MAP, token_ids: TOKENS.map((token) => [token, token + 1]) });
  expect([...(pairs.tokens as Uint32Array)]).toEqual(TOKENS);
  const wide = stored({ ...MAP, token_ids: TOKENS.map((token) => token + 2 ** 40) });
  expect(wide.tokens[3]).toBe(2 ** 40 + 3);
  expect(reasons({ ...MAP, token_ids: TOKENS.map(() => -1) })).toEqual(["malformed"]);
});

it.each([
  ["block_hashes", "x"],
  ["block_hashes", [1.5, 2]],
  ["token_ids", "x"],
  ["block_size", 0],
  ["block_size", "16"],
  ["medium", 3],
  ["group_idx", "x"],
])("skips an event whose %s is %j", (field, value) => {
  expect(reasons({ ...MAP, [field]: value })).toEqual(["malformed"]);
});

it("answers null to bytes that are no batch, and never throws", () => {
  expect(decodeBatch(new Uint8Array())).toBe(null);
  expect(decodeBatch(bytesOf([LIST]).slice(0, 20))).toBe(null);
  expect(decodeBatch(encode("x"))).toBe(null);
  expect(decodeBatch(encode([1, { not: "a list" }]))).toBe(null);
  const whole = bytesOf([LIST, MAP]);
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 64 }),
      fc.nat(whole.length - 1),
      fc.nat(255),
      (noise, at, byte) => {
        decodeBatch(noise);
        const changed = whole.slice();
        changed[at] = byte;
        decodeBatch(changed);
      },
    ),
  );
});
