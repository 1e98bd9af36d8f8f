// Every kind of refusal as the openai SDK meets it: which error it throws, and whether it asks again by itself. Tests that
// wait run side by side.
import OpenAI, { RateLimitError } from "openai";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";
import { watchSentRequests, type SentRequests } from "../support/sent-requests.ts";

const HOUR_OF_TOKENS = 2_000;
const TENANTS: Readonly<Record<string, object>> = {
  // One at once, and the next two seconds later.
  rated: { limits: [{ dimension: "requests", window: "minute", limit: 30, burst: 1 }] },
  "slow-rated": { limits: [{ dimension: "requests", window: "minute", limit: 1 }] },
  daily: { limits: [{ dimension: "requests", window: "day", limit: 1 }] },
  prepaid: { limits: [{ dimension: "requests", window: "lifetime", limit: 1 }] },
  small: { limits: [{ dimension: "tokens", window: "hour", limit: HOUR_OF_TOKENS }] },
  single: { limits: [{ dimension: "concurrency", window: "lifetime", limit: 1 }] },
  users: { userLimits: [{ dimension: "requests", window: "day", limit: 1 }] },
  tagged: { tags: { beta: [{ dimension: "requests", window: "month", limit: 1 }], stable: [] } },
  keyed: {},
  talks: { limits: [{ dimension: "requests", window: "session", limit: 2 }] },
};

let gateway: GatewayUnderTest;
let sent: SentRequests;
beforeAll(async () => {
  sent = watchSentRequests();
  gateway = await startGatewayUnderTest({
    simulator: { firstByteMs: 150 },
    tenants: Object.entries(TENANTS).map(([id, fields]) => ({
      id,
      name: id,
      policy: "balanced",
      ...fields,
    })),
    keys: Object.keys(TENANTS).map((id) => ({
      secret: secretOf(id),
      document: {
        id,
        tenant: id,
        ...(id === "keyed" ? { limits: [{ dimension: "requests", window: "day", limit: 1 }] } : {}),
      },
    })),
  });
});
afterAll(async () => {
  vi.restoreAllMocks();
  await gateway.dispose();
});

function secretOf(tenant: string): string {
  return `sk-sluice-journey-${tenant}`;
}

function ask(tenant: string, text: string, fields: object = {}, headers = {}) {
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: secretOf(tenant) });
  return client.chat.completions.create(
    { model: "auto", messages: [{ role: "user", content: text }], ...fields },
    { headers },
  );
}

async function refusalOf(asking: Promise<unknown>): Promise<RateLimitError> {
  const error = await asking.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(RateLimitError);
  return error as RateLimitError;
}

describe.concurrent("a rate", () => {
  test("is waited for by the SDK, as long as it was told to, and then answers", async () => {
    await ask("rated", "First of the minute.");
    const answer = await ask("rated", "Second of the minute.");
    expect(answer.choices).toHaveLength(1);
    const times = sent.timesOf("Second of the minute.");
    expect(times.length).toBeGreaterThan(1);
    expect(times.length).toBeLessThanOrEqual(3);
  });

  test("that takes longer than the SDK waits is told to the caller at once", async () => {
    await ask("slow-rated", "First of the minute.");
    // The meter empties in a minute less what has passed, so the advice is heeded; the SDK is not made to wait for it.
    const client = new OpenAI({
      baseURL: `${gateway.url}/v1`,
      apiKey: secretOf("slow-rated"),
      maxRetries: 0,
    });
    const error = await refusalOf(
      client.chat.completions.create({
        model: "auto",
        messages: [{ role: "user", content: "Second of the minute, slowly." }],
      }),
    );
    expect(error).toMatchObject({ code: "rate_limit_exceeded", type: "rate_limit_error" });
    const seconds = Number(error.headers?.get("retry-after"));
    expect(seconds).toBeGreaterThan(30);
    expect(Number(error.headers?.get("retry-after-ms"))).toBeGreaterThan((seconds - 1) * 1000 - 1);
    expect(error.headers?.get("x-ratelimit-remaining-requests")).toBe("0");
  });
});

describe.concurrent("a used-up budget is asked for once", () => {
  test.each([
    {
      tenant: "daily",
      code: "project_spend_limit_exceeded",
      says: "The tenant's limit of 1 requests per day",
    },
    { tenant: "prepaid", code: "credit_balance_exhausted", says: "1 requests in all" },
    { tenant: "keyed", code: "project_spend_limit_exceeded", says: "This key's limit" },
  ])("of $tenant", async ({ tenant, code, says }) => {
    await ask(tenant, `First of ${tenant}.`);
    const error = await refusalOf(ask(tenant, `Second of ${tenant}.`));
    expect(error).toMatchObject({ code, type: "insufficient_quota" });
    expect(error.message).toContain(says);
    expect(error.headers?.get("x-should-retry")).toBe("false");
    expect(sent.timesOf(`Second of ${tenant}.`)).toHaveLength(1);
  });

  test("of a user, in the header or in the body, and no other's", async () => {
    await ask("users", "First of ann.", { user: "ann" });
    const error = await refusalOf(
      ask("users", "Second of ann.", { user: "bob" }, { "x-sluice-user": "ann" }),
    );
    expect(error.message).toContain("The user `ann`'s limit");
    expect(sent.timesOf("Second of ann.")).toHaveLength(1);
    await ask("users", "First of bob.", { user: "bob" });
    await ask("users", "Nobody's.");
    await ask("users", "Nobody's again.");
  });

  test.each([
    { called: "a number", user: 5 },
    { called: "an object", user: { id: "ann" } },
    { called: "half a character", user: "\ud800" },
    { called: "more than a name", user: "a|b" },
  ])("of a user who is $called is not even looked at", async ({ called, user }) => {
    const text = `Of ${called}.`;
    const refused = await ask("users", text, { user }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ status: 400, param: "user" });
    expect(sent.timesOf(text)).toHaveLength(1);
  });

  test("of a tag, and a request without it goes on", async () => {
    const beta = { "x-sluice-tags": "beta" };
    await ask("tagged", "First of beta.", {}, beta);
    const error = await refusalOf(ask("tagged", "Second of beta.", {}, beta));
    expect(error.message).toContain("The tag `beta`'s limit of 1 requests per month");
    await ask("tagged", "Stable.", {}, { "x-sluice-tags": "stable" });
    await expect(ask("tagged", "Unknown.", {}, { "x-sluice-tags": "gamma" })).rejects.toMatchObject(
      { status: 400, param: "x-sluice-tags" },
    );
  });

  test("of a conversation, and another one begins anew", async () => {
    const session = (name: string) => ({ "x-sluice-session": name });
    await ask("talks", "One.", {}, session("a"));
    await ask("talks", "Two.", {}, session("a"));
    const error = await refusalOf(ask("talks", "Three.", {}, session("a")));
    expect(error.message).toContain("2 requests per conversation");
    await ask("talks", "One.", {}, session("b"));
  });
});

test("a request that cannot fit is asked once, and the size that would fit does", async () => {
  const error = await refusalOf(ask("small", "Is large.", { max_completion_tokens: 50, n: 60 }));
  expect(error).toMatchObject({ param: "max_completion_tokens", type: "insufficient_quota" });
  expect(sent.timesOf("Is large.")).toHaveLength(1);
  const affordable = Number(/at most (\d+)/.exec(error.message)?.[1]);
  expect(affordable).toBeGreaterThan(0);
  const more = { max_completion_tokens: affordable + 1, n: 60 };
  expect((await refusalOf(ask("small", "Is larger.", more))).message).toContain("does not fit");
  const answer = await ask("small", "Is small.", { max_completion_tokens: affordable, n: 60 });
  expect(answer.choices).toHaveLength(60);
});

test("a request too many at once is asked again, and answered when there is room", async () => {
  const answers = await Promise.all([ask("single", "Beside one."), ask("single", "Beside two.")]);
  expect(answers).toHaveLength(2);
  const tries = sent.timesOf("Beside one.").length + sent.timesOf("Beside two.").length;
  expect(tries).toBeGreaterThan(2);
});
