// When the openai SDK asks again by itself, and when it does not. One attempt upstream for each of its requests, so that
// every retry is the client's own. Tests that wait run side by side.
import OpenAI, { APIError, InternalServerError } from "openai";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  expectEachEndedOnce,
  secretOf,
  startFaultGateway,
  type FaultGateway,
  policy,
} from "../faults/fault-gateway.ts";
import { watchSentRequests, type SentRequests } from "../support/sent-requests.ts";

const TENANT = "sdk";
/** The simulator's `rate-limit`; the client alone would wait for half a second. */
const RETRY_AFTER_MS = 2_000;
/** Timers may fire a little before their time. */
const EARLY_MS = 50;

let gateway: FaultGateway;
let sent: SentRequests;
let client: OpenAI;
beforeAll(async () => {
  sent = watchSentRequests();
  gateway = await startFaultGateway({
    // One try, so that the client's own are seen, and a gate that a busy machine does not open by itself.
    policies: [
      policy("unhurried", { attemptsMax: 1, gateMs: 10_000, idleMs: 10_000, deadlineMs: 10_000 }),
    ],
    tenants: [{ id: TENANT, name: "SDK", policy: "unhurried" }],
  });
  client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: secretOf(TENANT) });
});
afterAll(async () => {
  vi.restoreAllMocks();
  await gateway.dispose();
});

describe.concurrent("asking again", () => {
  test("waits for as long as an upstream's rate limit says", async () => {
    const answer = await client.chat.completions.create(asked("limited [[sim:rate-limit*1]]"));
    const [first = 0, second = 0, ...more] = sent.timesOf("limited");

    expect(answer.choices[0]?.message.content).toMatch(/\w/);
    expect(second - first).toBeGreaterThan(RETRY_AFTER_MS - EARLY_MS);
    expect(more).toEqual([]);
  });

  test.each(["error-500", "error-503"])("asks again after %s", async (name) => {
    const answer = await client.chat.completions.create(asked(`fails [[sim:${name}*1]]`));

    expect(answer.choices[0]?.message.content).toMatch(/\w/);
    expect(sent.timesOf(`fails [[sim:${name}`)).toHaveLength(2);
    expect(reachedUpstream(`fails [[sim:${name}`)).toBe(2);
  });

  test("asks again for a stream that failed before it said anything", async () => {
    const stream = await client.chat.completions.create({
      ...asked("streams [[sim:error-in-200*1]]"),
      stream: true,
    });
    let text = "";
    for await (const { choices } of stream) text += choices[0]?.delta.content ?? "";

    expect(text).toMatch(/\w/);
    expect(sent.timesOf("streams")).toHaveLength(2);
  });

  test("gives an upstream up that stays broken after three requests, with the gateway's own words", async () => {
    const error = await client.chat.completions
      .create(asked("stays broken [[sim:error-500]]"))
      .catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(InternalServerError);
    expect(error).toMatchObject({ status: 502, code: "upstream_error", type: "server_error" });
    expect(sent.timesOf("stays broken")).toHaveLength(3);
  });
});

test.each([
  { name: "error-mid-stream", code: "upstream_error" },
  { name: "cut", code: "upstream_cut" },
])("$name is thrown after what came, and is not asked again", async ({ name, code }) => {
  let text = "";
  const read = async (): Promise<void> => {
    const stream = await client.chat.completions.create({
      ...asked(`12 * 34? [[sim:${name}]] breaks`),
      stream: true,
    });
    for await (const { choices } of stream) text += choices[0]?.delta.content ?? "";
  };
  const error = await read().catch((thrown: unknown) => thrown);

  expect(error).toBeInstanceOf(APIError);
  expect(error).toMatchObject({ code });
  expect(text).not.toBe("");
  expect(sent.timesOf(`[[sim:${name}]] breaks`)).toHaveLength(1);
});

test("what an upstream refuses as the caller's mistake is asked once", async () => {
  await expect(
    client.chat.completions.create(asked("is mistaken [[sim:error-400]]")),
  ).rejects.toMatchObject({ status: 400 });
  expect(sent.timesOf("is mistaken")).toHaveLength(1);
  expect(reachedUpstream("is mistaken")).toBe(1);
});

test("each call of the above was held once and ended once", async () => {
  await gateway.untilSettled(TENANT);
  expectEachEndedOnce(await gateway.ledgerJournal(TENANT));
});

function asked(text: string): OpenAI.ChatCompletionCreateParamsNonStreaming {
  return { model: "auto:short", messages: [{ role: "user", content: `What is ${text}` }] };
}

function reachedUpstream(text: string): number {
  return gateway.simulator.requests.filter(({ body }) => body.includes(text)).length;
}
