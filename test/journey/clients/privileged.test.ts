// What must never reach an engine, or never reach it unsalted: fields that act on other tenants' caches and queues, and
// the client's own key.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { ask, readJson, turn } from "../support/chat.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";

const OTHER_SECRET = "sk-sluice-journey-other";

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest({
    tenants: [{ id: "other", name: "Other", policy: "balanced" }],
    keys: [{ secret: OTHER_SECRET, document: { id: "other", tenant: "other" } }],
  });
});
beforeEach(() => gateway.simulator.reset());
afterAll(() => gateway.dispose());

test("privileged fields never reach the engine", async () => {
  await ask(gateway, {
    ...turn("Say hello.", { model: "mid" }),
    cache_salt: "another tenant's",
    priority: -10,
    kv_transfer_params: { do_remote_prefill: true },
    bootstrap_host: "10.0.0.1",
    bootstrap_port: 1,
    bootstrap_room: 2,
    vllm_xargs: { kv_transfer_params: "{}" },
    models: ["another"],
    input_ids: [1, 2, 3],
    stream_interval: 100_000,
  });
  const sent = JSON.parse(lastSent()) as Readonly<Record<string, unknown>>;

  expect(Object.keys(sent).toSorted()).toEqual([
    "cache_salt",
    "max_completion_tokens",
    "messages",
    "model",
  ]);
  expect(sent["cache_salt"]).toMatch(/^[\w-]{43}$/);
});

test.each([
  ["an escaped name", '"cache\\u005fsalt":"x","\\u0070riority":9'],
  ["a name that is there twice in two spellings", '"priority":1,"\\u0070riority":9'],
  ["a value that is an object", '"cache_salt":{"a":"}"},"priority":[[1]]'],
])("%s does not carry a privileged field through", async (name, fields) => {
  const response = await ask(
    gateway,
    `{${fields},"model":"mid","messages":[{"role":"user","content":"Say hello."}]}`,
  );

  if (name.includes("twice")) {
    expect(response.status).toBe(400);
    return;
  }
  expect(response.status).toBe(200);
  expect(Object.keys(JSON.parse(lastSent()) as object).toSorted()).toEqual([
    "cache_salt",
    "max_completion_tokens",
    "messages",
    "model",
  ]);
  expect(JSON.parse(lastSent())).toMatchObject({
    cache_salt: expect.stringMatching(/^[\w-]{43}$/) as string,
  });
});

test.each([
  ["Cache_Salt", '"Cache_Salt":"x"'],
  ["MODEL", '"MODEL":"deep"'],
  ["max_to\u212aens", '"max_tokens":1,"max_to\u212aens":100000'],
])("%s, another case of a field that is heeded, is refused by name", async (param, field) => {
  const sent = gateway.simulator.requests.length;
  const response = await ask(
    gateway,
    `{${field},"model":"mid","messages":[{"role":"user","content":"Say hello."}]}`,
  );

  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ error: { param, code: "invalid_value" } });
  expect(gateway.simulator.requests).toHaveLength(sent);
});

test("each tenant has a salt of its own, the same at every request", async () => {
  const salt = async (secret: string): Promise<unknown> => {
    await ask(gateway, turn("Say hello."), { secret });
    return (JSON.parse(lastSent()) as { cache_salt: unknown }).cache_salt;
  };
  const [first, again, other] = [
    await salt(gateway.secret),
    await salt(gateway.secret),
    await salt(OTHER_SECRET),
  ];

  expect(first).toBe(again);
  expect(other).not.toBe(first);
  expect(other).toMatch(/^[\w-]{43}$/);
});

test("two tenants with one prompt share no cached prefix, and one tenant does", async () => {
  const cached = async (secret: string): Promise<number> => {
    const response = await ask(
      gateway,
      turn(`Say hello. ${"A long preface. ".repeat(40)}`, { model: "mid" }),
      { secret },
    );
    const { usage } = await readJson<{
      usage: { prompt_tokens_details: { cached_tokens: number } };
    }>(response);
    return usage.prompt_tokens_details.cached_tokens;
  };

  expect(await cached(gateway.secret)).toBe(0);
  expect(await cached(gateway.secret)).toBeGreaterThan(0);
  expect(await cached(OTHER_SECRET)).toBe(0);
});

test("the client's key stays at the gateway", async () => {
  await ask(gateway, turn("Say hello."));
  const { headers } = gateway.simulator.requests.at(-1)!;

  expect(JSON.stringify(headers)).not.toContain(gateway.secret);
  expect(headers).not.toHaveProperty("authorization");
});

function lastSent(): string {
  const last = gateway.simulator.requests.at(-1);
  if (last === undefined) throw new Error("Nothing reached the engine.");
  return last.body;
}
