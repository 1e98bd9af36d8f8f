// Documents become KV entries only when each is sound and all agree.
import { join } from "node:path";
import { expect, it } from "vitest";
import { ENGINES, bindPolicies, buildCatalog } from "../../../../worker/cli/one-upstream.ts";
import { checkDocuments, hashSecret, readSeeds } from "../../../../worker/cli/documents.ts";

const seedFolder = join(import.meta.dirname, "..", "..", "..", "..", "kv-seeds");
const secret = "sk-sluice-demo";
const keys = [{ secret, document: { id: "demo", tenant: "demo" } }];

it("files every seeded document, and a key under its hash only", async () => {
  const entries = checkDocuments({ ...(await readSeeds(seedFolder)), keys });
  expect([...entries.keys()]).toEqual(
    expect.arrayContaining(["catalog", "policy:balanced", "tenant:demo"]),
  );
  expect(entries.get(`key:${hashSecret(secret)}`)).toEqual({ id: "demo", tenant: "demo" });
  expect(JSON.stringify([...entries])).not.toContain(secret);
});

it.each(ENGINES)("runs every seeded policy on one model of %s", async (engine) => {
  const seeds = await readSeeds(seedFolder);
  const one = { baseUrl: "http://h/v1", model: "qwen3:8b", hasApiKey: true, engine };
  const policies = bindPolicies(seeds.policies, one.model);
  const entries = checkDocuments({ ...seeds, catalog: buildCatalog(one), policies, keys });
  expect(entries.get("catalog")).toMatchObject({ upstreams: [{ secret: "UPSTREAM_API_KEY" }] });
});

it("names every fault with its path", async () => {
  const seeds = await readSeeds(seedFolder);
  const tenants = [{ id: "Demo", name: "Demo", policy: "balanced" }];
  expect(() => checkDocuments({ catalog: {}, policies: seeds.policies, tenants, keys })).toThrow(
    /catalog\.version: is missing[^]*tenants\.0\.id: must match/,
  );
});

it("names what one document uses and no other defines", async () => {
  const seeds = await readSeeds(seedFolder);
  const tenants = [{ id: "other", name: "Other", policy: "lavish", models: ["huge"] }];
  expect(() => checkDocuments({ ...seeds, tenants, keys })).toThrow(
    [
      'tenant:other.policy: no policy is called "lavish"',
      'tenant:other.models.0: no model is called "huge"',
      'key demo.tenant: no tenant is called "demo"',
    ].join("\n  "),
  );
});
