// With the registry out of reach a write fails clearly, and with the limiter down the secret is still the wall.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createAdmin } from "../../../../worker/admin/admin.ts";
import type { Limiter } from "../../../../worker/admin/login.ts";
import type {
  AdminDependencies,
  OperatedHead,
  OperatedLedger,
  RegistryPort,
} from "../../../../worker/admin/route.ts";

const SECRET = "sluice-admin-of-a-test-0123456789";
const LOST = Object.assign(new Error("Network connection lost."), { retryable: true });
const BUG = Object.assign(new TypeError("row is not iterable"), { remote: true });

beforeEach(() => {
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  vi.spyOn(console, "log").mockImplementation(() => undefined);
  // The platform's own, which Node has under another name.
  vi.stubGlobal("crypto", {
    getRandomValues: (array: Uint8Array) => array,
    randomUUID: () => "request-id",
    subtle: {
      digest: (name: string, bytes: Uint8Array<ArrayBuffer>) =>
        realCrypto.subtle.digest(name, bytes),
      timingSafeEqual: (left: ArrayBuffer, right: ArrayBuffer) =>
        Buffer.from(left).equals(Buffer.from(right)),
    },
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});
const realCrypto = crypto;

it.each([
  "PUT /policies/plain",
  "DELETE /tenants/acme",
  "POST /tenants/acme/keys",
  "DELETE /keys/k",
  "PUT /organisations/holding",
])("%s is 503 and says that nothing is known of it", async (order) => {
  const response = await call(order, failing(LOST));
  expect(response.status).toBe(503);
  expect(response.headers.get("retry-after")).toBe("1");
  expect(await response.json()).toMatchObject({
    error: { code: "unreachable", message: expect.stringContaining("read, then try again") },
  });
});

it.each(["GET /tenants/acme/usage", "GET /tenants/acme/journal", "POST /tenants/acme/refunds"])(
  "%s is 503 while the tenant's ledger is away, and says which object it is",
  async (order) => {
    const stored = { documentText: '{"id":"acme","name":"Acme","policy":"plain"}' };
    const registry = { read: () => Promise.resolve(stored) } as unknown as RegistryPort;
    const deps = { ...failing(LOST), registry: () => registry };
    const body = '{"call_id": "c:1", "refund_id": "r", "tokens": 1}';
    const response = await call(order, deps, SECRET, body);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({
      error: { message: expect.stringMatching(/^The tenant's ledger could not be reached/) },
    });
    const bug = { ...failing(BUG), registry: () => registry };
    expect((await call(order, bug, SECRET, body)).status).toBe(500);
  },
);

it("tells a bug inside the registry from a registry that is away, and tells nobody what it was", async () => {
  const response = await call("GET /tenants", failing(BUG));
  const text = await response.text();
  expect(response.status).toBe(500);
  expect(text).toContain("internal_error");
  expect(text).not.toContain("iterable");
});

it("keeps the operator in and guesses out while the limiter is down", async () => {
  const down: Limiter = { limit: () => Promise.reject(new Error("down")) };
  const deps = { ...failing(LOST), logins: down, writes: down };
  expect((await call("GET /tenants", deps)).status).toBe(503);
  expect((await call("GET /tenants", deps, "wrong")).status).toBe(401);
});

it("refuses a login before it asks the registry for anything", async () => {
  const deps = failing(LOST);
  await call("GET /tenants", deps, "wrong");
  expect(deps.registry).not.toHaveBeenCalled();
});

function failing(error: Error) {
  const registry = new Proxy({}, { get: () => () => Promise.reject(error) }) as RegistryPort;
  return {
    adminSecret: SECRET,
    logins: null,
    writes: null,
    resting: new Map<string, number>(),
    registry: vi.fn(() => registry),
    ledgerOf: () => new Proxy({}, { get: () => () => Promise.reject(error) }) as OperatedLedger,
    headOf: () => new Proxy({}, { get: () => () => Promise.reject(error) }) as OperatedHead,
    forgetHead: () => undefined,
    lookAtBreaker: () => Promise.reject(error),
    description: () => ({ openapi: {}, schemas: {} }),
    isSecretSet: () => false,
    forget: () => undefined,
    now: () => 0,
  } satisfies AdminDependencies;
}

async function call(
  order: string,
  deps: AdminDependencies,
  secret = SECRET,
  body = "{}",
): Promise<Response> {
  const [method = "", path = ""] = order.split(" ");
  const takesBody = method === "PUT" || method === "POST";
  return createAdmin(() => deps).request(`/admin/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${secret}`, "if-match": '"1"' },
    ...(takesBody ? { body } : {}),
  });
}
