// The buckets of a ledger in its database, each as it stood at the last snapshot that found it changed. Memory holds those
// in use and is the newer one; the journal's tail is what lies between.
import { DIMENSIONS, NOTHING, type Amounts } from "../policies/ledger/amounts.ts";
import { bucketName, newBucket, type Bucket, type Returned } from "../policies/ledger/bucket.ts";
import { lentWindows } from "../policies/ledger/lease.ts";
import { WINDOWS, type Window } from "../policies/ledger/limit.ts";
import type { Path } from "../policies/ledger/entry.ts";
import { KINDS_OF_SCOPES, placeOfKind } from "../policies/ledger/standing.ts";
import { countedIn, pinnedKey, type LedgerState } from "../policies/ledger/state.ts";
import type { OlderWindow } from "../policies/ledger/zones.ts";

/** Buckets in memory, some 600 bytes each; above this, those that no open call needs are dropped when they are saved. */
const IN_MEMORY_MAX = 20_000;

type BucketRow = { scope: string; window: Window; key: string; body: string };

/** What was last saved of a bucket: amounts are replaced and never edited, so being the same object is being equal. */
type Saved = readonly [spent: Amounts, held: Amounts, over: Amounts, returned: Returned];

export class Buckets {
  readonly #sql: SqlStorage;
  readonly #state: LedgerState;
  readonly #saved = new Map<Bucket, Saved>();

  constructor(sql: SqlStorage, state: LedgerState) {
    this.#sql = sql;
    this.#state = state;
  }

  /** Brings the buckets into memory that a call on this path is counted in, before anything looks at them. */
  bringIn(
    path: Path,
    session: string | null,
    atMs: number,
    older: readonly OlderWindow[] = [],
  ): void {
    for (const { scope, window, key } of countedIn(path, session, atMs, older))
      this.bringInOne(scope, window, key);
  }

  bringInOne(scope: string, window: Window, key: string): void {
    const name = bucketName(scope, window, key);
    if (this.#state.buckets.has(name)) return;
    const [row] = this.#sql
      .exec<BucketRow>(
        "SELECT scope, window, key, body FROM bucket WHERE scope = ? AND window = ? AND key = ?",
        scope,
        window,
        key,
      )
      .toArray();
    if (row === undefined) return;
    const bucket = readBucket(row);
    this.#state.buckets.set(name, bucket);
    this.#noteSaved(bucket);
  }

  /** Buckets in memory, and at most `max` others of the windows that are open now. */
  standing(
    scopes: readonly string[] | null,
    zone: string,
    nowMs: number,
    max: number,
  ): Map<string, Bucket> {
    const within = new Map(this.#state.buckets);
    const rows = this.#sql.exec<BucketRow>(
      "SELECT scope, window, key, body FROM bucket " +
        "WHERE key IN (SELECT value FROM json_each(?1)) AND (?2 IS NULL OR scope IN (SELECT value FROM json_each(?2))) " +
        "LIMIT ?3",
      openKeys(zone, nowMs),
      scopes === null ? null : JSON.stringify(scopes),
      max,
    );
    for (const row of rows.toArray()) {
      const name = bucketName(row.scope, row.window, row.key);
      if (!within.has(name)) within.set(name, readBucket(row));
    }
    return within;
  }

  /**
   * Scopes with a stored bucket of a window that is open now, after one of them, at most `max`: kind by kind, since the
   * database has them in the order of their names alone.
   */
  scopes(zone: string, after: string, max: number, nowMs: number): string[] {
    const found: string[] = [];
    for (const kind of KINDS_OF_SCOPES.slice(Math.max(0, placeOfKind(after)))) {
      // The tenant's own scope is its kind alone; a colon follows in all others, and a semicolon comes after a colon.
      const rows = this.#sql.exec<{ scope: string }>(
        `SELECT DISTINCT scope FROM bucket
         WHERE scope >= ?1 AND scope < ?1 || ';' AND (?2 = '' OR scope > ?2)
           AND key IN (SELECT value FROM json_each(?3))
         ORDER BY scope LIMIT ?4`,
        kind,
        placeOfKind(after) === KINDS_OF_SCOPES.indexOf(kind) ? after : "",
        openKeys(zone, nowMs),
        max - found.length,
      );
      found.push(...rows.toArray().map(({ scope }) => scope));
      if (found.length >= max) break;
    }
    return found;
  }

  /** Writes those that changed. */
  save(atMs: number): void {
    for (const bucket of this.#state.buckets.values()) {
      if (this.#isSaved(bucket)) continue;
      const { scope, window, key } = bucket;
      this.#sql.exec(
        "INSERT OR REPLACE INTO bucket (scope, window, key, body, at_ms) VALUES (?, ?, ?, ?, ?)",
        scope,
        window,
        key,
        bodyOf(bucket),
        atMs,
      );
    }
  }

  /** After the snapshot was stored: what is in memory is what is saved, and what is too much can go. */
  keep(): void {
    const { buckets } = this.#state;
    for (const bucket of buckets.values()) this.#noteSaved(bucket);
    if (buckets.size <= IN_MEMORY_MAX) return;
    const needed = this.#needed();
    for (const [name, bucket] of buckets) if (!needed.has(bucket)) this.#drop(name, bucket);
  }

  /** Forgets windows that turn and have not changed since `beforeMs`; a conversation that idle begins anew. */
  prune(beforeMs: number, max: number): void {
    const needed = this.#needed();
    const rows = this.#sql
      .exec<{ scope: string; window: Window; key: string }>(
        "SELECT scope, window, key FROM bucket WHERE at_ms < ? AND window <> 'lifetime' LIMIT ?",
        beforeMs,
        max,
      )
      .toArray();
    for (const { scope, window, key } of rows) {
      const name = bucketName(scope, window, key);
      const bucket = this.#state.buckets.get(name);
      if (bucket !== undefined && (needed.has(bucket) || !this.#isSaved(bucket))) continue;
      if (bucket !== undefined) this.#drop(name, bucket);
      this.#sql.exec(
        "DELETE FROM bucket WHERE scope = ? AND window = ? AND key = ?",
        scope,
        window,
        key,
      );
    }
  }

  /** Without a snapshot, what is saved belongs to no line of the journal. */
  forgetAll(): void {
    this.#sql.exec("DELETE FROM bucket");
  }

  /** Open calls post to the very object, and leases are reckoned from memory. */
  #needed(): Set<Bucket> {
    const needed = new Set<Bucket>();
    for (const call of this.#state.calls.values())
      for (const bucket of call.buckets) needed.add(bucket);
    const { loans, lent } = this.#state.leases;
    const lends = [...lent.values()].flatMap(lentWindows);
    for (const { scope, window, key } of [...loans.values(), ...lends]) {
      const bucket = this.#state.buckets.get(bucketName(scope, window, key));
      if (bucket !== undefined) needed.add(bucket);
    }
    return needed;
  }

  #isSaved(bucket: Bucket): boolean {
    const saved = this.#saved.get(bucket);
    return (
      saved !== undefined &&
      saved[0] === bucket.spent &&
      saved[1] === bucket.held &&
      saved[2] === bucket.over &&
      saved[3] === bucket.returned
    );
  }

  #noteSaved(bucket: Bucket): void {
    const { spent, held, over, returned } = bucket;
    this.#saved.set(bucket, [spent, held, over, returned]);
  }

  #drop(name: string, bucket: Bucket): void {
    this.#state.buckets.delete(name);
    this.#saved.delete(bucket);
  }
}

/** A list in JSON. Conversations are not in it: which of them are open, nobody knows. */
function openKeys(zone: string, nowMs: number): string {
  return JSON.stringify(WINDOWS.map((window) => pinnedKey(window, zone, null, nowMs)));
}

/** What was returned stands at the end, where a version that does not know it does not look, and only where there is some. */
function bodyOf({ spent, held, over, returned }: Bucket): string {
  const own = [spent, held, over].map(filled);
  const others = [returned.spent, returned.over].map(filled);
  const isReturned = others.some((amounts) => Object.keys(amounts).length > 0);
  return JSON.stringify(isReturned ? [...own, ...others] : own);
}

function readBucket({ scope, window, key, body }: BucketRow): Bucket {
  // Written by `save`.
  const all = (JSON.parse(body) as readonly Partial<Amounts>[]).map((amounts) => ({
    ...NOTHING,
    ...amounts,
  }));
  const [spent = NOTHING, held = NOTHING, over = NOTHING] = all;
  const bucket = { ...newBucket(scope, window, key), spent, held, over };
  const [, , , returnedSpent, returnedOver = NOTHING] = all;
  if (returnedSpent === undefined) return bucket;
  return { ...bucket, returned: { spent: returnedSpent, over: returnedOver } };
}

function filled(amounts: Amounts): Partial<Amounts> {
  return Object.fromEntries(
    DIMENSIONS.flatMap((dimension) =>
      amounts[dimension] === 0 ? [] : [[dimension, amounts[dimension]]],
    ),
  );
}
