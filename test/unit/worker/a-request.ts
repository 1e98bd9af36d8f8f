// What a request is made of, for the tests of the steps that it goes through: an ask, a catalog, a policy, rungs.
import { parseCatalog, type Capability, type Catalog } from "../../../policies/catalog.ts";
import type { Hold } from "../../../policies/account.ts";
import type { ReasonWord, Rung, Settings } from "../../../policies/choice.ts";
import type { Mode } from "../../../policies/mode.ts";
import { parsePolicy, type Policy } from "../../../policies/policy.ts";
import { chat } from "../../../worker/dialect/chat.ts";
import type { Ask } from "../../../worker/dialect/dialect.ts";

export function askFor(fields: object = {}): Ask {
  const messages = [{ role: "user", content: "What is 2 + 2?" }];
  const read = chat.read(JSON.stringify({ model: "auto", messages, ...fields }));
  if (read.kind !== "read") throw new Error(`It was not read: ${JSON.stringify(read)}`);
  return read.ask;
}

export function rungOf(
  model: string,
  mode: Mode | null,
  word: ReasonWord = "utility",
  strategies: readonly string[] = [],
  settings: Settings = {
    temperature: null,
    budgetFraction: 1,
    outputTokensMax: null,
    effort: null,
    tier: "text",
  },
): Rung {
  return {
    arm: { model, mode },
    strategies,
    settings,
    estimate: {
      score: 0.9,
      outputTokens: 50,
      costNanos: 30,
      cachedTokens: 0,
      rereadNanos: 0,
      latencyMs: null,
      utility: 0.8,
      from: { kind: "prior" },
    },
    reason: { word, sentence: "Because." },
  };
}

export function catalogOf(
  capabilities: readonly Capability[],
  engine = "vllm",
  fields: object = {},
): Catalog {
  const prices = {
    version: "p1",
    inputNanosPerMtok: 10,
    cachedInputNanosPerMtok: 5,
    outputNanosPerMtok: 20,
  };
  const parsed = parseCatalog({
    version: "1",
    upstreams: [{ id: "up", engine, baseUrl: "http://localhost:1/v1" }],
    models: [
      {
        id: "small",
        upstream: "up",
        name: "org/small",
        contextTokens: 8192,
        outputTokensMax: 6000,
        capabilities,
        prices,
        ...fields,
      },
      {
        id: "unpriced",
        upstream: "up",
        name: "org/unpriced",
        contextTokens: 8192,
        outputTokensMax: 100,
      },
    ],
  });
  if (parsed.kind === "faulty") throw new Error(JSON.stringify(parsed.faults));
  return parsed.value;
}

export function policyOf(fields: object = {}): Policy {
  const parsed = parsePolicy({ name: "p", version: "1", modes: { long: "small" }, ...fields });
  if (parsed.kind === "faulty") throw new Error(JSON.stringify(parsed.faults));
  return parsed.value;
}

export function holdOf(outputTokens: number): Hold {
  return {
    kind: "held",
    callId: "r:1",
    rung: 0,
    outputTokens,
    heldOutputTokens: outputTokens,
    heldTokens: outputTokens + 50,
    heldNanos: 5,
    expiresAtMs: 1,
    lambda: 0,
    meters: [],
  };
}
