// Every engine behind the built Worker: direct stops its thinking, long starts it, caps are kept, nothing is refused, and
// what the engine really used is what is settled. Where an engine cannot, the explanation says so and why.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Capability } from "../../../policies/catalog.ts";
import { generateItem } from "../../simulator/items/generate.ts";
import { startEngineGateway, type EngineGateway, type Entry, type Seen } from "./engine-gateway.ts";

const QUESTION = "What is 17 * 24 - 3 * 5?";
/** Thinking about it takes thousands of tokens, so a cap shows. */
const HARD = generateItem(3, "arithmetic", 9).text;

const PLAIN: readonly Capability[] = ["stream-usage", "temperature"];

interface Row {
  readonly has: readonly Capability[];
  /** Which counts it tells apart from the sums. */
  readonly tells: "all" | "thinking" | "nothing";
  readonly thinkingCap: boolean;
}

const ENGINES: Readonly<Record<string, Row>> = {
  vllm: {
    has: ["thinking-switch", "effort", "thinking-cap", "cache-salt"],
    tells: "all",
    thinkingCap: true,
  },
  sglang: {
    has: ["thinking-switch", "effort", "thinking-cap", "cache-salt"],
    tells: "all",
    thinkingCap: true,
  },
  "llama.cpp": { has: ["thinking-switch", "thinking-cap"], tells: "all", thinkingCap: true },
  ollama: { has: ["effort"], tells: "nothing", thinkingCap: false },
  openai: { has: ["effort"], tells: "all", thinkingCap: false },
  deepseek: { has: ["thinking-switch", "effort"], tells: "all", thinkingCap: false },
  dashscope: {
    has: ["thinking-switch", "thinking-cap", "thinking-unstreamed"],
    tells: "all",
    thinkingCap: true,
  },
  anthropic: { has: ["thinking-switch", "thinking-cap"], tells: "nothing", thinkingCap: true },
  gemini: { has: ["effort", "thinking-cap"], tells: "thinking", thinkingCap: true },
  openrouter: { has: ["effort", "thinking-cap"], tells: "all", thinkingCap: true },
  "workers-ai": { has: ["thinking-switch", "effort"], tells: "all", thinkingCap: false },
};

/** Models that cannot do all that their engine can. */
const STRICT: Readonly<Record<string, Entry>> = {
  "qwen-streams": {
    engine: "dashscope",
    name: "sim-large",
    capabilities: [...PLAIN, "thinking-switch"],
  },
  "claude-adapts": {
    engine: "anthropic",
    name: "sim-large",
    capabilities: ["stream-usage", "thinking-switch"],
  },
  "gemini-thinks": {
    engine: "gemini",
    name: "sim-large",
    capabilities: [...PLAIN, "effort"],
    efforts: ["low", "high"],
  },
  "oss-thinks": {
    engine: "workers-ai",
    name: "sim-large",
    capabilities: [...PLAIN, "effort"],
    thinking: "always",
  },
  "gpt-plain": { engine: "openai", name: "sim-small", capabilities: PLAIN, thinking: "never" },
  "llama-plain": {
    engine: "ollama",
    name: "sim-small",
    capabilities: [...PLAIN, "thinking-switch"],
  },
  anything: { engine: "generic", capabilities: PLAIN },
};

let gateway: EngineGateway;
beforeAll(async () => {
  const told = Object.entries(ENGINES).map(
    ([engine, { has }]) => [engine, { engine, capabilities: [...PLAIN, ...has] }] as const,
  );
  gateway = await startEngineGateway({ ...Object.fromEntries(told), ...STRICT });
});
afterAll(() => gateway.dispose());

function expectSettled({ truth, settled, status, text }: Seen, tells: Row["tells"] = "all"): void {
  expect(status, text).toBe(200);
  const { usage } = truth;
  expect(settled).toEqual({
    usage: {
      inputTokens: usage.prompt_tokens,
      outputTokens: usage.completion_tokens,
      cacheWriteTokens: 0,
      cachedTokens: tells === "all" ? usage.prompt_tokens_details.cached_tokens : 0,
      reasoningTokens: tells === "nothing" ? 0 : usage.completion_tokens_details.reasoning_tokens,
    },
    certainty: "exact",
    ending: "complete",
    anomaly: null,
  });
}

function thoughtTokens({ truth }: Seen): number {
  return truth.usage.completion_tokens_details.reasoning_tokens;
}

describe.each(Object.keys(ENGINES))("%s", (engine) => {
  const row = ENGINES[engine] ?? { has: [], tells: "all", thinkingCap: false };

  test.each([true, false])("does not think in direct (stream: %s)", async (isStream) => {
    const seen = await gateway.see(engine, "direct", { text: QUESTION, isStream });
    expect(thoughtTokens(seen)).toBe(0);
    expect(seen.knobs["thinking"]).toMatch(/^exact: /);
    expectSettled(seen, row.tells);
  });

  test.each([true, false])("thinks in long (stream: %s)", async (isStream) => {
    const seen = await gateway.see(engine, "long", { text: QUESTION, isStream });
    expect(thoughtTokens(seen)).toBeGreaterThan(0);
    expect(seen.knobs["thinking"]).toMatch(/^(exact|approx): /);
    expect(seen.knobs["thinking-cap"]).toMatch(row.thinkingCap ? /^(exact|approx): / : /^off: /);
    expectSettled(seen, row.tells);
  });

  test.each(["max_tokens", "max_completion_tokens"])("keeps a client's %s", async (field) => {
    const fields = { [field]: 2_000 };
    const seen = await gateway.see(engine, "long", { text: HARD, isStream: true, fields });
    expect(seen.truth.usage.completion_tokens).toBeLessThanOrEqual(2_000);
    // Three quarters of the cap are for thinking, where it can be told; the simulator stops a little before them.
    if (row.thinkingCap) expect(thoughtTokens(seen)).toBeLessThanOrEqual(1_500);
    else expect(thoughtTokens(seen)).toBeGreaterThan(1_500);
    expect(thoughtTokens(seen)).toBeGreaterThan(1_300);
    expectSettled(seen, row.tells);
  });

  test("answers a client that sets a temperature, in either mode", async () => {
    for (const mode of ["direct", "long"]) {
      const fields = { temperature: 0.3 };
      const seen = await gateway.see(engine, mode, { text: QUESTION, isStream: false, fields });
      expectSettled(seen, row.tells);
      const isSent = seen.sent["temperature"] === 0.3;
      expect(isSent ? "" : (seen.knobs["temperature"] ?? "")).toMatch(/^$|^off: .*left out$/);
    }
  });

  test("heeds a client's effort none and high, in whatever words", async () => {
    const none = { text: QUESTION, isStream: true, fields: { reasoning_effort: "none" } };
    expect(thoughtTokens(await gateway.see(engine, "auto", none))).toBe(0);
    const high = { text: QUESTION, isStream: true, fields: { reasoning_effort: "high" } };
    const seen = await gateway.see(engine, "auto", high);
    expect(thoughtTokens(seen)).toBeGreaterThan(0);
    expectSettled(seen, row.tells);
  });
});

describe("what an engine cannot is said", () => {
  test("by Qwen's strict models, which do not think in one piece", async () => {
    const whole = await gateway.see("qwen-streams", "long", { text: QUESTION, isStream: false });
    expect(whole.knobs["thinking"]).toMatch(/^off: .*does not stream/);
    expect(thoughtTokens(whole)).toBe(0);
    expectSettled(whole);
    const stream = await gateway.see("qwen-streams", "long", { text: QUESTION, isStream: true });
    expect(stream.knobs["thinking"]).toMatch(/^exact: /);
    expect(thoughtTokens(stream)).toBeGreaterThan(0);
  });

  test("by Claude's newer models, which take no budget and no temperature", async () => {
    const long = await gateway.see("claude-adapts", "long", { text: QUESTION, isStream: true });
    expect(long.sent["thinking"]).toEqual({ type: "adaptive" });
    expect(long.knobs["thinking"]).toMatch(/^approx: thinking adaptive/);
    expect(long.knobs["thinking-cap"]).toMatch(/^off: the catalog does not declare/);
    expectSettled(long, "nothing");
    const direct = await gateway.see("claude-adapts", "direct", { text: QUESTION, isStream: true });
    expect(thoughtTokens(direct)).toBe(0);
    expect(direct.sent).not.toHaveProperty("temperature");
  });

  test("by Claude when an answer has no room for the least budget", async () => {
    const fields = { max_tokens: 1_000 };
    const seen = await gateway.see("anthropic", "long", { text: QUESTION, isStream: true, fields });
    expect(seen.knobs["thinking"]).toMatch(/^off: .*1024/);
    expect(thoughtTokens(seen)).toBe(0);
    expectSettled(seen, "nothing");
  });

  test.each(["gemini-thinks", "oss-thinks"])("by %s, which cannot stop", async (model) => {
    const seen = await gateway.see(model, "direct", { text: QUESTION, isStream: true });
    expect(seen.sent["reasoning_effort"]).toBe("low");
    expect(seen.knobs["thinking"]).toMatch(
      /^approx: this model cannot be told to stop; effort low/,
    );
    expect(thoughtTokens(seen)).toBeGreaterThan(0);
    expectSettled(seen, model === "gemini-thinks" ? "thinking" : "all");
  });

  test.each(["gpt-plain", "llama-plain", "anything"])(
    "by %s, which does not think and is not asked to",
    async (model) => {
      const isOllama = model === "llama-plain";
      for (const mode of ["direct", "long"]) {
        const seen = await gateway.see(model, mode, { text: QUESTION, isStream: true });
        expect(thoughtTokens(seen)).toBe(0);
        expect(seen.sent["reasoning_effort"]).toBe(
          isOllama && mode === "direct" ? "none" : undefined,
        );
        expect(Object.keys(seen.sent)).not.toContain("chat_template_kwargs");
        expectSettled(seen, isOllama ? "nothing" : "all");
      }
      const { knobs } = await gateway.see(model, "long", { text: QUESTION, isStream: true });
      expect(knobs["thinking"]).toMatch(isOllama ? /^approx: .*by itself/ : /^off: /);
    },
  );

  test("and no engine got a salt that it has no word for", () => {
    const salted = gateway.simulator.requests.filter(({ body }) => body.includes('"cache_salt"'));
    expect(salted.length).toBeGreaterThan(0);
    expect(
      salted.map(({ path }) => path).filter((path) => !/\/as\/(vllm|sglang)\//.test(path)),
    ).toEqual([]);
  });
});
