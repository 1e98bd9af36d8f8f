// The simulated engine as a server: its endpoints, its usage and caches, and abuse it survives.
import { once } from "node:events";
import { connect } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createPrefixCache } from "../../simulator/prefix-cache.ts";
import { paceAnswer } from "../../simulator/pace.ts";
import { defaultSettings, noLatency } from "../../simulator/settings.ts";
import { startSimulator, type Simulator } from "../../simulator/simulator.ts";
import { countTokens, splitText, takeTokens } from "../../simulator/tokens.ts";
import {
  askWhole,
  chatBody,
  eventsOf,
  joinField,
  modeBody,
  post,
  type Body,
  type Completion,
} from "./ask.ts";

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ ...noLatency, replicas: 2 });
});
beforeEach(() => simulator.reset());
afterAll(() => simulator.close());

const ask = (body: Body, prefix = ""): Promise<Completion> =>
  askWhole(simulator.url + prefix, body);

test("usage adds up, and reasoning is part of the completion", async () => {
  const body = modeBody("Solve 3x + 5 = 20", "long");
  const { choices, usage } = await ask(body);
  const [choice] = choices;
  expect(usage.total_tokens).toBe(usage.prompt_tokens + usage.completion_tokens);
  expect(usage.completion_tokens_details.reasoning_tokens).toBe(
    countTokens(choice?.message.reasoning_content ?? ""),
  );
  const said =
    usage.completion_tokens_details.reasoning_tokens + countTokens(choice?.message.content ?? "");
  expect(usage.completion_tokens).toBeGreaterThan(said);
  expect(usage.completion_tokens - said).toBeLessThanOrEqual(9);
});

test("a stream says the same as a body, and costs the same", async () => {
  const body = modeBody("Solve 3x + 5 = 20", "long", { cache_salt: "a" });
  const whole = await ask(body);
  const streamed = eventsOf(
    await (
      await post(simulator.url, {
        ...body,
        cache_salt: "b",
        stream: true,
        stream_options: { include_usage: true },
      })
    ).text(),
  );
  expect(joinField(streamed.events, "content")).toBe(whole.choices[0]?.message.content);
  expect(joinField(streamed.events, "reasoning_content")).toBe(
    whole.choices[0]?.message.reasoning_content,
  );
  expect(streamed.events.at(-1)?.usage).toEqual(whole.usage);
  expect(streamed.done).toBe(true);
});

test("without include_usage no event has usage", async () => {
  const { events } = eventsOf(
    await (await post(simulator.url, chatBody("hello", { stream: true }))).text(),
  );
  expect(events.some((event) => "usage" in event)).toBe(false);
});

test("a repeated prefix is cached, per replica, salt and model", async () => {
  const body = (question: string, more: Body = {}): Body => ({
    model: "sim-mid",
    messages: [
      { role: "system", content: "Be exact. ".repeat(80) },
      { role: "user", content: question },
    ],
    ...more,
  });
  const cached = async (more: Body = {}, prefix = ""): Promise<number> =>
    (await ask(body("What is 2+2?", more), prefix)).usage.prompt_tokens_details.cached_tokens;
  expect(await cached()).toBe(0);
  const again = await cached();
  expect(again).toBeGreaterThan(160);
  expect(again % 16).toBe(0);
  expect(
    (await ask(body("What is 3+3?"))).usage.prompt_tokens_details.cached_tokens,
  ).toBeGreaterThan(160);
  expect(await cached({ cache_salt: "tenant" })).toBe(0);
  expect(await cached({ cache_salt: "tenant" })).toBe(again);
  expect(await cached({ model: "sim-small" })).toBe(0);
  expect(await cached({}, "/r1")).toBe(0);
  expect(await cached({}, "/r0")).toBe(again);
});

test("the next turn finds the last answer in the cache", async () => {
  const first = { role: "user", content: `Tell me about rivers. ${"Please. ".repeat(20)}` };
  const { choices, usage } = await ask({ model: "sim-mid", messages: [first] });
  const next = await ask({
    model: "sim-mid",
    messages: [
      first,
      { role: "assistant", content: choices[0]?.message.content },
      { role: "user", content: "And lakes?" },
    ],
  });
  expect(next.usage.prompt_tokens_details.cached_tokens).toBeGreaterThan(usage.prompt_tokens);
});

test("a prefix cache never claims a whole prompt nor a block after a gap, and forgets the oldest", () => {
  const scope = { model: "m", salt: "" };
  const cache = createPrefixCache({
    blocksHeldMax: 8,
    blockTokens: 16,
    seed: 0,
    listener: null,
  });
  const prompt = "abcd".repeat(64);
  expect(cache.admit(prompt, scope)).toBe(0);
  expect(cache.admit(prompt, scope)).toBe(48);
  expect(cache.admit(`${"x".repeat(64)}${prompt.slice(64)}`, scope)).toBe(0);
  expect(cache.admit("y".repeat(64 * 8), scope)).toBe(0);
  expect(cache.admit(prompt, scope)).toBe(0);
});

test("the tokenizer counts like the usage, and splits lose nothing", async () => {
  const messages = [{ role: "user", content: "Grüße 😀" }];
  const response = await fetch(`${simulator.url}/tokenize`, {
    method: "POST",
    body: JSON.stringify({ model: "sim-mid", messages }),
  });
  const { count, tokens } = (await response.json()) as { count: number; tokens: number[] };
  expect(tokens.length).toBe(count);
  expect((await ask({ model: "sim-mid", messages })).usage.prompt_tokens).toBe(count);
  fc.assert(
    fc.property(
      fc.string({ unit: "binary" }),
      fc.integer({ min: 1, max: 9 }),
      (text, chunkTokens) => {
        const sound = Buffer.from(text).toString();
        expect(splitText(sound, chunkTokens).join("")).toBe(sound);
        expect(sound.startsWith(takeTokens(sound, chunkTokens))).toBe(true);
        expect(countTokens(takeTokens(sound, chunkTokens))).toBeLessThanOrEqual(chunkTokens);
      },
    ),
    { seed: 20_262 },
  );
});

test.each([
  ["no JSON", "{"],
  ["an array", "[]"],
  ["no model", JSON.stringify({ messages: [{ role: "user", content: "x" }] })],
  ["no messages", JSON.stringify({ model: "m", messages: [] })],
  ["a strange role", JSON.stringify({ model: "m", messages: [{ role: "king", content: "x" }] })],
  [
    "a negative cap",
    JSON.stringify({ model: "m", messages: [{ role: "user", content: "x" }], max_tokens: -1 }),
  ],
  [
    "a strange effort",
    JSON.stringify({
      model: "m",
      messages: [{ role: "user", content: "x" }],
      reasoning_effort: "huge",
    }),
  ],
])("refuses %s with 400 in OpenAI's shape", async (_, body) => {
  const response = await fetch(`${simulator.url}/v1/chat/completions`, { method: "POST", body });
  expect(response.status).toBe(400);
  expect(await response.json()).toHaveProperty("error.type", "invalid_request_error");
});

test("refuses what it has not, and lists what it has", async () => {
  expect((await fetch(`${simulator.url}/v1/nothing`)).status).toBe(404);
  expect((await fetch(`${simulator.url}/r7/v1/models`)).status).toBe(404);
  const models = await fetch(`${simulator.url}/r1/v1/models`);
  expect(models.headers.get("x-sim-replica")).toBe("1");
  expect(((await models.json()) as { data: { id: string }[] }).data.map(({ id }) => id)).toContain(
    "sim-mid",
  );
  expect((await fetch(`${simulator.url}/health`)).status).toBe(200);
});

test("a prompt over the context length is refused, a body over the bound is not even read", async () => {
  const long = await post(simulator.url, chatBody("a".repeat(4 * 131_072 + 4)));
  expect([long.status, await long.json()]).toEqual([
    400,
    { error: expect.objectContaining({ code: "context_length_exceeded" }) },
  ]);
  const socket = connect(simulator.port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: sim\r\ncontent-length: 999999999\r\n\r\n`,
  );
  socket.write(Buffer.alloc(9 * 1024 * 1024, 32));
  const [answer] = (await once(socket, "data")) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1.1 413 /);
  socket.destroy();
});

test("records what it was sent and forgets on reset", async () => {
  await ask(chatBody("hello", { cache_salt: "s" }), "/r1");
  expect(simulator.requests.at(-1)).toMatchObject({
    method: "POST",
    path: "/r1/v1/chat/completions",
    replica: 1,
    json: { cache_salt: "s" },
    ended: "complete",
  });
  simulator.reset();
  expect(simulator.requests).toEqual([]);
});

test("a client that leaves in the middle of its own body is recorded as gone", async () => {
  const socket = connect(simulator.port, "127.0.0.1");
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: sim\r\ncontent-length: 500\r\n\r\n{"model"`,
  );
  await once(socket, "connect");
  await new Promise((resolve) => setTimeout(resolve, 20));
  socket.destroy();
  while (simulator.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(simulator.requests.at(-1)?.ended).toBe("client-left");
});

test("with default settings the longest answer is paced to end within 10 s", () => {
  for (const [promptTokens, answerTokens] of [
    [10, 10],
    [131_072, 16_000],
    [0, 1_000_000],
  ] as const) {
    const pace = paceAnswer(
      defaultSettings,
      defaultSettings.prefillMsPerToken * promptTokens,
      answerTokens,
    );
    expect(pace.beforeFirstMs + pace.perTokenMs * answerTokens).toBeLessThan(10_000);
  }
});

test("closing ends what is still open", async () => {
  const other = await startSimulator(noLatency);
  const asked = post(other.url, chatBody("hello [[sim:silent]]"));
  while (other.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await Promise.all([other.close(), expect(asked).rejects.toThrow()]);
});
