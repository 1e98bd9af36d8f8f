// What a prefix index believed before it slept, as bytes and back: of each replica its blocks from the oldest to the newest,
// when each was used and whose it is. What cannot be read whole is left out, since it can be learned again.
import type { Dispatch } from "../policies/placement/dispatch.ts";
import type { Calibration } from "../policies/prefix/calibration.ts";
import { logError } from "./log.ts";
import { PART_BYTES_MAX } from "./prefix-index-rows.ts";

/** Of this code's bytes; others are left out. */
const VERSION = 1;
/** Older than this, what engines cache is another: they reuse within minutes. */
export const SNAPSHOT_TTL_MS = 3_600_000;
/** Blocks of one replica that are stored, the newest: 14 bytes each, 7 MB. */
const BLOCKS_MAX = 524_288;
const BLOCK_BYTES = 14;
const UNHEARD = 0x8000;

interface Head {
  readonly version: number;
  readonly calibration: Calibration;
  /** What caches are measured by; absent: as the calibration says. */
  readonly measuredTokens?: number;
  /** By their numbers in the bytes, from 1. */
  readonly tenants: readonly string[];
  readonly replicas: Readonly<Record<string, Kept>>;
}

interface Kept {
  readonly blocks: number;
  readonly sum: number;
  /** Where it was; absent: it was not told. */
  readonly address?: number;
}

/** One transaction; answers how many bytes it wrote. */
export function writeSnapshot(
  storage: DurableObjectStorage,
  dispatch: Dispatch,
  nowMs: number,
): number {
  const tenants: string[] = [];
  const numbers = new Map<number, number>();
  const numberOf = (space: number): number => {
    const name = dispatch.spaces.nameOf(space);
    if (name === null) return 0;
    const known = numbers.get(space);
    if (known !== undefined) return known;
    numbers.set(space, tenants.push(name));
    return tenants.length;
  };
  return storage.transactionSync(() => {
    const { sql } = storage;
    sql.exec("DELETE FROM held");
    const replicas: Record<string, Kept> = {};
    let written = 0;
    for (const { id, slot, retiredMs, address } of dispatch.members) {
      if (retiredMs !== null) continue;
      const bytes = bytesOf(dispatch, slot, numberOf, nowMs);
      replicas[id] = {
        blocks: bytes.byteLength / BLOCK_BYTES,
        sum: sumOf(bytes),
        ...(address === null ? {} : { address }),
      };
      for (let at = 0, part = 0; at < bytes.byteLength; at += PART_BYTES_MAX, part++)
        sql.exec(
          "INSERT INTO held (replica, part, bytes) VALUES (?, ?, ?)",
          id,
          part,
          bytes.slice(at, at + PART_BYTES_MAX).buffer,
        );
      written += bytes.byteLength;
    }
    const head: Head = {
      version: VERSION,
      calibration: dispatch.calls.calibration,
      measuredTokens: dispatch.calls.measuredTokens,
      tenants,
      replicas,
    };
    sql.exec(
      "INSERT OR REPLACE INTO snapshot (id, taken_at_ms, head) VALUES (1, ?, ?)",
      Math.floor(nowMs),
      JSON.stringify(head),
    );
    return written;
  });
}

/** When it was taken. */
export function snapshotTakenAtMs(sql: SqlStorage): number | null {
  const [row] = sql.exec<{ at_ms: number }>("SELECT taken_at_ms AS at_ms FROM snapshot").toArray();
  return row?.at_ms ?? null;
}

/** Brings back what is known of the dispatch's replicas, which must have been adopted. */
export function readSnapshot(sql: SqlStorage, dispatch: Dispatch, nowMs: number): void {
  const [row] = sql
    .exec<{ taken_at_ms: number; head: string }>("SELECT taken_at_ms, head FROM snapshot")
    .toArray();
  // A clock that went back makes it come from the future: how old it is cannot be told.
  if (row === undefined || Math.abs(nowMs - row.taken_at_ms) > SNAPSHOT_TTL_MS) return;
  try {
    const head = JSON.parse(row.head) as Head;
    if (head.version !== VERSION) return;
    dispatch.calls.recall(head.calibration, head.measuredTokens);
    for (const member of dispatch.members) {
      const known = head.replicas[member.id];
      if (known === undefined) continue;
      // Another engine has its name since.
      if (known.address !== (member.address ?? known.address) && known.address !== undefined)
        continue;
      const bytes = partsOf(sql, member.id);
      if (bytes.byteLength !== known.blocks * BLOCK_BYTES || sumOf(bytes) !== known.sum)
        logError("snapshot-damaged", { replica: member.id });
      else restore(dispatch, member.slot, bytes, head.tenants, row.taken_at_ms);
    }
  } catch (error) {
    logError("snapshot-damaged", { problem: String(error) });
  }
}

function bytesOf(
  { placement }: Dispatch,
  slot: number,
  numberOf: (space: number) => number,
  nowMs: number,
): Uint8Array {
  const count = Math.min(BLOCKS_MAX, placement.cache.size(slot));
  const view = new DataView(new ArrayBuffer(count * BLOCK_BYTES));
  let at = view.byteLength;
  for (const { block, usedAtMs, unheard, space } of placement.cache.held(slot, count)) {
    at -= BLOCK_BYTES;
    view.setFloat64(at, block);
    view.setUint32(at + 8, Math.max(0, Math.min(0xffffffff, (nowMs - usedAtMs) / 1000)));
    view.setUint16(at + 12, numberOf(space) | (unheard ? UNHEARD : 0));
  }
  return new Uint8Array(view.buffer);
}

function restore(
  { placement, spaces }: Dispatch,
  slot: number,
  bytes: Uint8Array,
  tenants: readonly string[],
  takenAtMs: number,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < view.byteLength; at += BLOCK_BYTES) {
    const word = view.getUint16(at + 12);
    const tenant = tenants[(word & ~UNHEARD) - 1];
    placement.cache.restore(
      slot,
      view.getFloat64(at),
      takenAtMs - view.getUint32(at + 8) * 1000,
      (word & UNHEARD) !== 0,
      tenant === undefined ? 0 : spaces.of(tenant),
    );
  }
}

function partsOf(sql: SqlStorage, replica: string): Uint8Array {
  const parts = sql
    .exec<{ bytes: ArrayBuffer }>("SELECT bytes FROM held WHERE replica = ? ORDER BY part", replica)
    .toArray()
    .map(({ bytes }) => new Uint8Array(bytes));
  const whole = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}

/** FNV-1a over words of 16 bits, of which there is an even number of bytes: tells accidents, not adversaries. */
function sumOf(bytes: Uint8Array): number {
  const words = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 1);
  let sum = 0x811c9dc5;
  for (let i = 0; i < words.length; i++) sum = Math.imul(sum ^ words[i]!, 0x01000193);
  return sum >>> 0;
}
