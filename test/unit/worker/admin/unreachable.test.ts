// With the registry out of reach a write fails clearly, and with the limiter down the secret is still the wall.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createAdmin } from "../../../../worker/admin/admin.ts";
import type { Limiter } from "../../../../worker/admin/login.ts";
import type {
  AdminDependencies,
  OperatedFeedback,
  OperatedHead,
  OperatedLedger,
  OperatedPool,
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
    const registry = {
      read: () => Promise.resolve(stored),
      ledgersOf: () => Promise.resolve(["acme"]),
    } as unknown as RegistryPort;
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

it.each(["GET /pools/chat", "PUT /pools/chat/isolation"])(
  "%s is 503 while the pool's index is away, and says which object it is",
  async (order) => {
    const replica = {
      id: "r0",
      baseUrl: "http://r0.invalid/v1",
      capacityTokens: 64_000,
      prefillTokensPerSecond: 10_000,
    };
    const pool = { secret: "POOL_SECRET", replicas: [replica] };
    const upstream = { id: "chat", engine: "vllm", baseUrl: "http://chat.invalid/v1", pool };
    const model = {
      id: "m",
      upstream: "chat",
      name: "m",
      contextTokens: 8192,
      capabilities: ["cache-salt"],
      outputTokensMax: 512,
    };
    const catalog = { version: "1", upstreams: [upstream], models: [model] };
    const registry = {
      read: () => Promise.resolve({ documentText: JSON.stringify(catalog) }),
    } as unknown as RegistryPort;
    const body = '{"replicas": [{"id": "r0", "isolation": "kept"}]}';
    const away = { ...failing(LOST), registry: () => registry };
    const response = await call(order, away, SECRET, body);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({
      error: { message: expect.stringMatching(/^The pool's index could not be reached/) },
    });
    const bug = { ...failing(BUG), registry: () => registry };
    expect((await call(order, bug, SECRET, body)).status).toBe(500);
  },
);

it.each(["prompts", "feedback"])(
  "a tenant's %s is 503 while its feedback is away",
  async (what) => {
    const stored = { documentText: '{"id":"acme","name":"Acme","policy":"plain"}' };
    const registry = { read: () => Promise.resolve(stored) } as unknown as RegistryPort;
    const deps = { ...failing(LOST), registry: () => registry };
    const response = await call(`GET /tenants/acme/${what}`, deps);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({
      error: { message: expect.stringMatching(/^The tenant's feedback could not be reached/) },
    });
  },
);

describe("while one of a tenant's shards is away", () => {
  const standing = {
    atMs: 0,
    openHolds: 0,
    suspendedHolds: 0,
    buckets: [],
    rates: [],
    lambda: 0,
  };
  const document = '{"id":"acme","name":"Acme","policy":"plain","shards":2}';
  const registry = {
    read: () => Promise.resolve({ documentText: document }),
    ledgersOf: () => Promise.resolve(["acme", "acme#0", "acme#1"]),
  } as unknown as RegistryPort;
  const order = '{"call_id": "c:1", "refund_id": "r", "tokens": 1}';

  function surroundings(knower: string | null): AdminDependencies {
    const ledgerOf = (name: string): OperatedLedger => {
      const lost = () => Promise.reject(LOST);
      if (name === "acme#1") return { usage: lost, scopes: lost, journal: lost, refund: lost };
      return {
        usage: () => Promise.resolve(standing),
        scopes: () => Promise.resolve([]),
        journal: () => Promise.resolve({ lines: [], prevHash: "", hash: "", nextSeq: 0 }),
        refund: () => Promise.resolve({ kind: name === knower ? "refunded" : "missing" }),
      };
    };
    return { ...failing(LOST), registry: () => registry, ledgerOf };
  }

  it("usage names it, and tells what the others know", async () => {
    const response = await call("GET /tenants/acme/usage", surroundings(null));
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      missing: ["acme#1"],
      ledgers: [{ ledger: "acme" }, { ledger: "acme#0" }],
    });
  });

  it("a call that another knows is refunded, and of one that none of the others knows nothing is said", async () => {
    const path = "POST /tenants/acme/refunds";
    expect((await call(path, surroundings("acme#0"), SECRET, order)).status).toBe(200);
    const unknown = await call(path, surroundings(null), SECRET, order);
    expect(unknown.status).toBe(503);
    expect(await unknown.json()).toMatchObject({
      error: { message: expect.stringMatching(/^The tenant's ledger acme#1 could not be reached/) },
    });
  });

  it("no page of the journal leaves it out, and the others can still be read by name", async () => {
    expect((await call("GET /tenants/acme/journal", surroundings(null))).status).toBe(503);
    const one = await call("GET /tenants/acme/journal?ledger=acme%230", surroundings(null));
    expect(one.status).toBe(200);
    expect((await one.text()).split("\n")[0]).toBe('{"ledger":"acme#0"}');
  });
});

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
    feedbackOf: () => new Proxy({}, { get: () => () => Promise.reject(error) }) as OperatedFeedback,
    poolOf: () => new Proxy({}, { get: () => () => Promise.reject(error) }) as OperatedPool,
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
