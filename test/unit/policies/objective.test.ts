// Floors, ceilings and allowed arms: what a policy will not have, what gives way where nothing else is left, and what the
// reasons say.
import { describe, expect, test } from "vitest";
import { findLooseEnds } from "../../../policies/references.ts";
import { choose } from "../../../policies/choose.ts";
import { armName } from "../../../policies/mode.ts";
import { parsePolicy, type Policy } from "../../../policies/policy.ts";
import { parseTenant } from "../../../policies/tenant.ts";
import {
  after,
  asks,
  CATALOG,
  choice,
  COMMON_SENSE,
  first,
  FOREIGN,
  parsed,
  policy,
  question,
  WORD_PROBLEM,
} from "./choose-questions.ts";

/** So thrifty that without a floor the cheapest arm always runs. */
const THRIFTY = { lambda: 1000 };

function scores(of: Policy): Map<string, number> {
  const { weighed } = choice(question(COMMON_SENSE, { policy: of }));
  return new Map(weighed.map(({ arm, estimate }) => [armName(arm), estimate.score]));
}

describe("a floor", () => {
  const plain = policy(THRIFTY);
  const of = scores(plain);
  const between = (of.get("small/direct")! + of.get("mid/short")!) / 2;

  test("keeps an arm that scores less from being chosen, and says so", () => {
    expect(first(question(COMMON_SENSE, { policy: plain }))).toBe("small/direct");
    const floored = policy({ ...THRIFTY, expectedScoreMin: between });
    const { ladder, weighed } = choice(question(COMMON_SENSE, { policy: floored }));
    expect(ladder[0].reason.word).toBe("floor");
    expect(ladder[0].reason.sentence).toMatch(
      /^small\/direct is expected to score 0\.\d+, below the policy's 0\.\d+; .* runs\.$/,
    );
    expect(ladder[0].estimate.score).toBeGreaterThanOrEqual(between);
    expect(ladder.map(({ arm }) => armName(arm))).not.toContain("small/direct");
    expect(weighed.find(({ arm }) => arm.mode === "direct")?.ruledOut).toMatch(/below the policy/);
  });

  test("that no arm reaches leaves the one that scores best", () => {
    const unreachable = policy({ ...THRIFTY, expectedScoreMin: 1 });
    const { ladder } = choice(question(COMMON_SENSE, { policy: unreachable }));
    const fit = [...of].filter(([name]) => !name.endsWith("/code"));
    expect(ladder[0].estimate.score).toBe(Math.max(...fit.map(([, score]) => score)));
    expect(ladder[0].reason.sentence).toMatch(
      /no other arm that can answer keeps the policy's bounds/,
    );
  });

  test("that decides nothing is not named", () => {
    const low = policy({ lambda: 0, expectedScoreMin: 0.01 });
    expect(choice(question(COMMON_SENSE, { policy: low })).ladder[0].reason.word).toBe("utility");
  });

  test("makes a conversation leave an arm that stands below it, and no other", () => {
    const floored = policy({ ...THRIFTY, expectedScoreMin: between, switchMargin: 1 });
    const asked = (arm: string) => question(COMMON_SENSE, { policy: floored, ...after(arm) });
    expect(choice(asked("small/direct")).ladder[0].reason.word).toBe("floor");
    expect(first(asked("mid/short"))).toBe("mid/short");
  });

  test("does not take a mode, an effort or an open tool call away", () => {
    const floored = policy({ expectedScoreMin: 1 });
    const asked = (changes: object) => question(COMMON_SENSE, { policy: floored, ...changes });
    expect(first(asked(asks({ mode: "direct" })))).toBe("small/direct");
    expect(first(asked(asks({ effort: "none" })))).toBe("small/direct");
    expect(first(asked(after("small/direct", { isToolResult: true })))).toBe("small/direct");
  });
});

describe("a ceiling", () => {
  const rich = policy({ lambda: 0 });
  const dearest = choice(question(WORD_PROBLEM, { policy: rich })).ladder[0];

  test.each([
    ["cost", { expectedCostNanosMax: dearest.estimate.costNanos - 1 }],
    ["tokens", { expectedOutputTokensMax: Math.ceil(dearest.estimate.outputTokens) - 1 }],
  ])("on %s keeps a dearer arm from being chosen, and says so", (_, limits) => {
    expect(armName(dearest.arm)).toBe("deep/long");
    const { ladder } = choice(question(WORD_PROBLEM, { policy: policy({ lambda: 0, ...limits }) }));
    expect(ladder[0].reason.word).toBe("ceiling");
    expect(ladder[0].reason.sentence).toMatch(/^deep\/long is expected to (?:cost|write) \d+/);
    expect(ladder.map(({ arm }) => armName(arm))).not.toContain("deep/long");
  });

  test("does not keep what stands exactly at it away", () => {
    const at = policy({ lambda: 0, expectedCostNanosMax: dearest.estimate.costNanos });
    expect(first(question(WORD_PROBLEM, { policy: at }))).toBe("deep/long");
  });

  test("that every arm passes leaves the cheapest that no prior rules out", () => {
    const { ladder } = choice(
      question(WORD_PROBLEM, { policy: policy({ lambda: 0, expectedCostNanosMax: 1 }) }),
    );
    // Direct costs less still, and is never enough for mathematics in several steps.
    expect(armName(ladder[0].arm)).toBe("mid/short");
  });

  test("outranks a floor, and a wish for effort, but not a mode by name", () => {
    const both = policy({
      expectedCostNanosMax: dearest.estimate.costNanos - 1,
      expectedScoreMin: 1,
    });
    const asked = (changes: object) => question(WORD_PROBLEM, { policy: both, ...changes });
    expect(first(asked({}))).not.toBe("deep/long");
    expect(first(asked(asks({ effort: "high" })))).not.toBe("deep/long");
    expect(first(asked(asks({ mode: "long" })))).toBe("deep/long");
  });

  test("takes a conversation down from an arm that has become too dear", () => {
    const capped = policy({ expectedCostNanosMax: dearest.estimate.costNanos - 1 });
    const asked = question(WORD_PROBLEM, { policy: capped, ...after("deep/long") });
    expect(choice(asked).ladder[0].reason.word).toBe("ceiling");
    expect(first(asked)).not.toBe("deep/long");
  });

  test("passes over a safe mode beyond it, in doubt", () => {
    const safe = { safeMode: "long", confidenceMin: 1 } as const;
    expect(first(question(FOREIGN, { policy: policy(safe) }))).toBe("deep/long");
    const capped = policy({ ...safe, expectedOutputTokensMax: 100 });
    expect(first(question(FOREIGN, { policy: capped }))).not.toBe("deep/long");
  });
});

describe("a list of arms", () => {
  const listed = policy({
    modes: { direct: "small", long: "deep" },
    fallback: ["mid"],
    arms: ["small/direct", "deep/long", "mid/direct", "coder/as-sent"],
  });
  const ladderOf = (changes: object) =>
    choice(question(COMMON_SENSE, { policy: listed, ...changes })).ladder.map(({ arm }) =>
      armName(arm),
    );

  test("bounds who stands in, mode by mode", () => {
    expect(ladderOf(asks({ mode: "direct" }))).toEqual(["small/direct", "mid/direct"]);
    expect(ladderOf(asks({ mode: "long" }))).toEqual(["deep/long"]);
  });

  test("bounds what a caller may name, with a mode and without", () => {
    expect(ladderOf(asks({ model: "coder" }))).toEqual(["coder/as-sent"]);
    expect(ladderOf(asks({ model: "deep", mode: "long" }))).toEqual(["deep/long"]);
    const refused = (changes: object) =>
      choose(question(COMMON_SENSE, { policy: listed, ...asks(changes) }));
    expect(refused({ model: "deep" })).toEqual({ kind: "model-unknown", model: "deep" });
    expect(refused({ model: "deep", mode: "direct" })).toEqual({
      kind: "mode-unbound",
      mode: "direct",
      bound: ["long"],
    });
  });

  test("ends a conversation's stay on an arm that it leaves out", () => {
    expect(ladderOf(after("mid/long"))[0]).not.toBe("mid/long");
    expect(ladderOf(after("mid/direct", { isToolResult: true }))).toEqual(["mid/direct"]);
    expect(ladderOf(after("mid/as-sent", { isToolResult: true }))[0]).not.toBe("mid/as-sent");
  });
});

describe("a policy's document", () => {
  const base = { name: "p", version: "1", modes: { short: "mid", long: "deep" } };

  test.each([
    ["expectedScoreMin", { expectedScoreMin: 1.1 }, "must be at most 1"],
    ["expectedCostNanosMax", { expectedCostNanosMax: 0 }, "must be at least 1"],
    ["expectedOutputTokensMax", { expectedOutputTokensMax: 0.5 }, "must be a whole number"],
    ["outputTokensMax", { outputTokensMax: 1 }, "must be at least 16"],
    ["reasoningTokensMax", { reasoningTokensMax: -1 }, "must be at least 0"],
    ["arms", { arms: [] }, "must have at least 1 entry"],
    ["arms.1", { arms: ["mid/short", "mid"] }, '"mid" is no arm'],
    ["modes.long", { arms: ["mid/short"] }, 'binds "deep/long", which `arms` leaves out'],
    ["reasoningTokensMax", { reasoningTokensMax: 0 }, "forbids thinking, which the mode long is"],
  ])("that goes wrong in %s is refused there", (path, fields, problem) => {
    const refused = parsePolicy({ ...base, ...fields });
    expect(refused.kind === "faulty" ? refused.faults : []).toContainEqual({
      path,
      problem: expect.stringContaining(problem) as string,
    });
  });

  test("may forbid thinking where it binds no long mode", () => {
    const fields = { modes: { short: "mid" }, reasoningTokensMax: 0 };
    expect(parsePolicy({ ...base, ...fields })).toMatchObject({ kind: "parsed" });
  });

  test("names no arm of a model that does not exist, and locks no tenant out by its list", () => {
    const listed = parsed(
      parsePolicy({ ...base, arms: ["mid/short", "deep/long", "gone/long"], fallback: ["small"] }),
    );
    const tenant = parsed(parseTenant({ id: "t", name: "T", policy: "p", models: ["small"] }));
    const documents = {
      catalog: CATALOG,
      policies: [listed],
      organisations: [],
      tenants: [tenant],
      keys: [],
    };
    expect(findLooseEnds(documents)).toEqual([
      { path: "policy:p.arms.2", problem: 'no model is called "gone"' },
      { path: "tenant:t.policy", problem: expect.stringContaining("lock it out") as string },
    ]);
  });
});
