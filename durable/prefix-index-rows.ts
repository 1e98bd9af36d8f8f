// What a prefix index stores: of each replica what it was believed to cache, in rows below a megabyte, and calls that have a
// slot of a pool with a cap. Without any of it the index learns anew.
import type { StoredCall } from "../policies/placement/open-calls.ts";

/** A row has 2 MB at most. */
export const PART_BYTES_MAX = 1_000_000;

export const STEPS = [
  `CREATE TABLE snapshot (
id INTEGER PRIMARY KEY CHECK (id = 1),
taken_at_ms INTEGER NOT NULL,
head TEXT NOT NULL
) STRICT;
CREATE TABLE held (
replica TEXT NOT NULL,
part INTEGER NOT NULL,
bytes BLOB NOT NULL,
PRIMARY KEY (replica, part)
) STRICT, WITHOUT ROWID;
CREATE TABLE open_call (
call_id TEXT PRIMARY KEY,
replica TEXT NOT NULL,
expires_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;`,
  `CREATE TABLE isolation (
replica TEXT PRIMARY KEY,
isolation TEXT NOT NULL,
at_ms INTEGER NOT NULL,
actor TEXT NOT NULL
) STRICT, WITHOUT ROWID;`,
  `ALTER TABLE isolation ADD COLUMN address INTEGER;`,
];

export class SlotBook {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Those that are not over. */
  read(nowMs: number): StoredCall[] {
    this.#sql.exec("DELETE FROM open_call WHERE expires_at_ms <= ?", nowMs);
    return this.#sql
      .exec<{ call_id: string; replica: string; expires_at_ms: number }>("SELECT * FROM open_call")
      .toArray()
      .map(({ call_id, replica, expires_at_ms }) => ({
        callId: call_id,
        replica,
        expiresAtMs: expires_at_ms,
      }));
  }

  add({ callId, replica, expiresAtMs }: StoredCall): void {
    this.#sql.exec(
      "INSERT OR REPLACE INTO open_call (call_id, replica, expires_at_ms) VALUES (?, ?, ?)",
      callId,
      replica,
      Math.ceil(expiresAtMs),
    );
  }

  drop(callId: string): void {
    this.#sql.exec("DELETE FROM open_call WHERE call_id = ?", callId);
  }
}
