// What the choice promises: who decides, and what a ladder may hold. A failing property prints its seed.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { classify } from "../../../classifiers/classify.ts";
import { KINDS, type Features } from "../../../classifiers/features.ts";
import { parseCatalog, type Catalog } from "../../../policies/catalog.ts";
import type { Choice, Question } from "../../../policies/choice.ts";
import { choose } from "../../../policies/choose.ts";
import { armName, MODES, type Mode } from "../../../policies/mode.ts";
import { parsePolicy, type Policy } from "../../../policies/policy.ts";

function readSeed(file: string): unknown {
  return JSON.parse(readFileSync(join(import.meta.dirname, "../../../kv-seeds", file), "utf8"));
}

function parsed<T>(result: { kind: "parsed"; value: T } | { kind: "faulty"; faults: readonly unknown[] }): T {
  if (result.kind === "faulty") throw new Error(JSON.stringify(result.faults));
  return result.value;
}

const CATALOG: Catalog = parsed(parseCatalog(readSeed("catalog.json")));
const POLICIES = new Map(
  (readSeed("policies.json") as { policies: unknown[] }).policies.map((document) => {
    const policy = parsed(parsePolicy(document));
    return [policy.name, policy];
  }),
);
const BALANCED = POLICIES.get("balanced")!;

function policy(changes: object): Policy {
  return parsed(parsePolicy({ name: "tested", version: "1", modes: { direct: "small", short: "mid", code: "coder", long: "deep" }, ...changes }));
}

const WORD_PROBLEM = classify("A baker has 24 rolls and sells 7 of them, then bakes 12 more. How many rolls are left altogether?");
const TALK = classify("Hello there, nice to meet you!");
const COMMON_SENSE = classify("Where would a person most likely keep an umbrella?\nA. closet\nB. oven\nC. river\nD. cloud\nE. letter");
const FOREIGN = classify("Почему небо голубое, а трава зелёная, и кто это впервые объяснил?");

function question(features: Features, changes: Partial<Question> = {}): Question {
  return {
    features,
    policy: BALANCED,
    catalog: CATALOG,
    modelsAllowed: null,
    asked: { mode: null, model: null, effort: null },
    conversation: { previous: null, isToolResult: false, prefixTokens: 0 },
    inputTokens: 200,
    lambda: (changes.policy ?? BALANCED).lambda,
    ...changes,
  };
}

function choice(asked: Question): Choice {
  const chosen = choose(asked);
  if (chosen.kind !== "chosen") throw new Error(JSON.stringify(chosen));
  return chosen.choice;
}

function first(asked: Question): string {
  return armName(choice(asked).ladder[0].arm);
}

function asks(changes: Partial<Question["asked"]>): Pick<Question, "asked"> {
  return { asked: { mode: null, model: null, effort: null, ...changes } };
}

function after(arm: string, changes: Partial<Question["conversation"]> = {}): Pick<Question, "conversation"> {
  const [model, mode] = arm.split("/") as [string, Mode | "as-sent"];
  return { conversation: { previous: { model, mode: mode === "as-sent" ? null : mode }, isToolResult: false, prefixTokens: 0, ...changes } };
}

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
    expect(choose(question(TALK, { policy: bound, ...asks({ mode: "direct" }) }))).toEqual({ kind: "mode-unbound", mode: "direct", bound: ["short", "code", "long"] });
    expect(first(question(TALK, { policy: bound }))).toBe("small/short");
  });
});

describe("format priors", () => {
  test("talk and commonsense choices are answered directly", () => {
    expect(first(question(TALK))).toBe("small/direct");
    expect(first(question(COMMON_SENSE))).toBe("small/direct");
  });

  test("mathematics in several steps is never answered directly, however dear thinking is", () => {
    for (const lambda of [0, 0.2, 5, 1000]) expect(choice(question(WORD_PROBLEM, { lambda })).ladder.map(({ arm }) => arm.mode)).not.toContain("direct");
    expect(choice(question(WORD_PROBLEM)).weighed.find(({ arm }) => arm.mode === "direct")?.ruledOut).toMatch(/several steps/);
  });

  test("it is when the caller asks for it, or nothing else is bound", () => {
    expect(first(question(WORD_PROBLEM, asks({ mode: "direct" })))).toBe("small/direct");
    expect(first(question(WORD_PROBLEM, asks({ effort: "none" })))).toBe("small/direct");
    expect(first(question(WORD_PROBLEM, { policy: policy({ modes: { direct: "small" } }) }))).toBe("small/direct");
  });

  test("a procedure is traced as code where that pays, a fact is not", () => {
    const traced = classify("Start with the sequence 4 9 2. Swap the first and the last, reverse it, rotate it by 2, swap again. What is the output sequence after 6 moves?");
    const arms = choice(question(traced)).weighed;
    expect(arms.find(({ arm }) => arm.mode === "code")?.ruledOut).toBeNull();
    expect(choice(question(COMMON_SENSE)).weighed.find(({ arm }) => arm.mode === "code")?.ruledOut).toMatch(/facts/);
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
    expect(ladder[0]).toMatchObject({ arm: { model: "deep", mode: null }, settings: { temperature: null, budgetFraction: 1 }, strategies: [], reason: { word: "asked-model" } });
    expect(first(question(WORD_PROBLEM, asks({ model: "deep", mode: "code" })))).toBe("deep/code");
  });

  test("an unknown model and one that the tenant may not use read the same", () => {
    expect(choose(question(TALK, asks({ model: "nobody" })))).toEqual({ kind: "model-unknown", model: "nobody" });
    expect(choose(question(TALK, { ...asks({ model: "deep" }), modelsAllowed: ["small"] }))).toEqual({ kind: "model-unknown", model: "deep" });
  });

  test.each([
    ["none", "direct"], ["minimal", "direct"], ["low", "short"], ["high", "long"], ["xhigh", "long"], ["max", "long"],
  ])("the effort %s is the mode %s", (effort, mode) => {
    const [rung] = choice(question(WORD_PROBLEM, asks({ effort }))).ladder;
    expect(rung.arm.mode).toBe(mode);
    expect(rung.reason.word).toBe("asked-effort");
  });

  test.each(["medium", "enormous"])("the effort %s leaves the choice to Sluice", (effort) => {
    expect(choice(question(TALK, asks({ effort }))).ladder).toEqual(choice(question(TALK)).ladder);
  });

  test("an effort whose mode is not bound is answered by the nearest one, not refused", () => {
    expect(first(question(WORD_PROBLEM, { policy: policy({ modes: { short: "small" } }), ...asks({ effort: "high" }) }))).toBe("small/short");
  });
});

describe("doubt", () => {
  test("low confidence goes to the safe mode, confidence does not", () => {
    const { ladder } = choice(question(FOREIGN));
    expect(ladder[0]).toMatchObject({ arm: { mode: "short" }, reason: { word: "low-confidence" } });
    expect(choice(question(FOREIGN, { policy: policy({ safeMode: "long" }) })).ladder[0].arm.mode).toBe("long");
    expect(choice(question({ ...FOREIGN, confidence: 0.9 })).ladder[0].reason.word).toBe("utility");
  });

  test("without the safe mode the best arm runs, and says so", () => {
    const [rung] = choice(question(FOREIGN, { policy: policy({ modes: { long: "deep" } }) })).ladder;
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
    expect(ladder[0]).toMatchObject({ arm: { model: "mid", mode: "direct" }, reason: { word: "sticky" } });
    expect(first(question(TALK, after("deep/long")))).toBe("deep/long");
  });

  test("escalates when that gains more than the margin, and not when it gains less", () => {
    const eager = policy({ lambda: 0, switchMargin: 0.01 });
    const [rung] = choice(question(WORD_PROBLEM, { policy: eager, lambda: 0, ...after("mid/short") })).ladder;
    expect(rung).toMatchObject({ arm: { model: "deep", mode: "long" }, reason: { word: "escalated" } });
    expect(first(question(WORD_PROBLEM, { policy: policy({ switchMargin: 0.9 }), lambda: 0, ...after("mid/short") }))).toBe("mid/short");
  });

  test("a long prefix that must be read again keeps it where it is", () => {
    const eager = policy({ lambda: 0.05, switchMargin: 0.01 });
    const cold = { policy: eager, lambda: 0.05, inputTokens: 60_000 };
    expect(first(question(WORD_PROBLEM, { ...cold, ...after("mid/short", { prefixTokens: 0 }), inputTokens: 200 }))).toBe("deep/long");
    expect(first(question(WORD_PROBLEM, { ...cold, ...after("mid/short", { prefixTokens: 60_000 }) }))).toBe("mid/short");
  });

  test("leaves direct for mathematics in several steps", () => {
    const [rung] = choice(question(WORD_PROBLEM, after("small/direct"))).ladder;
    expect(rung.arm.mode).not.toBe("direct");
    expect(rung.reason.word).toBe("escalated");
  });

  test("leaves an arm that the policy, the tenant or the catalog no longer has", () => {
    expect(first(question(TALK, after("gone/direct")))).toBe("small/direct");
    expect(first(question(TALK, { ...after("deep/long"), modelsAllowed: ["small"] }))).toBe("small/direct");
  });

  test("a tool's result never switches, whatever mode or effort is asked for", () => {
    for (const asked of [asks({}), asks({ mode: "long" }), asks({ effort: "high" })]) {
      const { ladder } = choice(question(WORD_PROBLEM, { ...asked, ...after("small/direct", { isToolResult: true }) }));
      expect(ladder[0]).toMatchObject({ arm: { model: "small", mode: "direct" }, reason: { word: "tool-result" } });
    }
    expect(first(question(WORD_PROBLEM, after("small/as-sent", { isToolResult: true })))).toBe("small/as-sent");
  });

  test("a model by name wins even then, and a mode by name wins over the conversation", () => {
    expect(first(question(TALK, { ...asks({ model: "deep" }), ...after("small/direct", { isToolResult: true }) }))).toBe("deep/as-sent");
    expect(first(question(TALK, { ...asks({ mode: "long" }), ...after("small/direct") }))).toBe("deep/long");
  });
});

describe("settings", () => {
  const easy = { ...COMMON_SENSE, difficulty: 0.1 };
  const hard = { ...COMMON_SENSE, difficulty: 0.8 };

  test.each([
    ["easy", easy, "escalate", 0.5, 0.4],
    ["normal", { ...COMMON_SENSE, difficulty: 0.3 }, "escalate", 0.8, 1],
    ["hard", hard, "escalate", 0.4, 1],
    ["hard", hard, "failfast", 0.4, 0.5],
  ] as const)("%s under %s", (difficultyClass, features, hardQuery, temperature, budgetFraction) => {
    const chosen = choice(question(features, { policy: policy({ hardQuery }), ...asks({ mode: "short" }) }));
    expect(chosen.difficultyClass).toBe(difficultyClass);
    expect(chosen.ladder[0].settings).toEqual({ temperature, budgetFraction });
  });

  test("a model that proved no temperature gets none", () => {
    const mute: Catalog = { ...CATALOG, models: CATALOG.models.map((model) => ({ ...model, capabilities: [] })) };
    expect(choice(question(easy, { catalog: mute })).ladder[0].settings).toEqual({ temperature: null, budgetFraction: 0.4 });
  });

  test("talk and an unsure class take nothing away", () => {
    expect(choice(question(TALK)).ladder[0].settings).toEqual({ temperature: null, budgetFraction: 1 });
    expect(choice(question({ ...easy, confidence: 0.1 })).difficultyClass).toBe("normal");
  });

  test("a rung carries the strategies of its own mode", () => {
    const { ladder } = choice(question(WORD_PROBLEM, { policy: policy({ strategies: { short: ["concise"], long: ["cap"] } }), ...asks({ effort: "high" }) }));
    for (const { arm, strategies } of ladder) expect(strategies).toEqual(arm.mode === "short" ? ["concise"] : arm.mode === "long" ? ["cap"] : []);
  });
});

describe("failures are values", () => {
  test("a policy without a usable model has no arm", () => {
    expect(choose(question(TALK, { modelsAllowed: [] }))).toEqual({ kind: "no-arm", policy: "balanced" });
    expect(choose(question(TALK, { policy: policy({ modes: { long: "gone" } }) }))).toEqual({ kind: "no-arm", policy: "tested" });
  });

  test("a stand-in takes the mode when the bound model is not allowed", () => {
    expect(first(question(TALK, { modelsAllowed: ["mid"], ...asks({ mode: "long" }) }))).toBe("mid/long");
  });

  test("a prompt that no context holds still gets an arm, one that some hold gets those", () => {
    expect(choice(question(TALK, { inputTokens: 50_000 })).ladder[0].arm.model).not.toBe("small");
    expect(choose(question(TALK, { inputTokens: 5_000_000 })).kind).toBe("chosen");
  });
});

describe("for any question", () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  const count = fc.nat({ max: 50 });
  const features: fc.Arbitrary<Features> = fc.record({
    difficulty: share,
    hard: share,
    confidence: share,
    kind: fc.constantFrom(...KINDS),
    expectedTokens: fc.record({ direct: fc.integer({ min: 1, max: 500 }), short: fc.integer({ min: 1, max: 2000 }), code: fc.integer({ min: 1, max: 4000 }), long: fc.integer({ min: 1, max: 16_000 }) }),
    shape: fc.record({ chars: count, stemChars: count, choices: count, digits: count, numbers: count, operators: count, latex: fc.boolean(), codeBlock: fc.boolean(), steps: count, procedural: count }),
  });
  const id = fc.constantFrom("small", "mid", "coder", "deep");
  const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { nil: null });
  const anyPolicy = fc
    .record({
      modes: fc.record({ direct: id, short: id, code: id, long: id }, { requiredKeys: [] }).filter((modes) => Object.keys(modes).length > 0),
      fallback: fc.uniqueArray(id),
      safeMode: fc.constantFrom(...MODES),
      switchMargin: share,
      confidenceMin: share,
    })
    .map((changes) => policy(changes));
  const mode = fc.constantFrom(...MODES);
  const anyQuestion: fc.Arbitrary<Question> = fc.record({
    features,
    policy: anyPolicy,
    catalog: fc.constant(CATALOG),
    modelsAllowed: maybe(fc.uniqueArray(id)),
    asked: fc.record({ mode: maybe(mode), model: maybe(fc.oneof(id, fc.constant("nobody"))), effort: maybe(fc.constantFrom("none", "low", "medium", "high", "odd")) }),
    conversation: fc.record({ previous: maybe(fc.record({ model: fc.oneof(id, fc.constant("gone")), mode: maybe(mode) })), isToolResult: fc.boolean(), prefixTokens: fc.nat({ max: 50_000 }) }),
    inputTokens: fc.nat({ max: 100_000 }),
    lambda: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1000, noNaN: true })),
  });

  test("every rung obeys the policy and the tenant, and no arm stands twice", () => {
    fc.assert(
      fc.property(anyQuestion, (asked) => {
        const chosen = choose(asked);
        if (chosen.kind !== "chosen") return;
        const offered = [...Object.values(asked.policy.modes), ...asked.policy.fallback, asked.asked.model];
        for (const { arm } of chosen.choice.ladder) {
          expect(offered).toContain(arm.model);
          if (asked.modelsAllowed !== null) expect(asked.modelsAllowed).toContain(arm.model);
          if (arm.mode !== null && asked.asked.model === null) expect(asked.policy.modes[arm.mode]).toBeDefined();
        }
        const names = chosen.choice.ladder.map(({ arm }) => armName(arm));
        expect(new Set(names).size).toBe(names.length);
      }),
      { numRuns: 500 },
    );
  });

  test("rungs come as first, cheaper, fallback; the cheaper ones fall strictly in cost and are never ruled out", () => {
    fc.assert(
      fc.property(anyQuestion, (asked) => {
        const chosen = choose(asked);
        if (chosen.kind !== "chosen") return;
        const [head, ...rest] = chosen.choice.ladder;
        const words = rest.map(({ reason }) => reason.word);
        expect(words).toEqual([...words.filter((word) => word === "cheaper"), ...words.filter((word) => word === "fallback")]);
        let above = head;
        for (const rung of rest) {
          if (rung.reason.word === "fallback") expect(rung.arm.mode).toBe(head.arm.mode);
          else {
            expect(rung.estimate.costNanos).toBeLessThan(above.estimate.costNanos);
            expect(chosen.choice.weighed.find(({ arm }) => armName(arm) === armName(rung.arm))?.ruledOut).toBeNull();
            above = rung;
          }
        }
        expect(rest.every(({ reason }) => reason.word === "cheaper" || reason.word === "fallback")).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test("the first rung's cost never rises with lambda", () => {
    fc.assert(
      fc.property(anyQuestion, fc.double({ min: 0, max: 100, noNaN: true }), (asked, more) => {
        const [low, high] = [choose(asked), choose({ ...asked, lambda: asked.lambda + more })];
        if (low.kind !== "chosen" || high.kind !== "chosen") return;
        expect(high.choice.ladder[0].estimate.costNanos).toBeLessThanOrEqual(low.choice.ladder[0].estimate.costNanos);
      }),
      { numRuns: 500 },
    );
  });

  test("lambda 0 buys the best score that no prior rules out", () => {
    fc.assert(
      fc.property(anyQuestion, (asked) => {
        const chosen = choose({ ...asked, lambda: 0, asked: { mode: null, model: null, effort: null }, features: { ...asked.features, confidence: 1 }, conversation: { previous: null, isToolResult: false, prefixTokens: 0 } });
        if (chosen.kind !== "chosen") return;
        const open = chosen.choice.weighed.filter(({ ruledOut }) => ruledOut === null);
        const pool = open.length > 0 ? open : chosen.choice.weighed;
        expect(chosen.choice.ladder[0].estimate.score).toBe(Math.max(...pool.map(({ estimate }) => estimate.score)));
      }),
    );
  });

  test("a mode by name keeps every rung in it", () => {
    fc.assert(
      fc.property(anyQuestion, mode, (asked, wanted) => {
        const chosen = choose({ ...asked, asked: { mode: wanted, model: null, effort: null }, conversation: { ...asked.conversation, isToolResult: false } });
        if (chosen.kind !== "chosen") return;
        expect(chosen.choice.ladder.every(({ arm }) => arm.mode === wanted)).toBe(true);
        for (const model of asked.policy.fallback) {
          if (asked.modelsAllowed === null || asked.modelsAllowed.includes(model)) expect(chosen.choice.ladder.map(({ arm }) => arm.model)).toContain(model);
        }
      }),
    );
  });
});
