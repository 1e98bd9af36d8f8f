// From the documents that an operator writes to the entries that KV holds, every one checked first.
// kv-seeds/README.md is the contract of the keys.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseCatalog, type Catalog } from "../../policies/catalog.ts";
import type { Fault, Parsed } from "../../policies/parse.ts";
import { parsePolicy, type Policy } from "../../policies/policy.ts";
import { parseKey, parseTenant, type Key, type Tenant } from "../../policies/tenant.ts";
import { StartFailure } from "./failure.ts";

/** As they were written: nothing is taken for checked. */
export interface Documents {
  readonly catalog: unknown;
  readonly policies: readonly unknown[];
  readonly tenants: readonly unknown[];
  readonly keys: readonly SecretKey[];
}

/** A key with its secret, of which KV sees only the hash. */
export interface SecretKey {
  readonly secret: string;
  readonly document: unknown;
}

/** What KV holds: each key with its document. */
export type Entries = ReadonlyMap<string, unknown>;

/** The documents in kv-seeds/, without keys: a secret is never in the repository. */
export async function readSeeds(folder: string): Promise<Omit<Documents, "keys">> {
  const [catalog, policies, tenants] = await Promise.all([
    readJson(join(folder, "catalog.json")),
    readJson(join(folder, "policies.json")),
    readJson(join(folder, "tenants.json")),
  ]);
  return {
    catalog,
    policies: listIn(policies, "policies", join(folder, "policies.json")),
    tenants: listIn(tenants, "tenants", join(folder, "tenants.json")),
  };
}

/** Checks each document by itself and against the others; throws every fault with its path. */
export function checkDocuments(documents: Documents): Entries {
  const faults: string[] = [];
  const keep = <T>(place: string, parsed: Parsed<T>): T | null => {
    if (parsed.kind === "parsed") return parsed.value;
    faults.push(...parsed.faults.map((fault) => sayFault(place, fault)));
    return null;
  };

  const catalog = keep("catalog", parseCatalog(documents.catalog));
  const policies = documents.policies.flatMap(
    (document, index) => keep(`policies.${index}`, parsePolicy(document)) ?? [],
  );
  const tenants = documents.tenants.flatMap(
    (document, index) => keep(`tenants.${index}`, parseTenant(document)) ?? [],
  );
  const keys = documents.keys.flatMap(({ secret, document }, index) => {
    const key = keep(`keys.${index}`, parseKey(document));
    return key === null ? [] : [{ secret, key }];
  });

  // A document that failed alone would only repeat itself here as a missing name.
  if (faults.length === 0 && catalog !== null) {
    faults.push(
      ...findLooseEnds(
        catalog,
        policies,
        tenants,
        keys.map(({ key }) => key),
      ),
    );
  }
  if (faults.length > 0) {
    throw new StartFailure(["The documents for KV have faults:", ...faults].join("\n  "));
  }
  return new Map<string, unknown>([
    ["catalog", catalog],
    ...policies.map((policy) => [`policy:${policy.name}`, policy] as const),
    ...tenants.map((tenant) => [`tenant:${tenant.id}`, tenant] as const),
    ...keys.map(({ secret, key }) => [`key:${hashSecret(secret)}`, key] as const),
  ]);
}

/** What a key is filed under: KV never learns a secret that would open anything. */
export function hashSecret(secret: string): string {
  return createHash("sha256").update(secret, "utf8").digest("hex");
}

/** Names that one document uses and no other defines. */
function findLooseEnds(
  catalog: Catalog,
  policies: readonly Policy[],
  tenants: readonly Tenant[],
  keys: readonly Key[],
): string[] {
  const faults: string[] = [];
  const models = new Set(catalog.models.map(({ id }) => id));
  const policyNames = new Set(policies.map(({ name }) => name));
  const tenantIds = new Set(tenants.map(({ id }) => id));
  const expect = (names: ReadonlySet<string>, kind: string, name: string, path: string) => {
    if (!names.has(name)) faults.push(`${path}: no ${kind} is called "${name}"`);
  };

  for (const policy of policies) {
    const path = `policy:${policy.name}`;
    for (const [mode, model] of Object.entries(policy.modes)) {
      if (model !== undefined) expect(models, "model", model, `${path}.modes.${mode}`);
    }
    for (const [index, model] of policy.fallback.entries()) {
      expect(models, "model", model, `${path}.fallback.${index}`);
    }
  }
  for (const tenant of tenants) {
    const path = `tenant:${tenant.id}`;
    expect(policyNames, "policy", tenant.policy, `${path}.policy`);
    for (const [index, name] of tenant.policies.entries()) {
      expect(policyNames, "policy", name, `${path}.policies.${index}`);
    }
    for (const [index, model] of (tenant.models ?? []).entries()) {
      expect(models, "model", model, `${path}.models.${index}`);
    }
  }
  for (const key of keys) expect(tenantIds, "tenant", key.tenant, `key ${key.id}.tenant`);
  return faults;
}

function sayFault(place: string, { path, problem }: Fault): string {
  return `${path === "" ? place : `${place}.${path}`}: ${problem}`;
}

async function readJson(file: string): Promise<unknown> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new StartFailure(`${file} cannot be read (${error.code ?? "unknown"}).`);
  });
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new StartFailure(`${file} is not JSON: ${(error as SyntaxError).message}.`);
  }
}

function listIn(document: unknown, field: string, file: string): readonly unknown[] {
  const list = (document as Readonly<Record<string, unknown>> | null)?.[field];
  if (!Array.isArray(list)) throw new StartFailure(`${file} holds no list called "${field}".`);
  return list as readonly unknown[];
}
