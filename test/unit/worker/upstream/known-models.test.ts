// What a gateway in front of one engine supposes of it, from its address and from the name of its model.
import { expect, it } from "vitest";
import { parseCatalog } from "../../../../policies/catalog.ts";
import {
  buildCatalog,
  ENGINES,
  guessEngine,
  type Engine,
} from "../../../../worker/cli/one-upstream.ts";
import { engineOf } from "../../../../worker/upstream/table.ts";

function entryOf(engine: Engine, model: string) {
  const catalog = buildCatalog({ baseUrl: "http://h/v1", model, hasApiKey: false, engine });
  const parsed = parseCatalog(catalog);
  if (parsed.kind === "faulty") throw new Error(JSON.stringify(parsed.faults));
  const [entry] = parsed.value.models;
  if (entry === undefined) throw new Error("The catalog is empty.");
  return entry;
}

it.each([
  ["https://api.openai.com/v1", "openai"],
  ["https://api.deepseek.com", "deepseek"],
  ["https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "dashscope"],
  ["https://dashscope.aliyuncs.com/compatible-mode/v1", "dashscope"],
  ["https://api.anthropic.com/v1", "anthropic"],
  ["https://generativelanguage.googleapis.com/v1beta/openai", "gemini"],
  ["https://openrouter.ai/api/v1", "openrouter"],
  ["https://api.cloudflare.com/client/v4/accounts/a/ai/v1", "workers-ai"],
  ["http://127.0.0.1:11434/v1", "ollama"],
  // Ports that several engines use, and names that only look alike, say nothing.
  ["http://127.0.0.1:8080/v1", "generic"],
  ["https://api.openai.com.example/v1", "generic"],
  ["https://notopenrouter.ai/v1", "generic"],
])("%s is %s", (url, engine) => {
  expect(guessEngine(new URL(url))).toBe(engine);
});

it("knows by the same names as the gateway, and declares for each what a catalog may declare", () => {
  for (const engine of ENGINES) {
    expect(engineOf(engine).id).toBe(engine);
    expect(entryOf(engine, "any-model").capabilities).toContain("stream-usage");
  }
});

it.each<[Engine, string, object]>([
  ["openai", "gpt-5", { efforts: ["minimal", "low", "medium", "high"] }],
  ["openai", "gpt-4o-mini", { thinking: "never" }],
  ["openai", "o3", { efforts: ["low", "medium", "high"] }],
  ["dashscope", "qwq-plus", { thinking: "always" }],
  ["anthropic", "claude-fable-5-1", { thinking: "always" }],
  ["gemini", "gemini-2.5-flash", { thinkingTokensMax: 24_576 }],
  ["gemini", "gemini-2.5-pro", { efforts: ["low", "medium", "high"] }],
  ["workers-ai", "@cf/openai/gpt-oss-120b", { efforts: ["low", "medium", "high"] }],
])("%s: of %s it knows %j", (engine, model, known) => {
  expect(entryOf(engine, model)).toMatchObject(known);
});

it.each<[Engine, string, readonly string[], readonly string[]]>([
  ["openai", "gpt-5.1", ["effort", "temperature"], []],
  ["openai", "gpt-5-chat-latest", [], ["effort", "temperature"]],
  ["openai", "someone-elses", [], ["effort", "temperature"]],
  ["anthropic", "claude-sonnet-4-5-20250929", ["thinking-cap", "temperature"], []],
  ["anthropic", "claude-opus-4-6", ["thinking-switch", "temperature"], ["thinking-cap"]],
  ["anthropic", "claude-opus-4-8", ["thinking-switch"], ["thinking-cap", "temperature"]],
  ["anthropic", "claude-opus-5-5", ["thinking-switch"], ["thinking-cap", "temperature"]],
  ["anthropic", "claude-sonnet-5", ["thinking-switch"], ["thinking-cap", "temperature"]],
  ["gemini", "gemini-2.5-flash", ["effort", "thinking-cap"], []],
  ["gemini", "gemini-3.8-flash", ["effort"], ["thinking-cap"]],
  ["dashscope", "qwen3.6-plus", ["thinking-switch", "thinking-cap"], ["thinking-unstreamed"]],
  ["dashscope", "qwen2.5-7b", [], ["thinking-switch"]],
  ["workers-ai", "@cf/moonshotai/kimi-k2.5", [], ["thinking-switch", "effort"]],
])("%s: %s takes %j and not %j", (engine, model, takes, lacks) => {
  const { capabilities } = entryOf(engine, model);
  for (const capability of takes) expect(capabilities).toContain(capability);
  for (const capability of lacks) expect(capabilities).not.toContain(capability);
});

it("refuses a model whose least thinking is more than its most", () => {
  const catalog = buildCatalog({
    baseUrl: "http://h/v1",
    model: "m",
    hasApiKey: false,
    engine: "generic",
  });
  const models = catalog.models.map((model) => ({
    ...model,
    thinkingTokensMin: 2,
    thinkingTokensMax: 1,
  }));
  expect(parseCatalog({ ...catalog, models })).toMatchObject({
    kind: "faulty",
    faults: [{ path: "models.0.thinkingTokensMin" }],
  });
});
