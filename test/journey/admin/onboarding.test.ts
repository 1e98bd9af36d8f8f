// An operator's first day: a policy, a tenant and a key, used at once, rotated, revoked; each over HTTP.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, readError, turn } from "../support/chat.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";
import {
  admin,
  createKey,
  createTenant,
  MADE_NEW,
  type AdminError,
  type NewKey,
} from "./admin-client.ts";

/** The registry's alarms stand a second apart, and a shared machine may stretch that. */
const ALARM_LATE_MS_MAX = 5_000;

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest();
});
afterAll(() => gateway.dispose());

test("a policy, a tenant and a key are made and used at once", async () => {
  const policy = { name: "thrifty", version: "1", modes: { short: "small" } };
  const madePolicy = await admin(gateway, "PUT /policies/thrifty", policy, MADE_NEW);
  const madeTenant = await createTenant(gateway, "acme", { policy: "thrifty" });
  const { id, secret } = await createKey(gateway, "acme", { name: "CI" });
  const answer = await ask(gateway, turn("Say hello."), { secret });

  expect(madePolicy.status).toBe(201);
  expect(madePolicy.headers.get("etag")).toBe('"1"');
  expect(madeTenant.body).toMatchObject({ object: "tenant", version: 1, published: true });
  expect(secret).toMatch(/^sk-sluice-[A-Za-z0-9_-]{32}$/);
  expect(answer.status).toBe(200);
  expect(answer.headers.get("x-sluice-policy") ?? "thrifty").toContain("thrifty");
  await gateway.untilSettled("acme");
  expect((await gateway.ledgerJournal("acme")).map(({ keyId }) => keyId)).toContain(id);
});

test("a secret is shown once, and what is kept is its hash", async () => {
  await createTenant(gateway, "quiet");
  const { id, secret } = await createKey(gateway, "quiet");
  const shown = [
    await admin(gateway, `GET /keys/${id}`),
    await admin(gateway, "GET /tenants/quiet/keys"),
    await admin(gateway, "GET /audit?limit=200"),
    await admin(gateway, "GET /export"),
  ];

  for (const { status, body } of shown) {
    expect(status).toBe(200);
    expect(JSON.stringify(body)).not.toContain(secret);
  }
  expect(gateway.logged.join("\n")).not.toContain(secret);
  expect(shown[0]?.body).toMatchObject({ object: "key", id, document: { tenant: "quiet" } });
});

test("a revoked key is refused by the next request, although KV still holds it as it was", async () => {
  await createTenant(gateway, "gone");
  const { id, secret } = await createKey(gateway, "gone");
  const before = await ask(gateway, turn("Say hello."), { secret });
  const { hash, document } = (await admin(gateway, `GET /keys/${id}`)).body;
  const revoked = await admin(gateway, `DELETE /keys/${id}`);
  // As KV looks elsewhere for another minute.
  await gateway.gateway.write(`key:${String(hash)}`, document);
  const after = await ask(gateway, turn("Say hello."), { secret });

  expect(before.status).toBe(200);
  expect(revoked.status).toBe(200);
  expect(revoked.body).toMatchObject({ confirmed: true, dry_run: false });
  expect(after.status).toBe(401);
  expect(await readError(after)).toMatchObject({ code: "invalid_api_key" });
  expect(await gateway.gateway.read(`key:${String(hash)}`)).toEqual(document);
  // Asked again it is as revoked as before.
  expect((await admin(gateway, `DELETE /keys/${id}`)).body).toMatchObject({
    revoked_at_ms: revoked.body["revoked_at_ms"],
  });
});

test("a rotated key opens beside the new one until its overlap ends", async () => {
  await createTenant(gateway, "turning");
  const old = await createKey(gateway, "turning", { name: "Old", scopes: ["inference"] });
  const overlapMs = 1_500;
  const rotated = await admin<NewKey>(gateway, `POST /keys/${old.id}/rotate`, {
    overlap_ms: overlapMs,
  });
  const during = [old, rotated.body].map(({ secret }) => ask(gateway, turn("Hi."), { secret }));

  expect(rotated.status).toBe(201);
  expect(rotated.body).toMatchObject({ old: { id: old.id }, document: { name: "Old" } });
  expect((await Promise.all(during)).map(({ status }) => status)).toEqual([200, 200]);
  expect(await refusedWithin(overlapMs + ALARM_LATE_MS_MAX, old.secret)).toBe(true);
  expect((await ask(gateway, turn("Hi."), { secret: rotated.body.secret })).status).toBe(200);
  const again = await admin<AdminError>(gateway, `POST /keys/${old.id}/rotate`, { overlap_ms: 0 });
  expect(again.status).toBe(422);
  expect(again.body.error.faults).toEqual([
    { path: "id", problem: "is revoked or expired; create another key instead" },
  ]);
});

test("a key with an end and a scope opens only that and only until then", async () => {
  await createTenant(gateway, "narrow");
  const { secret } = await createKey(gateway, "narrow", {
    scopes: ["usage"],
    expires_at_ms: Date.now() + 60_000,
  });
  const late = await admin<AdminError>(gateway, "POST /tenants/narrow/keys", {
    expires_at_ms: 1,
    lifetime: "long",
  });
  const past = await admin<AdminError>(gateway, "POST /tenants/narrow/keys", { expires_at_ms: 1 });

  const headers = { authorization: `Bearer ${secret}` };
  const { secret: other } = await createKey(gateway, "narrow", { scopes: ["inference"] });
  const otherHeaders = { authorization: `Bearer ${other}` };

  expect((await ask(gateway, turn("Hi."), { secret })).status).toBe(403);
  expect((await fetch(`${gateway.url}/v1/usage`, { headers })).status).toBe(200);
  expect((await fetch(`${gateway.url}/v1/usage`, { headers: otherHeaders })).status).toBe(403);
  expect(late.status).toBe(422);
  expect(late.body.error.faults).toEqual([{ path: "", problem: "has unknown fields: lifetime" }]);
  expect(past.body.error).toMatchObject({
    param: "expires_at_ms",
    faults: [{ path: "expires_at_ms", problem: "is not in the future" }],
  });
});

test("what a tenant used is told to the operator as to the tenant", async () => {
  const { id, secret } = await createKey(gateway, "acme");
  await (await ask(gateway, turn("Name three rivers."), { secret })).text();
  await gateway.untilSettled("acme");
  const told = await admin(gateway, "GET /tenants/acme/usage");
  const own = await fetch(`${gateway.url}/v1/usage`, {
    headers: { authorization: `Bearer ${secret}` },
  });

  expect(told.status).toBe(200);
  expect(told.body).toMatchObject({ object: "usage", tenant: "acme", open_holds: 0 });
  const { windows } = (await own.json()) as { windows: readonly { scope: string }[] };
  const isShared = ({ scope }: { readonly scope: string }) =>
    scope === "tenant" || scope === `key:${id}`;
  expect((told.body["windows"] as typeof windows).filter(isShared)).toEqual(windows);
});

async function refusedWithin(waitMs: number, secret: string): Promise<boolean> {
  for (const endsAtMs = Date.now() + waitMs; Date.now() < endsAtMs; await sleep(100)) {
    const answer = await ask(gateway, turn("Hi."), { secret });
    await answer.text();
    if (answer.status === 401) return true;
  }
  return false;
}
