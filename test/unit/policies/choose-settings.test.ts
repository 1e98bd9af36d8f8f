// What a rung carries beside its arm, and how a choice fails.
import { describe, expect, test } from "vitest";
import type { Catalog } from "../../../policies/catalog.ts";
import { choose } from "../../../policies/choose.ts";
import type { Mode } from "../../../policies/mode.ts";
import {
  CATALOG,
  COMMON_SENSE,
  TALK,
  WORD_PROBLEM,
  asks,
  choice,
  first,
  policy,
  question,
} from "./choose-questions.ts";

describe("settings", () => {
  const easy = { ...COMMON_SENSE, difficulty: 0.1 };
  const hard = { ...COMMON_SENSE, difficulty: 0.8 };

  test.each([
    ["easy", easy, "escalate", 0.5, 0.4],
    ["normal", { ...COMMON_SENSE, difficulty: 0.3 }, "escalate", 0.8, 1],
    ["hard", hard, "escalate", 0.4, 1],
    ["hard", hard, "failfast", 0.4, 0.5],
  ] as const)(
    "%s under %s",
    (difficultyClass, features, hardQuery, temperature, budgetFraction) => {
      const chosen = choice(
        question(features, { policy: policy({ hardQuery }), ...asks({ effort: "low" }) }),
      );
      expect(chosen.difficultyClass).toBe(difficultyClass);
      expect(chosen.ladder[0].settings).toMatchObject({ temperature, budgetFraction });
    },
  );

  test("a mode by name keeps the whole cap, however easy the question reads", () => {
    const { settings } = choice(question(easy, asks({ mode: "long" }))).ladder[0];
    expect(settings).toMatchObject({ budgetFraction: 1, temperature: 0.5 });
  });

  test("a model that proved no temperature gets none", () => {
    const mute: Catalog = {
      ...CATALOG,
      models: CATALOG.models.map((model) => ({ ...model, capabilities: [] })),
    };
    expect(choice(question(easy, { catalog: mute })).ladder[0].settings).toMatchObject({
      temperature: null,
      budgetFraction: 0.4,
    });
  });

  test("talk and an unsure class take nothing away", () => {
    expect(choice(question(TALK)).ladder[0].settings).toEqual({
      temperature: null,
      budgetFraction: 1,
      outputTokensMax: null,
      effort: null,
      tier: "text",
    });
    expect(choice(question({ ...easy, confidence: 0.1 })).difficultyClass).toBe("normal");
  });

  test("a rung carries the strategies of its own mode", () => {
    const { ladder } = choice(
      question(WORD_PROBLEM, {
        policy: policy({ strategies: { short: ["concise"], long: ["cap"] } }),
        ...asks({ effort: "high" }),
      }),
    );
    for (const { arm, strategies } of ladder)
      expect(strategies).toEqual(
        arm.mode === "short"
          ? ["concise"]
          : arm.mode === "long"
            ? ["cap"]
            : ["mode-prompt", "diffadapt"],
      );
  });

  test("a policy that lists none runs the mode's words and DiffAdapt's settings; an empty list runs nothing", () => {
    const strategies = (fields: object): readonly string[] =>
      choice(question(WORD_PROBLEM, { policy: policy(fields), ...asks({ mode: "short" }) }))
        .ladder[0].strategies;
    expect(strategies({})).toEqual(["mode-prompt", "diffadapt"]);
    expect(strategies({ strategies: { short: [] } })).toEqual([]);
  });

  test("talk in direct mode is not told how to answer, in another mode it is", () => {
    const strategies = (mode: Mode): readonly string[] =>
      choice(question(TALK, asks({ mode }))).ladder[0].strategies;
    expect(strategies("direct")).toEqual(["diffadapt"]);
    expect(strategies("short")).toEqual(["mode-prompt", "diffadapt"]);
  });

  test("the share is one of the widest cap, so a narrow mode keeps its own", () => {
    const { settings } = choice(question(easy, asks({ effort: "none" }))).ladder[0];
    expect(settings.outputTokensMax).toBe(Math.floor(0.4 * policy({}).capTokens.long));
  });
});

describe("failures are values", () => {
  test("a policy without a usable model has no arm", () => {
    expect(choose(question(TALK, { modelsAllowed: [] }))).toEqual({
      kind: "no-arm",
      policy: "balanced",
    });
    expect(choose(question(TALK, { policy: policy({ modes: { long: "gone" } }) }))).toEqual({
      kind: "no-arm",
      policy: "tested",
    });
  });

  test("a stand-in takes the mode when the bound model is not allowed", () => {
    expect(first(question(TALK, { modelsAllowed: ["mid"], ...asks({ mode: "long" }) }))).toBe(
      "mid/long",
    );
  });

  test("a prompt that no context holds still gets an arm, one that some hold gets those", () => {
    expect(choice(question(TALK, { inputTokens: 50_000 })).ladder[0].arm.model).not.toBe("small");
    expect(choose(question(TALK, { inputTokens: 5_000_000 })).kind).toBe("chosen");
  });
});
