// What an operator is shown of a pool: all that its index reports, in the API's words, with alarms, and neither a secret nor
// an address.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { PoolReport, ReplicaReport } from "../../../../policies/placement/pool.ts";
import { createAdmin } from "../../../../worker/admin/admin.ts";
import type { AdminDependencies } from "../../../../worker/admin/route.ts";

const SECRET = "sluice-admin-of-a-test-0123456789";
const realCrypto = crypto;

beforeEach(() => {
  vi.stubGlobal("crypto", {
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
});

const catalog = {
  version: "1",
  upstreams: [
    {
      id: "team/chat",
      engine: "vllm",
      baseUrl: "http://front.invalid/v1",
      pool: {
        secret: "POOL_SECRET",
        revision: "r7",
        order: "hit-rate",
        concurrencyMax: 12,
        waitMsMax: 4000,
        replicas: [
          {
            id: "r0",
            baseUrl: "http://engine.invalid/v1",
            capacityTokens: 64_000,
            prefillTokensPerSecond: 10_000,
            concurrencyMax: 6,
          },
        ],
      },
    },
  ],
  models: [
    {
      id: "m",
      upstream: "team/chat",
      name: "m",
      contextTokens: 8192,
      outputTokensMax: 512,
      capabilities: ["cache-salt"],
    },
  ],
};

const replica: ReplicaReport = {
  id: "r0",
  state: "up",
  epoch: 3,
  sequence: 17,
  domain: "tokens64",
  lastEventMs: 1000,
  heldBlocks: 5,
  believedBlocks: 9,
  capacityBlocks: 1000,
  predictedTokens: 640,
  reportedTokens: 320,
  trust: 0.5,
  calls: 2,
  queuedSeconds: 0.25,
  alarms: ["silent-zero", "domain-mismatch"],
  isolation: null,
};
const report: PoolReport = {
  replicas: [replica],
  tokensPerBlock: 61.5,
  workingSetBlocks: 1000,
  capacityBlocks: 1000,
  calls: 2,
  memory: { entries: 9, entriesMax: 1_000_000, bytes: 4096, evictions: 1, aliases: 2 },
  line: { length: 1, longestMs: 20, placed: 30, refused: 4, meanWaitMs: 1.5 },
  tenants: [{ tenant: "acme", blocks: 9, share: 1 }],
  snapshotAtMs: null,
};

async function show(reported: PoolReport): Promise<Record<string, unknown>> {
  const deps = {
    adminSecret: SECRET,
    logins: null,
    resting: new Map<string, number>(),
    registry: () => ({ read: () => Promise.resolve({ documentText: JSON.stringify(catalog) }) }),
    poolOf: (id: string) => ({
      report: () =>
        id === "team/chat" ? Promise.resolve(reported) : Promise.reject(new Error("another")),
    }),
    isSecretSet: () => true,
    now: () => 2000,
  } as unknown as AdminDependencies;
  const response = await createAdmin(() => deps).request("/admin/v1/pools/team%2Fchat", {
    headers: { authorization: `Bearer ${SECRET}` },
  });
  expect(response.status).toBe(200);
  const text = await response.text();
  for (const hidden of [".invalid", SECRET]) expect(text).not.toContain(hidden);
  return JSON.parse(text) as Record<string, unknown>;
}

it("is what the index reports, with what the catalog says of the pool", async () => {
  expect(await show(report)).toEqual({
    object: "pool",
    id: "team/chat",
    at: "1970-01-01T00:00:02.000Z",
    order: "hit-rate",
    concurrency_max: 12,
    wait_ms_max: 4000,
    scope: "tenant",
    epoch: 0,
    revision: "r7",
    secret: { name: "POOL_SECRET", is_set: true },
    alarms: [],
    replicas: [
      {
        id: "r0",
        state: "up",
        concurrency_max: 6,
        calls: 2,
        queued_seconds: 0.25,
        epoch: 3,
        sequence: 17,
        domain: "tokens64",
        last_event_at: "1970-01-01T00:00:01.000Z",
        held_blocks: 5,
        believed_blocks: 9,
        capacity_blocks: 1000,
        predicted_tokens: 640,
        reported_tokens: 320,
        trust: 0.5,
        alarms: ["silent-zero", "domain-mismatch"],
        isolation: null,
      },
    ],
    tokens_per_block: 61.5,
    working_set_blocks: 1000,
    capacity_blocks: 1000,
    calls: 2,
    memory: { entries: 9, entries_max: 1_000_000, bytes: 4096, evictions: 1, aliases: 2 },
    line: { length: 1, longest_ms: 20, placed: 30, refused: 4, mean_wait_ms: 1.5 },
    tenants: [{ tenant: "acme", blocks: 9, share: 1 }],
    snapshot_at: null,
  });
});

it("has an alarm where prompts are more than all caches hold, and where a replica shares its cache", async () => {
  const beyond = await show({ ...report, workingSetBlocks: 1001 });
  expect(beyond["alarms"]).toEqual(["working-set-beyond-capacity"]);
  const judged = { replica: "r0", atMs: 0, actor: "somebody", address: null };
  const isolated = (isolation: "kept" | "shared" | "unproven") => ({
    ...report,
    replicas: [{ ...replica, isolation: { ...judged, isolation } }],
  });
  expect(await show(isolated("shared"))).toMatchObject({
    alarms: ["isolation-broken"],
    replicas: [{ isolation: { isolation: "shared", actor: "somebody" } }],
  });
  for (const isolation of ["kept", "unproven"] as const)
    expect((await show(isolated(isolation)))["alarms"]).toEqual([]);
});
