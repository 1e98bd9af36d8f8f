// A decision as a head is told it, for tests of what is made of it.
import type { Decision } from "../../../../policies/head/decision.ts";
import { headInput } from "../../../../policies/head/inputs.ts";
import { someFeatures } from "./some-features.ts";

export function aDecision(
  changes: Partial<Decision> = {},
  signals: Partial<Decision["signals"]> = {},
): Decision {
  return {
    requestId: crypto.randomUUID(),
    startedAtMs: 1_000,
    endedAtMs: 2_000,
    keyHash: 1,
    conversationHash: "c1",
    askerHash: "a1",
    questionHash: "q1",
    input: headInput(someFeatures()),
    arm: { model: "m", mode: "short" },
    prior: { score: 0.8, outputTokens: 100 },
    believed: { score: 0.8, outputTokens: 100 },
    propensity: 1,
    candidates: [],
    penalty: 0,
    isAsked: false,
    signals: {
      kind: "math",
      finishReason: "stop",
      outputTokens: 120,
      reasoningTokens: 0,
      capTokens: 4096,
      isFormatValid: null,
      wasEscalated: false,
      ...signals,
    },
    ...changes,
  };
}
