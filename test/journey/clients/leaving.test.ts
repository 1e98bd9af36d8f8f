// A client that leaves: the upstream is let go, what was generated is charged, and the rest of the hold is free again
// within two heartbeats.
import { setTimeout as sleep } from "node:timers/promises";
import OpenAI, { APIConnectionTimeoutError } from "openai";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { RecordedEnding } from "../../simulator/recorder.ts";
import { ask, turn } from "../support/chat.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";

const HEARTBEAT_MS = 500;
const GATE_MS = 400;
/** What the two heartbeats may be late by on a machine that others share. */
const SLACK_MS = 250;
const STREAMS = 8;
const QUESTION = "What is 1234 * 5678 + 91011?";

let gateway: GatewayUnderTest;
let client: OpenAI;
beforeAll(async () => {
  gateway = await startGatewayUnderTest({
    // A long answer takes some seconds, so that there is a middle to leave in.
    simulator: { decodeMsPerToken: 15, chunkTokens: 1 },
    policies: [
      {
        name: "balanced",
        version: "1",
        heartbeatMs: HEARTBEAT_MS,
        gateMs: GATE_MS,
        modes: { short: "small", long: "deep" },
        fallback: ["mid"],
      },
    ],
  });
  client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.secret });
});
beforeEach(() => gateway.simulator.reset());
afterAll(() => gateway.dispose());

test("the SDK's abort in the middle of a stream ends the upstream and settles what was seen", async () => {
  const stream = await client.chat.completions.create({
    model: "auto:long",
    messages: [{ role: "user", content: QUESTION }],
    stream: true,
  });
  let chunks = 0;
  for await (const _ of stream) {
    chunks += 1;
    if (chunks === 20) stream.controller.abort();
  }
  const waitedMs = await settledAfterMs();
  const last = (await gateway.ledgerJournal("demo")).at(-1);

  expect(waitedMs).toBeLessThan(2 * HEARTBEAT_MS + SLACK_MS);
  expect(gateway.simulator.requests.at(-1)?.ended).toBe<RecordedEnding>("client-left");
  expect(last).toMatchObject({ op: "settle", ending: "client-left", certainty: "at_least" });
  // The role's chunk says nothing; all others say a token each.
  expect(last?.usage.outputTokens).toBeGreaterThanOrEqual(19);
  expect(last?.usage.outputTokens).toBeLessThan(200);
  expect(last?.spent.tokens).toBe((last?.usage.inputTokens ?? 0) + (last?.usage.outputTokens ?? 0));
});

test("leaving at the first byte settles the same way", async () => {
  const abort = new AbortController();
  const response = await ask(gateway, turn(QUESTION, { model: "auto:long", stream: true }), {
    signal: abort.signal,
  });
  await response.body?.getReader().read();
  abort.abort();
  const waitedMs = await settledAfterMs();

  expect(waitedMs).toBeLessThan(2 * HEARTBEAT_MS + SLACK_MS);
  expect(gateway.simulator.requests.at(-1)?.ended).toBe<RecordedEnding>("client-left");
  expect((await gateway.ledgerJournal("demo")).at(-1)).toMatchObject({
    op: "settle",
    ending: "client-left",
  });
});

test("leaving a stream before it says anything is noticed at the first heartbeat behind the gate", async () => {
  const abort = new AbortController();
  const asked = ask(gateway, turn(`${QUESTION} [[sim:silent]]`, { stream: true }), {
    signal: abort.signal,
  });
  await untilRecorded(1);
  abort.abort();
  await expect(asked).rejects.toThrow("abort");
  const waitedMs = await settledAfterMs();

  expect(waitedMs).toBeLessThan(GATE_MS + 2 * HEARTBEAT_MS + SLACK_MS);
  expect(gateway.simulator.requests).toHaveLength(1);
  expect(gateway.simulator.requests[0]?.ended).toBe<RecordedEnding>("client-left");
  // It was dispatched and never heard of: the input is charged, and no more output than the time allowed.
  expect((await gateway.ledgerJournal("demo")).at(-1)).toMatchObject({
    op: "settle",
    ending: "client-left",
    certainty: "unknown",
  });
});

test("an answer that the SDK did not wait for is settled once, for what the upstream then says", async () => {
  const hasty = new OpenAI({
    baseURL: `${gateway.url}/v1`,
    apiKey: gateway.secret,
    timeout: 300,
    maxRetries: 0,
  });
  await expect(
    hasty.chat.completions.create({
      model: "mid",
      messages: [{ role: "user", content: QUESTION }],
    }),
  ).rejects.toBeInstanceOf(APIConnectionTimeoutError);
  await settledAfterMs();
  const rows = await gateway.ledgerJournal("demo");
  const last = rows.at(-1);

  // This runtime tells of a lost client only when something is written, and a whole answer is written at its end.
  expect(gateway.simulator.requests.map(({ ended }) => ended)).toEqual<RecordedEnding[]>([
    "complete",
  ]);
  expect(last).toMatchObject({ op: "settle", ending: "complete", certainty: "exact" });
  expect(rows.filter(({ callId }) => callId === last?.callId).map(({ op }) => op)).toEqual([
    "hold",
    "settle",
  ]);
});

test("many streams that are left at once are each settled once, and the next answer comes", async () => {
  const before = (await gateway.ledgerJournal("demo")).length;
  await Promise.all(
    Array.from({ length: STREAMS }, async (_, index) => {
      const stream = await client.chat.completions.create({
        model: "auto:long",
        messages: [{ role: "user", content: `${QUESTION} ${index}` }],
        stream: true,
      });
      let chunks = 0;
      for await (const _chunk of stream) {
        chunks += 1;
        if (chunks === 3 + index) stream.controller.abort();
      }
    }),
  );
  await settledAfterMs();
  const rows = (await gateway.ledgerJournal("demo")).slice(before);
  const answer = await client.chat.completions.create({
    model: "auto:short",
    messages: [{ role: "user", content: "What is 2 + 2?" }],
  });

  expect(rows.filter(({ op }) => op === "hold")).toHaveLength(STREAMS);
  expect(rows.filter(({ op, ending }) => op === "settle" && ending === "client-left")).toHaveLength(
    STREAMS,
  );
  expect(rows).toHaveLength(2 * STREAMS);
  expect(answer.choices[0]?.finish_reason).toBe("stop");
});

/** How long after now the last hold was settled and the upstream was let go. */
async function settledAfterMs(): Promise<number> {
  const leftAtMs = performance.now();
  await gateway.untilSettled("demo");
  while (gateway.simulator.requests.some(({ ended }) => ended === "open")) {
    if (performance.now() - leftAtMs > 10_000) throw new Error("The upstream was never let go.");
    await sleep(10);
  }
  return performance.now() - leftAtMs;
}

async function untilRecorded(count: number): Promise<void> {
  while (gateway.simulator.requests.length < count) await sleep(10);
  // The gateway has the upstream's connection, and waits.
  await sleep(50);
}
