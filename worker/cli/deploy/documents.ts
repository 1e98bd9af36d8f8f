// What a fresh gateway is seeded with: the documents of a folder, or the seeded policies in front of the one engine that
// the environment names; with one key, so that somebody can ask it something.
import { randomBytes } from "node:crypto";
import { parseCatalog, type Catalog } from "../../../policies/catalog.ts";
import { composeConfiguration, readSeeds, type Documents } from "../documents.ts";
import { StartFailure } from "../failure.ts";
import { bindPolicies, buildCatalog, type OneUpstream } from "../one-upstream.ts";

/** As much as a guess could never try. */
const KEY_BYTES = 24;

export interface Seeds {
  readonly catalog: Catalog;
  readonly tenantIds: readonly string[];
  /** What the admin API imports. */
  readonly documentText: string;
  /** The key of the first tenant; it stands nowhere else. */
  readonly keySecret: string;
}

/** Throws every fault with its path. */
export async function readSeedDocuments(folder: string, one: OneUpstream | null): Promise<Seeds> {
  const read = await readSeeds(folder);
  const tenantIds = read.tenants.map((tenant) =>
    String((tenant as { readonly id?: unknown } | null)?.id),
  );
  if (tenantIds[0] === undefined)
    throw new StartFailure(`${folder} holds no tenant to give a key.`);
  const keySecret = `sk-sluice-${randomBytes(KEY_BYTES).toString("base64url")}`;
  const documents: Documents = {
    catalog: one === null ? read.catalog : buildCatalog(one),
    policies: one === null ? read.policies : bindPolicies(read.policies, one.model),
    organisations: read.organisations,
    tenants: read.tenants,
    keys: [{ secret: keySecret, document: { id: "first", tenant: tenantIds[0] } }],
  };
  const documentText = JSON.stringify(composeConfiguration(documents));
  const catalog = parseCatalog(documents.catalog);
  if (catalog.kind === "faulty") throw new Error("A catalog that was composed has faults.");
  return { catalog: catalog.value, tenantIds, documentText, keySecret };
}
