// Every route, and every body that is not a request: each refused with a status, a field or a place, and its mend.
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, readError, readJson, turn } from "../support/chat.ts";
import {
  standsAt,
  startGatewayUnderTest,
  type GatewayUnderTest,
} from "../support/gateway-under-test.ts";

/** The gateway's own bound on a body, and a byte. */
const TOO_MANY_BYTES = 10 * 1024 * 1024 + 1;
const NARROW_SECRET = "sk-sluice-journey-narrow";
const WIDE_SECRET = "sk-sluice-journey-wide";
const ONE_MODE_SECRET = "sk-sluice-journey-one-mode";
const EXPIRED_SECRET = "sk-sluice-journey-expired";

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest({
    policies: [
      { name: "two-modes", version: "1", modes: { short: "small", long: "deep" } },
      {
        name: "few-arms",
        version: "1",
        modes: { short: "small", long: "deep" },
        arms: ["small/short", "deep/long", "deep/as-sent"],
      },
    ],
    tenants: [
      { id: "narrow", name: "Narrow", policy: "economy", models: ["small"] },
      { id: "wide", name: "Wide", policy: "two-modes", policies: ["few-arms"] },
      { id: "one-mode", name: "One mode", policy: "two-modes", models: ["small"] },
    ],
    keys: [
      { secret: NARROW_SECRET, document: { id: "narrow", tenant: "narrow" } },
      { secret: WIDE_SECRET, document: { id: "wide", tenant: "wide" } },
      { secret: ONE_MODE_SECRET, document: { id: "one-mode", tenant: "one-mode" } },
      { secret: EXPIRED_SECRET, document: { id: "expired", tenant: "demo", expiresAtMs: 1 } },
    ],
  });
});
afterAll(() => gateway.dispose());

test("GET /v1/models lists auto, its modes and the catalog, in OpenAI's shape", async () => {
  const response = await get("/v1/models", { authorization: `Bearer ${gateway.secret}` });
  const list = await readJson<{ object: string; data: readonly { id: string; object: string }[] }>(
    response,
  );

  expect(list.object).toBe("list");
  expect(list.data.every(({ object }) => object === "model")).toBe(true);
  expect(list.data.map(({ id }) => id)).toEqual([
    "auto",
    "auto:direct",
    "auto:short",
    "auto:code",
    "auto:long",
    "small",
    "mid",
    "coder",
    "deep",
  ]);
});

test("GET /v1/models shows a tenant its own models only, and takes x-api-key as well", async () => {
  const response = await get("/v1/models", { "x-api-key": NARROW_SECRET });
  const { data } = await readJson<{ data: readonly { id: string }[] }>(response);

  expect(data.map(({ id }) => id).filter((id) => !id.startsWith("auto"))).toEqual(["small"]);
});

test.each([
  ["the modes that the policy binds", WIDE_SECRET, "two-modes", ["small", "mid", "coder", "deep"]],
  ["the models that a policy lets be named", WIDE_SECRET, "few-arms", ["deep"]],
  ["the modes that some model of the tenant runs", ONE_MODE_SECRET, "two-modes", ["small"]],
])("GET /v1/models lists %s, and each of them answers", async (_, secret, policy, models) => {
  const headers = { authorization: `Bearer ${secret}`, "x-sluice-policy": policy };
  const response = await get("/v1/models", headers);
  const { data } = await readJson<{ data: readonly { id: string }[] }>(response);
  const ids = data.map(({ id }) => id);
  const modes = secret === ONE_MODE_SECRET ? ["auto:short"] : ["auto:short", "auto:long"];
  expect(ids).toEqual(["auto", ...modes, ...models]);
  const names = ["auto", "auto:direct", "auto:short", "auto:code", "auto:long"];
  for (const model of [...names, "small", "mid", "coder", "deep"]) {
    const isListed = ids.includes(model);
    expect((await get(`/v1/models/${model}`, headers)).status).toBe(isListed ? 200 : 404);
    const answer = await ask(gateway, turn("Hi.", { model }), { secret, headers });
    await answer.text();
    expect(answer.status === 200, model).toBe(isListed);
  }
});

test("GET /v1/models under a policy that the tenant may not name is refused as its requests are", async () => {
  const headers = { authorization: `Bearer ${WIDE_SECRET}`, "x-sluice-policy": "quality" };
  expect((await get("/v1/models", headers)).status).toBe(400);
});

test("GET /v1/models without a key is 401", async () => {
  expect((await get("/v1/models")).status).toBe(401);
});

test("HEAD / says that somebody is there", async () => {
  const response = await fetch(gateway.url, { method: "HEAD" });

  expect(response.status).toBe(200);
  expect(await response.text()).toBe("");
});

test("GET /healthz is 200 without a key", async () => {
  const response = await get("/healthz");

  expect(response.status).toBe(200);
  expect(await readJson(response)).toEqual({ ok: true });
});

test.each(["/v1/nothing", "/v1/chat/completion", "/v2/chat/completions", "/favicon.ico"])(
  "%s is 404, in OpenAI's shape",
  async (path) => {
    const response = await get(path);

    expect(response.status).toBe(404);
    expect(response.headers.get("x-request-id")).toMatch(/\S/);
    expect(await readError(response)).toMatchObject({
      type: "invalid_request_error",
      code: "unknown_url",
    });
  },
);

test.each([
  { method: "GET", path: "/v1/chat/completions", allowed: "POST" },
  { method: "PUT", path: "/v1/chat/completions", allowed: "POST" },
  { method: "POST", path: "/v1/models", allowed: "GET" },
  { method: "DELETE", path: "/healthz", allowed: "GET" },
])("$method $path is 405 and says what is allowed", async ({ method, path, allowed }) => {
  const response = await fetch(`${gateway.url}${path}`, { method });

  expect(response.status).toBe(405);
  expect(response.headers.get("allow")).toContain(allowed);
  expect(await readError(response)).toMatchObject({ code: "method_not_allowed" });
});

test.each([
  { name: "no key", headers: { authorization: "" }, code: "missing_api_key" },
  {
    name: "an unknown key",
    headers: { authorization: "Bearer sk-sluice-guess" },
    code: "invalid_api_key",
  },
  {
    name: "a key that has expired",
    headers: { authorization: `Bearer ${EXPIRED_SECRET}` },
    code: "invalid_api_key",
  },
])("$name is 401", async ({ headers, code }) => {
  const response = await ask(gateway, turn("Hello"), { headers });

  expect(response.status).toBe(401);
  expect(await readError(response)).toMatchObject({ type: "authentication_error", code });
});

test("a body over the bound is 413, with and without a length that says so", async () => {
  const huge = turn("x".repeat(TOO_MANY_BYTES));
  const declared = await ask(gateway, huge);
  const undeclared = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${gateway.secret}` },
    body: new Blob([JSON.stringify(huge)]).stream(),
    // Node asks for it, and the Worker's own type of fetch does not know it.
    duplex: "half",
  } as RequestInit);

  for (const response of [declared, undeclared]) {
    expect(response.status).toBe(413);
    expect(await readError(response)).toMatchObject({ code: "body_too_large" });
  }
});

test("a large body under the bound is taken", async () => {
  const image = {
    type: "image_url",
    image_url: { url: `data:image/png;base64,${"A".repeat(4 * 1024 * 1024)}` },
  };
  const response = await ask(gateway, {
    model: "mid",
    messages: [{ role: "user", content: [{ type: "text", text: "What is this?" }, image] }],
  });

  expect(response.status).toBe(200);
});

test.each([
  { name: "an unclosed body", body: '{"model":"auto","messages":[', place: 28 },
  { name: "a comma too many", body: '{"model":"auto",}', place: 16 },
  { name: "text that is no JSON", body: "model=auto", place: 0 },
  { name: "an empty body", body: "", place: 0 },
])("$name is 400 and says where", async ({ body, place }) => {
  const response = await ask(gateway, body);
  const error = await readError(response);

  expect(response.status).toBe(400);
  expect(error).toMatchObject({ type: "invalid_request_error", code: "invalid_json" });
  expect(error.message).toContain(`character ${place}`);
});

test.each([
  {
    name: "a field that stands twice",
    body: '{"model":"auto","model":"mid","messages":[{"role":"user","content":"Hi"}]}',
    param: "model",
  },
  { name: "a list for a body", body: "[]", param: "body" },
  { name: "no model", body: '{"messages":[{"role":"user","content":"Hi"}]}', param: "model" },
  { name: "no messages", body: '{"model":"auto"}', param: "messages" },
  { name: "an empty list of messages", body: '{"model":"auto","messages":[]}', param: "messages" },
  {
    name: "a message without a role",
    body: '{"model":"auto","messages":[{"content":"Hi"}]}',
    param: "messages[0].role",
  },
  {
    name: "a content that is a number",
    body: '{"model":"auto","messages":[{"role":"user","content":7}]}',
    param: "messages[0].content",
  },
  {
    name: "a bound of zero",
    body: '{"model":"auto","max_tokens":0,"messages":[{"role":"user","content":"Hi"}]}',
    param: "max_tokens",
  },
  {
    name: "half an answer",
    body: '{"model":"auto","n":1.5,"messages":[{"role":"user","content":"Hi"}]}',
    param: "n",
  },
  {
    name: "a stream that is text",
    body: '{"model":"auto","stream":"yes","messages":[{"role":"user","content":"Hi"}]}',
    param: "stream",
  },
])("$name is 400 and names the field", async ({ body, param }) => {
  const before = gateway.simulator.requests.length;
  const response = await ask(gateway, body);

  expect(response.status).toBe(400);
  expect(await readError(response)).toMatchObject({
    type: "invalid_request_error",
    code: "invalid_value",
    param,
  });
  expect(gateway.simulator.requests).toHaveLength(before);
});

test("a body that is not UTF-8 is 400", async () => {
  const body = Buffer.concat([
    Buffer.from('{"model":"auto","messages":[{"role":"user","content":"'),
    Buffer.from([0xff, 0xfe]),
    Buffer.from('"}]}'),
  ]);
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${gateway.secret}` },
    body,
  });

  expect(response.status).toBe(400);
  expect((await readError(response)).message).toContain("UTF-8");
});

test.each([
  { name: "whole", close: true, status: 200 },
  { name: "unclosed", close: false, status: 400 },
])("brackets nested a hundred thousand deep are no trouble: $name", async ({ close, status }) => {
  const depth = 100_000;
  const nested = `${"[".repeat(depth)}${close ? "]".repeat(depth) : ""}`;
  const response = await ask(
    gateway,
    `{"model":"mid","messages":[{"role":"user","content":"Hi"}],"x":${nested}}`,
  );

  expect([status, 400]).toContain(response.status);
});

test.each(["__proto__", "constructor", "toString", "hasOwnProperty"])(
  "a field, a model and a policy called %s are as unknown as any",
  async (name) => {
    const field = await ask(
      gateway,
      `{"model":"mid","messages":[{"role":"user","content":"Hi"}],"${name}":{"a":1}}`,
    );
    const model = await ask(gateway, turn("Hi", { model: name }));
    const mode = await ask(gateway, turn("Hi", { model: `auto:${name}` }));
    const policy = await ask(gateway, turn("Hi"), { headers: { "x-sluice-policy": name } });
    const effort = await ask(gateway, turn("Hi", { reasoning_effort: name }));

    expect(field.status).toBe(200);
    expect(gateway.simulator.requests.some(({ body }) => body.includes(`"${name}":{"a":1}`))).toBe(
      true,
    );
    expect(model.status).toBe(404);
    expect(mode.status).toBe(404);
    expect(policy.status).toBe(400);
    // Sluice leaves an effort that it does not know to the engine, which here refuses it.
    expect(await readError(effort)).toMatchObject({ param: "reasoning_effort" });
  },
);

test("what the engine refuses comes back with the engine's own words and field", async () => {
  const response = await ask(gateway, turn("Hello", { model: "mid", temperature: 9 }));

  expect(response.status).toBe(400);
  expect(await readError(response)).toMatchObject({
    param: "temperature",
    message: "temperature must be a number from 0 to 2.",
  });
  expect(standsAt(await gateway.untilSettled("demo"), "nanos", "day", "held")).toBe(0);
});

function get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  return fetch(`${gateway.url}${path}`, { headers });
}
