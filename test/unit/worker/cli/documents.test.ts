// Seeds become one configuration only when each is sound and all agree.
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ENGINES, bindPolicies, buildCatalog } from "../../../../worker/cli/one-upstream.ts";
import { composeConfiguration, hashSecret, readSeeds } from "../../../../worker/cli/documents.ts";

const seedFolder = join(import.meta.dirname, "..", "..", "..", "..", "kv-seeds");
const secret = "sk-sluice-demo";
const keys = [{ secret, document: { id: "demo", tenant: "demo" } }];

it("files every seeded document, and a key under its hash only", async () => {
  const seeds = await readSeeds(seedFolder);
  const composed = composeConfiguration({ ...seeds, keys });
  expect(composed).toMatchObject({
    catalog: seeds.catalog,
    policies: seeds.policies,
    tenants: seeds.tenants,
    keys: [{ hash: hashSecret(secret), key: { id: "demo", tenant: "demo" } }],
  });
  expect(JSON.stringify(composed)).not.toContain(secret);
});

it.each(ENGINES)("runs every seeded policy on one model of %s", async (engine) => {
  const seeds = await readSeeds(seedFolder);
  const one = { baseUrl: "http://h/v1", model: "qwen3:8b", hasApiKey: true, engine };
  const policies = bindPolicies(seeds.policies, one.model);
  const composed = composeConfiguration({ ...seeds, catalog: buildCatalog(one), policies, keys });
  expect(composed.catalog).toMatchObject({ upstreams: [{ secret: "UPSTREAM_API_KEY" }] });
});

it("names every fault with its path", async () => {
  const seeds = await readSeeds(seedFolder);
  const tenants = [{ id: "Demo", name: "Demo", policy: "balanced" }];
  expect(() => composeConfiguration({ ...seeds, catalog: {}, tenants, keys })).toThrow(
    /catalog\.version: is missing[^]*tenants\.0\.id: must match/,
  );
});

it("reads organisations where a folder has some, and needs none", async () => {
  const seeds = await readSeeds(seedFolder);
  expect(seeds.organisations).toEqual([]);
  const folder = await mkdtemp(join(tmpdir(), "sluice-seeds-"));
  try {
    await cp(seedFolder, folder, { recursive: true });
    const file = join(folder, "organisations.json");
    await writeFile(file, '{"organisations": [{"id": "holding"}]}');
    expect((await readSeeds(folder)).organisations).toEqual([{ id: "holding" }]);
    await writeFile(file, '[{"id": "holding"}]');
    await expect(readSeeds(folder)).rejects.toThrow(/no list called "organisations"/);
    await rm(join(folder, "tenants.json"));
    await expect(readSeeds(folder)).rejects.toThrow(/tenants.json cannot be read/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

it("names what one document uses and no other defines", async () => {
  const seeds = await readSeeds(seedFolder);
  const tenants = [{ id: "other", name: "Other", policy: "lavish", models: ["huge"] }];
  expect(() => composeConfiguration({ ...seeds, tenants, keys })).toThrow(
    [
      'tenant:other.policy: no policy is called "lavish"',
      'tenant:other.models.0: no model is called "huge"',
      'key:demo.tenant: no tenant is called "demo"',
    ].join("\n  "),
  );
});
