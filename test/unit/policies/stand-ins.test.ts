// Who runs a mode when its own model lacks something, or passes a bound that another model keeps.
import { describe, expect, test } from "vitest";
import type { Catalog, Model } from "../../../policies/catalog.ts";
import type { Rung } from "../../../policies/choice.ts";
import { armName, MODES } from "../../../policies/mode.ts";
import {
  after,
  asks,
  CATALOG,
  choice,
  COMMON_SENSE,
  first,
  POLICIES,
  policy,
  question,
  TALK,
  WORD_PROBLEM,
} from "./choose-questions.ts";

const ECONOMY = POLICIES.get("economy")!;
/** More than `small` reads and less than `mid` does. */
const LONG = { inputTokens: 52_000 };

/** The seeded catalog with something else said of some models. */
function catalogWith(changes: Readonly<Record<string, Partial<Model>>>): Catalog {
  const models = CATALOG.models.map((model) => ({ ...model, ...changes[model.id] }));
  return { ...CATALOG, models };
}

function lines(ladder: readonly Rung[]): string[] {
  return ladder.map(({ arm, reason }) => `${reason.word} ${armName(arm)}`);
}

describe("a prompt that the bound model does not read", () => {
  test("goes to the stand-in that does, and a shorter one does not", () => {
    expect(first(question(COMMON_SENSE, { policy: ECONOMY, ...LONG }))).toMatch(/^mid\//);
    expect(first(question(COMMON_SENSE, { policy: ECONOMY }))).toMatch(/^small\//);
  });

  test.each(MODES)("does so in the mode that was asked for: %s", (mode) => {
    const asked = { policy: ECONOMY, ...asks({ mode }) };
    const { ladder, weighed } = choice(question(COMMON_SENSE, { ...asked, ...LONG }));
    expect(lines(ladder)).toEqual([`asked-mode mid/${mode}`]);
    expect(weighed.find(({ arm }) => armName(arm) === `small/${mode}`)?.ruledOut).toMatch(
      /does not fit the 32768 tokens that small reads/,
    );
    expect(lines(choice(question(COMMON_SENSE, asked)).ladder)).toEqual([
      `asked-mode small/${mode}`,
      `fallback mid/${mode}`,
    ]);
  });

  test("never meets that model further down the ladder", () => {
    const { ladder } = choice(question(WORD_PROBLEM, { policy: ECONOMY, ...LONG }));
    expect(ladder.map(({ arm }) => arm.model)).not.toContain("small");
  });

  test("of models that all read less, goes to the widest, and the others do not stand in", () => {
    const { ladder } = choice(question(WORD_PROBLEM, { policy: ECONOMY, inputTokens: 140_000 }));
    expect(new Set(ladder.map(({ arm }) => arm.model))).toEqual(new Set(["mid"]));
  });

  test("keeps a stand-in that reads as much as the widest, since the length is a guess", () => {
    const equals = policy({ modes: { short: "mid" }, fallback: ["small", "deep"] });
    expect(
      lines(choice(question(WORD_PROBLEM, { policy: equals, inputTokens: 140_000 })).ladder),
    ).toEqual(["utility mid/short", "fallback deep/short"]);
  });

  test("is rather answered in a poor format than refused", () => {
    const poor = policy({ modes: { direct: "mid", long: "small" } });
    expect(first(question(WORD_PROBLEM, { policy: poor, ...LONG }))).toBe("mid/direct");
    expect(first(question(WORD_PROBLEM, { policy: poor }))).toBe("small/long");
  });

  test("takes a conversation to a stand-in, at any price", () => {
    const asked = { policy: ECONOMY, lambda: 1000, ...after("small/long") };
    const [rung] = choice(question(TALK, { ...asked, ...LONG })).ladder;
    expect(rung).toMatchObject({ arm: { model: "mid" }, reason: { word: "escalated" } });
    expect(first(question(TALK, asked))).toBe("small/long");
  });

  test("leaves an effort's mode for the nearest one that can answer", () => {
    const apart = policy({ modes: { short: "mid", long: "small" } });
    const asked = { policy: apart, ...asks({ effort: "high" }) };
    expect(first(question(WORD_PROBLEM, { ...asked, ...LONG }))).toBe("mid/short");
    expect(first(question(WORD_PROBLEM, asked))).toBe("small/long");
  });
});

describe("a need that the catalog does not declare for the bound model", () => {
  const needs = { needs: ["tools"] as const };
  const onlyMid = catalogWith({ small: { capabilities: ["temperature"] } });
  const nobody = catalogWith({ small: { capabilities: [] }, mid: { capabilities: [] } });

  test("goes to the stand-in that has it, and the bound model stands last", () => {
    const asked = { policy: ECONOMY, catalog: onlyMid, ...asks({ mode: "short" }) };
    const { ladder } = choice(question(WORD_PROBLEM, { ...asked, ...needs }));
    expect(lines(ladder)).toEqual(["asked-mode mid/short", "fallback small/short"]);
    expect(ladder[1]?.reason.sentence).toMatch(
      /^small stands in .*, though the catalog does not declare "tools" for small\.$/,
    );
    expect(first(question(WORD_PROBLEM, asked))).toBe("small/short");
  });

  test("also where Sluice chooses, and within a conversation", () => {
    const asked = { policy: ECONOMY, catalog: onlyMid, ...needs };
    for (const lambda of [0, 0.5, 1000]) {
      expect(first(question(WORD_PROBLEM, { ...asked, lambda }))).toMatch(/^mid\//);
      expect(first(question(TALK, { ...asked, lambda, ...after("small/long") }))).toMatch(/^mid\//);
    }
  });

  test("is asked of the bound model where nobody has it: it may be there all the same", () => {
    const asked = { policy: ECONOMY, catalog: nobody, ...needs };
    expect(first(question(WORD_PROBLEM, asked))).toMatch(/^small\//);
    expect(first(question(WORD_PROBLEM, { ...asked, ...asks({ effort: "high" }) }))).toBe(
      "small/long",
    );
    expect(first(question(WORD_PROBLEM, { ...asked, ...LONG }))).toMatch(/^mid\//);
  });

  test("comes before the policy's order of stand-ins", () => {
    const apart = policy({ modes: { short: "mid" }, fallback: ["small", "deep"] });
    const asked = { policy: apart, catalog: onlyMid, ...asks({ mode: "short" }) };
    const order = (changes: object) =>
      choice(question(WORD_PROBLEM, { ...asked, ...changes })).ladder.map(({ arm }) => arm.model);
    expect(order({})).toEqual(["mid", "small", "deep"]);
    expect(order(needs)).toEqual(["mid", "deep", "small"]);
  });
});

describe("a bound that the bound model passes", () => {
  const dear = { modes: { long: "deep" }, fallback: ["small"] };
  const long = (fields: object, changes: object = {}) =>
    choice(question(WORD_PROBLEM, { policy: policy({ ...dear, ...fields }), ...changes })).ladder;
  const deep = long({})[0];
  const small = choice(question(WORD_PROBLEM, { policy: policy({ modes: { long: "small" } }) }))
    .ladder[0];
  const between = Math.ceil((deep.estimate.costNanos + small.estimate.costNanos) / 2);

  test("goes to the stand-in that keeps it, and the reason is the ceiling", () => {
    expect(lines(long({}))).toEqual(["utility deep/long", "fallback small/long"]);
    const ladder = long({ expectedCostNanosMax: between });
    expect(lines(ladder)).toEqual(["ceiling small/long", "fallback deep/long"]);
    expect(ladder[0].reason.sentence).toBe(
      `deep/long is expected to cost ${deep.estimate.costNanos} nano-dollars, above the policy's ${between}; small/long runs.`,
    );
  });

  test("is named for its own mode, not one that another mode's model passes without any effect", () => {
    const prices = {
      version: "dear",
      inputNanosPerMtok: 0,
      cachedInputNanosPerMtok: 0,
      outputNanosPerMtok: 90_000_000_000,
    };
    const catalog = catalogWith({ coder: { strength: -3 }, deep: { prices } });
    const modes = { short: "mid", code: "coder", long: "deep" };
    const fields = { modes, lambda: 0.05, expectedScoreMin: 0.4 };
    const asked = (bounds: object) =>
      choice(
        question(WORD_PROBLEM, {
          catalog,
          policy: policy({ ...fields, fallback: ["small"], ...bounds }),
        }),
      );
    expect(armName(asked({}).ladder[0].arm)).toBe("mid/short");
    const { ladder, weighed } = asked({ expectedCostNanosMax: 5_000_000 });
    expect(weighed.find(({ arm }) => armName(arm) === "coder/code")?.ruledOut).toMatch(/below/);
    expect(armName(ladder[0].arm)).toBe("small/long");
    expect(ladder[0].reason.word).toBe("ceiling");
    expect(ladder[0].reason.sentence).toMatch(/^deep\/long is expected to cost/);
  });

  test("where every model passes the ceiling, is the cheapest's, and the reason says so", () => {
    const [rung] = long({ expectedCostNanosMax: 1 });
    expect(armName(rung.arm)).toBe("small/long");
    expect(rung.reason).toMatchObject({ word: "ceiling" });
    const [alone] = long({ expectedCostNanosMax: 1, fallback: [] });
    expect(armName(alone.arm)).toBe("deep/long");
    expect(alone.reason).toEqual({
      word: "ceiling",
      sentence: `deep/long is expected to cost ${deep.estimate.costNanos} nano-dollars, above the policy's 1, and no other arm that can answer keeps the policy's bounds; deep/long runs.`,
    });
  });

  test("goes to the stand-in that reaches the floor, and the reason is the floor", () => {
    const floor = (deep.estimate.score + small.estimate.score) / 2;
    const fields = { modes: { long: "small" }, fallback: ["deep"], expectedScoreMin: floor };
    expect(lines(long(fields))).toEqual(["floor deep/long", "fallback small/long"]);
    expect(lines(long({ ...fields, expectedScoreMin: 0 }))[0]).toBe("utility small/long");
  });

  test("is kept in a mode and an effort that were asked for, where a model of the mode can", () => {
    for (const asked of [{ mode: "long" }, { effort: "high" }] as const) {
      const [rung] = long({ expectedCostNanosMax: between }, asks(asked));
      expect(armName(rung.arm)).toBe("small/long");
      expect(rung.reason.word).toBe("ceiling");
      expect(rung.reason.sentence).toMatch(/^The caller asked for the .*\. deep\/long is expected/);
    }
  });

  test("is passed by a mode that was asked for where none can, and the reason names both", () => {
    const fields = { expectedCostNanosMax: between, fallback: [] };
    const [rung] = long(fields, asks({ mode: "long" }));
    expect(rung.reason.word).toBe("asked-mode");
    expect(rung.reason.sentence).toMatch(/^The caller asked .*\. deep\/long is expected to cost/);
    expect(long({}, asks({ mode: "long" }))[0].reason.sentence).not.toMatch(/expected/);
  });

  test("puts stand-ins that pass it behind those that keep it", () => {
    const fields = { modes: { long: "small" }, fallback: ["deep", "coder"] };
    expect(long(fields).map(({ arm }) => arm.model)).toEqual(["small", "deep", "coder"]);
    expect(long({ ...fields, expectedCostNanosMax: between }).map(({ arm }) => arm.model)).toEqual([
      "small",
      "coder",
      "deep",
    ]);
  });

  test("says so of a conversation that stays because nothing keeps it", () => {
    const [rung] = long({ expectedCostNanosMax: 1, fallback: [] }, after("deep/long"));
    expect(rung.reason.word).toBe("ceiling");
    expect(rung.reason.sentence).toMatch(/^The conversation stays on deep\/long/);
  });

  test("gives way to what can answer at all", () => {
    const [rung] = long(
      { modes: { long: "small" }, fallback: ["deep"], expectedCostNanosMax: 1 },
      LONG,
    );
    expect(armName(rung.arm)).toBe("deep/long");
    expect(rung.reason.word).toBe("ceiling");
  });
});
