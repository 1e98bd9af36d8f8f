// The JSON Schema that is served agrees with the declaration that checks: on every seed, and on what is wrong.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, it } from "vitest";
import type { DocumentKind } from "../../../../policies/administration.ts";
import { parseCatalog } from "../../../../policies/catalog.ts";
import { documentSchema } from "../../../../policies/document-schema.ts";
import { parseOrganisation } from "../../../../policies/organisation.ts";
import { parsePolicy } from "../../../../policies/policy.ts";
import { parseKey, parseTenant } from "../../../../policies/tenant.ts";

const SEEDS = join(import.meta.dirname, "..", "..", "..", "..", "kv-seeds");
const PARSERS = {
  catalog: parseCatalog,
  policy: parsePolicy,
  organisation: parseOrganisation,
  tenant: parseTenant,
  key: parseKey,
} as const;

interface Seeds {
  readonly policies: readonly object[];
  readonly tenants: readonly object[];
}

const catalog = readSeed<{ readonly upstreams: readonly object[] }>("catalog.json");
const { policies } = readSeed<Seeds>("policies.json");
const { tenants } = readSeed<Seeds>("tenants.json");
const limit = { dimension: "tokens", window: "day", limit: 1000 };
const key = { id: "first", tenant: "demo", scopes: ["inference"], limits: [limit] };
const organisation = { id: "holding", name: "Holding", zone: "Europe/Berlin", limits: [limit] };
const tenant = {
  ...tenants[0],
  organisation: "holding",
  zone: "Europe/Berlin",
  userLimits: [{ dimension: "requests", window: "minute", limit: 60, burst: 10, hard: false }],
  tags: { "team-a": [limit] },
  shards: 4,
};

it.each<readonly [DocumentKind, object]>([
  ["catalog", catalog],
  ...policies.map((policy) => ["policy", policy] as const),
  ...tenants.map((tenant) => ["tenant", tenant] as const),
  ["tenant", tenant],
  ["organisation", organisation],
  ["key", key],
])("takes a sound %s by both", (kind, document) => {
  expect(PARSERS[kind](document).kind).toBe("parsed");
  expect(faultsOf(kind, document)).toEqual([]);
});

it.each<readonly [string, DocumentKind, object]>([
  ["an unknown field", "policy", { ...policies[0], speed: "fast" }],
  ["a missing field", "tenant", { id: "demo", name: "Demo" }],
  ["a number out of bounds", "policy", { ...policies[0], lambda: -1 }],
  ["a limit out of bounds", "organisation", { ...organisation, limits: [{ ...limit, limit: -1 }] }],
  ["a tag that no header can list", "tenant", { ...tenant, tags: { "a,b": [] } }],
  ["too many shards", "tenant", { ...tenant, shards: 33 }],
  ["a wrong word", "key", { ...key, scopes: ["everything"] }],
  ["a wrong shape inside", "catalog", { ...catalog, upstreams: [{ id: "x" }] }],
  ["a key where its secret was put", "catalog", withSecret("sk-123")],
])("refuses %s by both", (_, kind, document) => {
  expect(PARSERS[kind](document).kind).toBe("faulty");
  expect(faultsOf(kind, document)).not.toEqual([]);
});

function withSecret(secret: string): object {
  return { ...catalog, upstreams: catalog.upstreams.map((entry) => ({ ...entry, secret })) };
}

function faultsOf(kind: DocumentKind, document: object): readonly unknown[] {
  const validate = new Ajv2020({ strict: false }).compile(documentSchema(kind));
  void validate(document);
  return validate.errors ?? [];
}

function readSeed<T>(file: string): T {
  return JSON.parse(readFileSync(join(SEEDS, file), "utf8")) as T;
}
