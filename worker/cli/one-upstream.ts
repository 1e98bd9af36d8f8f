// The documents for a gateway in front of one engine that serves one model: a catalog with just that,
// and the seeded policies with every mode bound to it.
import type { Capability, Catalog, Model } from "../../policies/catalog.ts";

export interface OneUpstream {
  readonly baseUrl: string;
  /** What the engine calls it. */
  readonly model: string;
  readonly hasApiKey: boolean;
  readonly engine: Engine;
}

/**
 * What each engine is known to take for most of its models. A capability too many costs a refused
 * request, one too few only a saving; so what differs from model to model is left out.
 */
const CAPABILITIES_BY_ENGINE = {
  openai: ["stream-usage", "tools", "json-schema"],
  ollama: ["thinking-switch", "stream-usage", "temperature", "tools", "json-schema"],
  vllm: ["thinking-switch", "stream-usage", "temperature", "cache-salt", "tools", "json-schema"],
  generic: ["stream-usage", "temperature"],
  sglang: ["thinking-switch", "stream-usage", "temperature", "tools", "json-schema"],
  "llama.cpp": ["thinking-switch", "stream-usage", "temperature", "tools", "json-schema"],
  deepseek: ["thinking-switch", "effort", "stream-usage", "temperature", "tools"],
  dashscope: ["stream-usage", "temperature", "tools"],
  anthropic: ["stream-usage", "tools"],
  gemini: ["stream-usage", "temperature", "tools", "json-schema"],
  openrouter: ["stream-usage", "temperature"],
  "workers-ai": ["stream-usage", "temperature"],
} as const satisfies Readonly<Record<string, readonly Capability[]>>;

export type Engine = keyof typeof CAPABILITIES_BY_ENGINE;
export const ENGINES = Object.keys(CAPABILITIES_BY_ENGINE) as readonly Engine[];

type Known = Pick<Model, "capabilities"> &
  Partial<Pick<Model, "thinking" | "efforts" | "thinkingTokensMax">>;

/** What a model's name tells beyond its engine, by the makers' own pages of autumn 2026; the first that fits. */
const KNOWN_MODELS: Readonly<Partial<Record<Engine, readonly (readonly [RegExp, Known])[]>>> = {
  openai: [
    [/^gpt-5.*-chat/, { capabilities: [] }],
    [/^gpt-5\.\d/, { capabilities: ["effort", "temperature"] }],
    [/^gpt-5/, { capabilities: ["effort"], efforts: ["minimal", "low", "medium", "high"] }],
    [/^gpt-[6-9]|^o\d/, { capabilities: ["effort"], efforts: ["low", "medium", "high"] }],
    [/^gpt-[34]/, { capabilities: ["temperature"], thinking: "never" }],
  ],
  dashscope: [
    [/^qwq|-thinking/, { capabilities: ["thinking-switch", "thinking-cap"], thinking: "always" }],
    [/^qwen3|^qwen-(plus|flash|turbo)/, { capabilities: ["thinking-switch", "thinking-cap"] }],
  ],
  anthropic: [
    [/fable|mythos/, { capabilities: ["thinking-switch"], thinking: "always" }],
    [
      /-(3-7|4|4-[0-5])(-\d{8})?$/,
      { capabilities: ["thinking-switch", "thinking-cap", "temperature"] },
    ],
    [/-4-6(-\d{8})?$/, { capabilities: ["thinking-switch", "temperature"] }],
    [/-(4-[7-9]|[5-9](-\d)?)(-\d{8})?$/, { capabilities: ["thinking-switch"] }],
  ],
  gemini: [
    [/gemini-2\.5-flash$/, { capabilities: ["effort", "thinking-cap"], thinkingTokensMax: 24_576 }],
    [/gemini-(2\.5-pro|[3-9])/, { capabilities: ["effort"], efforts: ["low", "medium", "high"] }],
  ],
  "workers-ai": [
    [/gpt-oss/, { capabilities: ["effort"], efforts: ["low", "medium", "high"] }],
    [/glm-4\.7|qwen3/, { capabilities: ["thinking-switch"] }],
  ],
};

/** What no OpenAI-compatible API tells; an engine with less refuses by itself, in words of its own. */
const CONTEXT_TOKENS = 131_072;
const OUTPUT_TOKENS_MAX = 32_768;
const OLLAMA_PORT = "11434";

export function isEngine(text: string): text is Engine {
  return (ENGINES as readonly string[]).includes(text);
}

/** Where the engines that are services live. */
const HOSTS: readonly (readonly [RegExp, Engine])[] = [
  [/^api\.openai\.com$/, "openai"],
  [/^api\.deepseek\.com$/, "deepseek"],
  [/^dashscope(-[a-z]+)?\.aliyuncs\.com$/, "dashscope"],
  [/^api\.anthropic\.com$/, "anthropic"],
  [/^generativelanguage\.googleapis\.com$/, "gemini"],
  [/(^|\.)openrouter\.ai$/, "openrouter"],
  [/^api\.cloudflare\.com$/, "workers-ai"],
];

export function guessEngine(url: URL): Engine {
  const service = HOSTS.find(([host]) => host.test(url.hostname));
  if (service !== undefined) return service[1];
  return url.port === OLLAMA_PORT ? "ollama" : "generic";
}

export function buildCatalog(of: OneUpstream): Catalog {
  const known = KNOWN_MODELS[of.engine]?.find(([name]) => name.test(of.model))?.[1];
  return {
    version: "one-upstream",
    upstreams: [
      {
        id: "upstream",
        engine: of.engine,
        baseUrl: of.baseUrl,
        ...(of.hasApiKey ? { secret: "UPSTREAM_API_KEY" } : {}),
        breaker: { failures: 5, windowMs: 30_000, cooldownMs: 10_000 },
      },
    ],
    models: [
      {
        id: idOf(of.model),
        upstream: "upstream",
        name: of.model,
        contextTokens: CONTEXT_TOKENS,
        outputTokensMax: OUTPUT_TOKENS_MAX,
        ...known,
        capabilities: [
          ...new Set([...CAPABILITIES_BY_ENGINE[of.engine], ...(known?.capabilities ?? [])]),
        ],
        strength: 0,
      },
    ],
  };
}

/** A catalog's id begins with a letter or a digit; names such as Workers AI's `@cf/...` do not. */
function idOf(model: string): string {
  return model.replace(/^[^A-Za-z0-9]+/, "");
}

/** The seeded policies as they are, but for the models that their modes run on. */
export function bindPolicies(policies: readonly unknown[], model: string): readonly unknown[] {
  return policies.map((policy) => {
    const { modes, ...rest } = policy as { readonly modes?: Readonly<Record<string, unknown>> };
    const bound = Object.fromEntries(Object.keys(modes ?? {}).map((mode) => [mode, idOf(model)]));
    return { ...rest, modes: bound, fallback: [] };
  });
}
