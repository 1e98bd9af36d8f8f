// Each engine that the simulator passes for refuses what the real one refuses, ignores what it ignores, and is told to
// think in its own words.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { completeSettings, noLatency } from "../../simulator/settings.ts";
import { startSimulator, type Simulator } from "../../simulator/simulator.ts";
import { chatBody, eventsOf, joinField, post, type Body, type Completion } from "./ask.ts";

const QUESTION = "What is 17 * 24 - 3 * 5?";

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator(noLatency);
});
afterAll(() => simulator.close());

const ask = (engine: string, more: Body): Promise<Response> =>
  post(`${simulator.url}/as/${engine}`, chatBody(QUESTION, more));

async function reasoningTokens(engine: string, more: Body): Promise<number> {
  expect((await ask(engine, more)).status).toBe(200);
  return simulator.requests.at(-1)?.truth?.usage.completion_tokens_details.reasoning_tokens ?? -1;
}

describe("thinking is switched by", () => {
  test.each<[engine: string, off: Body, on: Body]>([
    ["vllm", { chat_template_kwargs: { enable_thinking: false } }, { reasoning_effort: "low" }],
    ["sglang", { reasoning_effort: "none" }, { chat_template_kwargs: { enable_thinking: true } }],
    [
      "llama.cpp",
      { thinking_budget_tokens: 0 },
      { chat_template_kwargs: { enable_thinking: true } },
    ],
    ["ollama", { reasoning_effort: "none" }, {}],
    ["openai", { reasoning_effort: "none" }, {}],
    ["deepseek", { thinking: { type: "disabled" } }, {}],
    ["dashscope", { enable_thinking: false }, { enable_thinking: true }],
    [
      "anthropic",
      { thinking: { type: "disabled" } },
      { thinking: { type: "enabled", budget_tokens: 1024 }, max_tokens: 2000 },
    ],
    ["gemini", { reasoning_effort: "none" }, {}],
    ["openrouter", { reasoning: { enabled: false } }, { reasoning: { max_tokens: 500 } }],
    ["workers-ai", { reasoning_effort: "none" }, { reasoning_effort: "high" }],
  ])("%s", async (engine, off, on) => {
    expect(await reasoningTokens(engine, off)).toBe(0);
    expect(await reasoningTokens(engine, on)).toBeGreaterThan(0);
  });

  test("nothing that an engine does not read", async () => {
    const foreign = {
      enable_thinking: true,
      thinking: { type: "enabled" },
      thinking_token_budget: 9,
    };
    for (const engine of ["sglang", "llama.cpp", "generic", "workers-ai", "openrouter"])
      expect(await reasoningTokens(engine, foreign)).toBe(0);
  });
});

describe("a refusal", () => {
  test.each<[engine: string, more: Body, says: string]>([
    ["openai", { cache_salt: "s" }, "Unknown parameter: 'cache_salt'"],
    ["openai", { max_tokens: 50 }, "Use 'max_completion_tokens'"],
    ["openai", { temperature: 0.2 }, "Only the default temperature"],
    ["openai", { reasoning_effort: "max" }, "no such effort"],
    ["openai", { model: "sim-small", reasoning_effort: "low" }, "no effort"],
    ["openai", { stream_options: { include_usage: true } }, "stream_options"],
    ["ollama", { model: "sim-small", reasoning_effort: "high" }, "does not support thinking"],
    ["deepseek", { thinking: { type: "adaptive" } }, "thinking.type"],
    ["deepseek", { reasoning_effort: "none" }, "unknown variant"],
    ["dashscope", { model: "sim-large" }, "non-streaming calls"],
    ["dashscope", { thinking_budget: 0 }, "positive integer"],
    ["dashscope", { thinking_budget: 99_999 }, "not greater than"],
    ["anthropic", { cache_salt: "s" }, "Extra inputs"],
    ["anthropic", { thinking: { type: "enabled", budget_tokens: 500 }, max_tokens: 900 }, "1024"],
    [
      "anthropic",
      { thinking: { type: "enabled", budget_tokens: 1024 }, max_tokens: 1024 },
      "greater",
    ],
    [
      "anthropic",
      { thinking: { type: "enabled", budget_tokens: 1024 }, max_tokens: 2000, temperature: 0 },
      "temperature",
    ],
    ["anthropic", { model: "sim-large", temperature: 0 }, "temperature"],
    [
      "anthropic",
      { model: "sim-large", thinking: { type: "enabled", budget_tokens: 1024 } },
      "not supported",
    ],
    ["anthropic", { thinking: { type: "adaptive" } }, "not supported"],
    ["gemini", { reasoning: {} }, 'Unknown name "reasoning"'],
    ["gemini", { model: "sim-large", reasoning_effort: "none" }, "only works in thinking mode"],
    [
      "gemini",
      {
        reasoning_effort: "low",
        extra_body: { google: { thinking_config: { thinking_budget: 100 } } },
      },
      "Expected one of",
    ],
    ["openrouter", { reasoning: { effort: "low", max_tokens: 100 } }, "Only one of"],
  ])("of %s meets %j", async (engine, more, says) => {
    const response = await ask(engine, more);
    expect(response.status).toBe(400);
    const body = await response.text();
    expect(body).toContain(JSON.stringify(says).slice(1, -1));
    expect(body.startsWith("[")).toBe(engine === "gemini");
  });

  test.each<[engine: string, more: Body]>([
    ["openai", { reasoning_effort: "none", temperature: 0.2 }],
    ["openai", { model: "sim-small", max_tokens: 50, temperature: 0.2 }],
    ["vllm", { anything: 1, max_tokens: 50 }],
    ["dashscope", { model: "sim-large", enable_thinking: false }],
    ["dashscope", { model: "sim-mid", enable_thinking: true, thinking_budget: 500 }],
    ["anthropic", { reasoning_effort: "high", temperature: 0.2 }],
    ["anthropic", { model: "sim-large", thinking: { type: "adaptive" } }],
    ["gemini", { extra_body: { google: { thinking_config: { thinking_budget: 100 } } } }],
  ])("of %s does not meet %j", async (engine, more) => {
    expect((await ask(engine, more)).status).toBe(200);
  });
});

test("the cap that an engine does not read caps nothing there", async () => {
  const lengthOf = async (engine: string, more: Body): Promise<number> =>
    ((await (await ask(engine, more)).json()) as Completion).usage.completion_tokens;
  for (const engine of ["ollama", "deepseek"]) {
    expect(await lengthOf(engine, { max_tokens: 5 })).toBe(5);
    expect(await lengthOf(engine, { max_completion_tokens: 5 })).toBeGreaterThan(5);
  }
});

describe("a stream", () => {
  const stream = async (engine: string, more: Body) =>
    eventsOf(await (await ask(engine, { stream: true, ...more })).text());

  test("of DeepSeek brings its usage beside its finish reason, unasked, with its own word for hits", async () => {
    const { events } = await stream("deepseek", {});
    expect(joinField(events, "reasoning_content")).not.toBe("");
    expect(events.at(-1)).toMatchObject({
      choices: [{ finish_reason: "stop" }],
      usage: { prompt_cache_hit_tokens: expect.any(Number) as number },
    });
  });

  test("of Gemini hides thinking in its total", async () => {
    const { events } = await stream("gemini", { stream_options: { include_usage: true } });
    const usage = events.at(-1)?.usage as Record<string, number>;
    expect(Object.keys(usage)).toEqual(["prompt_tokens", "completion_tokens", "total_tokens"]);
    expect(usage["total_tokens"]).toBeGreaterThan(
      (usage["prompt_tokens"] ?? 0) + (usage["completion_tokens"] ?? 0),
    );
    expect(joinField(events, "reasoning_content") + joinField(events, "reasoning")).toBe("");
  });

  test("of OpenRouter has comments, and thinking under its own name", async () => {
    const text = await (
      await ask("openrouter", { stream: true, reasoning: { effort: "low" } })
    ).text();
    expect(text).toContain(": still here");
    expect(joinField(eventsOf(text).events, "reasoning")).not.toBe("");
  });

  test("that breaks stays broken when its usage has no chunk of its own", async () => {
    const text = await (
      await ask("deepseek", { model: "sim-mid!broken-json", stream: true })
    ).text();
    expect(() => eventsOf(text)).toThrow();
  });
});

test("the settings say which engine answers without a prefix; one that is not known is a mistake", async () => {
  const openai = await startSimulator({ ...noLatency, engine: "openai" });
  const statusOf = async (path: string): Promise<number> =>
    (await post(`${openai.url}${path}`, chatBody(QUESTION, { max_tokens: 50 }))).status;
  expect([await statusOf(""), await statusOf("/as/vllm"), await statusOf("/as/nobody")]).toEqual([
    400, 200, 404,
  ]);
  await openai.close();
  expect(() => completeSettings({ engine: "nobody" })).toThrow("engine must be one of");
});
