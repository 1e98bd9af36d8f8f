// A key's life: created, rotated with an overlap, revoked. It is never lengthened, and what was revoked stays so. All
// of it runs inside one transaction of registry.ts.
import type {
  KeyCreated,
  KeyOrder,
  KeyRevoked,
  KeyRotated,
  RotateOrder,
} from "../policies/administration.ts";
import { KEY_HASH } from "../policies/configuration-document.ts";
import { faultAt, type Fault } from "../policies/parse.ts";
import { isLive, parseKey, writeKey, type Key } from "../policies/tenant.ts";
import type { RegistryBook } from "./registry-book.ts";
import { faulty, faultsOfSize, type Turn } from "./registry-documents.ts";
import { readKey } from "./registry-references.ts";

/** Long enough for clients that are rolled out once a month; both keys open as long. */
export const OVERLAP_MAX_MS = 31 * 24 * 60 * 60 * 1000;

export function createKey(turn: Turn, order: KeyOrder): KeyCreated {
  const { id, hash, tenant, name, scopes, limits, expiresAtMs } = order;
  const { book, nowMs } = turn;
  const document = { id, tenant, name, scopes, limits, createdAtMs: nowMs, expiresAtMs };
  const documentText = JSON.stringify(document);
  const parsed = parseKey(JSON.parse(documentText));
  if (parsed.kind === "faulty") return faulty(parsed.faults);
  const faults = [...faultsOfName(book, id, hash), ...faultsOfSize(book, documentText.length)];
  if (book.find("tenant", tenant)?.text == null)
    faults.push(faultAt("tenant", `no tenant is called "${tenant}"`));
  if (expiresAtMs !== undefined && expiresAtMs <= nowMs)
    faults.push(faultAt("expiresAtMs", "is not in the future"));
  if (faults.length > 0) return faulty(faults);
  const version = write(turn, hash, documentText);
  return { kind: "created", version, documentText };
}

export function rotateKey(turn: Turn, keyId: string, order: RotateOrder): KeyRotated {
  const { book, nowMs } = turn;
  const row = book.findKey(keyId);
  if (row === null) return { kind: "missing" };
  const old = readKey(row);
  const faults = faultsOfName(book, order.id, order.hash);
  const { overlapMs } = order;
  if (!isLive(old, nowMs))
    faults.push(faultAt("id", "is revoked or expired; create another key instead"));
  if (!Number.isInteger(overlapMs) || overlapMs < 0 || overlapMs > OVERLAP_MAX_MS) {
    faults.push(faultAt("overlapMs", `must be a whole number from 0 to ${OVERLAP_MAX_MS}`));
  }
  const limits = [...(order.limits ?? old.limits)];
  const documentText = writeKey({ ...old, id: order.id, limits, createdAtMs: nowMs });
  faults.push(...faultsOfSize(book, documentText.length));
  const parsed = parseKey(JSON.parse(documentText));
  if (parsed.kind === "faulty") faults.push(...parsed.faults);
  if (faults.length > 0) return faulty(faults);

  const oldExpiresAtMs = Math.min(old.expiresAtMs ?? Infinity, nowMs + overlapMs);
  if (overlapMs === 0) {
    revoke(turn, row.id, old);
  } else {
    write(turn, row.id, writeKey({ ...old, expiresAtMs: oldExpiresAtMs }));
    // Readers may keep the old document for minutes; the ledger ends the key at the end of its overlap all the same.
    turn.queue.addRevocation(keyId, old.tenant, oldExpiresAtMs);
  }
  write(turn, order.hash, documentText);
  return { kind: "rotated", documentText, oldExpiresAtMs };
}

/** Once: a key that was revoked before keeps its date. It is confirmed when no ledger waits to be told. */
export function revokeKey(turn: Turn, keyId: string): KeyRevoked {
  const row = turn.book.findKey(keyId);
  if (row === null) return { kind: "missing" };
  const key = readKey(row);
  const version = key.revokedAtMs === undefined ? revoke(turn, row.id, key) : row.version;
  return {
    kind: "revoked",
    version,
    revokedAtMs: key.revokedAtMs ?? turn.nowMs,
    isConfirmed: turn.queue.findRevocation(keyId) === null,
  };
}

/** Marks it and has its tenant's ledger told. */
export function revoke(turn: Turn, hash: string, key: Key): number {
  turn.queue.addRevocation(key.id, key.tenant, turn.nowMs);
  return write(turn, hash, writeKey({ ...key, revokedAtMs: key.revokedAtMs ?? turn.nowMs }));
}

function write({ book, actor, nowMs }: Turn, hash: string, text: string): number {
  return book.write({ kind: "key", id: hash, text }, actor, nowMs);
}

function faultsOfName(book: RegistryBook, id: string, hash: string): Fault[] {
  const faults: Fault[] = [];
  if (!KEY_HASH.test(hash))
    faults.push(faultAt("hash", "must be a SHA-256 in 64 small hex digits"));
  if (book.find("key", hash) !== null) faults.push(faultAt("hash", "belongs to a key already"));
  if (book.findKey(id) !== null) faults.push(faultAt("id", `"${id}" belongs to a key already`));
  return faults;
}
