// What the openai SDK makes of a refusal: its class of error, the fields that say what to do, and how often it asks.
import OpenAI, {
  APIConnectionError,
  AuthenticationError,
  BadRequestError,
  NotFoundError,
  RateLimitError,
} from "openai";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";

const POOR_SECRET = "sk-sluice-journey-poor";
const SMALL_SECRET = "sk-sluice-journey-small";

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest({
    tenants: [
      {
        id: "poor",
        name: "Poor",
        policy: "balanced",
        limits: [{ dimension: "requests", window: "day", limit: 1 }],
      },
      {
        id: "small",
        name: "Small",
        policy: "balanced",
        limits: [{ dimension: "tokens", window: "day", limit: 2_000 }],
      },
    ],
    keys: [
      { secret: POOR_SECRET, document: { id: "poor", tenant: "poor" } },
      { secret: SMALL_SECRET, document: { id: "small", tenant: "small" } },
    ],
  });
});
afterEach(() => vi.restoreAllMocks());
afterAll(() => gateway.dispose());

test("an exhausted budget is a RateLimitError after exactly one request", async () => {
  await watch(POOR_SECRET).ask();
  const refused = watch(POOR_SECRET);
  const error = await refused.ask().catch((thrown: unknown) => thrown);

  expect(refused.sent()).toBe(1);
  expect(error).toBeInstanceOf(RateLimitError);
  expect(error).toMatchObject({
    status: 429,
    code: "project_spend_limit_exceeded",
    type: "insufficient_quota",
  });
  const { headers, message } = error as RateLimitError;
  expect(headers?.get("x-should-retry")).toBe("false");
  expect(Number(headers?.get("retry-after"))).toBeGreaterThan(0);
  expect(headers?.get("x-ratelimit-remaining-requests")).toBe("0");
  expect(message).toContain("1 requests per day");
  expect(await gateway.ledgerUsage("poor")).toMatchObject({ openHolds: 0 });
});

test("a request larger than what is left is refused with the bound that would fit, which then fits", async () => {
  const text = "Summarise this. ".repeat(40);
  const refused = watch(SMALL_SECRET);
  const error = (await refused
    .ask({ content: text, max_completion_tokens: 50, n: 60 })
    .catch((thrown: unknown) => thrown)) as RateLimitError;
  const affordable = Number(/at most (\d+)/.exec(error.message)?.[1]);

  expect(error).toBeInstanceOf(RateLimitError);
  expect(error).toMatchObject({
    code: "project_spend_limit_exceeded",
    param: "max_completion_tokens",
  });
  expect(refused.sent()).toBe(1);
  expect(affordable).toBeGreaterThan(0);
  const answer = await watch(SMALL_SECRET).ask({
    content: text,
    max_completion_tokens: affordable,
    n: 1,
  });
  expect(answer.choices).toHaveLength(1);
});

test("a bad key is an AuthenticationError after one request", async () => {
  const guess = watch("sk-sluice-guess");
  const error = await guess.ask().catch((thrown: unknown) => thrown);

  expect(error).toBeInstanceOf(AuthenticationError);
  expect(error).toMatchObject({ status: 401, code: "invalid_api_key" });
  expect(guess.sent()).toBe(1);
});

test("an unknown model is a NotFoundError that names it", async () => {
  const error = await watch()
    .ask({ model: "gpt-nobody" })
    .catch((thrown: unknown) => thrown);

  expect(error).toBeInstanceOf(NotFoundError);
  expect(error).toMatchObject({ status: 404, code: "model_not_found", param: "model" });
  expect((error as NotFoundError).message).toContain("gpt-nobody");
});

test.each([
  {
    name: "a bound below one",
    fields: { max_completion_tokens: -5 },
    param: "max_completion_tokens",
  },
  { name: "too many answers", fields: { n: 1000 }, param: "n" },
  {
    name: "an effort that is a number",
    fields: { reasoning_effort: 3 as unknown as "low" },
    param: "reasoning_effort",
  },
])("$name is a BadRequestError that names the field", async ({ fields, param }) => {
  const error = await watch()
    .ask(fields)
    .catch((thrown: unknown) => thrown);

  expect(error).toBeInstanceOf(BadRequestError);
  expect(error).toMatchObject({ status: 400, code: "invalid_value", param });
});

test("a gateway that is not there is a connection error, and no other", async () => {
  const client = new OpenAI({ baseURL: "http://127.0.0.1:9/v1", apiKey: "sk", maxRetries: 0 });

  await expect(client.models.list()).rejects.toBeInstanceOf(APIConnectionError);
});

type Fields = Partial<OpenAI.ChatCompletionCreateParamsNonStreaming> & {
  readonly content?: string;
};

/** A client as it comes, and how many requests it has sent: the SDK picks fetch up when it is made. */
function watch(apiKey: string = gateway.secret) {
  const fetched = vi.spyOn(globalThis, "fetch");
  const before = fetched.mock.calls.length;
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey });
  return {
    ask: ({ content = "Say hello.", ...fields }: Fields = {}) =>
      client.chat.completions.create({
        model: "auto",
        messages: [{ role: "user", content }],
        ...fields,
      }),
    sent: () => fetched.mock.calls.length - before,
  };
}
