// What a tenant can ask besides an answer: what would be chosen, what it has used, and to be heard about an answer.
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, readError, readEvents, readJson, turn, type UsageFields } from "../support/chat.ts";
import { admin } from "../admin/admin-client.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";

const OTHER = "sk-sluice-journey-other";
const READER = "sk-sluice-journey-reader";
const RUNNER = "sk-sluice-journey-runner";

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest({
    tenants: [{ id: "other", name: "Other", policy: "economy" }],
    keys: [
      { secret: OTHER, document: { id: "other", tenant: "other" } },
      { secret: READER, document: { id: "reader", tenant: "other", scopes: ["usage"] } },
      { secret: RUNNER, document: { id: "runner", tenant: "other", scopes: ["inference"] } },
    ],
  });
});
afterAll(() => gateway.dispose());

function send(path: string, body?: unknown, secret = gateway.secret): Promise<Response> {
  return fetch(`${gateway.url}${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
}

interface ChoiceBody {
  readonly choice: {
    readonly ladder: readonly { readonly arm: string; readonly reason: string }[];
  };
  readonly calls: readonly unknown[];
}

test("a choice can be asked for without a call: nothing is sent, held or remembered", async () => {
  gateway.simulator.reset();
  const before = await gateway.ledgerUsage("demo");
  const answer = await send("/v1/choose", turn("What is 3 + 4?", { model: "auto:long" }));
  expect(answer.status).toBe(200);
  const body = await readJson<ChoiceBody>(answer);
  expect(body.choice.ladder[0]).toMatchObject({ arm: "deep/long", reason: "asked-mode" });
  expect(body.calls).toEqual([]);
  expect(gateway.simulator.requests).toHaveLength(0);
  expect((await gateway.ledgerUsage("demo")).buckets).toEqual(before.buckets);
});

test("the choice that is previewed is the one that a request then runs", async () => {
  for (const text of [
    "Hi there!",
    "A pen costs 3 and a book 12. What do 4 pens and 2 books cost?",
  ]) {
    const preview = await readJson<ChoiceBody>(await send("/v1/choose", turn(text)));
    const answer = await ask(gateway, turn(text));
    const arm = `${answer.headers.get("x-sluice-model")}/${answer.headers.get("x-sluice-mode")}`;
    expect(preview.choice.ladder[0]?.arm).toBe(arm);
    await answer.text();
  }
});

test.each([
  ["no key", turn("Hi"), "", 401],
  ["a body that is not JSON", "{", undefined, 400],
  ["an unknown model", turn("Hi", { model: "nobody's" }), undefined, 404],
] as const)("a preview refuses %s as a request would", async (_, body, secret, status) => {
  expect((await send("/v1/choose", body, secret)).status).toBe(status);
});

interface UsageBody {
  readonly tenant: string;
  readonly open_holds: number;
  readonly windows: readonly {
    readonly window: string;
    readonly dimension: string;
    readonly spent: number;
    readonly held: number;
    readonly limit: number | null;
    readonly remaining: number | null;
  }[];
}

test("usage says what was spent beside the limit, and nothing of another tenant", async () => {
  const answer = await ask(gateway, turn("What is 3 + 4?"), { secret: OTHER });
  const { usage } = await readJson<{ usage: UsageFields }>(answer);
  await gateway.untilSettled("other");
  const other = await readJson<UsageBody>(await send("/v1/usage", undefined, OTHER));
  expect(other).toMatchObject({ tenant: "other", open_holds: 0 });
  const tokens = other.windows.find(
    ({ window, dimension }) => window === "day" && dimension === "tokens",
  );
  expect(tokens).toMatchObject({
    spent: usage.total_tokens,
    held: 0,
    limit: null,
    remaining: null,
  });

  await gateway.untilSettled("demo");
  const demo = await readJson<UsageBody>(await send("/v1/usage"));
  const limited = demo.windows.find(
    ({ window, dimension }) => window === "day" && dimension === "tokens",
  );
  expect(limited?.limit).toBe(2_000_000);
  expect(limited?.remaining).toBe(2_000_000 - (limited?.spent ?? 0));
  expect((await send("/v1/usage", undefined, "sk-sluice-nobody")).status).toBe(401);
});

test("feedback on one's own request is kept, and a second opinion replaces the first", async () => {
  const answer = await ask(gateway, turn("What is 3 + 4?"));
  await answer.text();
  const requestId = answer.headers.get("x-request-id");
  for (const [score, comment] of [
    [0.25, "Wrong."],
    [1, null],
  ] as const) {
    const kept = await send("/v1/feedback", { request_id: requestId, score, comment });
    expect(kept.status).toBe(200);
    expect(await kept.json()).toEqual({ object: "feedback", request_id: requestId, score });
  }
  const feedback = (await gateway.gateway.bindings<Env>()).FEEDBACK.getByName("demo");
  expect(await feedback.list(0, "", 10)).toEqual([
    expect.objectContaining({ requestId, keyId: "demo", score: 1, comment: null }),
  ]);
});

test("an operator reads what a tenant's clients said, page by page, and no other tenant's", async () => {
  const said: string[] = [];
  for (const comment of ["First.", "Second.", null]) {
    const answer = await ask(gateway, turn("What is 3 + 4?"), { secret: OTHER });
    await answer.text();
    const requestId = answer.headers.get("x-request-id") ?? "";
    said.push(requestId);
    await send("/v1/feedback", { request_id: requestId, score: 0.5, comment }, OTHER);
  }
  interface Page {
    readonly data: readonly { request_id: string; key_id: string; comment: string | null }[];
    readonly next: string | null;
  }
  const read = async (path: string) => (await admin<Page>(gateway, `GET ${path}`)).body;
  const first = await read("/tenants/other/feedback?limit=2");
  const rest = await read(`/tenants/other/feedback?limit=2&after=${first.next}`);
  expect(first.data).toHaveLength(2);
  expect(rest).toMatchObject({ data: [{ key_id: "other", score: 0.5 }], next: null });
  const all = [...first.data, ...rest.data];
  expect(all.map(({ request_id }) => request_id).toSorted()).toEqual(said.toSorted());
  expect(all.map(({ comment }) => comment)).toEqual(
    expect.arrayContaining(["First.", "Second.", null]),
  );
  for (const after of ["1", "1:", "x:y", "1:a b"]) {
    const refused = await admin(
      gateway,
      `GET /tenants/other/feedback?after=${encodeURIComponent(after)}`,
    );
    expect(refused.status, after).toBe(400);
  }
  expect((await admin(gateway, "GET /tenants/nobody/feedback")).status).toBe(404);
});

test("a request that is another tenant's reads like one that nobody knows", async () => {
  const answer = await ask(gateway, turn("What is 3 + 4?"));
  await answer.text();
  const foreign = answer.headers.get("x-request-id") ?? "";
  const unknown = crypto.randomUUID();
  for (const requestId of [foreign, unknown]) {
    const refused = await send("/v1/feedback", { request_id: requestId, score: 1 }, OTHER);
    expect(refused.status).toBe(404);
    const { message, ...rest } = await readError(refused);
    expect(message).toContain(requestId);
    expect(rest).toEqual({
      type: "invalid_request_error",
      param: "request_id",
      code: "request_not_found",
    });
  }
});

test.each([
  ["no score", { request_id: "r" }, "score"],
  ["a score above 1", { request_id: "r", score: 1.5 }, "score"],
  ["a score below 0", { request_id: "r", score: -0.1 }, "score"],
  [
    "a comment that is too long",
    { request_id: "r", score: 1, comment: "x".repeat(2001) },
    "comment",
  ],
  ["an id of other characters", { request_id: "r:1", score: 1 }, "request_id"],
  ["no object", [], "body"],
  ["text that is not JSON", "{", "body"],
] as const)("feedback with %s is refused by the field's name", async (_, body, field) => {
  const refused = await send("/v1/feedback", body);
  expect(refused.status).toBe(400);
  expect((await readError(refused)).param).toBe(field);
});

interface LoggedRequest {
  readonly event: string;
  readonly requestId: string;
  readonly outputTokens: number;
}

test("each request leaves one line in the log, with its figures and without its text", async () => {
  const secretWord = "xylophone-quartz";
  const whole = await ask(gateway, turn(`What is 3 + 4? ${secretWord}`));
  const wholeBody = await readJson<{ usage: UsageFields }>(whole);
  const stream = await ask(gateway, turn(`What is 5 + 4? ${secretWord}`, { stream: true }));
  await readEvents(stream);
  const refused = await ask(gateway, turn(secretWord, { model: "nobody's" }));
  await refused.text();
  await gateway.untilSettled("demo");

  const linesOf = (response: Response): LoggedRequest[] =>
    gateway.logged
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as LoggedRequest)
      .filter(
        ({ event, requestId }) =>
          event === "request" && requestId === response.headers.get("x-request-id"),
      );
  await expect.poll(() => linesOf(stream)).toHaveLength(1);
  expect(linesOf(whole)).toEqual([
    expect.objectContaining({
      tenant: "demo",
      key: "demo",
      status: 200,
      failure: null,
      calls: 1,
      ending: "complete",
      certainty: "exact",
      outputTokens: wholeBody.usage.completion_tokens,
    }),
  ]);
  expect(linesOf(refused)).toEqual([
    expect.objectContaining({ tenant: "demo", status: 404, failure: "model-unknown", calls: 0 }),
  ]);
  expect(gateway.logged.join("\n")).not.toContain(secretWord);
  expect(gateway.logged.join("\n")).not.toContain(gateway.secret);
});

test("a key opens what its scopes say and nothing else: one that reads usage runs nothing, and the other way round", async () => {
  expect((await send("/v1/usage", undefined, READER)).status).toBe(200);
  for (const [path, body] of [
    ["/v1/chat/completions", turn("Hi")],
    ["/v1/choose", turn("Hi")],
    ["/v1/models", undefined],
  ] as const) {
    const refused = await send(path, body, READER);
    expect(refused.status).toBe(403);
    expect((await readError(refused)).message).toContain("inference");
  }
  expect((await send("/v1/models", undefined, RUNNER)).status).toBe(200);
  const refused = await send("/v1/usage", undefined, RUNNER);
  expect(refused.status).toBe(403);
  expect((await readError(refused)).message).toContain("usage");
  // Without a list of scopes a key opens both.
  expect((await send("/v1/usage", undefined, OTHER)).status).toBe(200);
});
