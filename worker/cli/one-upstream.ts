// The documents for a gateway in front of one engine that serves one model: a catalog with just that,
// and the seeded policies with every mode bound to it.
import type { Capability, Catalog } from "../../policies/catalog.ts";

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
  openai: ["effort", "stream-usage", "tools", "json-schema"],
  ollama: ["thinking-switch", "stream-usage", "temperature", "tools", "json-schema"],
  vllm: ["thinking-switch", "stream-usage", "temperature", "cache-salt", "tools", "json-schema"],
  generic: ["stream-usage", "temperature"],
} as const satisfies Readonly<Record<string, readonly Capability[]>>;

export type Engine = keyof typeof CAPABILITIES_BY_ENGINE;
export const ENGINES = Object.keys(CAPABILITIES_BY_ENGINE) as readonly Engine[];

/** What no OpenAI-compatible API tells; an engine with less refuses by itself, in words of its own. */
const CONTEXT_TOKENS = 131_072;
const OUTPUT_TOKENS_MAX = 32_768;
const OLLAMA_PORT = "11434";

export function isEngine(text: string): text is Engine {
  return (ENGINES as readonly string[]).includes(text);
}

export function guessEngine(url: URL): Engine {
  if (url.hostname === "api.openai.com") return "openai";
  return url.port === OLLAMA_PORT ? "ollama" : "generic";
}

export function buildCatalog(of: OneUpstream): Catalog {
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
        id: of.model,
        upstream: "upstream",
        name: of.model,
        contextTokens: CONTEXT_TOKENS,
        outputTokensMax: OUTPUT_TOKENS_MAX,
        capabilities: [...CAPABILITIES_BY_ENGINE[of.engine]],
        strength: 0,
      },
    ],
  };
}

/** The seeded policies as they are, but for the models that their modes run on. */
export function bindPolicies(policies: readonly unknown[], model: string): readonly unknown[] {
  return policies.map((policy) => {
    const { modes, ...rest } = policy as { readonly modes?: Readonly<Record<string, unknown>> };
    const bound = Object.fromEntries(Object.keys(modes ?? {}).map((mode) => [mode, model]));
    return { ...rest, modes: bound, fallback: [] };
  });
}
