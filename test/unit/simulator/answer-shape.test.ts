// The shapes that an answer can be asked for: tool calls, JSON, several choices, stops, logprobs.
import { afterAll, beforeAll, expect, test } from "vitest";
import { noLatency } from "../../simulator/settings.ts";
import { startSimulator, type Simulator } from "../../simulator/simulator.ts";
import { askWhole, chatBody, eventsOf, modeBody, post, type Body, type Completion } from "./ask.ts";

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator(noLatency);
});
afterAll(() => simulator.close());

const ask = (body: Body): Promise<Completion> => askWhole(simulator.url, body);

const weatherTool = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Looks up the weather of a city",
    parameters: {
      type: "object",
      properties: { city: { type: "string" }, days: { type: "integer", minimum: 1, maximum: 7 } },
      required: ["city"],
    },
  },
};

test("a question that calls for an offered tool calls it, and its result is used", async () => {
  const question = { role: "user", content: "How is the weather in Lisbon" };
  const called = await ask({ model: "sim-mid", messages: [question], tools: [weatherTool] });
  const call = called.choices[0]?.message.tool_calls?.[0];
  expect(called.choices[0]?.finish_reason).toBe("tool_calls");
  expect(JSON.parse(call?.function.arguments ?? "")).toEqual({ city: "Lisbon", days: 1 });
  const messages = [
    question,
    { role: "assistant", content: null, tool_calls: [call] },
    { role: "tool", tool_call_id: call?.id, content: "23 degrees, sunny" },
  ];
  const answered = await ask({ model: "sim-mid", messages, tools: [weatherTool] });
  expect(answered.choices[0]?.message.content).toContain("23 degrees, sunny");
});

test("tool_choice forces or forbids a call; an unrelated question makes none", async () => {
  const finish = async (content: string, tool_choice?: unknown): Promise<string | undefined> =>
    (
      await ask({
        model: "sim-mid",
        messages: [{ role: "user", content }],
        tools: [weatherTool],
        ...(tool_choice === undefined ? {} : { tool_choice }),
      })
    ).choices[0]?.finish_reason;
  expect(await finish("What is 2+2?")).toBe("stop");
  expect(await finish("What is 2+2?", "required")).toBe("tool_calls");
  expect(
    await finish("What is 2+2?", { type: "function", function: { name: "get_weather" } }),
  ).toBe("tool_calls");
  expect(await finish("How is the weather?", "none")).toBe("stop");
});

test("a streamed tool call joins to the whole one", async () => {
  const body = chatBody("How is the weather in Lisbon", { tools: [weatherTool] });
  const whole = (await ask(body)).choices[0]?.message.tool_calls?.[0];
  const { events } = eventsOf(await (await post(simulator.url, { ...body, stream: true })).text());
  const deltas = events
    .flatMap((event) => event.choices ?? [])
    .flatMap(
      (choice) =>
        (choice.delta["tool_calls"] ?? []) as {
          index: number;
          id?: string;
          function: { name?: string; arguments: string };
        }[],
    );
  expect(deltas[0]).toMatchObject({ index: 0, id: whole?.id, function: { name: "get_weather" } });
  expect(deltas.map((delta) => delta.function.arguments).join("")).toBe(whole?.function.arguments);
});

test("a JSON schema is satisfied, with the answer where it belongs", async () => {
  const schema = {
    type: "object",
    properties: {
      reasoning: { type: "string" },
      answer: { type: "integer" },
      unit: { enum: ["m", "kg"] },
      steps: { type: "array", items: { $ref: "#/$defs/step" }, minItems: 2 },
    },
    required: ["answer", "unit", "steps"],
    $defs: { step: { type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"] } },
  };
  const { choices } = await ask(
    chatBody("What is 2+2?", {
      response_format: { type: "json_schema", json_schema: { name: "out", schema } },
    }),
  );
  expect(JSON.parse(choices[0]?.message.content ?? "")).toEqual({
    reasoning: expect.any(String),
    answer: 4,
    unit: "m",
    steps: [{ ok: true }, { ok: true }],
  });
  const plain = await ask(
    chatBody("What is 2+2? In JSON.", { response_format: { type: "json_object" } }),
  );
  expect(JSON.parse(plain.choices[0]?.message.content ?? "")).toEqual({ answer: 4 });
});

test("stop, n and logprobs do what they are for", async () => {
  const stopped = await ask(modeBody("What is 48 * 17?", "short", { stop: ["Answer"] }));
  expect(stopped.choices[0]?.message.content).not.toContain("Answer");
  expect(stopped.choices[0]?.finish_reason).toBe("stop");
  const several = await ask(
    modeBody("What is 48 * 17?", "direct", { n: 3, logprobs: true, top_logprobs: 2 }),
  );
  expect(several.choices.length).toBe(3);
  expect(several.choices[0]?.logprobs?.content.map((entry) => entry.token).join("")).toBe(
    several.choices[0]?.message.content,
  );
  expect(several.choices[0]?.logprobs?.content[0]?.top_logprobs.length).toBe(2);
});
