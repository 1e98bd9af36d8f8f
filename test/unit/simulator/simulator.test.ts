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
import { chatBody, eventsOf, joinField, modeBody, post, type Body } from "./ask.ts";

type Usage = {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  prompt_tokens_details: { cached_tokens: number };
  completion_tokens_details: { reasoning_tokens: number };
};
type Message = { content: string | null; reasoning_content?: string; tool_calls?: { id: string; function: { name: string; arguments: string } }[] };
type Completion = { choices: { message: Message; finish_reason: string; logprobs: { content: { token: string; top_logprobs: unknown[] }[] } | null }[]; usage: Usage };

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ ...noLatency, replicas: 2 });
});
beforeEach(() => simulator.reset());
afterAll(() => simulator.close());

async function ask(body: Body, prefix = ""): Promise<Completion> {
  const response = await post(`${simulator.url}${prefix}`, body);
  expect(response.status).toBe(200);
  return (await response.json()) as Completion;
}

test("usage adds up, and reasoning is part of the completion", async () => {
  const body = modeBody("Solve 3x + 5 = 20", "long");
  const { choices, usage } = await ask(body);
  const [choice] = choices;
  expect(usage.total_tokens).toBe(usage.prompt_tokens + usage.completion_tokens);
  expect(usage.completion_tokens_details.reasoning_tokens).toBe(countTokens(choice?.message.reasoning_content ?? ""));
  const said = usage.completion_tokens_details.reasoning_tokens + countTokens(choice?.message.content ?? "");
  expect(usage.completion_tokens).toBeGreaterThan(said);
  expect(usage.completion_tokens - said).toBeLessThanOrEqual(9);
});

test("a stream says the same as a body, and costs the same", async () => {
  const body = modeBody("Solve 3x + 5 = 20", "long", { cache_salt: "a" });
  const whole = await ask(body);
  const streamed = eventsOf(await (await post(simulator.url, { ...body, cache_salt: "b", stream: true, stream_options: { include_usage: true } })).text());
  expect(joinField(streamed.events, "content")).toBe(whole.choices[0]?.message.content);
  expect(joinField(streamed.events, "reasoning_content")).toBe(whole.choices[0]?.message.reasoning_content);
  expect(streamed.events.at(-1)?.usage).toEqual(whole.usage);
  expect(streamed.done).toBe(true);
});

test("without include_usage no event has usage", async () => {
  const { events } = eventsOf(await (await post(simulator.url, chatBody("hello", { stream: true }))).text());
  expect(events.some((event) => "usage" in event)).toBe(false);
});

test("a repeated prefix is cached, per replica, salt and model", async () => {
  const body = (question: string, more: Body = {}): Body => ({ model: "sim-mid", messages: [{ role: "system", content: "Be exact. ".repeat(80) }, { role: "user", content: question }], ...more });
  const cached = async (more: Body = {}, prefix = ""): Promise<number> => (await ask(body("What is 2+2?", more), prefix)).usage.prompt_tokens_details.cached_tokens;
  expect(await cached()).toBe(0);
  const again = await cached();
  expect(again).toBeGreaterThan(160);
  expect(again % 16).toBe(0);
  expect((await ask(body("What is 3+3?"))).usage.prompt_tokens_details.cached_tokens).toBeGreaterThan(160);
  expect(await cached({ cache_salt: "tenant" })).toBe(0);
  expect(await cached({ cache_salt: "tenant" })).toBe(again);
  expect(await cached({ model: "sim-small" })).toBe(0);
  expect(await cached({}, "/r1")).toBe(0);
  expect(await cached({}, "/r0")).toBe(again);
});

test("the next turn finds the last answer in the cache", async () => {
  const first = { role: "user", content: `Tell me about rivers. ${"Please. ".repeat(20)}` };
  const { choices, usage } = await ask({ model: "sim-mid", messages: [first] });
  const next = await ask({ model: "sim-mid", messages: [first, { role: "assistant", content: choices[0]?.message.content }, { role: "user", content: "And lakes?" }] });
  expect(next.usage.prompt_tokens_details.cached_tokens).toBeGreaterThan(usage.prompt_tokens);
});

test("a prefix cache never claims a whole prompt nor a block after a gap, and forgets the oldest", () => {
  const scope = { model: "m", salt: "" };
  const cache = createPrefixCache(8);
  const prompt = "abcd".repeat(64);
  expect(cache.admit(prompt, scope)).toBe(0);
  expect(cache.admit(prompt, scope)).toBe(48);
  expect(cache.admit(`${"x".repeat(64)}${prompt.slice(64)}`, scope)).toBe(0);
  expect(cache.admit("y".repeat(64 * 8), scope)).toBe(0);
  expect(cache.admit(prompt, scope)).toBe(0);
});

test("the tokenizer counts like the usage, and splits lose nothing", async () => {
  const messages = [{ role: "user", content: "Grüße 😀" }];
  const response = await fetch(`${simulator.url}/tokenize`, { method: "POST", body: JSON.stringify({ model: "sim-mid", messages }) });
  const { count, tokens } = (await response.json()) as { count: number; tokens: number[] };
  expect(tokens.length).toBe(count);
  expect((await ask({ model: "sim-mid", messages })).usage.prompt_tokens).toBe(count);
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.integer({ min: 1, max: 9 }), (text, chunkTokens) => {
      const sound = Buffer.from(text).toString();
      expect(splitText(sound, chunkTokens).join("")).toBe(sound);
      expect(sound.startsWith(takeTokens(sound, chunkTokens))).toBe(true);
      expect(countTokens(takeTokens(sound, chunkTokens))).toBeLessThanOrEqual(chunkTokens);
    }),
    { seed: 20_262 },
  );
});

const weatherTool = { type: "function", function: { name: "get_weather", description: "Looks up the weather of a city", parameters: { type: "object", properties: { city: { type: "string" }, days: { type: "integer", minimum: 1, maximum: 7 } }, required: ["city"] } } };

test("a question that calls for an offered tool calls it, and its result is used", async () => {
  const question = { role: "user", content: "How is the weather in Lisbon" };
  const called = await ask({ model: "sim-mid", messages: [question], tools: [weatherTool] });
  const call = called.choices[0]?.message.tool_calls?.[0];
  expect(called.choices[0]?.finish_reason).toBe("tool_calls");
  expect(JSON.parse(call?.function.arguments ?? "")).toEqual({ city: "Lisbon", days: 1 });
  const messages = [question, { role: "assistant", content: null, tool_calls: [call] }, { role: "tool", tool_call_id: call?.id, content: "23 degrees, sunny" }];
  const answered = await ask({ model: "sim-mid", messages, tools: [weatherTool] });
  expect(answered.choices[0]?.message.content).toContain("23 degrees, sunny");
});

test("tool_choice forces or forbids a call; an unrelated question makes none", async () => {
  const finish = async (content: string, tool_choice?: unknown): Promise<string | undefined> =>
    (await ask({ model: "sim-mid", messages: [{ role: "user", content }], tools: [weatherTool], ...(tool_choice === undefined ? {} : { tool_choice }) })).choices[0]?.finish_reason;
  expect(await finish("What is 2+2?")).toBe("stop");
  expect(await finish("What is 2+2?", "required")).toBe("tool_calls");
  expect(await finish("What is 2+2?", { type: "function", function: { name: "get_weather" } })).toBe("tool_calls");
  expect(await finish("How is the weather?", "none")).toBe("stop");
});

test("a streamed tool call joins to the whole one", async () => {
  const body = chatBody("How is the weather in Lisbon", { tools: [weatherTool] });
  const whole = (await ask(body)).choices[0]?.message.tool_calls?.[0];
  const { events } = eventsOf(await (await post(simulator.url, { ...body, stream: true })).text());
  const deltas = events.flatMap((event) => event.choices ?? []).flatMap((choice) => (choice.delta["tool_calls"] ?? []) as { index: number; id?: string; function: { name?: string; arguments: string } }[]);
  expect(deltas[0]).toMatchObject({ index: 0, id: whole?.id, function: { name: "get_weather" } });
  expect(deltas.map((delta) => delta.function.arguments).join("")).toBe(whole?.function.arguments);
});

test("a JSON schema is satisfied, with the answer where it belongs", async () => {
  const schema = { type: "object", properties: { reasoning: { type: "string" }, answer: { type: "integer" }, unit: { enum: ["m", "kg"] }, steps: { type: "array", items: { $ref: "#/$defs/step" }, minItems: 2 } }, required: ["answer", "unit", "steps"], $defs: { step: { type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"] } } };
  const { choices } = await ask(chatBody("What is 2+2?", { response_format: { type: "json_schema", json_schema: { name: "out", schema } } }));
  expect(JSON.parse(choices[0]?.message.content ?? "")).toEqual({ reasoning: expect.any(String), answer: 4, unit: "m", steps: [{ ok: true }, { ok: true }] });
  const plain = await ask(chatBody("What is 2+2? In JSON.", { response_format: { type: "json_object" } }));
  expect(JSON.parse(plain.choices[0]?.message.content ?? "")).toEqual({ answer: 4 });
});

test("stop, n and logprobs do what they are for", async () => {
  const stopped = await ask(modeBody("What is 48 * 17?", "short", { stop: ["Answer"] }));
  expect(stopped.choices[0]?.message.content).not.toContain("Answer");
  expect(stopped.choices[0]?.finish_reason).toBe("stop");
  const several = await ask(modeBody("What is 48 * 17?", "direct", { n: 3, logprobs: true, top_logprobs: 2 }));
  expect(several.choices.length).toBe(3);
  expect(several.choices[0]?.logprobs?.content.map((entry) => entry.token).join("")).toBe(several.choices[0]?.message.content);
  expect(several.choices[0]?.logprobs?.content[0]?.top_logprobs.length).toBe(2);
});

test.each([
  ["no JSON", "{"],
  ["an array", "[]"],
  ["no model", JSON.stringify({ messages: [{ role: "user", content: "x" }] })],
  ["no messages", JSON.stringify({ model: "m", messages: [] })],
  ["a strange role", JSON.stringify({ model: "m", messages: [{ role: "king", content: "x" }] })],
  ["a negative cap", JSON.stringify({ model: "m", messages: [{ role: "user", content: "x" }], max_tokens: -1 })],
  ["a strange effort", JSON.stringify({ model: "m", messages: [{ role: "user", content: "x" }], reasoning_effort: "huge" })],
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
  expect(((await models.json()) as { data: { id: string }[] }).data.map(({ id }) => id)).toContain("sim-mid");
  expect((await fetch(`${simulator.url}/health`)).status).toBe(200);
});

test("a prompt over the context length is refused, a body over the bound is not even read", async () => {
  const long = await post(simulator.url, chatBody("a".repeat(4 * 131_072 + 4)));
  expect([long.status, await long.json()]).toEqual([400, { error: expect.objectContaining({ code: "context_length_exceeded" }) }]);
  const socket = connect(simulator.port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.write(`POST /v1/chat/completions HTTP/1.1\r\nhost: sim\r\ncontent-length: 999999999\r\n\r\n`);
  socket.write(Buffer.alloc(9 * 1024 * 1024, 32));
  const [answer] = (await once(socket, "data")) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1.1 413 /);
  socket.destroy();
});

test("records what it was sent and forgets on reset", async () => {
  await ask(chatBody("hello", { cache_salt: "s" }), "/r1");
  expect(simulator.requests.at(-1)).toMatchObject({ method: "POST", path: "/r1/v1/chat/completions", replica: 1, json: { cache_salt: "s" }, ended: "complete" });
  simulator.reset();
  expect(simulator.requests).toEqual([]);
});

test("a client that leaves in the middle of its own body is recorded as gone", async () => {
  const socket = connect(simulator.port, "127.0.0.1");
  socket.write(`POST /v1/chat/completions HTTP/1.1\r\nhost: sim\r\ncontent-length: 500\r\n\r\n{"model"`);
  await once(socket, "connect");
  await new Promise((resolve) => setTimeout(resolve, 20));
  socket.destroy();
  while (simulator.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(simulator.requests.at(-1)?.ended).toBe("client-left");
});

test("with default settings the longest answer is paced to end within 10 s", () => {
  for (const [promptTokens, answerTokens] of [[10, 10], [131_072, 16_000], [0, 1_000_000]] as const) {
    const pace = paceAnswer(defaultSettings, promptTokens, answerTokens);
    expect(pace.beforeFirstMs + pace.perTokenMs * answerTokens).toBeLessThan(10_000);
  }
});

test("closing ends what is still open", async () => {
  const other = await startSimulator(noLatency);
  const asked = post(other.url, chatBody("hello [[sim:silent]]"));
  while (other.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await Promise.all([other.close(), expect(asked).rejects.toThrow()]);
});
