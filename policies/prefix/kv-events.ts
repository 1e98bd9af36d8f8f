// What a relay beside an engine tells the gateway of the engine's prefix cache, and what it hears back:
// POST /internal/v1/kv-events. Keys only: token ids and salts stay with the relay.
import * as z from "zod/mini";
import { text, wholeNumber } from "../fields.ts";
import { parseWith, type Parsed } from "../parse.ts";
import type { Domain } from "./keyed-hash.ts";

/** In all operations of one batch: some 280 KB of JSON, and a few milliseconds of the index's one thread. */
export const BATCH_KEYS_MAX = 16_384;
/** Of a batch as it travels: its keys at their longest, and as much again for what stands around them. */
export const BATCH_BYTES_MAX = 512 * 1024;
/** A relay gathers before it sends; more operations than this hold so few keys each that they can wait. */
export const BATCH_OPERATIONS_MAX = 1024;
/** 64 Mi keys, or 4 G tokens: far more than one replica caches. */
export const SNAPSHOT_PARTS_MAX = 4096;

const DOMAINS = ["tokens64", "units256"] as const satisfies readonly Domain[];

/** Where a block lies, fastest first. */
export const TIERS = ["gpu", "cpu", "disk"] as const;
export type Tier = (typeof TIERS)[number];

/** One more than the last that a double tells apart. */
const KEYS = 2 ** 53;

const keys = z.custom<readonly number[]>(isKeys, {
  error: `must be a list of at most ${BATCH_KEYS_MAX} whole numbers from 0 to ${KEYS - 1}`,
});

/** A hand-written loop: one schema a key would cost more than ingesting it. */
function isKeys(value: unknown): boolean {
  if (!Array.isArray(value) || value.length > BATCH_KEYS_MAX) return false;
  for (const key of value as readonly unknown[])
    if (typeof key !== "number" || !Number.isInteger(key) || key < 0 || key >= KEYS) return false;
  return true;
}

const operation = z.discriminatedUnion("op", [
  /** Parents before children, as the engine stored them. A key that is stored already has moved to this tier: only its fastest one is told. */
  z.strictObject({ op: z.literal("stored"), keys, tier: z.enum(TIERS) }),
  /** Gone from every tier. */
  z.strictObject({ op: z.literal("removed"), keys }),
  /** Everything is gone. */
  z.strictObject({ op: z.literal("cleared") }),
  /** Part 0 begins anew, each part adds, and the last one completes it. Nothing else stands between parts. */
  z.strictObject({
    op: z.literal("snapshot"),
    part: wholeNumber(0, SNAPSHOT_PARTS_MAX - 1),
    parts: wholeNumber(1, SNAPSHOT_PARTS_MAX),
    keys,
    tier: z.enum(TIERS),
  }),
]);

const id = z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$/));

const batch = z.strictObject({
  /** The upstream whose replicas they are. */
  pool: id,
  replica: id,
  /** Rises when the engine or the relay starts anew; what an older epoch stored is gone. At most a day ahead, in milliseconds since 1970, or it is not taken. */
  epoch: wholeNumber(0, KEYS - 1),
  /** From 0 in each epoch, one a batch. A batch is known by epoch and sequence, and may come twice. */
  sequence: wholeNumber(0, KEYS - 1),
  domain: z.enum(DOMAINS),
  /** As the engine calls it. The keys are made with it, so a wrong one finds nothing. */
  model: text(256),
  /** How many keys the replica holds after this batch: what the index counts must come to the same. */
  held: z.optional(wholeNumber(0, KEYS - 1)),
  /** None in a batch that only asks what is expected; that one uses up no sequence. */
  operations: z
    .array(operation)
    .check(
      z.maxLength(BATCH_OPERATIONS_MAX, `must be at most ${BATCH_OPERATIONS_MAX} operations`),
      z.refine(
        hasFewKeys,
        `must hold at most ${BATCH_KEYS_MAX} keys together; send several batches`,
      ),
      z.refine(
        isLight,
        "must hold one snapshot's part at most, and cleared once at most; send several batches",
      ),
    ),
});

export type KvOperation = Readonly<z.infer<typeof operation>>;
export type KvBatch = Readonly<Omit<z.infer<typeof batch>, "operations">> & {
  readonly operations: readonly KvOperation[];
};

/** What stands at the gateway after a batch, whether it was taken or not. */
export const KV_WANTS = [
  /** Taken, or had before: go on with `expected`. */
  "next",
  /** Not taken, because earlier ones are missing: send again from `expected`. */
  "replay",
  /** Not taken, or what was counted is not what is held: send everything as a snapshot, which may begin at any sequence. */
  "snapshot",
] as const;

const answer = z.object({
  expected: z.object({ epoch: wholeNumber(0, KEYS - 1), sequence: wholeNumber(0, KEYS - 1) }),
  wants: z.enum(KV_WANTS),
});

export type KvAnswer = Readonly<z.infer<typeof answer>>;

export function parseKvBatch(document: unknown): Parsed<KvBatch> {
  return parseWith(batch, document);
}

export function parseKvAnswer(document: unknown): Parsed<KvAnswer> {
  return parseWith(answer, document);
}

export function keysOf(operation: KvOperation): readonly number[] {
  return operation.op === "cleared" ? [] : operation.keys;
}

/** Each of these may touch all that a replica holds, whatever keys it names. */
export function isLight(operations: readonly KvOperation[]): boolean {
  let snapshots = 0;
  let clearings = 0;
  for (const { op } of operations) {
    if (op === "snapshot") snapshots++;
    if (op === "cleared") clearings++;
  }
  return snapshots <= 1 && clearings <= 1;
}

function hasFewKeys(operations: readonly z.infer<typeof operation>[]): boolean {
  let count = 0;
  for (const one of operations) count += keysOf(one).length;
  return count <= BATCH_KEYS_MAX;
}
