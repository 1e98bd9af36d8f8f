// The named statements over what the rest of the gateway must still be told: documents that KV lacks, keys that a
// ledger does not yet refuse, and when to compare KV with everything.
import type { DocumentKind } from "../policies/administration.ts";
import { PUT_SPACING_MS } from "./registry-book.ts";
import type { DocumentRow, RevocationRow, UpkeepRow } from "./registry-rows.ts";

export type RegistryQueue = ReturnType<typeof openRegistryQueue>;

export function openRegistryQueue(sql: SqlStorage) {
  const documents = (where: string, ...bindings: SqlStorageValue[]): DocumentRow[] =>
    sql.exec<DocumentRow>(`SELECT * FROM document WHERE ${where}`, ...bindings).toArray();
  return {
    duePublications(nowMs: number, max: number): DocumentRow[] {
      return documents("due_at_ms <= ? ORDER BY due_at_ms LIMIT ?", nowMs, max);
    },

    unpublished(max: number): DocumentRow[] {
      return documents(
        "due_at_ms IS NOT NULL AND problem IS NOT NULL ORDER BY due_at_ms LIMIT ?",
        max,
      );
    },

    unpublishedCount(): number {
      return sql
        .exec<{ count: number }>(
          "SELECT count(*) AS count FROM document WHERE due_at_ms IS NOT NULL AND problem IS NOT NULL",
        )
        .one().count;
    },

    /** KV took `version`. A newer one waits its second. */
    markPut(kind: DocumentKind, id: string, version: number, nowMs: number): void {
      sql.exec(
        "UPDATE document SET put_version = ?3, put_at_ms = ?4, due_at_ms = max(due_at_ms, ?4 + ?5) " +
          "WHERE kind = ?1 AND id = ?2",
        kind,
        id,
        version,
        nowMs,
        PUT_SPACING_MS,
      );
    },

    /** KV was seen to hold `version`; nothing to do any more, unless there is a newer one by now. */
    markAgreed(kind: DocumentKind, id: string, version: number): void {
      sql.exec(
        "UPDATE document SET due_at_ms = NULL, tries = 0, problem = NULL WHERE kind = ? AND id = ? AND version = ?",
        kind,
        id,
        version,
      );
    },

    /** `version` has to be tried again at `dueMs`; a newer one keeps its own time. */
    markTried(
      kind: DocumentKind,
      id: string,
      version: number,
      dueMs: number,
      problem: string,
    ): void {
      sql.exec(
        "UPDATE document SET tries = tries + 1, due_at_ms = ?4, problem = ?5 " +
          "WHERE kind = ?1 AND id = ?2 AND version = ?3",
        kind,
        id,
        version,
        dueMs,
        problem,
      );
    },

    /** Has KV compared with one document that was thought published. */
    doubt(kind: DocumentKind, id: string, nowMs: number): void {
      sql.exec(
        "UPDATE document SET due_at_ms = ? WHERE kind = ? AND id = ? AND due_at_ms IS NULL",
        nowMs,
        kind,
        id,
      );
    },

    /** The ids that follow in a round through all documents, removed ones too. */
    following(kind: string, id: string, max: number): { kind: DocumentKind; id: string }[] {
      return sql
        .exec<{ kind: DocumentKind; id: string }>(
          "SELECT kind, id FROM document WHERE (kind, id) > (?, ?) ORDER BY kind, id LIMIT ?",
          kind,
          id,
          max,
        )
        .toArray();
    },

    upkeep(): UpkeepRow | null {
      return sql.exec<UpkeepRow>("SELECT * FROM upkeep").toArray()[0] ?? null;
    },

    setUpkeep(row: UpkeepRow): void {
      sql.exec(
        "INSERT INTO upkeep (id, due_at_ms, round_at_ms, after_kind, after_id) VALUES (1, ?1, ?2, ?3, ?4) " +
          "ON CONFLICT (id) DO UPDATE SET due_at_ms = ?1, round_at_ms = ?2, after_kind = ?3, after_id = ?4",
        row.due_at_ms,
        row.round_at_ms,
        row.after_kind,
        row.after_id,
      );
    },

    /** Has the tenant's ledger told at `dueMs`, or sooner if that was wanted before. */
    addRevocation(keyId: string, tenant: string, dueMs: number): void {
      sql.exec(
        "INSERT INTO revocation (key_id, tenant, due_at_ms) VALUES (?1, ?2, ?3) " +
          "ON CONFLICT (key_id) DO UPDATE SET due_at_ms = min(due_at_ms, ?3)",
        keyId,
        tenant,
        dueMs,
      );
    },

    findRevocation(keyId: string): RevocationRow | null {
      return (
        sql.exec<RevocationRow>("SELECT * FROM revocation WHERE key_id = ?", keyId).toArray()[0] ??
        null
      );
    },

    revocationsDue(byMs: number, max: number): RevocationRow[] {
      return sql
        .exec<RevocationRow>(
          "SELECT * FROM revocation WHERE due_at_ms <= ? ORDER BY due_at_ms LIMIT ?",
          byMs,
          max,
        )
        .toArray();
    },

    revocationCount(): number {
      return sql.exec<{ count: number }>("SELECT count(*) AS count FROM revocation").one().count;
    },

    postponeRevocation(keyId: string, dueMs: number): void {
      sql.exec(
        "UPDATE revocation SET tries = tries + 1, due_at_ms = ? WHERE key_id = ?",
        dueMs,
        keyId,
      );
    },

    endRevocation(keyId: string): void {
      sql.exec("DELETE FROM revocation WHERE key_id = ?", keyId);
    },

    /** When there is something to do next; null when never. */
    nextDueMs(): number | null {
      return sql
        .exec<{ due_at_ms: number | null }>(
          "SELECT min(due_at_ms) AS due_at_ms FROM ( " +
            "SELECT min(due_at_ms) AS due_at_ms FROM document WHERE due_at_ms IS NOT NULL " +
            "UNION ALL SELECT min(due_at_ms) FROM revocation " +
            "UNION ALL SELECT due_at_ms FROM upkeep)",
        )
        .one().due_at_ms;
    },
  };
}
