// What every form of the gateway is given: one model at the bench's upstream, and no limit that bites.

export const SECRET = "sk-sluice-bench";

export interface BenchDocuments {
  readonly catalog: object;
  readonly policy: object;
  readonly tenant: object;
}

export function benchDocuments(baseUrl: string): BenchDocuments {
  return {
    catalog: {
      version: "bench",
      upstreams: [{ id: "bench", engine: "vllm", baseUrl }],
      models: [
        {
          id: "bench",
          upstream: "bench",
          name: "bench",
          contextTokens: 131_072,
          outputTokensMax: 32_768,
          capabilities: ["thinking-switch", "temperature", "stream-usage", "cache-salt", "tools"],
        },
      ],
    },
    policy: {
      name: "bench",
      version: "1",
      modes: { direct: "bench", short: "bench", code: "bench", long: "bench" },
    },
    tenant: tenantDocument("bench"),
  };
}

export function tenantDocument(id: string): object {
  return {
    id,
    name: "Bench",
    policy: "bench",
    limits: [{ dimension: "tokens", window: "day", limit: 9_000_000_000_000 }],
  };
}
