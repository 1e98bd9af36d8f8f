// Who may come in: the one secret and nothing else, with a fence round guesses, and off when there is no secret.
import { afterAll, beforeAll, expect, test } from "vitest";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";
import { admin, MADE_NEW, type AdminError } from "./admin-client.ts";

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest();
});
afterAll(() => gateway.dispose());

const FLOOD = 100;

test.each([
  { name: "no secret", secret: null, code: "missing_admin_secret" },
  {
    name: "a wrong secret",
    secret: "sluice-admin-of-nobody-01234567890123",
    code: "invalid_admin_secret",
  },
  { name: "a tenant's key", secret: "sk-sluice-journey", code: "invalid_admin_secret" },
  { name: "half of the secret", secret: "sluice-admin-of-a-journey", code: "invalid_admin_secret" },
])("$name is 401, on every route alike", async ({ secret, code }) => {
  for (const order of ["GET /tenants", "DELETE /catalog", "GET /nowhere"]) {
    const refused = await admin<AdminError>(gateway, order, undefined, { secret });
    expect(refused.status).toBe(401);
    expect(refused.body.error).toMatchObject({ type: "authentication_error", code });
    expect(refused.headers.get("www-authenticate")).toBe("Bearer");
  }
});

test("the admin secret is no tenant's key", async () => {
  const response = await fetch(`${gateway.url}/v1/models`, {
    headers: { authorization: `Bearer ${gateway.adminSecret}` },
  });
  expect(response.status).toBe(401);
});

test("a hundred wrong secrets from one address are limited, and nobody else is", async () => {
  const from = (address: string) => ({ "cf-connecting-ip": address });
  const wrong = { secret: "wrong", headers: from("203.0.113.7") };
  const statuses = new Map<number, number>();
  for (let guess = 0; guess < FLOOD; guess += 1) {
    const { status } = await admin(gateway, "GET /tenants", undefined, wrong);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
  const limited = await admin<AdminError>(gateway, "GET /tenants", undefined, wrong);
  const same = await admin(gateway, "GET /tenants", undefined, { headers: from("203.0.113.7") });
  const other = await admin(gateway, "GET /tenants", undefined, { headers: from("203.0.113.8") });

  // Two windows when the flood meets the end of one.
  expect(statuses.get(401) ?? 0).toBeLessThanOrEqual(40);
  expect(statuses.get(429) ?? 0).toBeGreaterThanOrEqual(60);
  expect(limited.status).toBe(429);
  expect(limited.headers.get("retry-after")).toBe("60");
  expect(same.status).toBe(429);
  expect(other.status).toBe(200);
  expect(gateway.logged.join("\n")).not.toContain(gateway.adminSecret);
});

test("where addresses are not told apart, wrong guesses never keep the operator out", async () => {
  for (let guess = 0; guess < FLOOD; guess += 1)
    await admin(gateway, "GET /tenants", undefined, { secret: "wrong" });

  expect((await admin(gateway, "GET /tenants", undefined, { secret: "wrong" })).status).toBe(429);
  expect((await admin(gateway, "GET /tenants")).status).toBe(200);
});

test("writes are limited, and reads are not", async () => {
  const statuses: number[] = [];
  const policy = { name: "hasty", version: "1", modes: { short: "small" } };
  // More than two windows take, when the flood meets the end of one.
  for (let write = 0; write < 2 * FLOOD + 50; write += 1) {
    const put = await admin(gateway, "PUT /policies/hasty?dry_run=1", policy, MADE_NEW);
    statuses.push(put.status);
  }
  expect(statuses).toContain(200);
  expect(statuses).toContain(429);
  expect((await admin(gateway, "GET /policies")).status).toBe(200);
});

test.each([
  { name: "not set", secret: "", problem: "is not set" },
  { name: "too short", secret: "short", problem: "is shorter than 32 characters" },
])(
  "with a secret that is $name the admin API is off, says so once, and requests are served",
  async ({ secret, problem }) => {
    const off = await startGatewayUnderTest({ secrets: { ADMIN_SECRET: secret } });
    try {
      for (const given of [secret === "" ? null : secret, "", gateway.adminSecret]) {
        const refused = await admin<AdminError>(off, "GET /tenants", undefined, { secret: given });
        expect(refused.status).toBe(503);
        expect(refused.body.error).toMatchObject({ code: "admin_off" });
        expect(refused.body.error.message).toContain(problem);
      }
      const models = await fetch(`${off.url}/v1/models`, {
        headers: { authorization: `Bearer ${off.secret}` },
      });
      expect(models.status).toBe(200);
      expect(off.logged.filter((line) => line.includes("admin-off"))).toHaveLength(1);
    } finally {
      await off.dispose();
    }
  },
);
