// Who decides, and what the choice then says.
import { describe, expect, test } from "vitest";
import { classify } from "../classifiers/shipped.ts";
import { choose } from "../../../policies/choose.ts";
import { MODES } from "../../../policies/mode.ts";
import {
  BALANCED,
  CATALOG,
  COMMON_SENSE,
  FOREIGN,
  POLICIES,
  TALK,
  WORD_PROBLEM,
  after,
  asks,
  choice,
  first,
  policy,
  question,
} from "./choose-questions.ts";

describe("the seeds", () => {
  test("hold four policies whose models are all in the catalog", () => {
    expect([...POLICIES.keys()]).toEqual(["economy", "balanced", "quality", "three-endpoints"]);
    const ids = CATALOG.models.map(({ id }) => id);
    for (const { modes, fallback } of POLICIES.values()) {
      for (const id of [...Object.values(modes), ...fallback]) expect(ids).toContain(id);
    }
  });

  test("three lines bind three endpoints, and direct is then not offered", () => {
    const bound = POLICIES.get("three-endpoints")!;
    expect(bound.modes).toEqual({ short: "small", long: "deep", code: "coder" });
    expect(choose(question(TALK, { policy: bound, ...asks({ mode: "direct" }) }))).toEqual({
      kind: "mode-unbound",
      mode: "direct",
      bound: ["short", "code", "long"],
    });
    expect(first(question(TALK, { policy: bound }))).toBe("small/short");
  });
});

describe("format priors", () => {
  test("talk and commonsense choices are answered directly", () => {
    expect(first(question(TALK))).toBe("small/direct");
    expect(first(question(COMMON_SENSE))).toBe("small/direct");
  });

  test("mathematics in several steps is never answered directly, however dear thinking is", () => {
    for (const lambda of [0, 0.2, 5, 1000])
      expect(
        choice(question(WORD_PROBLEM, { lambda })).ladder.map(({ arm }) => arm.mode),
      ).not.toContain("direct");
    expect(
      choice(question(WORD_PROBLEM)).weighed.find(({ arm }) => arm.mode === "direct")?.ruledOut,
    ).toMatch(/several steps/);
  });

  test("it is when the caller asks for it, or nothing else is bound", () => {
    expect(first(question(WORD_PROBLEM, asks({ mode: "direct" })))).toBe("small/direct");
    expect(first(question(WORD_PROBLEM, asks({ effort: "none" })))).toBe("small/direct");
    expect(first(question(WORD_PROBLEM, { policy: policy({ modes: { direct: "small" } }) }))).toBe(
      "small/direct",
    );
  });

  test("a procedure is traced as code where that pays, a fact is not", () => {
    const traced = classify(
      "Start with the sequence 4 9 2. Swap the first and the last, reverse it, rotate it by 2, swap again. What is the output sequence after 6 moves?",
    );
    const arms = choice(question(traced)).weighed;
    expect(arms.find(({ arm }) => arm.mode === "code")?.ruledOut).toBeNull();
    expect(
      choice(question(COMMON_SENSE)).weighed.find(({ arm }) => arm.mode === "code")?.ruledOut,
    ).toMatch(/facts/);
  });
});

describe("what the caller asks for", () => {
  test.each(MODES)("a mode by name keeps every rung in it: %s", (mode) => {
    const { ladder } = choice(question(WORD_PROBLEM, asks({ mode })));
    expect(ladder[0].reason.word).toBe("asked-mode");
    expect(ladder.every(({ arm }) => arm.mode === mode)).toBe(true);
    expect(ladder.slice(1).every(({ reason }) => reason.word === "fallback")).toBe(true);
    expect(ladder.map(({ arm }) => arm.model)).toContain("mid");
  });

  test("a model by name leaves one rung, as the body was written", () => {
    const { ladder } = choice(question(WORD_PROBLEM, asks({ model: "deep" })));
    expect(ladder).toHaveLength(1);
    expect(ladder[0]).toMatchObject({
      arm: { model: "deep", mode: null },
      settings: { temperature: null, budgetFraction: 1, outputTokensMax: null },
      strategies: [],
      reason: { word: "asked-model" },
    });
    expect(first(question(WORD_PROBLEM, asks({ model: "deep", mode: "code" })))).toBe("deep/code");
  });

  test("an unknown model and one that the tenant may not use read the same", () => {
    expect(choose(question(TALK, asks({ model: "nobody" })))).toEqual({
      kind: "model-unknown",
      model: "nobody",
    });
    expect(
      choose(question(TALK, { ...asks({ model: "deep" }), modelsAllowed: ["small"] })),
    ).toEqual({ kind: "model-unknown", model: "deep" });
  });

  test.each([
    ["none", "direct"],
    ["minimal", "direct"],
    ["low", "short"],
    ["high", "long"],
    ["xhigh", "long"],
    ["max", "long"],
  ])("the effort %s is the mode %s", (effort, mode) => {
    const [rung] = choice(question(WORD_PROBLEM, asks({ effort }))).ladder;
    expect(rung.arm.mode).toBe(mode);
    expect(rung.reason.word).toBe("asked-effort");
  });

  test.each(["medium", "enormous"])("the effort %s leaves the choice to Sluice", (effort) => {
    expect(choice(question(TALK, asks({ effort }))).ladder).toEqual(choice(question(TALK)).ladder);
  });

  test("an effort whose mode is not bound is answered by the nearest one, not refused", () => {
    expect(
      first(
        question(WORD_PROBLEM, {
          policy: policy({ modes: { short: "small" } }),
          ...asks({ effort: "high" }),
        }),
      ),
    ).toBe("small/short");
  });
});

describe("doubt", () => {
  test("low confidence goes to the safe mode, confidence does not", () => {
    const { ladder } = choice(question(FOREIGN));
    expect(ladder[0]).toMatchObject({ arm: { mode: "short" }, reason: { word: "low-confidence" } });
    expect(
      choice(question(FOREIGN, { policy: policy({ safeMode: "long" }) })).ladder[0].arm.mode,
    ).toBe("long");
    expect(choice(question({ ...FOREIGN, confidence: 0.9 })).ladder[0].reason.word).toBe("utility");
  });

  test("without the safe mode the best arm runs, and says so", () => {
    const [rung] = choice(
      question(FOREIGN, { policy: policy({ modes: { long: "deep" } }) }),
    ).ladder;
    expect(rung).toMatchObject({ arm: { mode: "long" }, reason: { word: "low-confidence" } });
  });

  test("a greeting stays direct, however unsure the probe is", () => {
    expect(first(question(classify("Hi")))).toBe("small/direct");
    expect(classify("Hi").confidence).toBeLessThan(BALANCED.confidenceMin);
  });
});

describe("a conversation", () => {
  test("stays on its arm although another would now be chosen", () => {
    const { ladder } = choice(question(TALK, after("mid/direct")));
    expect(ladder[0]).toMatchObject({
      arm: { model: "mid", mode: "direct" },
      reason: { word: "sticky" },
    });
    expect(first(question(TALK, after("deep/long")))).toBe("deep/long");
  });

  test("escalates when that gains more than the margin, and not when it gains less", () => {
    const eager = policy({ lambda: 0, switchMargin: 0.01 });
    const [rung] = choice(
      question(WORD_PROBLEM, { policy: eager, lambda: 0, ...after("mid/short") }),
    ).ladder;
    expect(rung).toMatchObject({
      arm: { model: "deep", mode: "long" },
      reason: { word: "escalated" },
    });
    expect(
      first(
        question(WORD_PROBLEM, {
          policy: policy({ switchMargin: 0.9 }),
          lambda: 0,
          ...after("mid/short"),
        }),
      ),
    ).toBe("mid/short");
  });

  test("a long prefix that must be read again keeps it where it is", () => {
    const eager = policy({ lambda: 0.05, switchMargin: 0.01 });
    const cold = { policy: eager, lambda: 0.05, inputTokens: 60_000 };
    expect(
      first(
        question(WORD_PROBLEM, {
          ...cold,
          ...after("mid/short", { prefixTokens: 0 }),
          inputTokens: 200,
        }),
      ),
    ).toBe("deep/long");
    expect(
      first(question(WORD_PROBLEM, { ...cold, ...after("mid/short", { prefixTokens: 60_000 }) })),
    ).toBe("mid/short");
  });

  test("leaves direct for mathematics in several steps", () => {
    const [rung] = choice(question(WORD_PROBLEM, after("small/direct"))).ladder;
    expect(rung.arm.mode).not.toBe("direct");
    expect(rung.reason.word).toBe("escalated");
  });

  test("leaves an arm that the policy, the tenant or the catalog no longer has", () => {
    expect(first(question(TALK, after("gone/direct")))).toBe("small/direct");
    expect(first(question(TALK, { ...after("deep/long"), modelsAllowed: ["small"] }))).toBe(
      "small/direct",
    );
  });

  test("a tool's result never switches, whatever mode or effort is asked for", () => {
    for (const asked of [asks({}), asks({ mode: "long" }), asks({ effort: "high" })]) {
      const { ladder } = choice(
        question(WORD_PROBLEM, { ...asked, ...after("small/direct", { isToolResult: true }) }),
      );
      expect(ladder[0]).toMatchObject({
        arm: { model: "small", mode: "direct" },
        reason: { word: "tool-result" },
      });
    }
    expect(first(question(WORD_PROBLEM, after("small/as-sent", { isToolResult: true })))).toBe(
      "small/as-sent",
    );
  });

  test("a model by name wins even then, and a mode by name wins over the conversation", () => {
    expect(
      first(
        question(TALK, {
          ...asks({ model: "deep" }),
          ...after("small/direct", { isToolResult: true }),
        }),
      ),
    ).toBe("deep/as-sent");
    expect(first(question(TALK, { ...asks({ mode: "long" }), ...after("small/direct") }))).toBe(
      "deep/long",
    );
  });
});
