// What is kept of a request: the propensity of the arm that ran, and the counts of all its calls but of whose ending.
import { expect, it } from "vitest";
import { telemetry, type DataPointSink } from "../../../worker/telemetry.ts";
import { Metrics } from "../../../worker/metrics.ts";
import { recordOf, type RecordInput } from "../../../worker/learn.ts";
import type { Explained } from "../../../worker/explain.ts";
import type { CallAccount } from "../../../worker/open-call.ts";
import { policyOf, rungOf } from "./a-request.ts";
import { WORD_PROBLEM } from "../policies/choose-questions.ts";

const first = rungOf("small", "long", "explored");
const EXPLAINED: Explained = {
  requestId: "r",
  policy: policyOf(),
  variant: null,
  features: WORD_PROBLEM,
  choice: {
    ladder: [first, rungOf("small", "short", "cheaper")],
    propensity: 0.05,
    isExplored: true,
    candidates: [],
    difficultyClass: "hard",
    difficultyFrom: { tier: "hidden-state", fidelity: "exact", reason: "a head" },
    weighed: [],
  },
  thrift: { lambda: 0, undegraded: first.arm, isStrict: false },
  adviceAgeMs: null,
  cached: null,
  prompts: null,
};

function accountOf(
  purpose: string,
  inputTokens: number,
  ending: CallAccount["ending"],
): CallAccount {
  const usage = {
    inputTokens,
    cachedTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: 1,
    reasoningTokens: 0,
  };
  return {
    callId: `r:${purpose}`,
    purpose,
    arm: "small/long",
    upstream: "up",
    strategies: [],
    heldTokens: 100,
    heldNanos: 1,
    outputTokensMax: 90,
    isLowered: false,
    isBudgetFinal: false,
    isEmergency: false,
    prices: null,
    knobs: [],
    replica: null,
    predictedTokens: null,
    usage,
    certainty: "exact",
    ending,
    budgetEnd: null,
  };
}

function recordWith(fields: Partial<RecordInput> = {}) {
  return recordOf({
    requestId: "r",
    dialect: "chat",
    tenant: "t",
    key: "k",
    status: 200,
    failure: null,
    isStream: false,
    explained: EXPLAINED,
    rung: first,
    accounts: [accountOf("difficulty", 30, "complete"), accountOf("answer", 12, "budget")],
    headersMs: 1,
    totalMs: 2,
    ...fields,
  });
}

it("has the propensity of the arm that was chosen, and none of one that the budget or a failure put in its place", () => {
  expect(recordWith()).toMatchObject({ propensity: 0.05, isExplored: true });
  expect(recordWith({ rung: EXPLAINED.choice.ladder[1]! })).toMatchObject({
    propensity: null,
    isExplored: false,
  });
  expect(recordWith({ explained: null, rung: null })).toMatchObject({ propensity: null });
});

it("counts the call that read the hidden state, whose end is not the answer's", () => {
  const both = recordWith();
  expect(both).toMatchObject({ inputTokens: 42, calls: 2, ending: "budget" });
  expect(both.difficultyTier).toBe("hidden-state");
  const alone = recordWith({ accounts: [accountOf("difficulty", 30, "complete")], status: 429 });
  expect(alone).toMatchObject({ inputTokens: 30, ending: null, certainty: null });
});

it("has its propensity in the data point, at places of its own behind those that were there", () => {
  const points: Parameters<DataPointSink["writeDataPoint"]>[0][] = [];
  const sink = telemetry({ writeDataPoint: (point) => points.push(point) }, new Metrics());
  sink(recordWith());
  sink(recordWith({ rung: EXPLAINED.choice.ladder[1]! }));
  expect(points.map(({ doubles }) => doubles.slice(15, 17))).toEqual([
    [0.05, 1],
    [-1, 0],
  ]);
  expect(points[0]?.blobs[14]).toBe("hidden-state");
});
