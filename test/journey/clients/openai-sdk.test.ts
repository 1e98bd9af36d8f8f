// The openai SDK as it comes, with nothing changed but its base URL and its key.
import OpenAI from "openai";
import type {
  ChatCompletionChunk,
  ChatCompletionMessageParam,
  ChatCompletionFunctionTool,
} from "openai/resources/chat/completions";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  standsAt,
  startGatewayUnderTest,
  type GatewayUnderTest,
} from "../support/gateway-under-test.ts";

const WEATHER: ChatCompletionFunctionTool = {
  type: "function",
  function: {
    name: "get_weather",
    description: "The weather forecast of a city",
    parameters: {
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
      additionalProperties: false,
    },
  },
};

let gateway: GatewayUnderTest;
let client: OpenAI;
beforeAll(async () => {
  gateway = await startGatewayUnderTest();
  client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.secret });
});
afterAll(() => gateway.dispose());

test("lists auto among the models", async () => {
  const models = await client.models.list();

  expect(models.data.map(({ id }) => id)).toContain("auto");
});

test("gets an answer with its usage", async () => {
  const answer = await client.chat.completions.create({
    model: "auto",
    messages: asked("What is 17 * 24?"),
  });

  expect(answer.object).toBe("chat.completion");
  expect(answer.choices[0]?.message.content).toMatch(/\d/);
  expect(answer.choices[0]?.finish_reason).toBe("stop");
  expect(answer.usage?.total_tokens).toBe(
    (answer.usage?.prompt_tokens ?? 0) + (answer.usage?.completion_tokens ?? 0),
  );
});

test("reads the headers of an answer beside it", async () => {
  const { data, response, request_id } = await client.chat.completions
    .create({ model: "auto", messages: asked("What is the capital of Peru?") })
    .withResponse();

  expect(data.choices).toHaveLength(1);
  expect(request_id).toBe(response.headers.get("x-request-id"));
  expect(response.headers.get("x-sluice-mode")).toMatch(/^(direct|short|code|long)$/);
});

test("streams an answer to its end, and no usage leaks when none was asked for", async () => {
  const chunks = await collect(
    await client.chat.completions.create({
      model: "auto",
      messages: asked("What is 17 * 24?"),
      stream: true,
    }),
  );

  expect(chunks[0]?.choices[0]?.delta.role).toBe("assistant");
  expect(textOf(chunks)).toMatch(/\d/);
  expect(chunks.filter(({ choices }) => choices[0]?.finish_reason === "stop")).toHaveLength(1);
  expect(chunks.filter(({ usage }) => usage !== undefined && usage !== null)).toEqual([]);
  expect(chunks.filter(({ choices }) => choices.length === 0)).toEqual([]);
});

test("gets exactly one usage chunk when it asks, the last", async () => {
  const chunks = await collect(
    await client.chat.completions.create({
      model: "auto",
      messages: asked("What is 17 * 24?"),
      stream: true,
      stream_options: { include_usage: true },
    }),
  );
  const withUsage = chunks.filter(({ usage }) => usage !== undefined && usage !== null);

  expect(withUsage).toHaveLength(1);
  expect(withUsage[0]).toBe(chunks.at(-1));
  expect(withUsage[0]?.choices).toEqual([]);
  expect(withUsage[0]?.usage?.completion_tokens).toBeGreaterThan(0);
});

test("a stream and a whole answer are charged the same", async () => {
  const spent = async (): Promise<number> => standsAt(await gateway.untilSettled("demo"), "tokens");
  const request = { model: "mid", messages: asked("What is 23 * 19?"), temperature: 0 } as const;

  const before = await spent();
  await client.chat.completions.create(request);
  const afterWhole = await spent();
  await collect(await client.chat.completions.create({ ...request, stream: true }));
  const afterStream = await spent();

  expect(afterWhole).toBeGreaterThan(before);
  expect(afterStream - afterWhole).toBe(afterWhole - before);
});

test("calls a tool and brings its result back to the same arm", async () => {
  const messages = asked("What is the weather forecast for Lisbon?");
  const first = await client.chat.completions
    .create({ model: "auto", messages, tools: [WEATHER] })
    .withResponse();
  const [call] = first.data.choices[0]?.message.tool_calls ?? [];
  if (call?.type !== "function") throw new Error("The engine called no function.");
  const second = await client.chat.completions
    .create({
      model: "auto",
      messages: [
        ...messages,
        first.data.choices[0]!.message,
        {
          role: "tool",
          tool_call_id: call.id,
          content: "Prove Fermat's last theorem: 18 degrees, then 24.",
        },
      ],
      tools: [WEATHER],
    })
    .withResponse();

  expect(first.data.choices[0]?.finish_reason).toBe("tool_calls");
  expect(call.function.name).toBe("get_weather");
  expect(JSON.parse(call.function.arguments)).toHaveProperty("city");
  expect(second.data.choices[0]?.message.content).toContain("18 degrees");
  expect(second.response.headers.get("x-sluice-reason")).toBe("tool-result");
  expect(armOf(second.response)).toBe(armOf(first.response));
});

test("runs its own loop of tools to the answer, every turn on one arm", async () => {
  const before = (await gateway.ledgerJournal("demo")).length;
  const runner = client.chat.completions.runTools({
    model: "auto",
    messages: asked("What is the weather forecast for Porto?"),
    tools: [
      {
        type: "function",
        function: {
          name: "get_weather",
          description: "The weather forecast of a city",
          parameters: WEATHER.function.parameters ?? {},
          function: () => "21 degrees",
        },
      },
    ],
  });
  const content = await runner.finalContent();
  await gateway.untilSettled("demo");
  const held = (await gateway.ledgerJournal("demo"))
    .slice(before)
    .filter(({ op }) => op === "hold");

  expect(content).toContain("21 degrees");
  expect(held).toHaveLength(2);
  expect(held[1]?.arm).toBe(held[0]?.arm);
});

test("puts a streamed tool call together", async () => {
  const runner = client.chat.completions.stream({
    model: "auto",
    messages: asked("What is the weather forecast for Oslo?"),
    tools: [WEATHER],
  });
  const [call] = (await runner.finalMessage()).tool_calls ?? [];

  expect(call?.type === "function" && call.function.name).toBe("get_weather");
  expect(
    call?.type === "function" && Object.keys(JSON.parse(call.function.arguments) as object),
  ).toEqual(["city"]);
});

test("parses an answer that a JSON schema binds", async () => {
  const answer = await client.chat.completions.parse({
    model: "auto",
    messages: asked("What is 17 * 24?"),
    response_format: {
      type: "json_schema",
      json_schema: {
        name: "product",
        strict: true,
        schema: {
          type: "object",
          properties: {
            answer: { type: "integer" },
            steps: { type: "array", items: { type: "string" } },
          },
          required: ["answer", "steps"],
          additionalProperties: false,
        },
      },
    },
  });

  expect(answer.choices[0]?.message.parsed).toMatchObject({
    answer: expect.any(Number) as number,
    steps: expect.any(Array) as string[],
  });
});

test("reads the reasoning of a long answer, whole and streamed", async () => {
  const whole = await client.chat.completions.create({
    model: "auto:long",
    messages: asked("What is 17 * 24?"),
  });
  const chunks = await collect(
    await client.chat.completions.create({
      model: "auto:long",
      messages: asked("What is 17 * 24?"),
      stream: true,
    }),
  );

  expect(reasoningOf(whole.choices[0]?.message)).toMatch(/\w/);
  expect(whole.usage?.completion_tokens_details?.reasoning_tokens).toBeGreaterThan(0);
  expect(chunks.map(({ choices }) => reasoningOf(choices[0]?.delta)).join("")).toBe(
    reasoningOf(whole.choices[0]?.message),
  );
});

test("gets two answers to one question", async () => {
  const answer = await client.chat.completions.create({
    model: "auto:short",
    messages: asked("What is 17 * 24?"),
    n: 2,
  });

  expect(answer.choices.map(({ index }) => index)).toEqual([0, 1]);
});

test("waits out an upstream's rate limit by itself", async () => {
  const { data, response } = await client.chat.completions
    .create({ model: "mid", messages: asked("Say hello. [[sim:rate-limit*1]]") })
    .withResponse();

  expect(response.status).toBe(200);
  expect(data.choices[0]?.message.content).toMatch(/\w/);
});

function asked(content: string): ChatCompletionMessageParam[] {
  return [{ role: "user", content }];
}

async function collect(
  stream: AsyncIterable<ChatCompletionChunk>,
): Promise<readonly ChatCompletionChunk[]> {
  const chunks: ChatCompletionChunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

function textOf(chunks: readonly ChatCompletionChunk[]): string {
  return chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("");
}

/** The field that engines added to the API, which the SDK passes on without knowing it. */
function reasoningOf(said: object | undefined): string {
  return (said as { readonly reasoning_content?: string } | undefined)?.reasoning_content ?? "";
}

function armOf(response: Response): string {
  return `${response.headers.get("x-sluice-model")}/${response.headers.get("x-sluice-mode")}`;
}
