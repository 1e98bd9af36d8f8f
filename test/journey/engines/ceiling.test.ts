// A policy's ceiling on thinking behind the built Worker: whatever field a client uses, the engine never thinks for longer
// where it takes a bound, and never answers for longer where it takes none; the answer says that it was lowered.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { generateItem } from "../../simulator/items/generate.ts";
import { startEngineGateway, type EngineGateway, type Entry } from "./engine-gateway.ts";

/** Thinking about it takes thousands of tokens, so a ceiling shows. */
const HARD = generateItem(3, "arithmetic", 9).text;
const CEILING_TOKENS = 1024;
const DIRECT_TOKENS = 300;

const ENTRIES: Readonly<Record<string, Entry>> = {
  vllm: { engine: "vllm", capabilities: ["thinking-switch", "effort", "thinking-cap"] },
  sglang: { engine: "sglang", capabilities: ["thinking-switch", "effort", "thinking-cap"] },
  dashscope: {
    engine: "dashscope",
    capabilities: ["thinking-switch", "thinking-cap", "thinking-unstreamed"],
  },
  anthropic: { engine: "anthropic", capabilities: ["thinking-switch", "thinking-cap"] },
  openrouter: { engine: "openrouter", capabilities: ["effort", "thinking-cap"] },
  openai: { engine: "openai", capabilities: ["effort"] },
  deepseek: { engine: "deepseek", capabilities: ["thinking-switch", "effort"] },
  gemini: { engine: "gemini", capabilities: ["effort", "thinking-cap"] },
  // These think by themselves, and nothing says so.
  generic: { engine: "generic", name: "sim-large", capabilities: [] },
  undeclared: { engine: "vllm", name: "sim-large", capabilities: [] },
};

const configOf = (thinking_budget: number): object => ({
  extra_body: { google: { thinking_config: { thinking_budget } } },
});

/** Engine, what its client asks for, and whether that engine is then held to a bound of its own. */
const TOO_MUCH: readonly (readonly [string, object, boolean])[] = [
  ["vllm", { reasoning_effort: "max" }, true],
  ["vllm", { chat_template_kwargs: { enable_thinking: true } }, true],
  ["vllm", { reasoning_effort: "high", thinking_token_budget: 9000 }, true],
  ["sglang", { chat_template_kwargs: { enable_thinking: true, thinking_budget: 9000 } }, true],
  ["sglang", { reasoning_effort: "high", custom_params: { thinking_budget: 9000 } }, true],
  ["dashscope", { enable_thinking: true }, true],
  ["dashscope", { enable_thinking: true, thinking_budget: 9000 }, true],
  ["anthropic", { thinking: { type: "enabled", budget_tokens: 5000 } }, true],
  ["openrouter", { reasoning: { max_tokens: 9000 } }, true],
  ["openrouter", { reasoning: { effort: "high" } }, false],
  ["openai", { reasoning_effort: "high" }, false],
  ["openai", { reasoning_effort: "high", max_completion_tokens: 20_000 }, false],
  ["deepseek", { thinking: { type: "enabled" }, reasoning_effort: "max" }, false],
  ["gemini", configOf(9000), true],
  ["gemini", { reasoning_effort: "high" }, false],
  ["generic", { max_tokens: 20_000 }, false],
  ["generic", { parameters: { thinking_budget: 20_000 } }, false],
  ["undeclared", { max_tokens: 20_000 }, false],
  ["undeclared", { chat_template_kwargs: { enable_thinking: true } }, false],
];

let gateway: EngineGateway;
beforeAll(async () => {
  gateway = await startEngineGateway(ENTRIES, {
    reasoningTokensMax: CEILING_TOKENS,
    capTokens: { direct: DIRECT_TOKENS, short: 2000, code: 2000, long: 8000 },
  });
});
afterAll(() => gateway.dispose());

describe.each(["as-sent", "auto"])("%s", (mode) => {
  test.each(TOO_MUCH)("%s keeps the ceiling over %j", async (engine, fields, isHeld) => {
    const seen = await gateway.see(engine, mode, {
      text: HARD,
      isStream: false,
      fields: { ...fields },
    });
    expect(seen.status, seen.text).toBe(200);
    const { usage } = seen.truth;
    const thought = usage.completion_tokens_details.reasoning_tokens;
    if (isHeld) expect(thought).toBeLessThanOrEqual(CEILING_TOKENS);
    else expect(usage.completion_tokens).toBeLessThanOrEqual(CEILING_TOKENS + DIRECT_TOKENS);
    expect(thought).toBeGreaterThan(0);
    expect(seen.headers.get("x-sluice-reasoning-max")).toBe(String(CEILING_TOKENS));
    expect(seen.knobs["reasoning-ceiling"]).toMatch(isHeld ? /^exact: / : /^approx: /);
    expect(seen.settled).toMatchObject({ certainty: "exact", ending: "complete", anomaly: null });
  });
});

test("a mode of the gateway's own keeps it as well", async () => {
  for (const engine of ["vllm", "sglang", "dashscope", "anthropic"]) {
    const seen = await gateway.see(engine, "long", { text: HARD, isStream: true });
    const thought = seen.truth.usage.completion_tokens_details.reasoning_tokens;
    expect(thought, engine).toBeGreaterThan(0);
    expect(thought, engine).toBeLessThanOrEqual(CEILING_TOKENS);
  }
});

test.each(["generic", "undeclared"])(
  "a model of which nothing is known keeps it: %s",
  async (model) => {
    const seen = await gateway.see(model, "long", { text: HARD, isStream: true });
    const { usage } = seen.truth;
    expect(usage.completion_tokens_details.reasoning_tokens).toBeGreaterThan(0);
    expect(usage.completion_tokens).toBeLessThanOrEqual(CEILING_TOKENS + DIRECT_TOKENS);
    expect(seen.headers.get("x-sluice-reasoning-max")).toBe(String(CEILING_TOKENS));
    expect(seen.knobs["reasoning-ceiling"]).toMatch(/^approx: /);
  },
);

test.each(["as-sent", "auto", "long"])(
  "Gemini keeps a client's lower budget (%s)",
  async (mode) => {
    const fields = { ...configOf(512) };
    const seen = await gateway.see("gemini", mode, { text: HARD, isStream: false, fields });
    expect(seen.sent["extra_body"]).toEqual(fields["extra_body" as never]);
    expect(seen.truth.usage.completion_tokens_details.reasoning_tokens).toBeLessThanOrEqual(512);
    expect(seen.truth.usage.completion_tokens_details.reasoning_tokens).toBeGreaterThan(0);
    expect(seen.knobs["reasoning-ceiling"]).toBeUndefined();
  },
);

test("who asks for less is not lowered, and nothing is said", async () => {
  const fields = { chat_template_kwargs: { enable_thinking: true }, thinking_token_budget: 200 };
  const seen = await gateway.see("vllm", "as-sent", { text: HARD, isStream: false, fields });
  expect(seen.sent).toMatchObject(fields);
  expect(seen.headers.get("x-sluice-reasoning-max")).toBeNull();
  expect(seen.knobs["reasoning-ceiling"]).toBeUndefined();
  expect(seen.truth.usage.completion_tokens_details.reasoning_tokens).toBeLessThanOrEqual(200);
});
