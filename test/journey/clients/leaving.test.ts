// A client that leaves: the upstream is let go, what was generated is charged, and the rest of the hold is free again
// within two heartbeats. They are counted and not timed: another client's silent stream ticks in the same Worker.
import { setTimeout as sleep } from "node:timers/promises";
import OpenAI, { APIConnectionTimeoutError } from "openai";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { RecordedEnding } from "../../simulator/recorder.ts";
import { ask, turn } from "../support/chat.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";

const HEARTBEAT_MS = 500;
const GATE_MS = 400;
/** The promise: one beat finds that nobody reads, and by the next the call is settled. */
const BEATS_MAX = 2;
/** The gate is shorter than a beat, and adds at most one. */
const GATE_BEATS = 1;
/** The other client pays by itself, so that its open hold is not waited for. */
const WITNESS = "sk-sluice-witness";
/** What a heartbeat is in a stream. */
const HEARTBEAT = ": sluice";
/** A thousand looks, 10 ms apart, are far more than any call may take to end. */
const LOOKS_MAX = 1_000;
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
    tenants: [{ id: "witness", name: "Witness", policy: "balanced" }],
    keys: [{ secret: WITNESS, document: { id: "witness", tenant: "witness" } }],
  });
  client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.secret });
});
beforeEach(() => gateway.simulator.reset());
afterAll(() => gateway.dispose());

test("the SDK's abort in the middle of a stream ends the upstream and settles what was seen", async () => {
  const witness = await startWitness();
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
  const beats = await beatsUntilSettled(witness);
  const last = (await gateway.ledgerJournal("demo")).at(-1);

  expect(beats).toBeLessThanOrEqual(BEATS_MAX);
  expect(gateway.simulator.requests.at(-1)?.ended).toBe<RecordedEnding>("client-left");
  expect(last).toMatchObject({ op: "settle", ending: "client-left", certainty: "at_least" });
  // The role's chunk says nothing; all others say a token each.
  expect(last?.usage.outputTokens).toBeGreaterThanOrEqual(19);
  expect(last?.usage.outputTokens).toBeLessThan(200);
  expect(last?.spent.tokens).toBe((last?.usage.inputTokens ?? 0) + (last?.usage.outputTokens ?? 0));
});

test("leaving at the first byte settles the same way", async () => {
  const witness = await startWitness();
  const abort = new AbortController();
  const response = await ask(gateway, turn(QUESTION, { model: "auto:long", stream: true }), {
    signal: abort.signal,
  });
  await response.body?.getReader().read();
  abort.abort();
  const beats = await beatsUntilSettled(witness);

  expect(beats).toBeLessThanOrEqual(BEATS_MAX);
  expect(gateway.simulator.requests.at(-1)?.ended).toBe<RecordedEnding>("client-left");
  expect((await gateway.ledgerJournal("demo")).at(-1)).toMatchObject({
    op: "settle",
    ending: "client-left",
  });
});

test("leaving a stream before it says anything is noticed at the first heartbeat behind the gate", async () => {
  const witness = await startWitness();
  const abort = new AbortController();
  const asked = ask(gateway, turn(`${QUESTION} [[sim:silent]]`, { stream: true }), {
    signal: abort.signal,
  });
  await untilRecorded(2);
  abort.abort();
  await expect(asked).rejects.toThrow("abort");
  const beats = await beatsUntilSettled(witness);

  expect(beats).toBeLessThanOrEqual(BEATS_MAX + GATE_BEATS);
  // The witness's own, and the one.
  expect(gateway.simulator.requests).toHaveLength(2);
  expect(gateway.simulator.requests[1]?.ended).toBe<RecordedEnding>("client-left");
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
  await untilLetGo();
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
  await untilLetGo();
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

interface Witness {
  /** How many heartbeats it has heard. */
  readonly beats: () => number;
  readonly leave: () => Promise<void>;
}

/** A client of its own whose upstream never speaks: its stream is heartbeats and nothing else. */
async function startWitness(): Promise<Witness> {
  const abort = new AbortController();
  const response = await ask(gateway, turn("What is 2 + 2? [[sim:silent]]", { stream: true }), {
    signal: abort.signal,
    secret: WITNESS,
  });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let failure: unknown = null;
  const reading = (async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) throw new Error("The witness's stream ended.");
      text += value;
    }
  })().catch((error: unknown) => {
    // That it left is its end; anything else is told when its beats are counted.
    if (!abort.signal.aborted) failure = error;
  });
  const beats = (): number => {
    if (failure !== null) throw failure;
    return text.split(HEARTBEAT).length - 1;
  };
  // From here on it is behind the gate, and ticks.
  while (beats() === 0) await sleep(10);
  return {
    beats,
    leave: async () => {
      abort.abort();
      await reading;
    },
  };
}

/** How many of the witness's heartbeats pass until the last hold is settled and its upstream let go. */
async function beatsUntilSettled(witness: Witness): Promise<number> {
  const before = witness.beats();
  await untilLetGo(1);
  const beats = witness.beats() - before;
  // A witness that had gone silent would count nothing for ever.
  for (const heard = witness.beats(); witness.beats() === heard;) await sleep(10);
  await witness.leave();
  await gateway.untilSettled("witness");
  return beats;
}

/** Until no hold is open and no upstream but the first `spared` ones is busy for us. */
async function untilLetGo(spared = 0): Promise<void> {
  await gateway.untilSettled("demo");
  const isBusy = (): boolean =>
    gateway.simulator.requests.slice(spared).some(({ ended }) => ended === "open");
  for (let look = 0; isBusy(); look += 1) {
    if (look === LOOKS_MAX) throw new Error("The upstream was never let go.");
    await sleep(10);
  }
}

async function untilRecorded(count: number): Promise<void> {
  while (gateway.simulator.requests.length < count) await sleep(10);
  // The gateway has the upstream's connection, and waits.
  await sleep(50);
}
