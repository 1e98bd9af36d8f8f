// What a relay may send, and what is refused with the field that is wrong.
import { expect, it } from "vitest";
import {
  BATCH_BYTES_MAX,
  BATCH_KEYS_MAX,
  parseKvAnswer,
  parseKvBatch,
} from "../../../../policies/prefix/kv-events.ts";

const BATCH = {
  pool: "chat",
  replica: "r0",
  epoch: 1_790_000_000_000,
  sequence: 0,
  domain: "tokens64",
  model: "llama",
  operations: [
    { op: "snapshot", part: 0, parts: 2, tier: "gpu", keys: [1] },
    { op: "stored", tier: "cpu", keys: [0, 2 ** 53 - 1] },
    { op: "removed", keys: [7] },
    { op: "cleared" },
  ],
};
const LARGEST = Array.from({ length: BATCH_KEYS_MAX }, (_, at) => 2 ** 53 - 1 - at);

function pathsOf(document: unknown): readonly string[] {
  const parsed = parseKvBatch(document);
  return parsed.kind === "faulty" ? parsed.faults.map(({ path }) => path) : [];
}

it("takes each operation, and a batch that only asks", () => {
  expect(parseKvBatch(BATCH)).toEqual({ kind: "parsed", value: BATCH });
  expect(parseKvBatch({ ...BATCH, held: 3, operations: [] }).kind).toBe("parsed");
});

it("holds a full batch of the longest keys within its bytes", () => {
  const full = { ...BATCH, operations: [{ op: "stored", tier: "gpu", keys: LARGEST }] };
  expect(parseKvBatch(full).kind).toBe("parsed");
  expect(JSON.stringify(full).length).toBeLessThan(BATCH_BYTES_MAX);
});

it("refuses keys that are no keys, and names where", () => {
  for (const keys of [[-1], [1.5], [2 ** 53], ["1"], [null], "1", [...LARGEST, 1]])
    expect(pathsOf({ ...BATCH, operations: [{ op: "removed", keys }] })).toEqual([
      "operations.0.keys",
    ]);
});

it("counts keys and operations over the whole batch", () => {
  const half = { op: "removed", keys: LARGEST.slice(0, BATCH_KEYS_MAX / 2 + 1) };
  expect(pathsOf({ ...BATCH, operations: [half, half] })).toEqual(["operations"]);
  const many = new Array(1025).fill({ op: "removed", keys: [] });
  expect(pathsOf({ ...BATCH, operations: many })).toEqual(["operations"]);
});

it("takes one part of a snapshot in a batch, and cleared once, since each may touch all that is held", () => {
  const [part] = BATCH.operations;
  expect(pathsOf({ ...BATCH, operations: [part, part] })).toEqual(["operations"]);
  expect(pathsOf({ ...BATCH, operations: [{ op: "cleared" }, { op: "cleared" }] })).toEqual([
    "operations",
  ]);
});

it.each([
  ["pool", ""],
  ["replica", "a b"],
  ["epoch", -1],
  ["sequence", 1.5],
  ["domain", "tokens16"],
  ["model", ""],
  ["held", -1],
])("refuses %s %j", (field, value) => {
  expect(pathsOf({ ...BATCH, [field]: value })).toEqual([field]);
});

it("refuses fields that nobody declared: token ids would come that way", () => {
  expect(parseKvBatch({ ...BATCH, token_ids: [1] }).kind).toBe("faulty");
  expect(parseKvBatch({ ...BATCH, operations: [{ op: "cleared", salt: "x" }] }).kind).toBe(
    "faulty",
  );
});

it("reads an answer, with fields that a newer gateway adds, and no other", () => {
  const answer = { expected: { epoch: 1, sequence: 2 }, wants: "replay" };
  expect(parseKvAnswer({ ...answer, later: 1 })).toEqual({ kind: "parsed", value: answer });
  expect(parseKvAnswer({ ...answer, wants: "more" }).kind).toBe("faulty");
});
