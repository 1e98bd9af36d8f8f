// What a change would break among the documents that stand: the rule is policies/references.ts, and only what the
// change touches is read and checked, because the rest stood before and still fits.
import type { WritableKind } from "../policies/administration.ts";
import type { Catalog } from "../policies/catalog.ts";
import type { Fault, Parsed } from "../policies/parse.ts";
import { parsePolicy, type Policy } from "../policies/policy.ts";
import {
  FAULTS_MAX,
  findLooseEndsOfKey,
  findLooseEndsOfPolicy,
  findLooseEndsOfTenant,
} from "../policies/references.ts";
import { parseKey, parseTenant, type Key, type Tenant } from "../policies/tenant.ts";
import type { RegistryBook } from "./registry-book.ts";
import type { DocumentRow } from "./registry-rows.ts";

/** A document that an operator would write. */
export type Written =
  | { readonly kind: "catalog"; readonly value: Catalog }
  | { readonly kind: "policy"; readonly value: Policy }
  | { readonly kind: "tenant"; readonly value: Tenant };

export function findLooseEndsOfPut(book: RegistryBook, written: Written): Fault[] {
  switch (written.kind) {
    case "catalog":
      return looseEndsOfCatalog(book, written.value);
    case "policy":
      return looseEndsOfPolicy(book, written.value);
    case "tenant":
      return findLooseEndsOfTenant(written.value, book.modelIds(), standingPolicies(book));
  }
}

/** Nothing that stands may name what is removed. */
export function findLooseEndsOfRemoval(
  book: RegistryBook,
  kind: Exclude<WritableKind, "catalog">,
  id: string,
  nowMs: number,
): Fault[] {
  if (kind === "tenant") {
    // One more than are told, so that the list says that there are more.
    const keys = book.liveKeysOf(id, nowMs, FAULTS_MAX + 1).map(readKey);
    return keys.flatMap((key) => findLooseEndsOfKey(key, new Set()));
  }
  const models = book.modelIds();
  const policyOf = standingPolicies(book, [[id, null]]);
  return book
    .tenantsNaming("policy", id)
    .flatMap((row) => findLooseEndsOfTenant(trust(row, parseTenant), models, policyOf));
}

/** Only models that leave can break anything. */
function looseEndsOfCatalog(book: RegistryBook, catalog: Catalog): Fault[] {
  const models = new Set(catalog.models.map(({ id }) => id));
  const gone = [...book.modelIds()].filter((id) => !models.has(id));
  if (gone.length === 0) return [];
  const policyOf = standingPolicies(book);
  return [
    ...book.all("policy").flatMap((row) => findLooseEndsOfPolicy(trust(row, parsePolicy), models)),
    ...tenantsNamingAny(book, gone).flatMap((tenant) =>
      findLooseEndsOfTenant(tenant, models, policyOf),
    ),
  ];
}

/** Whoever names the policy still finds it; only a tenant that is bound to some models can be locked out by it. */
function looseEndsOfPolicy(book: RegistryBook, policy: Policy): Fault[] {
  const models = book.modelIds();
  const policyOf = standingPolicies(book, [[policy.name, policy]]);
  return [
    ...findLooseEndsOfPolicy(policy, models),
    ...book
      .boundTenantsNaming(policy.name)
      .flatMap((row) => findLooseEndsOfTenant(trust(row, parseTenant), models, policyOf)),
  ];
}

/** Each once, although it may name several of the models. */
function tenantsNamingAny(book: RegistryBook, models: readonly string[]): Tenant[] {
  const rows = models.flatMap((model) => book.tenantsNaming("model", model));
  const byId = new Map(rows.map((row) => [row.id, row]));
  return [...byId.values()].map((row) => trust(row, parseTenant));
}

/** Policies by name, each read once; `changed` has what the change puts, or null for what it removes. */
function standingPolicies(
  book: RegistryBook,
  changed: readonly (readonly [string, Policy | null])[] = [],
): (name: string) => Policy | null {
  const known = new Map(changed);
  return (name) => {
    const before = known.get(name);
    if (before !== undefined) return before;
    const row = book.find("policy", name);
    const policy = row === null || row.text === null ? null : trust(row, parsePolicy);
    known.set(name, policy);
    return policy;
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
