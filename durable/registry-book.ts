// The named statements over documents and their audit. `write` is the only one that changes a document, and it writes the
// audit line from the same texts, so that the audit replayed is always what stands.
import type { DocumentKind } from "../policies/administration.ts";
import type { AuditRow, DocumentRow } from "./registry-rows.ts";

/** Why a document that was just written is not yet published. */
export const NOT_PUT = "it has not been put to KV yet";

/** KV takes one write a second for a key. */
export const PUT_SPACING_MS = 1_000;

export interface Change {
  readonly kind: DocumentKind;
  readonly id: string;
  /** Null removes it. */
  readonly text: string | null;
}

export type RegistryBook = ReturnType<typeof openRegistryBook>;

const TENANTS_USING =
  "SELECT document.* FROM tenant_use JOIN document " +
  "ON document.kind = 'tenant' AND document.id = tenant_use.tenant " +
  "WHERE tenant_use.kind = ? AND tenant_use.name = ?";

export function openRegistryBook(sql: SqlStorage) {
  const rows = (statement: string, ...bindings: SqlStorageValue[]): DocumentRow[] =>
    sql.exec<DocumentRow>(statement, ...bindings).toArray();
  const documents = (where: string, ...bindings: SqlStorageValue[]): DocumentRow[] =>
    rows(`SELECT * FROM document WHERE ${where}`, ...bindings);
  return {
    /** Also where it was removed. */
    find(kind: DocumentKind, id: string): DocumentRow | null {
      return documents("kind = ? AND id = ?", kind, id)[0] ?? null;
    },

    findKey(keyId: string): DocumentRow | null {
      return documents("kind = 'key' AND text ->> '$.id' = ?", keyId)[0] ?? null;
    },

    all(kind: DocumentKind): DocumentRow[] {
      return documents("kind = ? AND text IS NOT NULL ORDER BY id", kind);
    },

    after(kind: DocumentKind, id: string, max: number): DocumentRow[] {
      return documents(
        "kind = ? AND id > ? AND text IS NOT NULL ORDER BY id LIMIT ?",
        kind,
        id,
        max,
      );
    },

    /** The models of the catalog that stands. */
    modelIds(): Set<string> {
      const rows = sql
        .exec<{ id: string }>(
          "SELECT value ->> '$.id' AS id FROM document, json_each(text, '$.models') " +
            "WHERE document.kind = 'catalog'",
        )
        .toArray();
      return new Set(rows.map(({ id }) => id));
    },

    /** Tenants that name a policy or a model. */
    tenantsNaming(kind: "policy" | "model", name: string): DocumentRow[] {
      return rows(`${TENANTS_USING} ORDER BY tenant_use.tenant`, kind, name);
    },

    /** Those of them that may use some models only. */
    boundTenantsNaming(policy: string): DocumentRow[] {
      return rows(
        `${TENANTS_USING} AND text ->> '$.models' IS NOT NULL ORDER BY tenant_use.tenant`,
        "policy",
        policy,
      );
    },

    /** The most shards that a tenant ever had at once; 1 of one that there never was. */
    shardsEver(tenant: string): number {
      const [row] = sql
        .exec<{ most: number }>("SELECT most FROM tenant_shards WHERE tenant = ?", tenant)
        .toArray();
      return row?.most ?? 1;
    },

    tenantsOf(organisation: string, max: number): DocumentRow[] {
      return documents(
        "kind = 'tenant' AND text ->> '$.organisation' = ? " + "ORDER BY id LIMIT ?",
        organisation,
        max,
      );
    },

    liveKeysOf(tenant: string, nowMs: number, max: number): DocumentRow[] {
      return documents(
        "kind = 'key' AND text ->> '$.tenant' = ?1 AND text ->> '$.revokedAtMs' IS NULL " +
          "AND ifnull(text ->> '$.expiresAtMs', ?2 + 1) > ?2 " +
          "LIMIT ?3",
        tenant,
        nowMs,
        max,
      );
    },

    keysOf(tenant: string, afterKeyId: string, max: number): DocumentRow[] {
      return documents(
        "kind = 'key' AND text ->> '$.tenant' = ? AND text ->> '$.id' > ? " +
          "ORDER BY text ->> '$.id' LIMIT ?",
        tenant,
        afterKeyId,
        max,
      );
    },

    /** Keys that opened nothing any more at `beforeMs`. */
    deadKeys(beforeMs: number, max: number): DocumentRow[] {
      return documents(
        "kind = 'key' AND text IS NOT NULL " +
          "AND min(ifnull(text ->> '$.revokedAtMs', ?1), ifnull(text ->> '$.expiresAtMs', ?1)) < ?1 " +
          "AND text ->> '$.id' NOT IN (SELECT key_id FROM revocation) " +
          "LIMIT ?2",
        beforeMs,
        max,
      );
    },

    charsInAll(): number {
      return sql
        .exec<{ chars: number }>("SELECT ifnull(sum(length(text)), 0) AS chars FROM document")
        .one().chars;
    },

    /**
     * Writes the next version, its audit line, and that KV does not have it. Answers the version. `tries` stays: a put
     * of the version before that failed may still land after this one.
     */
    write({ kind, id, text }: Change, actor: string, nowMs: number): number {
      const before = this.find(kind, id);
      const { version } = sql
        .exec<{ version: number }>(
          "INSERT INTO document (kind, id, version, text, updated_at_ms, due_at_ms, problem) " +
            "VALUES (?1, ?2, 1, ?3, ?4, ?4, ?5) " +
            "ON CONFLICT (kind, id) DO UPDATE SET version = version + 1, text = ?3, updated_at_ms = ?4, " +
            "due_at_ms = max(?4, put_at_ms + ?6), problem = ?5 " +
            "RETURNING version",
          kind,
          id,
          text,
          nowMs,
          NOT_PUT,
          PUT_SPACING_MS,
        )
        .one();
      sql.exec(
        "INSERT INTO audit (at_ms, actor, kind, id, version, before, after) VALUES (?, ?, ?, ?, ?, ?, ?)",
        nowMs,
        actor,
        kind,
        id,
        version,
        before?.text ?? null,
        text,
      );
      return version;
    },

    /** The newest audit line's seq: what an import compares. */
    revision(): number {
      return sql.exec<{ seq: number }>("SELECT ifnull(max(seq), 0) AS seq FROM audit").one().seq;
    },

    lastAtMs(): number {
      const [row] = sql
        .exec<{ at_ms: number }>("SELECT at_ms FROM audit ORDER BY seq DESC LIMIT 1")
        .toArray();
      return row?.at_ms ?? 0;
    },

    auditAfter(seq: number, max: number): AuditRow[] {
      return sql
        .exec<AuditRow>("SELECT * FROM audit WHERE seq > ? ORDER BY seq LIMIT ?", seq, max)
        .toArray();
    },

    auditChars(): number {
      return sql
        .exec<{ chars: number }>(
          "SELECT ifnull(sum(ifnull(length(before), 0) + ifnull(length(after), 0)), 0) AS chars FROM audit",
        )
        .one().chars;
    },

    /** Drops up to `max` of the oldest lines; those before `beforeMs`, or any. The newest stays: seqs count on from it. */
    pruneAudit(beforeMs: number, max: number): void {
      sql.exec(
        "DELETE FROM audit WHERE seq IN ( " +
          "SELECT seq FROM (SELECT seq, at_ms FROM audit ORDER BY seq LIMIT ?2) " +
          "WHERE at_ms < ?1 AND seq < (SELECT max(seq) FROM audit))",
        beforeMs,
        max,
      );
    },
  };
}
