// A restart brings the seeds again, and leaves what an operator made of them: the registry keeps both apart.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import type { Catalog } from "../../../policies/catalog.ts";
import { readSeeds } from "../../../worker/cli/documents.ts";
import { StartFailure } from "../../../worker/cli/failure.ts";
import { startGateway, type Gateway } from "../../../worker/cli/gateway.ts";
import { admin, createKey, createTenant, type AdminError } from "./admin-client.ts";

const SEED_FOLDER = join(import.meta.dirname, "..", "..", "..", "kv-seeds");
const ADMIN_SECRET = "sluice-admin-of-a-restart-0123456789";
const DEMO = { secret: "sk-sluice-restart", document: { id: "demo", tenant: "demo" } };

let stateFolder: string;
beforeEach(async () => {
  stateFolder = await mkdtemp(join(tmpdir(), "sluice-restart-"));
});
afterEach(() => rm(stateFolder, { recursive: true, force: true }));

async function start(baseUrl: string, models?: readonly string[]): Promise<Gateway> {
  const seeds = await readSeeds(SEED_FOLDER);
  const catalog = seeds.catalog as Catalog;
  return startGateway({
    port: 0,
    stateFolder,
    bundleFolder: inject("bundleFolder"),
    secrets: { ADMIN_SECRET },
    documents: {
      ...seeds,
      catalog: {
        ...catalog,
        upstreams: catalog.upstreams.map((upstream) => ({ ...upstream, baseUrl })),
        models: catalog.models.filter(({ id }) => models?.includes(id) ?? true),
      },
      policies:
        models === undefined
          ? seeds.policies
          : seeds.policies.map((policy) => ({
              ...(policy as object),
              modes: { short: models[0] },
              fallback: [],
            })),
      keys: [DEMO],
    },
  });
}

function operatorOf({ url }: Gateway) {
  return { url, adminSecret: ADMIN_SECRET };
}

test("what an operator changed survives, and the simulator's new address arrives, in KV too", async () => {
  const first = await start("http://127.0.0.1:1/v1");
  const operator = operatorOf(first);
  const read = await admin(operator, "GET /policies/economy");
  const document = { ...(read.body["document"] as object), lambda: 0.9 };
  const put = await admin(operator, "PUT /policies/economy", document, {
    headers: { "if-match": read.headers.get("etag") ?? "" },
  });
  await createTenant(operator, "acme");
  const { secret } = await createKey(operator, "acme");
  expect((await admin(operator, "DELETE /keys/demo")).status).toBe(200);
  await first.dispose();

  const second = await start("http://127.0.0.1:2/v1");
  try {
    expect(put.status).toBe(200);
    expect((await admin(operatorOf(second), "GET /policies/economy")).body).toMatchObject({
      version: 2,
      document,
    });
    expect(await second.read("policy:economy")).toEqual(document);
    expect(await second.read("catalog")).toMatchObject({
      upstreams: [{ baseUrl: "http://127.0.0.1:2/v1" }],
    });
    expect(await second.read("tenant:acme")).toMatchObject({ id: "acme" });
    expect(await statusOf(second, secret)).toBe(200);
    expect(await statusOf(second, DEMO.secret)).toBe(401);
  } finally {
    await second.dispose();
  }
});

test("a start that would take a model from what an operator wrote stops and says so", async () => {
  const first = await start("http://127.0.0.1:1/v1");
  await admin<AdminError>(
    operatorOf(first),
    "PUT /policies/own",
    { name: "own", version: "1", modes: { long: "deep" } },
    { headers: { "if-none-match": "*" } },
  );
  await first.dispose();

  const second = start("http://127.0.0.1:1/v1", ["small"]);
  await expect(second).rejects.toThrow(StartFailure);
  await expect(second).rejects.toThrow('policy:own.modes.long: no model is called "deep"');
});

async function statusOf({ url }: Gateway, secret: string): Promise<number> {
  const response = await fetch(`${url}/v1/models`, {
    headers: { authorization: `Bearer ${secret}` },
  });
  await response.text();
  return response.status;
}
