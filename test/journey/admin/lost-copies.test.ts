// KV is only a copy: what is corrupt or lost there does no harm, and comes back.
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, turn } from "../support/chat.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";
import { admin, createKey, createTenant } from "./admin-client.ts";

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest();
});
afterAll(() => gateway.dispose());

async function hashOf(keyId: string): Promise<string> {
  return String((await admin(gateway, `GET /keys/${keyId}`)).body["hash"]);
}

test("a key that is corrupt in KV, or lost, is the registry's", async () => {
  await createTenant(gateway, "acme");
  const corrupt = await createKey(gateway, "acme");
  const lost = await createKey(gateway, "acme");
  await gateway.gateway.write(`key:${await hashOf(corrupt.id)}`, { id: 7 });
  await gateway.gateway.remove(`key:${await hashOf(lost.id)}`);

  for (const { secret } of [corrupt, lost])
    expect((await ask(gateway, turn("Hi."), { secret })).status).toBe(200);
  expect((await ask(gateway, turn("Hi."), { secret: "sk-sluice-never-made" })).status).toBe(401);
});

test("with KV emptied requests are served on, the registry still has everything, and it comes back", async () => {
  const { secret } = await createKey(gateway, "acme");
  expect((await ask(gateway, turn("Hi."), { secret })).status).toBe(200);
  const exported = await admin(gateway, "GET /export");
  const { policies, tenants, keys } = exported.body as {
    policies: { name: string }[];
    tenants: { id: string }[];
    keys: { hash: string }[];
  };
  const names = [
    "catalog",
    ...policies.map(({ name }) => `policy:${name}`),
    ...tenants.map(({ id }) => `tenant:${id}`),
    ...keys.map(({ hash }) => `key:${hash}`),
  ];
  for (const name of names) await gateway.gateway.remove(name);

  expect((await ask(gateway, turn("Hi."), { secret })).status).toBe(200);
  expect((await admin(gateway, "GET /export")).body).toEqual(exported.body);
  const again = await admin(gateway, "POST /publication");
  expect(again.status).toBe(202);
  await expect
    .poll(
      async () => {
        const read = await Promise.all(names.map((name) => gateway.gateway.read(name)));
        return read.filter((document) => document === null).length;
      },
      { timeout: 15_000 },
    )
    .toBe(0);
});
