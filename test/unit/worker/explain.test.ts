// What an answer says of itself, in headers that every client can read and in JSON on request.
import { describe, expect, it } from "vitest";
import type { Features } from "../../../classifiers/features.ts";
import {
  choiceHeaders,
  degradedFrom,
  explanation,
  type Explained,
} from "../../../worker/explain.ts";
import type { CallAccount } from "../../../worker/open-call.ts";
import { policyOf, rungOf } from "./a-request.ts";

const FEATURES: Features = {
  difficulty: 0.25,
  hard: 0.5,
  kind: "math",
  expectedTokens: { direct: 1, short: 2, code: 3, long: 4 },
  confidence: 0.75,
  novelty: 0,
  representation: new Int8Array(96),
  shape: {
    chars: 1,
    stemChars: 1,
    choices: 0,
    digits: 0,
    numbers: 0,
    operators: 0,
    latex: false,
    codeBlock: false,
    steps: 0,
    procedural: 0,
  },
};

function explainedFor(policy: object = {}, thrift: Partial<Explained["thrift"]> = {}): Explained {
  const rung = rungOf("small", "long");
  return {
    requestId: "r",
    policy: policyOf(policy),
    variant: null,
    features: FEATURES,
    choice: {
      ladder: [rung],
      propensity: 0.75,
      isExplored: true,
      candidates: [],
      difficultyClass: "normal",
      difficultyFrom: { tier: "text", fidelity: "proxy", reason: "the text alone" },
      weighed: [{ arm: rung.arm, estimate: rung.estimate, ruledOut: "too dear" }],
    },
    thrift: { lambda: 0, undegraded: rung.arm, isStrict: false, ...thrift },
    adviceAgeMs: null,
    cached: null,
    prompts: null,
  };
}

const ACCOUNT: CallAccount = {
  callId: "r:1",
  purpose: "answer",
  arm: "small/long",
  upstream: "up",
  strategies: ["diffadapt"],
  heldTokens: 100,
  heldNanos: 7,
  outputTokensMax: 90,
  isLowered: false,
  isBudgetFinal: false,
  isEmergency: false,
  prices: null,
  knobs: [{ knob: "thinking", fidelity: "exact", reason: "enable_thinking true" }],
  replica: null,
  predictedTokens: null,
  usage: {
    inputTokens: 10,
    cachedTokens: 4,
    cacheWriteTokens: 2,
    outputTokens: 6,
    reasoningTokens: 2,
  },
  certainty: "exact",
  ending: "complete",
  budgetEnd: null,
};

describe("the headers of a choice", () => {
  it("say mode, model, difficulty, reason and policy", () => {
    expect(choiceHeaders(explainedFor(), rungOf("small", "long", "sticky"))).toEqual({
      "x-request-id": "r",
      "x-sluice-mode": "long",
      "x-sluice-model": "small",
      "x-sluice-difficulty": "0.250",
      "x-sluice-reason": "sticky",
      "x-sluice-policy-version": "p@1",
    });
  });

  it("say as-sent where the client named a model and no mode", () => {
    expect(choiceHeaders(explainedFor(), rungOf("small", null))["x-sluice-mode"]).toBe("as-sent");
  });

  it("can be sent whatever an operator calls a version", () => {
    const headers = choiceHeaders(
      explainedFor({ version: "\u7248 1\n\u{1f600}" }),
      rungOf("small", "long"),
    );
    expect(() => new Headers(headers)).not.toThrow();
    expect(headers["x-sluice-policy-version"]).toBe("p@? 1???");
  });
});

describe("an explanation", () => {
  it("shows the choice, what was weighed, and each call's account with the fidelity of every knob", () => {
    const explained = JSON.parse(explanation(explainedFor(), [ACCOUNT])) as unknown;
    expect(explained).toMatchObject({
      request_id: "r",
      policy: { name: "p", version: "1" },
      variant: null,
      features: { difficulty: 0.25, kind: "math", confidence: 0.75 },
      choice: {
        difficulty_class: "normal",
        difficulty_from: { tier: "text", fidelity: "proxy" },
        propensity: 0.75,
        explored: true,
        ladder: [
          { arm: "small/long", reason: "utility", because: "Because.", expected_cost_nanos: 30 },
        ],
        weighed: [{ arm: "small/long", ruled_out: "too dear", utility: 0.8 }],
      },
      calls: [
        {
          call_id: "r:1",
          held: {
            tokens: 100,
            nanos: 7,
            output_tokens_max: 90,
            budget_final: false,
            emergency: false,
          },
          used: {
            input_tokens: 10,
            cached_tokens: 4,
            cache_write_tokens: 2,
            output_tokens: 6,
            reasoning_tokens: 2,
          },
          certainty: "exact",
          ending: "complete",
          knobs: [{ knob: "thinking", fidelity: "exact", reason: "enable_thinking true" }],
        },
      ],
    });
  });

  it("of a call that is not settled yet says that nothing is known", () => {
    const open = { ...ACCOUNT, usage: null, certainty: null, ending: null };
    expect(JSON.parse(explanation(explainedFor(), [open]))).toMatchObject({
      calls: [{ used: null, certainty: null, ending: null }],
    });
  });

  it("says what the budget did: its price, the arm without it, and the limit that ended the answer", () => {
    const explained = explainedFor(
      {},
      { lambda: 0.4, undegraded: { model: "deep", mode: "long" } },
    );
    const end = { kind: "refused", scope: "tenant", dimension: "tokens", window: "day" } as const;
    const ended = { ...ACCOUNT, ending: "budget" as const, budgetEnd: end };
    expect(JSON.parse(explanation(explained, [ended]))).toMatchObject({
      ended: "budget",
      budget: {
        lambda: 0.4,
        undegraded_arm: "deep/long",
        strict: false,
        ended_by: { scope: "tenant", dimension: "tokens", window: "day" },
      },
    });
    expect(JSON.parse(explanation(explainedFor(), [ACCOUNT]))).toMatchObject({
      ended: null,
      budget: { lambda: 0, undegraded_arm: "small/long", ended_by: null },
    });
  });
});

describe("what the budget took from a request", () => {
  const priced = (model: string) =>
    explainedFor({}, { lambda: 1, undegraded: { model, mode: "direct" } });

  it("is nothing where the undegraded arm runs", () => {
    expect(degradedFrom(explainedFor(), rungOf("small", "long"), false)).toBeNull();
  });

  it("is told by the modes, whether a price changed the choice or the ledger took a lower rung", () => {
    expect(degradedFrom(priced("deep"), rungOf("small", "long"), false)).toBe("direct->long");
    expect(degradedFrom(explainedFor(), rungOf("small", "short"), true)).toBe("long->short");
  });

  it("is told by the arms where only the model differs, or a mode is nobody's", () => {
    expect(degradedFrom(explainedFor(), rungOf("tiny", "long"), true)).toBe(
      "small/long->tiny/long",
    );
    expect(degradedFrom(explainedFor(), rungOf("tiny", null), true)).toBe(
      "small/long->tiny/as-sent",
    );
  });

  it("is nothing where a stand-in runs because an upstream failed", () => {
    expect(degradedFrom(explainedFor(), rungOf("mid", "long", "fallback"), false)).toBeNull();
  });
});
