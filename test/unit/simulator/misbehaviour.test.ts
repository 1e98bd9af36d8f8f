// Every misbehaviour, observed on the wire where a gateway would meet it.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { vllm } from "../../simulator/dialects/open-engines.ts";
import { answerChat, createEngine } from "../../simulator/engine.ts";
import { completeSettings, noLatency } from "../../simulator/settings.ts";
import { startSimulator, type Simulator } from "../../simulator/simulator.ts";
import { chatBody, eventsOf, joinField, post, type Body } from "./ask.ts";

const question = "What is 48 * 17 + 5?";
const streaming = { stream: true, stream_options: { include_usage: true } };

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator(noLatency);
});
beforeEach(() => simulator.reset());
afterAll(() => simulator.close());

function misbehave(name: string, more: Body = streaming): Promise<Response> {
  return post(simulator.url, chatBody(`${question} [[sim:${name}]]`, more));
}

async function streamOf(name: string, more: Body = {}): Promise<ReturnType<typeof eventsOf>> {
  return eventsOf(await (await misbehave(name, { ...streaming, ...more })).text());
}

/** Reads until the stream ends or breaks. */
async function readToTheEnd(response: Response): Promise<{ text: string; broke: boolean }> {
  let text = "";
  const decoder = new TextDecoder();
  try {
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true });
    return { text, broke: false };
  } catch {
    return { text, broke: true };
  }
}

/** Until the simulator has noticed how its newest exchange ended. */
async function ending(): Promise<string | undefined> {
  while (simulator.requests.at(-1)?.ended === "open")
    await new Promise((resolve) => setImmediate(resolve));
  return simulator.requests.at(-1)?.ended;
}

test.each([
  ["rate-limit", 429],
  ["error-400", 400],
  ["error-500", 500],
  ["error-503", 503],
] as const)("%s answers %i in OpenAI's shape", async (name, status) => {
  const response = await misbehave(name);
  expect(response.status).toBe(status);
  expect(response.headers.get("retry-after")).toBe(status === 429 ? "2" : null);
  expect(await response.json()).toEqual({
    error: {
      message: expect.any(String),
      type: expect.any(String),
      param: null,
      code: status === 400 ? null : expect.any(String),
    },
  });
});

test("a marker, a header, a model's suffix and an order ask for the same", async () => {
  const plain = chatBody(question);
  expect((await post(simulator.url, plain)).status).toBe(200);
  expect((await post(simulator.url, chatBody(`[[sim:error-500]] ${question}`))).status).toBe(500);
  expect((await post(simulator.url, plain, { "x-sim-misbehave": "error-500" })).status).toBe(500);
  expect(
    (await post(simulator.url, chatBody(question, { model: "sim-mid!error-500" }))).status,
  ).toBe(500);
  const order = await fetch(`${simulator.url}/sim/misbehave`, {
    method: "POST",
    body: JSON.stringify({ model: "sim-mid", name: "error-500", times: 1 }),
  });
  expect(order.status).toBe(200);
  expect((await post(simulator.url, chatBody(question, { model: "sim-small" }))).status).toBe(200);
  expect((await post(simulator.url, plain)).status).toBe(500);
  expect((await post(simulator.url, plain)).status).toBe(200);
});

test("a suffix does not change which model answers", async () => {
  const response = await post(
    simulator.url,
    chatBody(question, { model: "sim-large!crlf", stream: true }),
  );
  expect(eventsOf(await response.text()).events[0]).toMatchObject({ model: "sim-large" });
});

test("`*1` fails once for each model and then behaves, until a reset", async () => {
  const statuses = async (model: string): Promise<number> =>
    (await post(simulator.url, chatBody(`${question} [[sim:error-500*1]]`, { model }))).status;
  expect([
    await statuses("sim-mid"),
    await statuses("sim-mid"),
    await statuses("sim-small"),
    await statuses("sim-small"),
  ]).toEqual([500, 200, 500, 200]);
  simulator.reset();
  expect(await statuses("sim-mid")).toBe(500);
});

test("a marker scoped to a model spares the others", async () => {
  const statuses = async (model: string): Promise<number> =>
    (await post(simulator.url, chatBody(`${question} [[sim:sim-small=error-500]]`, { model })))
      .status;
  expect([await statuses("sim-small"), await statuses("sim-mid")]).toEqual([500, 200]);
});

test("a marker leaves the answer as it was", async () => {
  const plain = (await (await post(simulator.url, chatBody(question))).json()) as Body;
  const marked = (await (await misbehave("no-usage", {})).json()) as Body;
  expect(marked["choices"]).toEqual(plain["choices"]);
});

test("slow-first-byte waits before its headers, as long as it is told", async () => {
  const engine = createEngine(completeSettings(noLatency));
  const waitOf = (name: string): number =>
    answerChat(engine, vllm, {
      replica: 0,
      body: chatBody(`${question} [[sim:${name}]]`),
      misbehaveHeader: "",
    }).beforeHeadersMs;
  expect([waitOf("slow-first-byte(1500)"), waitOf("slow-first-byte"), waitOf("crlf")]).toEqual([
    1_500, 5_000, 0,
  ]);
  expect((await misbehave("slow-first-byte(20)")).status).toBe(200);
});

test("silent never sends headers, and notices when the client leaves", async () => {
  const leaving = new AbortController();
  const asked = fetch(`${simulator.url}/v1/chat/completions`, {
    method: "POST",
    body: JSON.stringify(chatBody(`${question} [[sim:silent]]`)),
    signal: leaving.signal,
  });
  while (simulator.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
  leaving.abort();
  await expect(asked).rejects.toThrow();
  expect(await ending()).toBe("client-left");
});

test("stall sends some content and then nothing, until the client leaves", async () => {
  const leaving = new AbortController();
  const response = await fetch(`${simulator.url}/v1/chat/completions`, {
    method: "POST",
    body: JSON.stringify(chatBody(`${question} [[sim:stall]]`, streaming)),
    signal: leaving.signal,
  });
  const reader = response.body?.getReader();
  let text = "";
  while (!/"content":"[^"]/.test(text))
    text += new TextDecoder().decode((await reader?.read())?.value);
  expect(text).not.toContain("[DONE]");
  expect(simulator.requests.at(-1)?.ended).toBe("open");
  leaving.abort();
  expect(await ending()).toBe("client-left");
});

test("cut destroys the socket after some content", async () => {
  const { text, broke } = await readToTheEnd(await misbehave("cut"));
  expect(broke).toBe(true);
  expect(joinField(eventsOf(text).events, "content")).not.toBe("");
  expect(text).not.toContain("[DONE]");
  expect(await ending()).toBe("cut");
});

test("cut-early destroys it after the headers, before any content", async () => {
  const response = await misbehave("cut-early");
  expect(response.status).toBe(200);
  expect(await readToTheEnd(response)).toEqual({ text: "", broke: true });
});

test.each(["cut", "error-mid-stream"])(
  "%s breaks a body that is not streamed off in the middle",
  async (name) => {
    const { text, broke } = await readToTheEnd(await misbehave(name, {}));
    expect(broke).toBe(true);
    expect(text.startsWith('{"id"')).toBe(true);
  },
);

test("broken-json breaks one line and only one", async () => {
  const lines = (await (await misbehave("broken-json")).text())
    .split("\n\n")
    .filter((line) => line.startsWith("data: {"));
  const broken = lines.filter((line) => {
    try {
      JSON.parse(line.slice(6));
      return false;
    } catch {
      return true;
    }
  });
  expect(broken.length).toBe(1);
  expect(() => JSON.parse(lines.at(-1)?.slice(6) ?? "") as unknown).not.toThrow();
  await expect((await misbehave("broken-json", {})).json()).rejects.toThrow();
});

test("error-in-200 says 200 and then an error, streamed or not", async () => {
  const streamed = await misbehave("error-in-200");
  expect(streamed.status).toBe(200);
  expect(eventsOf(await streamed.text()).events).toEqual([
    { error: expect.objectContaining({ type: "server_error" }) },
  ]);
  const whole = await misbehave("error-in-200", {});
  expect(whole.status).toBe(200);
  expect(await whole.json()).toHaveProperty("error.code", "engine_error");
});

test("error-mid-stream comes after content and replaces the end", async () => {
  const { events } = await streamOf("error-mid-stream");
  expect(joinField(events, "content")).not.toBe("");
  expect(events.at(-1)).toHaveProperty("error");
  expect(
    events.some((event) => event.choices?.some((choice) => choice.finish_reason !== null)),
  ).toBe(false);
});

test("no-usage leaves the usage out, streamed or not", async () => {
  expect((await streamOf("comments")).events.some((event) => event.usage)).toBe(true);
  expect((await streamOf("no-usage")).events.some((event) => event.usage)).toBe(false);
  expect(await (await misbehave("no-usage", {})).json()).not.toHaveProperty("usage");
});

test("lying-usage claims far more than was sent and than was allowed", async () => {
  const told = (await (await misbehave("lying-usage", { max_completion_tokens: 50 })).json()) as {
    usage: { prompt_tokens: number; completion_tokens: number; total_tokens: number };
  };
  expect(told.usage.prompt_tokens).toBeGreaterThan(1_000);
  expect(told.usage.completion_tokens).toBeGreaterThan(1_000);
  expect(told.usage.total_tokens).toBe(told.usage.prompt_tokens + told.usage.completion_tokens);
});

test("no-done ends cleanly without its mark", async () => {
  const { events, done } = await streamOf("no-done");
  expect(done).toBe(false);
  expect(events.at(-1)).toHaveProperty("usage");
});

test("ignored-knobs thinks and runs on whatever it was told", async () => {
  const { events } = await streamOf("ignored-knobs", {
    chat_template_kwargs: { enable_thinking: false },
    max_completion_tokens: 8,
  });
  expect(joinField(events, "reasoning_content").length).toBeGreaterThan(100);
  const usage = events.at(-1)?.usage as { completion_tokens: number };
  expect(usage.completion_tokens).toBeGreaterThan(8);
});

test.each([
  ["reasoning-content", "reasoning_content"],
  ["reasoning", "reasoning"],
] as const)("%s puts the thinking into %s, streamed or not", async (name, field) => {
  const { events } = await streamOf(name, { reasoning_effort: "medium" });
  const body = (await (await misbehave(name, { reasoning_effort: "medium" })).json()) as {
    choices: { message: Record<string, string> }[];
  };
  expect(joinField(events, field)).toMatch(/^First I need to/);
  expect(body.choices[0]?.message[field]).toBe(joinField(events, field));
  expect(body.choices[0]?.message["content"]).toBe(joinField(events, "content"));
});

test.each(["think-tags", "split-tags"])(
  "%s puts the thinking into the content, between tags",
  async (name) => {
    const { events } = await streamOf(name, { reasoning_effort: "medium" });
    expect(joinField(events, "content")).toMatch(
      /^<think>\nFirst I need to [\s\S]+\n<\/think>\n\n[\s\S]*Answer: /,
    );
    expect(joinField(events, "reasoning_content")).toBe("");
    const parts = events
      .flatMap((event) => event.choices ?? [])
      .map((choice) => choice.delta["content"]);
    expect(parts.some((part) => typeof part === "string" && part.includes("<think>"))).toBe(
      name === "think-tags",
    );
  },
);

test("crlf ends lines with both characters, and the events are the same", async () => {
  const text = await (await misbehave("crlf")).text();
  expect(text.replaceAll("\r\n", "").includes("\n")).toBe(false);
  expect(joinField(eventsOf(text).events, "content")).toBe(
    joinField((await streamOf("comments")).events, "content"),
  );
});

test("comments stand between events", async () => {
  expect(await (await misbehave("comments")).text()).toMatch(/\n\n: still here\n\ndata: /);
});
