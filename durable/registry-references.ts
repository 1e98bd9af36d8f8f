// What a change would break among the documents that stand: the rule is policies/references.ts, and only what the
// change touches is read and checked, because the rest stood before and still fits.
import { CATALOG_ID, type WritableKind } from "../policies/administration.ts";
import { parseCatalog, type Catalog } from "../policies/catalog.ts";
import { parseOrganisation, type Organisation } from "../policies/organisation.ts";
import type { Fault, Parsed } from "../policies/parse.ts";
import { parsePolicy, type Policy } from "../policies/policy.ts";
import {
  FAULTS_MAX,
  findLooseEndsOfGroups,
  findLooseEndsOfKey,
  findLooseEndsOfMembership,
  findLooseEndsOfPolicy,
  findLooseEndsOfTenant,
  type Definitions,
} from "../policies/references.ts";
import { parseKey, parseTenant, type Key, type Tenant } from "../policies/tenant.ts";
import type { RegistryBook } from "./registry-book.ts";
import type { DocumentRow } from "./registry-rows.ts";

/** A document that an operator would write. */
export type Written =
  | { readonly kind: "catalog"; readonly value: Catalog }
  | { readonly kind: "policy"; readonly value: Policy }
  | { readonly kind: "organisation"; readonly value: Organisation }
  | { readonly kind: "tenant"; readonly value: Tenant };

export function findLooseEndsOfPut(book: RegistryBook, written: Written): Fault[] {
  switch (written.kind) {
    case "catalog":
      return looseEndsOfCatalog(book, written.value);
    case "policy":
      return looseEndsOfPolicy(book, written.value);
    case "organisation":
      return looseEndsOfMembers(book, written.value.id, written.value);
    case "tenant":
      return findLooseEndsOfTenant(written.value, definitionsIn(book));
  }
}

/** Nothing that stands may name what is removed. */
export function findLooseEndsOfRemoval(
  book: RegistryBook,
  kind: Exclude<WritableKind, "catalog">,
  id: string,
  nowMs: number,
): Fault[] {
  switch (kind) {
    case "tenant":
      return [
        ...book
          .liveKeysOf(id, nowMs, TOLD_MAX)
          .flatMap((row) => findLooseEndsOfKey(readKey(row), new Set())),
        ...looseEndsOfMember(book, id),
      ];
    case "organisation":
      return looseEndsOfMembers(book, id, null);
    case "policy": {
      const definitions = definitionsIn(book, { policies: [[id, null]] });
      return book
        .tenantsNaming("policy", id)
        .flatMap((row) => findLooseEndsOfTenant(trust(row, parseTenant), definitions));
    }
  }
}

/** One more than are told, so that the list says that there are more. */
const TOLD_MAX = FAULTS_MAX + 1;

/** `organisation`: what will stand under the id. */
function looseEndsOfMembers(
  book: RegistryBook,
  id: string,
  organisation: Organisation | null,
): Fault[] {
  const before = book.find("organisation", id);
  const isSameZone =
    organisation !== null &&
    before !== null &&
    before.text !== null &&
    trust(before, parseOrganisation).zone === organisation.zone;
  if (isSameZone) return [];
  return book
    .tenantsOf(id, TOLD_MAX)
    .flatMap((row) => findLooseEndsOfMembership(trust(row, parseTenant), () => organisation));
}

function looseEndsOfMember(book: RegistryBook, tenant: string): Fault[] {
  const row = book.find("catalog", CATALOG_ID);
  if (row === null || row.text === null) return [];
  return findLooseEndsOfGroups(trust(row, parseCatalog), { has: (id) => id !== tenant });
}

function looseEndsOfCatalog(book: RegistryBook, catalog: Catalog): Fault[] {
  const stands = new Map<string, boolean>();
  const has = (id: string): boolean => {
    const known = stands.get(id);
    if (known !== undefined) return known;
    const row = book.find("tenant", id);
    const found = row !== null && row.text !== null;
    stands.set(id, found);
    return found;
  };
  return [...looseEndsOfModels(book, catalog), ...findLooseEndsOfGroups(catalog, { has })];
}

/** Only models that leave can break anything. */
function looseEndsOfModels(book: RegistryBook, catalog: Catalog): Fault[] {
  const models = new Set(catalog.models.map(({ id }) => id));
  const gone = [...book.modelIds()].filter((id) => !models.has(id));
  if (gone.length === 0) return [];
  const definitions: Definitions = { ...definitionsIn(book), models };
  return [
    ...book.all("policy").flatMap((row) => findLooseEndsOfPolicy(trust(row, parsePolicy), models)),
    ...tenantsNamingAny(book, gone).flatMap((tenant) => findLooseEndsOfTenant(tenant, definitions)),
  ];
}

/** Whoever names the policy still finds it; only a tenant that is bound to some models can be locked out by it. */
function looseEndsOfPolicy(book: RegistryBook, policy: Policy): Fault[] {
  const definitions = definitionsIn(book, { policies: [[policy.name, policy]] });
  return [
    ...findLooseEndsOfPolicy(policy, definitions.models),
    ...book
      .boundTenantsNaming(policy.name)
      .flatMap((row) => findLooseEndsOfTenant(trust(row, parseTenant), definitions)),
  ];
}

/** Each once, although it may name several of the models. */
function tenantsNamingAny(book: RegistryBook, models: readonly string[]): Tenant[] {
  const rows = models.flatMap((model) => book.tenantsNaming("model", model));
  const byId = new Map(rows.map((row) => [row.id, row]));
  return [...byId.values()].map((row) => trust(row, parseTenant));
}

/** What tenants may name. `changed` has the policy that the change puts, or null for one that it removes. */
function definitionsIn(
  book: RegistryBook,
  changed: { readonly policies: readonly (readonly [string, Policy | null])[] } = { policies: [] },
): Definitions {
  return {
    models: book.modelIds(),
    policyOf: readOnce(book, "policy", parsePolicy, changed.policies),
    organisationOf: readOnce(book, "organisation", parseOrganisation),
  };
}

/** Documents by id, each read once. */
function readOnce<T>(
  book: RegistryBook,
  kind: "policy" | "organisation",
  parse: (document: unknown) => Parsed<T>,
  changed: readonly (readonly [string, T | null])[] = [],
): (id: string) => T | null {
  const known = new Map<string, T | null>(changed);
  return (id) => {
    const before = known.get(id);
    if (before !== undefined) return before;
    const row = book.find(kind, id);
    const found = row === null || row.text === null ? null : trust(row, parse);
    known.set(id, found);
    return found;
  };
}

export function readKey(row: DocumentRow): Key {
  return trust(row, parseKey);
}

/** Only checked documents are ever stored, so a fault here is a bug: a rule grew stricter without a schema step. */
function trust<T>({ kind, id, text }: DocumentRow, parse: (document: unknown) => Parsed<T>): T {
  const parsed = parse(JSON.parse(text ?? "null"));
  if (parsed.kind === "faulty")
    throw new Error(`The stored ${kind} "${id}" has faults: ${JSON.stringify(parsed.faults)}`);
  return parsed.value;
}
