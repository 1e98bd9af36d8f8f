// From the documents that an operator writes to the one that the registry imports, every one checked first.
// kv-seeds/README.md is the contract of the keys in KV.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  FORMAT,
  parseConfigurationDocument,
  type ConfigurationDocument,
} from "../../policies/configuration-document.ts";
import type { Fault } from "../../policies/parse.ts";
import { findLooseEnds } from "../../policies/references.ts";
import { StartFailure } from "./failure.ts";

/** As they were written: nothing is taken for checked. */
export interface Documents {
  readonly catalog: unknown;
  readonly policies: readonly unknown[];
  readonly organisations: readonly unknown[];
  readonly tenants: readonly unknown[];
  readonly keys: readonly SecretKey[];
}

/** A key with its secret, of which the registry sees only the hash. */
export interface SecretKey {
  readonly secret: string;
  readonly document: unknown;
}

/** The form of an export (policies/configuration-document.ts). */
export interface Composed {
  readonly format: string;
  readonly catalog: unknown;
  readonly policies: readonly unknown[];
  readonly organisations: readonly unknown[];
  readonly tenants: readonly unknown[];
  readonly keys: readonly { readonly hash: string; readonly key: unknown }[];
}

/** The documents of a folder such as kv-seeds/, without keys: a secret is never in the repository. */
export async function readSeeds(folder: string): Promise<Omit<Documents, "keys">> {
  const [catalog, policies, organisations, tenants] = await Promise.all([
    readJson(join(folder, "catalog.json")),
    readJson(join(folder, "policies.json")),
    readJson(join(folder, "organisations.json"), NO_ORGANISATIONS),
    readJson(join(folder, "tenants.json")),
  ]);
  return {
    catalog,
    policies: listIn(policies, "policies", join(folder, "policies.json")),
    organisations: listIn(organisations, "organisations", join(folder, "organisations.json")),
    tenants: listIn(tenants, "tenants", join(folder, "tenants.json")),
  };
}

/** Checks each document by itself and against the others, and makes them one; throws every fault with its path. */
export function composeConfiguration({ keys, ...documents }: Documents): Composed {
  const { catalog, policies, organisations, tenants } = documents;
  const composed: Composed = {
    format: FORMAT,
    catalog,
    policies,
    organisations,
    tenants,
    keys: keys.map(({ secret, document }) => ({ hash: hashSecret(secret), key: document })),
  };
  const parsed = parseConfigurationDocument(composed);
  // A document that failed alone would only repeat itself as a missing name.
  const faults = parsed.kind === "faulty" ? parsed.faults : findLooseEndsIn(parsed.value);
  if (faults.length === 0) return composed;
  throw new StartFailure(
    ["The seeded documents have faults:", ...faults.map(sayFault)].join("\n  "),
  );
}

function findLooseEndsIn(document: ConfigurationDocument): readonly Fault[] {
  return findLooseEnds({
    catalog: document.catalog.value,
    policies: document.policies.map(({ value }) => value),
    organisations: document.organisations.map(({ value }) => value),
    tenants: document.tenants.map(({ value }) => value),
    keys: document.keys.map(({ value }) => value),
  });
}

/** What a key is filed under: nobody but its holder ever has a secret that opens anything. */
export function hashSecret(secret: string): string {
  return createHash("sha256").update(secret, "utf8").digest("hex");
}

export function sayFault({ path, problem }: Fault): string {
  return `${path === "" ? "the document" : path}: ${problem}`;
}

/** Most gateways have none. */
const NO_ORGANISATIONS = { organisations: [] };

/** `otherwise`: what stands for a file that is not there; without it there must be one. */
async function readJson(file: string, otherwise: object | null = null): Promise<unknown> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (otherwise !== null && error.code === "ENOENT") return null;
    throw new StartFailure(`${file} cannot be read (${error.code ?? "unknown"}).`);
  });
  if (text === null) return otherwise;
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
