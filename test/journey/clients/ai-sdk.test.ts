// The AI SDK as it comes: what it reads of an answer, its own loop of tools, and its structured output.
import { generateObject, generateText, isStepCount, Output, streamText, tool } from "ai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { AI_SDK_CLIENTS, compatibleModel } from "../support/ai-sdk.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";

const QUESTION = "What is 17 * 24?";
const PRODUCT = z.object({ answer: z.int(), steps: z.array(z.string()) });
const WEATHER = tool({
  description: "The weather forecast of a city",
  inputSchema: z.object({ city: z.string() }),
  execute: ({ city }) => `18 degrees in ${city}`,
});

let gateway: GatewayUnderTest;
beforeAll(async () => {
  // Otherwise it writes what it warns of to the console as well.
  globalThis.AI_SDK_LOG_WARNINGS = false;
  gateway = await startGatewayUnderTest();
});
afterAll(() => gateway.dispose());

describe.each(AI_SDK_CLIENTS)("$client", ({ modelOf }) => {
  test("gets an answer, and the usage that the ledger charged", async () => {
    const { text, finishReason, totalUsage, warnings } = await generateText({
      model: modelOf(gateway, "auto:long"),
      prompt: QUESTION,
    });

    expect(text).toMatch(/408/);
    expect(finishReason).toBe("stop");
    expect(warnings).toEqual([]);
    expect(totalUsage.outputTokenDetails.reasoningTokens).toBeGreaterThan(0);
    expect(totalUsage.totalTokens).toBe(await lastCharge());
  });

  test("reads the headers of an answer beside it", async () => {
    const { finalStep } = await generateText({ model: modelOf(gateway, "auto"), prompt: QUESTION });
    const { headers } = finalStep.response;

    expect(headers?.["x-request-id"]).toMatch(/\w/);
    expect(headers?.["x-sluice-mode"]).toMatch(/^(direct|short|code|long)$/);
  });

  test("streams the same text as it generates, in more than one piece", async () => {
    const model = modelOf(gateway, "mid");
    const { text } = await generateText({ model, prompt: QUESTION, temperature: 0 });
    const pieces: string[] = [];
    const { textStream, finishReason } = streamText({ model, prompt: QUESTION, temperature: 0 });
    for await (const piece of textStream) pieces.push(piece);

    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.join("")).toBe(text);
    expect(await finishReason).toBe("stop");
  });

  test("runs its own loop of tools to the answer, every turn on one arm", async () => {
    const { text, steps } = await generateText({
      model: modelOf(gateway, "auto"),
      prompt: "What is the weather forecast for Lisbon?",
      tools: { get_weather: WEATHER },
      stopWhen: isStepCount(4),
    });

    expect(text).toContain("18 degrees in Lisbon");
    expect(steps.map(({ finishReason }) => finishReason)).toEqual(["tool-calls", "stop"]);
    expect(steps[1]?.response.headers?.["x-sluice-reason"]).toBe("tool-result");
    expect(armOf(steps[1])).toBe(armOf(steps[0]));
  });

  test("runs the same loop over streams", async () => {
    const { text, steps } = streamText({
      model: modelOf(gateway, "auto"),
      prompt: "What is the weather forecast for Oslo?",
      tools: { get_weather: WEATHER },
      stopWhen: isStepCount(4),
    });

    expect(await text).toContain("18 degrees in Oslo");
    expect((await steps)[0]?.toolCalls[0]?.input).toEqual({ city: "Oslo" });
    expect(await steps).toHaveLength(2);
  });
});

describe("@ai-sdk/openai .chat", () => {
  const { modelOf } = AI_SDK_CLIENTS[1]!;

  test("binds an object to its JSON schema, whole and streamed", async () => {
    const model = modelOf(gateway, "auto");
    const { object } = await generateObject({ model, schema: PRODUCT, prompt: QUESTION });
    const whole = await generateText({
      model,
      prompt: QUESTION,
      output: Output.object({ schema: PRODUCT }),
    });
    const streamed = streamText({
      model,
      prompt: QUESTION,
      output: Output.object({ schema: PRODUCT }),
    });

    expect(object.answer).toBeTypeOf("number");
    expect(whole.output).toEqual(object);
    expect(await streamed.output).toEqual(object);
    expect(lastSent()).toMatchObject({ response_format: { type: "json_schema" } });
  });

  test("sees the usage of a stream without asking for it", async () => {
    const { text, usage } = streamText({ model: modelOf(gateway, "auto"), prompt: QUESTION });
    await text;

    expect((await usage).totalTokens).toBe(await lastCharge());
  });

  test("drops the reasoning's text, whole and streamed, and counts its tokens", async () => {
    const model = modelOf(gateway, "auto:long");
    const whole = await generateText({ model, prompt: QUESTION });
    const streamed = streamText({ model, prompt: QUESTION });

    expect(whole.reasoningText).toBeUndefined();
    expect(await streamed.reasoningText).toBeUndefined();
    expect((await streamed.usage).outputTokenDetails.reasoningTokens).toBeGreaterThan(0);
    expect(whole.usage.outputTokenDetails.reasoningTokens).toBeGreaterThan(0);
  });
});

describe("@ai-sdk/openai-compatible", () => {
  test("binds an object to its JSON schema once it is told that it may, whole and streamed", async () => {
    const model = compatibleModel(gateway, "auto", { supportsStructuredOutputs: true });
    const { object } = await generateObject({ model, schema: PRODUCT, prompt: QUESTION });
    const streamed = streamText({
      model,
      prompt: QUESTION,
      output: Output.object({ schema: PRODUCT }),
    });

    expect(object.answer).toBeTypeOf("number");
    expect(await streamed.output).toEqual(object);
    expect(lastSent()).toMatchObject({ response_format: { type: "json_schema" } });
  });

  test("asks for any JSON and warns of it when it is not told", async () => {
    const { warnings, object } = await generateObject({
      model: compatibleModel(gateway, "auto"),
      schema: z.object({ answer: z.int() }),
      prompt: QUESTION,
    });

    expect(object.answer).toBeTypeOf("number");
    expect(lastSent()).toMatchObject({ response_format: { type: "json_object" } });
    expect(warnings).toMatchObject([{ type: "unsupported", feature: "responseFormat" }]);
  });

  test("sees the usage of a stream with includeUsage, and none without it", async () => {
    const asking = streamText({
      model: compatibleModel(gateway, "auto", { includeUsage: true }),
      prompt: QUESTION,
    });
    await asking.text;
    const charged = await lastCharge();
    const silent = streamText({ model: compatibleModel(gateway, "auto"), prompt: QUESTION });
    await silent.text;

    expect((await asking.usage).totalTokens).toBe(charged);
    expect((await silent.usage).totalTokens).toBeUndefined();
  });

  test("reads the reasoning before the text, whole and streamed", async () => {
    const model = compatibleModel(gateway, "auto:long");
    const whole = await generateText({ model, prompt: QUESTION });
    const streamed = streamText({ model, prompt: QUESTION });
    const kinds: string[] = [];
    for await (const { type } of streamed.stream)
      if (type.endsWith("-start") || type.endsWith("-end")) kinds.push(type);

    expect(whole.reasoningText).toMatch(/\w/);
    expect(await streamed.reasoningText).toBe(whole.reasoningText);
    expect(await streamed.text).toBe(whole.text);
    expect(kinds.filter((kind) => /^(reasoning|text)-/.test(kind))).toEqual([
      "reasoning-start",
      "reasoning-end",
      "text-start",
      "text-end",
    ]);
  });
});

/** The tokens that the demo tenant's last call was charged. */
async function lastCharge(): Promise<number | undefined> {
  await gateway.untilSettled("demo");
  return (await gateway.ledgerJournal("demo")).at(-1)?.spent.tokens;
}

function lastSent(): unknown {
  return gateway.simulator.requests.at(-1)?.json;
}

interface Step {
  readonly response: { readonly headers?: Record<string, string> | undefined };
}

function armOf(step: Step | undefined): string {
  const headers = step?.response.headers;
  return `${headers?.["x-sluice-model"]}/${headers?.["x-sluice-mode"]}`;
}
