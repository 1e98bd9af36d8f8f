// The registry is out of reach: what is known is served on, nothing is written, and nothing is forgotten.
import { rm } from "node:fs/promises";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { ask, readError, turn } from "../support/chat.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";
import { admin, createKey, createTenant, MADE_NEW, type AdminError } from "./admin-client.ts";
import { buildCutOff, CUT_OFF } from "./cut-off-registry.ts";

let bundleFolder: string;
let gateway: GatewayUnderTest;
beforeAll(async () => {
  bundleFolder = await buildCutOff(inject("bundleFolder"));
  gateway = await startGatewayUnderTest({ bundleFolder });
});
afterAll(async () => {
  await gateway.dispose();
  await rm(bundleFolder, { recursive: true, force: true });
});

/** A tenant with a key, and the names of all that its requests need in KV. */
async function onboard(id: string) {
  await createTenant(gateway, id);
  const key = await createKey(gateway, id);
  const { hash } = (await admin(gateway, `GET /keys/${key.id}`)).body;
  const names = ["catalog", "policy:balanced", `tenant:${id}`, `key:${String(hash)}`];
  return { ...key, names };
}

/** Has this isolate read a document again at its next use, as it does after every write of it. */
async function writeAgain(path: string): Promise<void> {
  const { headers, body } = await admin(gateway, `GET ${path}`);
  const at = { headers: { "if-match": headers.get("etag") ?? "" } };
  const put = await admin(gateway, `PUT ${path}`, body["document"], at);
  expect(put.status).toBe(200);
}

test("a write fails clearly and changes nothing, and requests are served on", async () => {
  const { id, secret } = await onboard("writes");
  const before = await admin(gateway, "GET /export");
  const orders: readonly (readonly [string, unknown, object])[] = [
    ["PUT /tenants/more", { id: "more", name: "More", policy: "balanced" }, MADE_NEW.headers],
    ["DELETE /tenants/writes", undefined, { "if-match": '"1"' }],
    ["POST /tenants/writes/keys", {}, {}],
    ["DELETE /keys/" + id, undefined, {}],
    ["POST /import", before.body, { "if-match": "*" }],
  ];
  for (const [order, body, headers] of orders) {
    const refused = await admin<AdminError>(gateway, order, body, {
      headers: { ...headers, ...CUT_OFF },
    });
    expect(refused.status, order).toBe(503);
    expect(refused.body.error.code).toBe("unreachable");
    expect(refused.headers.get("retry-after")).toBe("1");
  }
  const after = await admin(gateway, "GET /export");
  expect(after.body).toEqual(before.body);
  expect(after.headers.get("etag")).toBe(before.headers.get("etag"));
  expect((await ask(gateway, turn("Hi."), { secret, headers: CUT_OFF })).status).toBe(200);
});

test("a Worker that starts anew serves from KV alone, and refuses only keys that KV does not know", async () => {
  const { secret } = await onboard("anew");
  await gateway.startAnew();
  const unknown = await ask(gateway, turn("Hi."), { secret: "sk-sluice-no", headers: CUT_OFF });

  expect((await ask(gateway, turn("Hi."), { secret, headers: CUT_OFF })).status).toBe(200);
  expect(unknown.status).toBe(401);
  expect(gateway.logged.join("\n")).toContain("registry-unreachable");
});

test("documents that went bad in KV leave the last good ones in force, and each is told in the log", async () => {
  const { id, secret, names } = await onboard("bad");
  expect((await ask(gateway, turn("Hi."), { secret })).status).toBe(200);
  for (const path of ["/catalog", "/policies/balanced", "/tenants/bad"]) await writeAgain(path);
  // The old key opens on; its end is what changed.
  await admin(gateway, `POST /keys/${id}/rotate`, { overlap_ms: 600_000 });
  await expect
    .poll(async () => (await admin(gateway, "GET /publication")).body["unpublished_count"], {
      timeout: 10_000,
    })
    .toBe(0);
  for (const name of names) await gateway.gateway.write(name, { not: "what it was" });
  const answered = await ask(gateway, turn("Hi."), { secret, headers: CUT_OFF });

  expect(answered.status).toBe(200);
  for (const name of names) {
    const told = expect.stringContaining(`"document":"${name.slice(0, 12)}`) as string;
    expect(gateway.logged.filter((line) => line.includes("configuration-bad"))).toContainEqual(
      told,
    );
  }
});

test("without KV and registry a Worker that starts anew lets nobody in, and everybody as soon as one is back", async () => {
  const { secret, names } = await onboard("neither");
  const { secret: other, names: others } = await onboard("tenantless");
  for (const name of names) await gateway.gateway.remove(name);
  // Its key is still known, its tenant is not.
  await gateway.gateway.remove(String(others[2]));
  await gateway.startAnew();
  const away = await ask(gateway, turn("Hi."), { secret, headers: CUT_OFF });
  const half = await ask(gateway, turn("Hi."), { secret: other, headers: CUT_OFF });

  expect(away.status).toBe(401);
  expect(half.status).toBe(503);
  expect(await readError(half)).toMatchObject({ code: "not_configured" });
  expect((await ask(gateway, turn("Hi."), { secret })).status).toBe(200);
  expect((await ask(gateway, turn("Hi."), { secret: other })).status).toBe(200);
});
