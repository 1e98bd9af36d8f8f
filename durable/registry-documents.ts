// Putting and removing a catalog, a policy, an organisation or a tenant: compare, check alone, check against what stands, write. All of
// it runs inside one transaction of registry.ts, synchronously, with the time as an argument.
import {
  CATALOG_ID,
  type Faulty,
  type PutAnswer,
  type RemoveAnswer,
  type WritableKind,
  type WriteOptions,
} from "../policies/administration.ts";
import { parseCatalog } from "../policies/catalog.ts";
import { parseOrganisation } from "../policies/organisation.ts";
import { faultAt, type Fault, type Parsed } from "../policies/parse.ts";
import { parsePolicy } from "../policies/policy.ts";
import { cutFaults, findUnsetSecrets } from "../policies/references.ts";
import { parseTenant } from "../policies/tenant.ts";
import type { RegistryBook } from "./registry-book.ts";
import type { RegistryQueue } from "./registry-queue.ts";
import { findLooseEndsOfPut, findLooseEndsOfRemoval, type Written } from "./registry-references.ts";
import type { DocumentRow } from "./registry-rows.ts";
import { findFaultsOnWrite } from "./registry-rules-on-write.ts";

/** One operation's surroundings. */
export interface Turn {
  readonly book: RegistryBook;
  readonly queue: RegistryQueue;
  readonly actor: string;
  readonly nowMs: number;
  isSecretSet(name: string): boolean;
}

/** In UTF-8. An audit line holds two of them, and a row at most 2 MB; a catalog of 1,024 models is some 400 KB. */
export const DOCUMENT_BYTES_MAX = 900_000;
/** All documents together: they cross in one answer (32 MiB, 2 bytes a character), and are checked in one turn. */
export const CONFIGURATION_CHARS_MAX = 8 * 1024 * 1024;

export function put(
  turn: Turn,
  kind: WritableKind,
  id: string,
  text: string,
  expectedVersion: number,
  options: WriteOptions,
): PutAnswer {
  const row = turn.book.find(kind, id);
  const standing = standingVersion(row);
  if (standing !== expectedVersion) return { kind: "stale", version: standing };
  const read = readText(text);
  if (read.kind === "faulty") return read;
  const documentText = JSON.stringify(read.value);
  const parsed = parseAs(kind, id, read.value);
  if (parsed.kind === "faulty") return faulty(parsed.faults);
  const written = parsed.value;
  const faults = [
    ...findFaultsOnWrite(turn.book, written),
    ...findLooseEndsOfPut(turn.book, written),
    ...(written.kind !== "catalog" || options.areSecretsLater === true
      ? []
      : findUnsetSecrets(written.value, (name) => turn.isSecretSet(name))),
    ...faultsOfLength(documentText, ""),
    ...faultsOfSize(turn.book, documentText.length - (row?.text?.length ?? 0)),
  ];
  if (faults.length > 0) return faulty(faults);
  if (options.isDryRun === true)
    return { kind: "valid", version: (row?.version ?? 0) + 1, documentText };
  const version = turn.book.write({ kind, id, text: documentText }, turn.actor, turn.nowMs);
  return { kind: "written", version, documentText };
}

export function remove(
  turn: Turn,
  kind: WritableKind,
  id: string,
  expectedVersion: number,
  options: WriteOptions,
): RemoveAnswer {
  const row = turn.book.find(kind, id);
  const standing = standingVersion(row);
  if (row === null || standing !== expectedVersion || standing === 0)
    return { kind: "stale", version: standing };
  if (kind === "catalog")
    return faulty([faultAt("catalog", "cannot be removed; put another in its place")]);
  const faults = findLooseEndsOfRemoval(turn.book, kind, id, turn.nowMs);
  if (faults.length > 0) return faulty(faults);
  if (options.isDryRun === true) return { kind: "valid", version: row.version + 1 };
  return {
    kind: "removed",
    version: turn.book.write({ kind, id, text: null }, turn.actor, turn.nowMs),
  };
}

export function standingVersion(row: DocumentRow | null): number {
  return row === null || row.text === null ? 0 : row.version;
}

export function faulty(faults: readonly Fault[]): Faulty {
  return { kind: "faulty", faults: cutFaults(faults) };
}

/** `added`: how many characters the configuration would grow by. */
export function faultsOfSize(book: RegistryBook, added: number): Fault[] {
  return added <= 0 || book.charsInAll() + added <= CONFIGURATION_CHARS_MAX
    ? []
    : [
        faultAt(
          "",
          `would bring the whole configuration above ${CONFIGURATION_CHARS_MAX} characters`,
        ),
      ];
}

export function faultsOfLength(text: string, path: string): Fault[] {
  // A character takes 1 to 3 bytes a unit, so most texts need no counting.
  if (text.length * 3 <= DOCUMENT_BYTES_MAX) return [];
  return new TextEncoder().encode(text).byteLength <= DOCUMENT_BYTES_MAX
    ? []
    : [faultAt(path, `must be at most ${DOCUMENT_BYTES_MAX} bytes`)];
}

/** From text to a value that nothing is known of yet. */
export function readText(
  text: string,
): { readonly kind: "read"; readonly value: unknown } | Faulty {
  try {
    return { kind: "read", value: JSON.parse(text) };
  } catch {
    // Where it stops being JSON is told by the admin API, which has the text; the engine's words are not ours.
    return faulty([faultAt("", "is not JSON")]);
  }
}

/** The document as its kind, filed under its own name. */
function parseAs(kind: WritableKind, id: string, document: unknown): Parsed<Written> {
  switch (kind) {
    case "catalog": {
      const parsed = parseCatalog(document);
      if (parsed.kind === "faulty") return parsed;
      return id === CATALOG_ID
        ? { kind: "parsed", value: { kind, value: parsed.value } }
        : misnamed("id", CATALOG_ID);
    }
    case "policy": {
      const parsed = parsePolicy(document);
      if (parsed.kind === "faulty") return parsed;
      return parsed.value.name === id
        ? { kind: "parsed", value: { kind, value: parsed.value } }
        : misnamed("name", id);
    }
    case "organisation": {
      const parsed = parseOrganisation(document);
      if (parsed.kind === "faulty") return parsed;
      return parsed.value.id === id
        ? { kind: "parsed", value: { kind, value: parsed.value } }
        : misnamed("id", id);
    }
    case "tenant": {
      const parsed = parseTenant(document);
      if (parsed.kind === "faulty") return parsed;
      return parsed.value.id === id
        ? { kind: "parsed", value: { kind, value: parsed.value } }
        : misnamed("id", id);
    }
  }
}

function misnamed(path: string, id: string): Parsed<never> {
  return { kind: "faulty", faults: [faultAt(path, `must be "${id}", as it is filed`)] };
}
