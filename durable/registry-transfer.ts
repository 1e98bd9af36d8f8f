// The whole configuration out as one document, and in again: whole or not at all, inside one transaction of
// registry.ts. No key comes back to life: what was revoked stays so, and a life that was shortened stays short.
import {
  CATALOG_ID,
  type ImportAnswer,
  type ImportChange,
  type ImportOptions,
  type DocumentKind,
  type Export,
} from "../policies/administration.ts";
import {
  parseConfigurationDocument,
  writeConfigurationDocument,
  type ConfigurationDocument,
} from "../policies/configuration-document.ts";
import { faultAt, type Fault } from "../policies/parse.ts";
import { findLooseEnds, findUnsetSecrets } from "../policies/references.ts";
import { isLive, writeKey, type Key } from "../policies/tenant.ts";
import type { Change, RegistryBook } from "./registry-book.ts";
import {
  CONFIGURATION_CHARS_MAX,
  faulty,
  faultsOfLength,
  readText,
  type Turn,
} from "./registry-documents.ts";
import { readKey, type Written } from "./registry-references.ts";
import type { DocumentRow } from "./registry-rows.ts";
import { findFaultsOnWrite } from "./registry-rules-on-write.ts";

/** A configuration of the greatest size, with room for some of the indentation that an editor may add. */
const IMPORT_CHARS_MAX = 1.5 * CONFIGURATION_CHARS_MAX;

interface Step extends Change, ImportChange {
  /** The ledger of the key's tenant has to be told. */
  readonly revoked: Key | null;
}

export function exportAll(book: RegistryBook): Export {
  const texts = (kind: DocumentKind): { id: string; text: string }[] =>
    book.all(kind).flatMap(({ id, text }) => (text === null ? [] : [{ id, text }]));
  return {
    documentText: writeConfigurationDocument({
      catalog: texts("catalog")[0]?.text ?? null,
      policies: texts("policy").map(({ text }) => text),
      organisations: texts("organisation").map(({ text }) => text),
      tenants: texts("tenant").map(({ text }) => text),
      keys: texts("key").map(({ id, text }) => ({ hash: id, text })),
    }),
    revision: book.revision(),
  };
}

export function importAll(turn: Turn, text: string, options: ImportOptions): ImportAnswer {
  const { book, nowMs, actor } = turn;
  const revision = book.revision();
  if (options.expectedRevision !== null && options.expectedRevision !== revision)
    return { kind: "stale", revision };
  if (text.length > IMPORT_CHARS_MAX)
    return faulty([faultAt("", `must be at most ${IMPORT_CHARS_MAX} characters`)]);
  const read = readText(text);
  if (read.kind === "faulty") return read;
  const parsed = parseConfigurationDocument(read.value);
  if (parsed.kind === "faulty") return faulty(parsed.faults);
  const document = parsed.value;
  const keys = document.keys.map(({ value }) => value);
  const faults = [
    ...findLooseEnds({
      catalog: document.catalog.value,
      policies: document.policies.map(({ value }) => value),
      organisations: document.organisations.map(({ value }) => value),
      tenants: document.tenants.map(({ value }) => value),
      keys: keys.filter((key) => isLive(key, nowMs)),
    }),
    ...(options.areSecretsLater === true
      ? []
      : findUnsetSecrets(document.catalog.value, (name) => turn.isSecretSet(name))),
    ...faultsOnWrite(turn.book, document),
    ...faultsOfKeys(turn, document),
    ...faultsOfLengths(document),
  ];
  if (faults.length > 0) return faulty(faults);

  const steps = stepsTo(turn, document);
  const changes = steps.map(({ kind, id, change }) => ({ kind, id, change }));
  if (options.isDryRun === true) return { kind: "valid", revision, changes };
  for (const { kind, id, text: written, revoked } of steps) {
    book.write({ kind, id, text: written }, actor, nowMs);
    if (revoked !== null) turn.queue.addRevocation(revoked.id, revoked.tenant, nowMs);
  }
  return { kind: "imported", revision: book.revision(), changes };
}

/** Only of what would change: an export that is older than a rule comes back as it was. */
function faultsOnWrite(book: RegistryBook, { catalog, policies }: ConfigurationDocument): Fault[] {
  const faultsOf = (written: Written, id: string, text: string, place: string): Fault[] =>
    book.find(written.kind, id)?.text === text
      ? []
      : findFaultsOnWrite(book, written).map(({ path, problem }) =>
          faultAt(`${place}.${path}`, problem),
        );
  return [
    ...faultsOf({ kind: "catalog", value: catalog.value }, CATALOG_ID, catalog.text, "catalog"),
    ...policies.flatMap(({ value, text }, index) =>
      faultsOf({ kind: "policy", value }, value.name, text, `policies.${index}`),
    ),
  ];
}

/** A key stays with its secret and its tenant; anything else would be another key under its name. */
function faultsOfKeys({ book }: Turn, { keys }: ConfigurationDocument): Fault[] {
  return keys.flatMap(({ hash, value }, index) => {
    const faults: Fault[] = [];
    const named = book.findKey(value.id);
    if (named !== null && named.id !== hash) {
      const problem = `"${value.id}" belongs to a key with another secret already`;
      faults.push(faultAt(`keys.${index}.key.id`, problem));
    }
    const filed = book.find("key", hash);
    const standing = filed === null || filed.text === null ? null : readKey(filed);
    if (standing !== null && (standing.tenant !== value.tenant || standing.id !== value.id)) {
      const problem = `is key "${standing.id}" of tenant "${standing.tenant}" already`;
      faults.push(faultAt(`keys.${index}.hash`, problem));
    }
    return faults;
  });
}

function faultsOfLengths(document: ConfigurationDocument): Fault[] {
  const { catalog, policies, organisations, tenants, keys } = document;
  const all = [
    { path: "catalog", text: catalog.text },
    ...policies.map(({ text }, index) => ({ path: `policies.${index}`, text })),
    ...organisations.map(({ text }, index) => ({ path: `organisations.${index}`, text })),
    ...tenants.map(({ text }, index) => ({ path: `tenants.${index}`, text })),
    ...keys.map(({ text }, index) => ({ path: `keys.${index}`, text })),
  ];
  const faults = all.flatMap(({ path, text }) => faultsOfLength(text, path));
  if (all.reduce((sum, { text }) => sum + text.length, 0) > CONFIGURATION_CHARS_MAX) {
    const problem = `must hold at most ${CONFIGURATION_CHARS_MAX} characters of documents`;
    faults.push(faultAt("", problem));
  }
  return faults;
}

function stepsTo(turn: Turn, document: ConfigurationDocument): Step[] {
  const { catalog, policies, organisations, tenants, keys } = document;
  const plain = [
    { kind: "catalog" as const, id: CATALOG_ID, text: catalog.text },
    ...policies.map(({ value, text }) => ({ kind: "policy" as const, id: value.name, text })),
    ...organisations.map(({ value, text }) => ({
      kind: "organisation" as const,
      id: value.id,
      text,
    })),
    ...tenants.map(({ value, text }) => ({ kind: "tenant" as const, id: value.id, text })),
  ];
  const kept = new Set(plain.map(({ kind, id }) => `${kind}:${id}`));
  const gone = (["policy", "organisation", "tenant"] as const)
    .flatMap((kind) => turn.book.all(kind))
    .filter(({ kind, id }) => !kept.has(`${kind}:${id}`));
  const hashes = new Set(keys.map(({ hash }) => hash));
  const lost = turn.book.all("key").filter(({ id }) => !hashes.has(id));
  return [
    ...plain.flatMap(({ kind, id, text }): Step[] => {
      const standing = turn.book.find(kind, id)?.text ?? null;
      if (standing === text) return [];
      return [{ kind, id, text, change: standing === null ? "create" : "update", revoked: null }];
    }),
    ...keys.flatMap((key) => stepOfKey(turn, key)),
    ...lost.flatMap((row) => stepOfLostKey(turn, row)),
    ...gone.map(({ kind, id }): Step => ({
      kind,
      id,
      text: null,
      change: "remove",
      revoked: null,
    })),
  ];
}

function stepOfKey(
  { book }: Turn,
  { hash, value, text }: ConfigurationDocument["keys"][number],
): Step[] {
  const row = book.find("key", hash);
  const standing = row === null || row.text === null ? null : readKey(row);
  const expiresAtMs = earliest(standing?.expiresAtMs, value.expiresAtMs);
  const revokedAtMs = standing?.revokedAtMs ?? value.revokedAtMs;
  const isAsWritten = expiresAtMs === value.expiresAtMs && revokedAtMs === value.revokedAtMs;
  const merged: Key = { ...value };
  if (expiresAtMs !== undefined) merged.expiresAtMs = expiresAtMs;
  if (revokedAtMs !== undefined) merged.revokedAtMs = revokedAtMs;
  const written = isAsWritten ? text : writeKey(merged);
  if (written === row?.text) return [];
  const isRevoked = revokedAtMs !== undefined && standing?.revokedAtMs === undefined;
  const change = isRevoked ? "revoke" : standing === null ? "create" : "update";
  return [{ kind: "key", id: hash, text: written, change, revoked: isRevoked ? merged : null }];
}

/** A key that the document does not name opens nothing any more, and its ledger hears of it. */
function stepOfLostKey({ nowMs }: Turn, row: DocumentRow): Step[] {
  const key = readKey(row);
  if (key.revokedAtMs !== undefined) return [];
  const text = writeKey({ ...key, revokedAtMs: nowMs });
  return [{ kind: "key", id: row.id, text, change: "revoke", revoked: key }];
}

function earliest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : b === undefined ? a : Math.min(a, b);
}
