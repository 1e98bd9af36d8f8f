// LangChain's ChatOpenAI as it comes, with a base URL and a key: what it reads of an answer, tools, structured output.
import { type AIMessageChunk, HumanMessage, type UsageMetadata } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as z from "zod";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";

const QUESTION = "What is 17 * 24?";
const PRODUCT = z.object({ answer: z.int(), steps: z.array(z.string()) });
const WEATHER = tool(({ city }) => `18 degrees in ${city}`, {
  name: "get_weather",
  description: "The weather forecast of a city",
  schema: z.object({ city: z.string() }),
});

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest();
});
afterAll(() => gateway.dispose());

test("gets an answer, and the usage that the ledger charged", async () => {
  const answer = await chat("auto:long").invoke(QUESTION);

  expect(answer.text).toMatch(/408/);
  expect(answer.response_metadata["finish_reason"]).toBe("stop");
  expect(usageOf(answer)?.output_token_details?.reasoning).toBeGreaterThan(0);
  expect(usageOf(answer)?.total_tokens).toBe(await lastCharge());
});

test("streams the same text in more than one piece, and asks for the usage by itself", async () => {
  const model = chat("mid", { temperature: 0 });
  const whole = await model.invoke(QUESTION);
  const pieces = await piecesOf(model, QUESTION);
  const answer = joined(pieces);

  expect(pieces.filter(({ text }) => text !== "").length).toBeGreaterThan(1);
  expect(answer.text).toBe(whole.text);
  expect(answer.response_metadata["finish_reason"]).toBe("stop");
  expect(usageOf(answer)?.total_tokens).toBe(usageOf(whole)?.total_tokens);
  expect(usageOf(answer)?.total_tokens).toBe(await lastCharge());
});

test("calls a tool and brings its result back to the same arm, whole and streamed", async () => {
  const before = (await gateway.ledgerJournal("demo")).length;
  const model = chat("auto").bindTools([WEATHER]);
  const question = new HumanMessage("What is the weather forecast for Lisbon?");
  const call = await model.invoke([question]);
  const results = await Promise.all((call.tool_calls ?? []).map((one) => WEATHER.invoke(one)));
  const answer = await model.invoke([question, call, ...results]);
  const streamedCall = joined(await Array.fromAsync(await model.stream([question])));
  await gateway.untilSettled("demo");
  const arms = (await gateway.ledgerJournal("demo"))
    .slice(before)
    .flatMap(({ op, arm }) => (op === "hold" ? [arm] : []));

  expect(call.tool_calls).toMatchObject([{ name: "get_weather", args: { city: "Lisbon" } }]);
  expect(answer.text).toContain("18 degrees in Lisbon");
  expect(arms[1]).toBe(arms[0]);
  expect(streamedCall.tool_calls).toMatchObject([
    { name: "get_weather", args: { city: "Lisbon" } },
  ]);
});

test.each([
  { method: "jsonSchema", field: { response_format: { type: "json_schema" } } },
  { method: "functionCalling", field: { tool_choice: { type: "function" } } },
] as const)("withStructuredOutput binds an object to its schema by $method", async (by) => {
  const bound = chat("auto").withStructuredOutput(PRODUCT, { method: by.method });
  const object = await bound.invoke(QUESTION);

  expect(PRODUCT.parse(object)).toEqual(object);
  expect(lastSent()).toMatchObject(by.field);
});

test("withStructuredOutput asks for any JSON by jsonMode, and checks what came", async () => {
  const model = chat("auto");
  const fitting = model.withStructuredOutput(z.object({ answer: z.int() }), { method: "jsonMode" });
  const unfitting = model.withStructuredOutput(PRODUCT, { method: "jsonMode" });

  expect((await fitting.invoke(QUESTION)).answer).toBeTypeOf("number");
  expect(lastSent()).toMatchObject({ response_format: { type: "json_object" } });
  await expect(unfitting.invoke(QUESTION)).rejects.toThrow("Failed to parse");
});

test("reads the reasoning as a field beside the text, whole and streamed, and as no content block", async () => {
  const whole = await chat("auto:long").invoke(QUESTION);
  const streamed = joined(await piecesOf(chat("auto:long"), QUESTION));

  expect(whole.additional_kwargs["reasoning_content"]).toMatch(/\w/);
  expect(streamed.additional_kwargs["reasoning_content"]).toBe(
    whole.additional_kwargs["reasoning_content"],
  );
  expect(whole.contentBlocks.map(({ type }) => type)).toEqual(["text"]);
});

function chat(model: string, fields: { readonly temperature?: number } = {}): ChatOpenAI {
  return new ChatOpenAI({
    model,
    apiKey: gateway.secret,
    configuration: { baseURL: `${gateway.url}/v1` },
    ...fields,
  });
}

async function piecesOf(model: ChatOpenAI, text: string): Promise<readonly AIMessageChunk[]> {
  return Array.fromAsync(await model.stream(text));
}

function joined(pieces: readonly AIMessageChunk[]): AIMessageChunk {
  return pieces.reduce((all, piece) => all.concat(piece));
}

/** Its types take this field for nothing at all under `exactOptionalPropertyTypes`. */
function usageOf({
  usage_metadata,
}: {
  readonly usage_metadata?: unknown;
}): UsageMetadata | undefined {
  return usage_metadata as UsageMetadata | undefined;
}

/** The tokens that the demo tenant's last call was charged. */
async function lastCharge(): Promise<number | undefined> {
  await gateway.untilSettled("demo");
  return (await gateway.ledgerJournal("demo")).at(-1)?.spent.tokens;
}

function lastSent(): unknown {
  return gateway.simulator.requests.at(-1)?.json;
}
