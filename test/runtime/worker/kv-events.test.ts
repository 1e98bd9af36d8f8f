// The endpoint for relays inside workerd: whoever is refused is told why, and the index hears the rest.
import { createExecutionContext, env } from "cloudflare:test";
import { afterEach, beforeAll, expect, it, vi } from "vitest";
import { prefixIndexOf } from "../../../durable/reach.ts";
import { parseCatalog } from "../../../policies/catalog.ts";
import { settingsOf } from "../../../policies/placement/pool.ts";
import { BATCH_BYTES_MAX, BATCH_KEYS_MAX } from "../../../policies/prefix/kv-events.ts";
import worker from "../../../worker/index.ts";

const TOKEN = "relay-token-of-a-test-0123456789abcdef";
const ADMIN_SECRET = "sluice-admin-of-a-test-0123456789";

const replica = (id: string) => ({
  id,
  baseUrl: `http://${id}.invalid/v1`,
  capacityTokens: 64_000,
  prefillTokensPerSecond: 10_000,
});
const upstream = {
  id: "chat",
  engine: "vllm",
  baseUrl: "http://chat.invalid/v1",
  pool: { secret: "POOL_SECRET", replicas: [replica("r0"), replica("r1")] },
};
const catalog = {
  version: "1",
  upstreams: [
    upstream,
    { id: "provider", engine: "openai", baseUrl: "http://provider.invalid/v1" },
  ],
  models: [
    {
      id: "small",
      upstream: "chat",
      name: "small",
      contextTokens: 8192,
      outputTokensMax: 1024,
      capabilities: ["cache-salt"],
    },
  ],
};

beforeAll(() => env.CONFIGURATION.put("catalog", JSON.stringify(catalog)));
afterEach(() => {
  vi.restoreAllMocks();
});

interface Sent {
  readonly token?: string | null;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly secrets?: object;
  readonly bindings?: object;
}

async function send(
  body: unknown,
  { token = TOKEN, method = "POST", headers = {}, secrets, bindings = {} }: Sent = {},
): Promise<Response> {
  const request = new Request("https://sluice.invalid/internal/v1/kv-events", {
    method,
    headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...headers },
    ...(method === "POST" ? { body: typeof body === "string" ? body : JSON.stringify(body) } : {}),
  });
  const given = { ...env, ...(secrets ?? { RELAY_TOKEN: TOKEN, ADMIN_SECRET }), ...bindings };
  return worker.fetch(
    request as Parameters<typeof worker.fetch>[0],
    given as unknown as Env,
    createExecutionContext(),
  );
}

let epochs = 0;
/** Of an engine that began anew. */
function batch(changes: object = {}): Record<string, unknown> {
  return {
    pool: "chat",
    replica: "r0",
    epoch: ++epochs,
    sequence: 0,
    domain: "tokens64",
    model: "small",
    operations: [{ op: "stored", keys: [1, 2, 3], tier: "gpu" }],
    ...changes,
  };
}

async function errorOf(response: Response): Promise<Readonly<Record<string, unknown>>> {
  const { error } = await response.json<{ error: Readonly<Record<string, unknown>> }>();
  return { status: response.status, ...error };
}

async function heldBlocks(id = "r0"): Promise<number | null | undefined> {
  const parsed = parseCatalog(catalog);
  if (parsed.kind === "faulty") throw new Error(JSON.stringify(parsed.faults));
  const settings = settingsOf(parsed.value.upstreams[0]!)!;
  const report = await prefixIndexOf(env.PREFIX_INDEX, "chat").report(settings);
  return report.replicas.find((one) => one.id === id)?.heldBlocks;
}

it("hears a batch, and the index knows what the replica holds", async () => {
  const first = batch();
  const response = await send(first);
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({
    expected: { epoch: first["epoch"], sequence: 1 },
    wants: "next",
  });
  expect(await heldBlocks()).toBe(3);
  expect(await heldBlocks("r1")).toBeNull();
});

it("takes a batch that comes twice once, and asks for one that comes too early", async () => {
  const first = batch();
  const { epoch } = first;
  const gone = batch({ epoch, sequence: 1, operations: [{ op: "removed", keys: [1] }] });
  const back = batch({ epoch, sequence: 2, operations: [{ op: "removed", keys: [2] }] });
  const answers = [];
  for (const one of [first, back, gone, gone, first, back])
    answers.push(await (await send(one)).json<{ expected: { sequence: number }; wants: string }>());
  expect(answers.map(({ expected, wants }) => `${wants} ${expected.sequence}`)).toEqual([
    "next 1",
    "replay 1",
    "next 2",
    "next 2",
    "next 2",
    "next 3",
  ]);
  expect(await heldBlocks()).toBe(1);
});

it("asks for a snapshot where an older epoch speaks, and changes nothing", async () => {
  const older = batch();
  const newer = batch();
  await send(newer);
  const response = await send({ ...older, operations: [{ op: "cleared" }] });
  expect(await response.json()).toMatchObject({
    expected: { epoch: newer["epoch"] },
    wants: "snapshot",
  });
  expect(await heldBlocks()).toBe(3);
});

it.each([
  { token: null, what: "no token" },
  { token: "relay-token-of-a-test-0123456789abcdeX", what: "a wrong one" },
  { token: ADMIN_SECRET, what: "the admin's secret" },
])("refuses $what, and reads no body for it", async ({ token }) => {
  const before = await heldBlocks();
  const response = await send("{", { token });
  expect(response.headers.get("www-authenticate")).toBe("Bearer");
  expect(await errorOf(response)).toMatchObject({ status: 401, code: "invalid_relay_token" });
  expect(await heldBlocks()).toBe(before);
});

it("is off without a token of 32 characters or with the admin's own, and logs it once", async () => {
  const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
  for (const [secrets, why] of [
    [{}, "is not set"],
    [{ RELAY_TOKEN: "" }, "is not set"],
    [{ RELAY_TOKEN: "short" }, "shorter than 32"],
    [{ RELAY_TOKEN: ADMIN_SECRET, ADMIN_SECRET }, "is ADMIN_SECRET's"],
  ] as const) {
    const given = "RELAY_TOKEN" in secrets ? secrets.RELAY_TOKEN : TOKEN;
    const error = await errorOf(await send(batch(), { secrets, token: given }));
    expect(error).toMatchObject({ status: 503, code: "not_configured" });
    expect(error["message"]).toContain(why);
  }
  expect(logged).toHaveBeenCalledTimes(1);
  expect(logged.mock.calls[0]?.[0]).toContain('"event":"relays-off"');
});

it("names every fault of a forged batch with its path", async () => {
  const keys = [1, -1];
  const operations = [
    { op: "stored", keys, tier: "gpu" },
    { op: "stored", keys: [1], tier: "tape" },
    { op: "forgotten" },
  ];
  const forged = { ...batch({ epoch: -1, operations }), tenant: "somebody" };
  const error = await errorOf(await send(forged));
  expect(error).toMatchObject({ status: 400, code: "invalid_value", param: "epoch" });
  for (const path of ["`epoch`", "`operations.0.keys`", "`operations.1.tier`", "`operations.2"])
    expect(error["message"]).toContain(path);
  expect(error["message"]).toContain("tenant");
});

it.each([
  { body: "", code: "invalid_json" },
  { body: '{"pool": ', code: "invalid_json" },
  { body: "[]", code: "invalid_value" },
  { body: "null", code: "invalid_value" },
])("refuses $body as no batch", async ({ body, code }) => {
  expect(await errorOf(await send(body))).toMatchObject({ status: 400, code });
});

it("refuses a body in an encoding, since relays send none", async () => {
  const response = await send(batch(), { headers: { "content-encoding": "gzip" } });
  expect(await errorOf(response)).toMatchObject({ status: 400, param: "content-encoding" });
});

it("takes as many keys as a batch may hold, and refuses one more and more bytes", async () => {
  const keys = Array.from({ length: BATCH_KEYS_MAX }, (_, index) => index);
  const stored = (some: readonly number[]) => ({ op: "stored", keys: some, tier: "gpu" });
  expect((await send(batch({ operations: [stored(keys)] }))).status).toBe(200);
  expect(await heldBlocks()).toBe(BATCH_KEYS_MAX);
  const tooMany = await send(batch({ operations: [stored(keys), stored([1])] }));
  expect(await errorOf(tooMany)).toMatchObject({ status: 400, param: "operations" });
  const huge = await send(`{"pool":"${"x".repeat(BATCH_BYTES_MAX)}"}`);
  expect(await errorOf(huge)).toMatchObject({ status: 413, code: "body_too_large" });
  expect(await heldBlocks()).toBe(BATCH_KEYS_MAX);
});

it.each([
  { changes: { pool: "nobody" }, code: "pool_not_found", why: "nobody" },
  { changes: { pool: "provider" }, code: "pool_not_found", why: "provider" },
  { changes: { replica: "r2" }, code: "replica_not_found", why: "r2" },
  { changes: { model: "small-adapter" }, code: "model_not_served", why: "`small-adapter`" },
])("does not know $changes", async ({ changes, code, why }) => {
  const error = await errorOf(await send(batch(changes)));
  expect(error).toMatchObject({ status: 404, code });
  expect(error["message"]).toContain(why);
});

it("tells an index that is away from one with a bug", async () => {
  const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const throwing = (marks: object) => ({
    PREFIX_INDEX: {
      getByName: () => ({ ingest: () => Promise.reject(Object.assign(new Error("gone"), marks)) }),
    },
  });
  const away = await send(batch(), { bindings: throwing({ retryable: true }) });
  expect(away.headers.get("retry-after")).toBe("1");
  expect(await errorOf(away)).toMatchObject({ status: 503, code: "pool_unreachable" });
  const broken = await send(batch(), { bindings: throwing({ remote: true }) });
  expect(await errorOf(broken)).toMatchObject({ status: 500, code: "internal_error" });
  const said = logged.mock.calls.join();
  expect(said).not.toContain(TOKEN);
});

it("takes POST and nothing else", async () => {
  const response = await send(null, { method: "GET" });
  expect(response.status).toBe(405);
  expect(response.headers.get("allow")).toBe("POST");
});
