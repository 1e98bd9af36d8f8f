// An engine's batch of events from its bytes: vLLM's and SGLang's layouts, positional and tagged, at both levels. What
// one event lacks costs that event and no other; fields that nobody here knows are passed over.
import { decode } from "@msgpack/msgpack";
import type { Tier } from "../../../policies/prefix/kv-events.ts";
import { readContext, type Fields } from "./block-context.ts";
import type { BlockId, EngineBatch, EngineEvent, Skipped, SkipReason } from "./event.ts";

/** A prompt of a million tokens in one event; blocks of one token would be as many. */
const TOKENS_MAX = 1_048_576;
/** In one batch; an engine's step stores a few events for each of its requests. */
const EVENTS_MAX = 65_536;
/** No engine's block is larger, and a hybrid model's are the largest. */
const BLOCK_TOKENS_MAX = 65_536;
/** Of one text or byte string, far above any hash or salt. */
const BYTES_MAX = 65_536;

/** Positions behind the tag. vLLM's order; SGLang's is the same up to the medium, and then a map of its own. */
const STORED_FIELDS = [
  "block_hashes",
  "parent_block_hash",
  "token_ids",
  "block_size",
  "lora_id",
  "medium",
  "lora_name",
  "extra_keys",
  "group_idx",
  "kv_cache_spec_kind",
  "kv_cache_spec_sliding_window",
  "locality",
];
const REMOVED_FIELDS = ["block_hashes", "medium", "group_idx", "locality"];
const METADATA_FIELD = "metadata";

type Read = EngineEvent | Skipped;

/** Null where the bytes are no batch at all. */
export function decodeBatch(bytes: Uint8Array): EngineBatch | null {
  const outer = readMessage(bytes);
  const isList = Array.isArray(outer);
  if (!isList && !isObject(outer)) return null;
  const list: unknown = isList ? outer[1] : outer["events"];
  const rank: unknown = isList ? outer[2] : outer["data_parallel_rank"];
  if (!Array.isArray(list) || list.length > EVENTS_MAX) return null;
  const events: EngineEvent[] = [];
  const skipped: Skipped[] = [];
  for (const one of list) {
    const read = readEvent(one);
    if (read.kind === "skipped") skipped.push(read);
    else events.push(read);
  }
  return { rank: typeof rank === "number" ? rank : null, events, skipped };
}

function readMessage(bytes: Uint8Array): unknown {
  try {
    return decode(bytes, {
      // A hash is 64 bits wide, and a double would round it.
      useBigInt64: true,
      maxArrayLength: TOKENS_MAX,
      maxMapLength: EVENTS_MAX,
      maxStrLength: BYTES_MAX,
      maxBinLength: BYTES_MAX,
    });
  } catch {
    // Cut short, over a bound, or no MessagePack; the caller counts it.
    return null;
  }
}

function readEvent(event: unknown): Read {
  const tag: unknown = Array.isArray(event)
    ? event[0]
    : isObject(event)
      ? event["type"]
      : undefined;
  switch (tag) {
    case "BlockStored":
      return readStored(fieldsOf(event, STORED_FIELDS));
    case "BlockRemoved":
      return readRemoved(fieldsOf(event, REMOVED_FIELDS));
    case "AllBlocksCleared":
      return { kind: "cleared" };
    default:
      return skip(typeof tag === "string" ? "unknown-kind" : "malformed");
  }
}

/** One view of both layouts. What an engine left out because it is its default reads as null, as if it were said. */
function fieldsOf(event: unknown, positions: readonly string[]): Fields {
  if (!Array.isArray(event)) return new Map(Object.entries(event as object));
  return new Map(
    (event as readonly unknown[]).slice(1).map((value, at) => {
      const name = positions[at] ?? `unknown ${at}`;
      // SGLang's map stands where vLLM has the LoRA's name.
      return [name === "lora_name" && isObject(value) ? METADATA_FIELD : name, value];
    }),
  );
}

function readStored(fields: Fields): Read {
  const ids = readIds(fields.get("block_hashes"));
  const parent = readParent(fields.get("parent_block_hash"));
  const tokens = readTokens(fields.get("token_ids"));
  const blockTokens = fields.get("block_size");
  if (ids === null || parent === undefined || tokens === null || !isBlockSize(blockTokens))
    return skip("malformed");
  const place = readPlace(fields);
  if (typeof place === "string") return skip(place);
  if (isWindowed(fields.get("kv_cache_spec_kind"))) return skip("windowed-group", place.group);
  if (tokens.length > 0) {
    const chunks = Math.floor(tokens.length / blockTokens);
    if (ids.length < chunks) return skip("sparse", place.group);
    if (ids.length > chunks) return skip("malformed");
  }
  const context = readContext(fields, ids.length, parent === null);
  return { kind: "stored", ids, parent, tokens, blockTokens, ...context, ...place };
}

function readRemoved(fields: Fields): Read {
  const ids = readIds(fields.get("block_hashes"));
  if (ids === null) return skip("malformed");
  const place = readPlace(fields);
  return typeof place === "string" ? skip(place) : { kind: "removed", ids, ...place };
}

function readPlace(fields: Fields): { tier: Tier; group: number | null } | SkipReason {
  if (fields.get("locality") === "REMOTE") return "remote";
  const tier = readTier(fields.get("medium"));
  const group = fields.get("group_idx") ?? null;
  if (tier === null || (group !== null && typeof group !== "number")) return "malformed";
  return { tier, group };
}

/** An engine without tiers says nothing, and has a GPU. */
function readTier(medium: unknown): Tier | null {
  if (medium === undefined || medium === null) return "gpu";
  if (typeof medium !== "string") return null;
  const name = medium.toLowerCase();
  if (name.includes("gpu") || name === "device") return "gpu";
  return name.includes("cpu") || name === "host" ? "cpu" : "disk";
}

/** Of such layers a block deep in the prompt can be cached while the prefix before it is not. */
function isWindowed(kind: unknown): boolean {
  return typeof kind === "string" && !/^(?!.*(?:sliding|window|chunk)).*(?:full|mla)/i.test(kind);
}

function readIds(value: unknown): readonly BlockId[] | null {
  if (!Array.isArray(value)) return null;
  const ids: BlockId[] = [];
  for (const one of value as readonly unknown[]) {
    const id = readId(one);
    if (id === null) return null;
    ids.push(id);
  }
  return ids;
}

/** Undefined where it is no block's name. */
function readParent(value: unknown): BlockId | null | undefined {
  if (value === undefined || value === null) return null;
  return readId(value) ?? undefined;
}

function readId(value: unknown): BlockId | null {
  if (typeof value === "bigint") return BigInt.asUintN(64, value).toString(36);
  if (Number.isSafeInteger(value)) return BigInt.asUintN(64, BigInt(value as number)).toString(36);
  if (value instanceof Uint8Array) return `b${Buffer.from(value).toString("latin1")}`;
  return typeof value === "string" ? `s${value}` : null;
}

/** Speculating engines give pairs, of which the first is the prompt's own. */
function readTokens(value: unknown): Uint32Array | Float64Array | null {
  if (value === undefined || value === null) return new Uint32Array();
  if (!Array.isArray(value)) return null;
  const wide = new Float64Array(value.length);
  let largest = 0;
  for (let at = 0; at < value.length; at++) {
    const given: unknown = Array.isArray(value[at]) ? (value[at] as unknown[])[0] : value[at];
    const token = typeof given === "bigint" ? Number(given) : given;
    if (typeof token !== "number" || !Number.isSafeInteger(token) || token < 0) return null;
    wide[at] = token;
    if (token > largest) largest = token;
  }
  return largest < 2 ** 32 ? Uint32Array.from(wide) : wide;
}

function isBlockSize(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= BLOCK_TOKENS_MAX;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array)
  );
}

function skip(reason: SkipReason, group: number | null = null): Skipped {
  return { kind: "skipped", reason, group };
}
