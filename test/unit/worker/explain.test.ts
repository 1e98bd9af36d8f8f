// What an answer says of itself, in headers that every client can read and in JSON on request.
import { describe, expect, it } from "vitest";
import type { Meter } from "../../../policies/account.ts";
import type { Features } from "../../../classifiers/features.ts";
import {
  choiceHeaders,
  explanation,
  limitHeaders,
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

function explainedFor(policy: object = {}): Explained {
  const rung = rungOf("small", "long");
  return {
    requestId: "r",
    policy: policyOf(policy),
    variant: null,
    features: FEATURES,
    choice: {
      ladder: [rung],
      difficultyClass: "normal",
      weighed: [{ arm: rung.arm, estimate: rung.estimate, ruledOut: "too dear" }],
    },
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
  prices: null,
  knobs: [{ knob: "thinking", fidelity: "exact", reason: "enable_thinking true" }],
  usage: { inputTokens: 10, cachedTokens: 4, outputTokens: 6, reasoningTokens: 2 },
  certainty: "exact",
  ending: "complete",
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

describe("the headers of limits", () => {
  const meter = (
    dimension: Meter["dimension"],
    limit: number,
    remaining: number,
    resetInMs: number,
  ): Meter => ({
    dimension,
    window: "day",
    limit,
    remaining,
    resetAtMs: 0,
    resetInMs,
  });

  it("are those of the tightest limit of each dimension that OpenAI's clients know", () => {
    expect(
      limitHeaders([
        meter("tokens", 1000, 500, 60_000),
        meter("tokens", 9000, 40, 86_400_000),
        meter("requests", 10, 9, 500),
        meter("nanos", 5, 0, 1),
      ]),
    ).toEqual({
      "x-ratelimit-limit-requests": "10",
      "x-ratelimit-remaining-requests": "9",
      "x-ratelimit-reset-requests": "500ms",
      "x-ratelimit-limit-tokens": "9000",
      "x-ratelimit-remaining-tokens": "40",
      "x-ratelimit-reset-tokens": "24h0m0s",
    });
  });

  it("are none without limits, and never below nothing", () => {
    expect(limitHeaders([])).toEqual({});
    expect(limitHeaders([meter("tokens", 10, -5, 0)])["x-ratelimit-remaining-tokens"]).toBe("0");
  });

  it.each([
    { ms: 0, text: "0ms" },
    { ms: 999, text: "999ms" },
    { ms: 1000, text: "1s" },
    { ms: 59_001, text: "1m0s" },
    { ms: 360_000, text: "6m0s" },
    { ms: 22_350_000, text: "6h12m30s" },
    { ms: 3_600_000, text: "1h0m0s" },
  ])("write $ms ms as $text", ({ ms, text }) => {
    expect(limitHeaders([meter("requests", 1, 1, ms)])["x-ratelimit-reset-requests"]).toBe(text);
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
        ladder: [
          { arm: "small/long", reason: "utility", because: "Because.", expected_cost_nanos: 30 },
        ],
        weighed: [{ arm: "small/long", ruled_out: "too dear", utility: 0.8 }],
      },
      calls: [
        {
          call_id: "r:1",
          held: { tokens: 100, nanos: 7 },
          used: { input_tokens: 10, cached_tokens: 4, output_tokens: 6, reasoning_tokens: 2 },
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
});
