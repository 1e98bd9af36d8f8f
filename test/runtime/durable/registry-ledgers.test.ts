// The registry remembers the most shards that a tenant ever had, whoever wrote it and however, so that no ledger with a
// tenant's history is ever overlooked.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { expect, it } from "vitest";
import { ADMIN, configuration, fill, openRegistry, tenant } from "./registry-samples.ts";

const names = (id: string, shards: number) => [
  id,
  ...Array.from({ length: shards }, (_, shard) => `${id}#${shard}`),
];

async function putShards(
  registry: ReturnType<typeof openRegistry>,
  shards: number,
  version: number,
) {
  const text = JSON.stringify(tenant("acme", { shards }));
  expect(await registry.put("tenant", "acme", text, version, ADMIN)).toMatchObject({
    kind: "written",
  });
}

it("names one ledger of a tenant that never had shards, and of one that there never was", async () => {
  const registry = openRegistry("ledgers-one");
  await fill(registry, configuration());
  expect(await registry.ledgersOf("acme")).toEqual(["acme"]);
  expect(await registry.ledgersOf("nobody")).toEqual(["nobody"]);
});

it("names as many shards as a tenant ever had at once, also when it has fewer, none, or is gone", async () => {
  const registry = openRegistry("ledgers-most");
  await fill(registry, configuration());
  await putShards(registry, 2, 1);
  expect(await registry.ledgersOf("acme")).toEqual(names("acme", 2));
  await putShards(registry, 5, 2);
  await putShards(registry, 3, 3);
  expect(await registry.ledgersOf("acme")).toEqual(names("acme", 5));
  await putShards(registry, 1, 4);
  await registry.remove("tenant", "acme", 5, ADMIN);
  expect(await registry.ledgersOf("acme")).toEqual(names("acme", 5));
  const anew = JSON.stringify(tenant("acme"));
  await registry.put("tenant", "acme", anew, 0, ADMIN);
  expect(await registry.ledgersOf("acme")).toEqual(names("acme", 5));
  expect(await registry.ledgersOf("globex")).toEqual(["globex"]);
});

it("knows it of imported tenants, and of those that stood or changed before it kept count", async () => {
  const registry = openRegistry("ledgers-old");
  await fill(
    registry,
    configuration({ tenants: [tenant("acme", { shards: 4 }), tenant("globex")] }),
  );
  expect(await registry.ledgersOf("acme")).toEqual(names("acme", 4));
  await putShards(registry, 2, 1);
  await runInDurableObject(registry, (_, { storage }) => {
    for (const drop of ["tenant_sharded", "tenant_sharded_anew"])
      storage.sql.exec(`DROP TRIGGER ${drop}`);
    storage.sql.exec("DROP TABLE tenant_shards");
    storage.sql.exec("UPDATE schema SET version = 3");
  });
  await evictDurableObject(registry);
  expect(await registry.ledgersOf("acme")).toEqual(names("acme", 4));
  expect(await registry.ledgersOf("globex")).toEqual(["globex"]);
});
