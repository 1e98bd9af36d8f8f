// Budgets that several ledgers spend from: an organisation's, by its tenants, and a busy tenant's, by its shards. A client
// notices nothing of it, but that what others spent is gone.
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, readError, turn } from "../support/chat.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";

const ORGANISATION_REQUESTS = 40;
const SHARDED_REQUESTS = 40;
const SHARDS = 3;
const KEYS = 5;

/** Of the sharded tenant, in order, each key's in turn. */
const requestIds: string[] = [];

let gateway: GatewayUnderTest;
beforeAll(async () => {
  const keys = Array.from({ length: KEYS }, (_, index) => ({
    secret: secretOf(`sharded-${index}`),
    document: { id: `sharded-${index}`, tenant: "sharded" },
  }));
  gateway = await startGatewayUnderTest({
    organisations: [
      {
        id: "acme",
        limits: [{ dimension: "requests", window: "month", limit: ORGANISATION_REQUESTS }],
      },
    ],
    tenants: [
      { id: "acme-a", name: "A", policy: "balanced", organisation: "acme" },
      { id: "acme-b", name: "B", policy: "balanced", organisation: "acme" },
      {
        id: "sharded",
        name: "Sharded",
        policy: "balanced",
        shards: SHARDS,
        limits: [{ dimension: "requests", window: "day", limit: SHARDED_REQUESTS }],
      },
    ],
    keys: [
      { secret: secretOf("acme-a"), document: { id: "acme-a", tenant: "acme-a" } },
      { secret: secretOf("acme-b"), document: { id: "acme-b", tenant: "acme-b" } },
      ...keys,
    ],
  });
});
afterAll(() => gateway.dispose());

function secretOf(key: string): string {
  return `sk-sluice-journey-${key}`;
}

async function send(key: string) {
  const response = await ask(gateway, turn("Hello!", { stream: true }), { secret: secretOf(key) });
  const { status, headers } = response;
  if (status === 200) await response.text();
  return { status, headers, error: status === 200 ? null : await readError(response) };
}

test("tenants of one organisation spend its budget together, and the one that comes too late hears whose it was", async () => {
  let served = 0;
  let refused: Awaited<ReturnType<typeof send>> | null = null;
  for (let index = 0; index < 1.5 * ORGANISATION_REQUESTS; index += 1) {
    const sent = await send(index % 2 === 0 ? "acme-a" : "acme-b");
    if (sent.status === 200) served += 1;
    else refused = sent;
  }
  // What the other tenant has borrowed and not spent is called back.
  expect(served).toBe(ORGANISATION_REQUESTS);
  expect(refused?.status).toBe(429);
  expect(refused?.error).toMatchObject({
    code: "organization_spend_limit_exceeded",
    type: "insufficient_quota",
  });
  expect(refused?.error?.message).toContain("The organisation's limit of requests per month");
  expect(refused?.error?.message).not.toMatch(/\d+ requests/);
  expect(refused?.headers.get("x-should-retry")).toBe("false");
  expect(refused?.headers.get("x-ratelimit-remaining-requests")).toBeNull();
});

test("a tenant with several ledgers never spends more than one with one", async () => {
  for (let index = 0; index < 1.5 * SHARDED_REQUESTS; index += 1) {
    const { status, headers } = await send(`sharded-${index % KEYS}`);
    if (status === 200) requestIds.push(headers.get("x-request-id") ?? "");
  }
  const served = requestIds.length;
  expect(served).toBe(SHARDED_REQUESTS);
});

test("feedback finds a request in whichever of a tenant's ledgers it was held", async () => {
  const give = async (requestId: string, key: string): Promise<number> => {
    const response = await fetch(`${gateway.url}/v1/feedback`, {
      method: "POST",
      headers: { authorization: `Bearer ${secretOf(key)}`, "content-type": "application/json" },
      body: JSON.stringify({ request_id: requestId, score: 1 }),
    });
    return response.status;
  };
  expect(requestIds.length).toBeGreaterThan(KEYS);
  for (let index = 0; index < KEYS; index += 1)
    expect(await give(requestIds[index] ?? "", "sharded-0")).toBe(200);
  expect(await give("unknown", "sharded-0")).toBe(404);
  expect(await give(requestIds[0] ?? "", "acme-a")).toBe(404);
});
