// The rows of the registry: documents with what KV was last told of each, the audit, and the keys that ledgers must
// still be told are revoked. The statements are registry-book.ts.
import type {
  AuditLine,
  DocumentKind,
  StoredDocument,
  Unconfirmed,
  Unpublished,
} from "../policies/administration.ts";

/** What a tenant names; rows of `new`. */
const NAME_USES =
  "INSERT INTO tenant_use (kind, name, tenant) " +
  "SELECT 'policy', new.text ->> '$.policy', new.id WHERE new.text IS NOT NULL " +
  "UNION SELECT 'policy', value, new.id FROM json_each(new.text, '$.policies') " +
  "UNION SELECT 'model', value, new.id FROM json_each(new.text, '$.models');";

/** They keep `tenant_use` whatever version of the code writes a tenant. Part of steps that shipped. */
const TENANT_TRIGGERS = `CREATE TRIGGER tenant_made AFTER INSERT ON document WHEN new.kind = 'tenant' BEGIN
${NAME_USES}
END;
CREATE TRIGGER tenant_changed AFTER UPDATE OF text ON document WHEN new.kind = 'tenant' BEGIN
DELETE FROM tenant_use WHERE tenant = new.id;
${NAME_USES}
END;`;

/**
 * text is null where the document was removed: its version counts on, so that no old version comes back to life.
 * due_at_ms is null where KV was seen to agree; problem is null where nothing speaks against it; tries are those that
 * failed since KV agreed last.
 */
const DOCUMENT_COLUMNS = `id TEXT NOT NULL,
version INTEGER NOT NULL CHECK (version >= 1),
text TEXT,
updated_at_ms INTEGER NOT NULL,
put_version INTEGER NOT NULL DEFAULT 0,
put_at_ms INTEGER NOT NULL DEFAULT 0,
tries INTEGER NOT NULL DEFAULT 0,
due_at_ms INTEGER,
problem TEXT,
PRIMARY KEY (kind, id)
) STRICT;`;
const DOCUMENT_INDEXES = `CREATE INDEX document_due ON document (due_at_ms) WHERE due_at_ms IS NOT NULL;
CREATE UNIQUE INDEX document_key ON document (text ->> '$.id') WHERE kind = 'key';
CREATE INDEX document_tenant ON document (text ->> '$.tenant', text ->> '$.id') WHERE kind = 'key';`;

const KEEP_MOST_SHARDS =
  "INSERT INTO tenant_shards (tenant, most) VALUES (new.id, ifnull(new.text ->> '$.shards', 1)) " +
  "ON CONFLICT (tenant) DO UPDATE SET most = max(most, excluded.most); " +
  "END;";

/** Never edit a step that shipped; add one. Statements lie flat, because every isolate parses what indents them. */
export const STEPS: readonly string[] = [
  // A row of `revocation` leaves when the tenant's ledger has confirmed. One that is due later is a rotated key in its
  // overlap. `upkeep`: when to compare KV with the documents next, and how far this round has come.
  `CREATE TABLE document (
kind TEXT NOT NULL CHECK (kind IN ('catalog', 'policy', 'tenant', 'key')),
${DOCUMENT_COLUMNS}
${DOCUMENT_INDEXES}
CREATE TABLE audit (
seq INTEGER PRIMARY KEY,
at_ms INTEGER NOT NULL,
actor TEXT NOT NULL,
kind TEXT NOT NULL,
id TEXT NOT NULL,
version INTEGER NOT NULL,
before TEXT,
after TEXT
) STRICT;
CREATE TABLE revocation (
key_id TEXT PRIMARY KEY,
tenant TEXT NOT NULL,
tries INTEGER NOT NULL DEFAULT 0,
due_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX revocation_due ON revocation (due_at_ms);
CREATE TABLE upkeep (
id INTEGER PRIMARY KEY CHECK (id = 1),
due_at_ms INTEGER NOT NULL,
round_at_ms INTEGER NOT NULL,
after_kind TEXT NOT NULL,
after_id TEXT NOT NULL
) STRICT;`,
  // Which policies and models each tenant names, so that a change of one checks only the tenants that name it. Triggers
  // keep it, because the version of the code before this step writes documents too.
  `CREATE TABLE tenant_use (
kind TEXT NOT NULL CHECK (kind IN ('policy', 'model')),
name TEXT NOT NULL,
tenant TEXT NOT NULL,
PRIMARY KEY (kind, name, tenant)
) STRICT, WITHOUT ROWID;
CREATE INDEX tenant_use_tenant ON tenant_use (tenant);
INSERT INTO tenant_use (kind, name, tenant)
SELECT 'policy', text ->> '$.policy', id FROM document WHERE kind = 'tenant' AND text IS NOT NULL
UNION SELECT 'policy', value, d.id FROM document d, json_each(text, '$.policies') WHERE kind = 'tenant'
UNION SELECT 'model', value, d.id FROM document d, json_each(text, '$.models') WHERE kind = 'tenant';
${TENANT_TRIGGERS}`,
  // A check cannot be altered, so the table is made anew without its list of kinds: those are the code's to know, and the
  // version of the code before this step writes only such as it knows. The triggers fell with the table.
  `CREATE TABLE document_2 (
kind TEXT NOT NULL,
${DOCUMENT_COLUMNS}
INSERT INTO document_2 SELECT * FROM document;
DROP TABLE document;
ALTER TABLE document_2 RENAME TO document;
${DOCUMENT_INDEXES}
CREATE INDEX document_member ON document (text ->> '$.organisation') WHERE kind = 'tenant';
${TENANT_TRIGGERS}`,
  // The most shards that a tenant ever had at once, also one that was removed: ledgers that are no longer used still hold
  // its history. Triggers keep it, because the version of the code before this step writes tenants too.
  `CREATE TABLE tenant_shards (tenant TEXT PRIMARY KEY, most INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO tenant_shards (tenant, most)
SELECT id, max(ifnull(text ->> '$.shards', 1)) FROM (
SELECT id, text FROM document WHERE kind = 'tenant'
UNION ALL SELECT id, before FROM audit WHERE kind = 'tenant'
UNION ALL SELECT id, after FROM audit WHERE kind = 'tenant'
) GROUP BY id;
CREATE TRIGGER tenant_sharded AFTER INSERT ON document WHEN new.kind = 'tenant' BEGIN
${KEEP_MOST_SHARDS}
CREATE TRIGGER tenant_sharded_anew AFTER UPDATE OF text ON document WHEN new.kind = 'tenant' BEGIN
${KEEP_MOST_SHARDS}`,
];

export type DocumentRow = {
  kind: DocumentKind;
  id: string;
  version: number;
  text: string | null;
  updated_at_ms: number;
  put_version: number;
  put_at_ms: number;
  tries: number;
  due_at_ms: number | null;
  problem: string | null;
};

export type AuditRow = {
  seq: number;
  at_ms: number;
  actor: string;
  kind: DocumentKind;
  id: string;
  version: number;
  before: string | null;
  after: string | null;
};

export type RevocationRow = {
  key_id: string;
  tenant: string;
  tries: number;
  due_at_ms: number;
};

export type UpkeepRow = {
  due_at_ms: number;
  round_at_ms: number;
  after_kind: string;
  after_id: string;
};

export function readDocument(row: DocumentRow): StoredDocument {
  if (row.text === null) throw new Error(`${row.kind} ${row.id} was removed.`);
  return {
    kind: row.kind,
    id: row.id,
    version: row.version,
    updatedAtMs: row.updated_at_ms,
    documentText: row.text,
    isPublished: row.problem === null,
  };
}

export function readAudit(row: AuditRow): AuditLine {
  const { seq, actor, kind, id, version, before, after } = row;
  return { seq, atMs: row.at_ms, actor, kind, id, version, before, after };
}

export function readUnpublished(row: DocumentRow): Unpublished {
  return {
    kind: row.kind,
    id: row.id,
    version: row.version,
    putVersion: row.put_version,
    tries: row.tries,
    nextTryAtMs: row.due_at_ms ?? 0,
    problem: row.problem,
  };
}

export function readUnconfirmed(row: RevocationRow): Unconfirmed {
  const { tenant, key_id: keyId, tries, due_at_ms: nextTryAtMs } = row;
  return { tenant, keyId, tries, nextTryAtMs };
}
