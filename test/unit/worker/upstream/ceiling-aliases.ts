// Every field by which a client may ask an engine to think, asking for too much, and the engines that it is sent to.
import type { Capability } from "../../../../policies/catalog.ts";

export const CEILING_TOKENS = 2048;

/** More than the ceiling, each under another name. */
export const TOO_MUCH: readonly (readonly [
  name: string,
  fields: Readonly<Record<string, unknown>>,
])[] = [
  ["reasoning_effort high", { reasoning_effort: "high" }],
  ["reasoning_effort max", { reasoning_effort: "max" }],
  ["reasoning_effort that nobody knows", { reasoning_effort: "ludicrous" }],
  ["reasoning.effort", { reasoning: { effort: "high" } }],
  ["reasoning.max_tokens", { reasoning: { max_tokens: 30_000 } }],
  ["reasoning.enabled", { reasoning: { enabled: true } }],
  ["thinking.budget_tokens", { thinking: { type: "enabled", budget_tokens: 30_000 } }],
  ["thinking.token_budget", { thinking: { type: "enabled", token_budget: 30_000 } }],
  ["thinking without a budget", { thinking: { type: "enabled" } }],
  ["thinking adaptive", { thinking: { type: "adaptive" } }],
  ["thinking_budget", { enable_thinking: true, thinking_budget: 30_000 }],
  ["thinking_budget in quotes", { thinking_budget: "30000" }],
  ["thinking_budget without end", { thinking_budget: -1 }],
  ["thinking_token_budget", { thinking_token_budget: 30_000 }],
  ["thinking_budget_tokens", { thinking_budget_tokens: 30_000 }],
  ["reasoning_budget", { reasoning_budget: 30_000 }],
  ["max_thinking_tokens", { max_thinking_tokens: 30_000 }],
  ["nvext", { nvext: { max_thinking_tokens: 30_000 } }],
  ["enable_thinking", { enable_thinking: true }],
  ["think", { think: true }],
  ["think high", { think: "high" }],
  ["chat_template_kwargs.enable_thinking", { chat_template_kwargs: { enable_thinking: true } }],
  [
    "chat_template_kwargs.thinking_budget",
    { chat_template_kwargs: { enable_thinking: true, thinking_budget: 30_000 } },
  ],
  ["chat_template_kwargs.reasoning_effort", { chat_template_kwargs: { reasoning_effort: "high" } }],
  ["output_config.effort", { output_config: { effort: "max" } }],
  ["google.thinking_config", { google: { thinking_config: { thinking_budget: 30_000 } } }],
  ["google.thinking_config.level", { google: { thinking_config: { thinking_level: "HIGH" } } }],
  [
    "generation_config.thinkingConfig",
    { generation_config: { thinkingConfig: { thinkingBudget: 30_000 } } },
  ],
  [
    "chat_template_args",
    { chat_template_args: { enable_thinking: true, thinking_budget: 20_000 } },
  ],
  ["parameters", { parameters: { enable_thinking: true, thinking_budget: 20_000 } }],
  ["sampling_params", { sampling_params: { thinking_budget: 20_000 } }],
  ["config.thinkingConfig", { config: { thinkingConfig: { thinkingBudget: 20_000 } } }],
  ["a list of bags", { extra: [{ reasoning_effort: "high" }] }],
  ["a bag in a bag", { a: { b: [{ c: { max_thinking_tokens: 20_000 } }] } }],
  ["extra_body", { extra_body: { google: { thinking_config: { thinking_budget: 30_000 } } } }],
  ["custom_params", { custom_params: { thinking_budget: 30_000 } }],
  ["vllm_xargs", { vllm_xargs: { thinking_token_budget: 30_000 } }],
  ["options", { options: { think: "high" } }],
];

/** With the capabilities by which an engine is told everything that it can be told. */
export const ENGINES: Readonly<Record<string, readonly Capability[]>> = {
  vllm: ["thinking-switch", "effort", "thinking-cap"],
  sglang: ["thinking-switch", "effort", "thinking-cap"],
  "llama.cpp": ["thinking-switch", "thinking-cap"],
  ollama: ["effort"],
  openai: ["effort"],
  deepseek: ["thinking-switch", "effort"],
  dashscope: ["thinking-switch", "thinking-cap", "thinking-unstreamed"],
  anthropic: ["thinking-switch", "thinking-cap"],
  gemini: ["effort", "thinking-cap"],
  openrouter: ["effort", "thinking-cap"],
  "workers-ai": ["thinking-switch", "effort"],
  generic: [],
};
