// LangChain's ChatOpenAI when things go wrong: leaving in the middle, a stream that breaks, asking again, being told no.
// One attempt upstream for each of its requests, so that every retry is the client's own.
import { ChatOpenAI } from "@langchain/openai";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  endingsIn,
  expectEachEndedOnce,
  secretOf,
  startFaultGateway,
  type FaultGateway,
} from "../faults/fault-gateway.ts";
import { watchSentRequests, type SentRequests } from "../support/sent-requests.ts";

const TENANT = "langchain";
/** The simulator's `rate-limit`; the client alone would wait between one and two seconds. */
const RETRY_AFTER_MS = 2_000;
/** Timers may fire a little before their time. */
const EARLY_MS = 50;

let gateway: FaultGateway;
let sent: SentRequests;
beforeAll(async () => {
  sent = watchSentRequests();
  gateway = await startFaultGateway({
    // So that an answer has a middle to leave in.
    simulator: { decodeMsPerToken: 4, chunkTokens: 1 },
    tenants: [
      { id: TENANT, name: "LangChain", policy: "alone" },
      {
        id: "requests",
        name: "One request a day",
        policy: "alone",
        limits: [{ dimension: "requests", window: "day", limit: 1 }],
      },
      {
        id: "tokens",
        name: "Too few tokens a day for anything",
        policy: "alone",
        limits: [{ dimension: "tokens", window: "day", limit: 20 }],
      },
    ],
  });
});
afterAll(async () => {
  vi.restoreAllMocks();
  await gateway.dispose();
});

test("its abort in the middle of a stream ends the upstream and settles once what was seen", async () => {
  const abort = new AbortController();
  let pieces = 0;
  let thrown: unknown = null;
  const rows = await gateway.journalOf(async () => {
    const stream = await chat().stream("What is 1234 * 5678 + 91011? leaves", {
      signal: abort.signal,
    });
    try {
      for await (const _ of stream) {
        pieces += 1;
        if (pieces === 5) abort.abort();
      }
    } catch (error) {
      thrown = error;
    }
  }, TENANT);

  expect(thrown).toMatchObject({ name: "AbortError" });
  expect(upstreamEndings("leaves")).toEqual(["client-left"]);
  expect(endingsIn(rows)).toEqual([{ op: "settle", ending: "client-left", certainty: "at_least" }]);
});

test.each([
  { name: "error-mid-stream", code: "upstream_error" },
  { name: "cut", code: "upstream_cut" },
])("$name is thrown after what came, never a clean end, and is not asked again", async (how) => {
  let text = "";
  const read = async (): Promise<void> => {
    const stream = await chat().stream(`What is 12 * 34? [[sim:${how.name}]] breaks`);
    for await (const piece of stream) text += piece.text;
  };

  await expect(read()).rejects.toMatchObject({ code: how.code });
  expect(text).not.toBe("");
  expect(sent.timesOf(`[[sim:${how.name}]] breaks`)).toHaveLength(1);
});

test("a bad key is refused after one request", async () => {
  await expect(chat("sk-sluice-guess").invoke("Hello! guesses")).rejects.toMatchObject({
    status: 401,
    code: "invalid_api_key",
  });
  expect(sent.timesOf("guesses")).toHaveLength(1);
});

test("an exhausted budget is not asked again", async () => {
  const poor = chat(secretOf("requests"));
  await poor.invoke("Hello! spends");

  await expect(poor.invoke("Hello! is broke")).rejects.toMatchObject({
    status: 429,
    code: "project_spend_limit_exceeded",
  });
  expect(sent.timesOf("is broke")).toHaveLength(1);
});

test("a request that does not fit the budget is not asked again", async () => {
  await expect(chat(secretOf("tokens")).invoke("Hello! is large")).rejects.toMatchObject({
    param: "max_completion_tokens",
    status: 429,
    code: "project_spend_limit_exceeded",
  });
  expect(sent.timesOf("is large")).toHaveLength(1);
});

describe.concurrent("asking again", () => {
  test("waits for as long as an upstream's rate limit says", async () => {
    const { text } = await chat().invoke("Hello! limited [[sim:rate-limit*1]]");
    const [first = 0, second = 0, ...more] = sent.timesOf("limited");

    expect(text).toMatch(/\w/);
    expect(second - first).toBeGreaterThan(RETRY_AFTER_MS - EARLY_MS);
    expect(more).toEqual([]);
  });

  test.each(["error-500", "error-503"])("asks again after %s", async (name) => {
    const { text } = await chat().invoke(`Hello! fails [[sim:${name}*1]]`);

    expect(text).toMatch(/\w/);
    expect(upstreamEndings(`fails [[sim:${name}`)).toHaveLength(2);
  });

  test("asks again for a stream that failed before it said anything", async () => {
    let text = "";
    const stream = await chat().stream("Hello! streams [[sim:error-in-200*1]]");
    for await (const piece of stream) text += piece.text;

    expect(text).toMatch(/\w/);
    expect(upstreamEndings("streams")).toHaveLength(2);
  });

  test("gives an upstream up that stays broken, with the gateway's own words", async () => {
    const error: unknown = await chat(secretOf(TENANT), 1)
      .invoke("Hello! stays broken [[sim:error-500]]")
      .catch((thrown: unknown) => thrown);

    expect(error).toMatchObject({ status: 502, code: "upstream_error" });
    expect(sent.timesOf("stays broken")).toHaveLength(2);
  });
});

test("each call of the above was held once and ended once", async () => {
  await gateway.untilSettled(TENANT);
  expectEachEndedOnce(await gateway.ledgerJournal(TENANT));
});

function chat(secret: string = secretOf(TENANT), maxRetries?: number): ChatOpenAI {
  return new ChatOpenAI({
    model: "auto:short",
    apiKey: secret,
    configuration: { baseURL: `${gateway.url}/v1` },
    ...(maxRetries === undefined ? {} : { maxRetries }),
  });
}

function upstreamEndings(text: string): readonly string[] {
  return gateway.simulator.requests
    .filter(({ body }) => body.includes(text))
    .map(({ ended }) => ended);
}
