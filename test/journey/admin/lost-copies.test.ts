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

/** What KV calls everything that is exported. */
function namesIn({ body }: { readonly body: Record<string, unknown> }): readonly string[] {
  const { policies, tenants, keys } = body as {
    policies: { name: string }[];
    tenants: { id: string }[];
    keys: { hash: string }[];
  };
  return [
    "catalog",
    ...policies.map(({ name }) => `policy:${name}`),
    ...tenants.map(({ id }) => `tenant:${id}`),
    ...keys.map(({ hash }) => `key:${hash}`),
  ];
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

test("with KV emptied a Worker that starts anew serves at once, and a burst of requests too", async () => {
  const { secret } = await createKey(gateway, "acme");
  const names = namesIn(await admin(gateway, "GET /export"));
  for (const name of names) await gateway.gateway.remove(name);
  await gateway.startAnew();
  const inKv = await Promise.all(names.map((name) => gateway.gateway.read(name)));
  const burst = await Promise.all(
    Array.from({ length: 20 }, async (_, index) =>
      ask(gateway, turn("Hi."), index % 2 === 0 ? { secret } : {}),
    ),
  );

  expect(inKv).toEqual(names.map(() => null));
  expect(burst.map(({ status }) => status)).toEqual(burst.map(() => 200));
  expect((await ask(gateway, turn("Hi."), { secret: "sk-sluice-never-made" })).status).toBe(401);
  for (const answer of burst) await answer.text();
});

test("documents that are corrupt in KV are the registry's for a Worker that starts anew, and told in the log", async () => {
  await createTenant(gateway, "corrupt");
  const { id, secret } = await createKey(gateway, "corrupt");
  const names = ["catalog", "policy:balanced", "tenant:corrupt", `key:${await hashOf(id)}`];
  for (const name of names) await gateway.gateway.write(name, { not: "what it was" });
  await gateway.startAnew();
  const answered = await ask(gateway, turn("Hi."), { secret });

  expect(answered.status).toBe(200);
  await answered.text();
  const told = gateway.logged.filter((line) => line.includes("configuration-bad"));
  for (const name of names)
    expect(told.join("\n")).toContain(
      `"document":"${name.startsWith("key:") ? name.slice(0, 12) : name}"`,
    );
});

test("with KV emptied requests are served on, the registry still has everything, and it comes back", async () => {
  const { secret } = await createKey(gateway, "acme");
  expect((await ask(gateway, turn("Hi."), { secret })).status).toBe(200);
  const exported = await admin(gateway, "GET /export");
  const names = namesIn(exported);
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
