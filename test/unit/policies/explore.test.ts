// What exploration may try, with which probability, and on whom it never does.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Question } from "../../../policies/choice.ts";
import { choose } from "../../../policies/choose.ts";
import { armName } from "../../../policies/mode.ts";
import { parsePolicy } from "../../../policies/policy.ts";
import { chooseThriftily } from "../../../policies/thrift.ts";
import { anyQuestion } from "./any-question.ts";
import {
  after,
  asks,
  choice,
  COMMON_SENSE,
  first,
  FOREIGN,
  policy,
  question,
  WORD_PROBLEM,
} from "./choose-questions.ts";

const EXPLORING = policy({ exploreShare: 0.2, exploreRegretMax: 1 });
/** Inside every share, so that an arm is tried wherever one may be. */
const TRIES = { policy: EXPLORING, chance: 0 };

describe("an arm that is tried", () => {
  test("stands first with its probability and its regret in the reason", () => {
    const best = first(question(COMMON_SENSE, { policy: EXPLORING }));
    const tried = choice(question(COMMON_SENSE, TRIES));
    expect(tried.isExplored).toBe(true);
    expect(armName(tried.ladder[0].arm)).not.toBe(best);
    expect(tried.ladder[0].reason).toMatchObject({ word: "explored" });
    expect(tried.ladder[0].reason.sentence).toContain(`of the utility of ${best}`);
    expect(tried.ladder[0].reason.sentence).toContain(tried.propensity.toFixed(4));
  });

  test("is the best one's lack of luck: beyond the share the best runs, and its propensity says so", () => {
    const best = choice(question(COMMON_SENSE, { ...TRIES, chance: 0.2 }));
    expect(best).toMatchObject({ isExplored: false });
    expect(best.propensity).toBeCloseTo(0.8, 12);
    expect(best.ladder[0].reason.word).toBe("utility");
  });

  test("is never one that lacks more than the regret, nor one that something is held against", () => {
    const near = policy({ exploreShare: 0.2, exploreRegretMax: 0 });
    expect(choice(question(COMMON_SENSE, { policy: near, chance: 0 }))).toMatchObject({
      isExplored: false,
      propensity: 1,
    });
    for (let chance = 0; chance < 0.2; chance += 0.01)
      expect(choice(question(WORD_PROBLEM, { ...TRIES, chance })).ladder[0].arm.mode).not.toBe(
        "direct",
      );
  });
});

describe("nothing is tried", () => {
  test.each<[string, Question]>([
    ["without a share", question(COMMON_SENSE, { chance: 0 })],
    ["without chance", question(COMMON_SENSE, { policy: EXPLORING })],
    ["on a mode by name", question(COMMON_SENSE, { ...TRIES, ...asks({ mode: "long" }) })],
    ["on a model by name", question(COMMON_SENSE, { ...TRIES, ...asks({ model: "mid" }) })],
    ["on an effort", question(COMMON_SENSE, { ...TRIES, ...asks({ effort: "high" }) })],
    ["on a conversation", question(COMMON_SENSE, { ...TRIES, ...after("small/direct") })],
    [
      "on a conversation that escalates",
      question(WORD_PROBLEM, { ...TRIES, ...after("small/direct") }),
    ],
    [
      "on a tool's result",
      question(COMMON_SENSE, { ...TRIES, ...after("small/direct", { isToolResult: true }) }),
    ],
    ["in doubt", question(FOREIGN, TRIES)],
  ])("%s", (_, asked) => {
    const plain = choice({ ...asked, chance: null });
    expect(choice(asked)).toEqual({ ...plain, propensity: 1, isExplored: false });
  });

  test("on a caller who is strict", () => {
    const asked = question(COMMON_SENSE, TRIES);
    const strict = chooseThriftily(asked, { lambda: 0, isStrict: true });
    const lax = chooseThriftily(asked, { lambda: 0, isStrict: false });
    expect(strict).toMatchObject({ choice: { isExplored: false, propensity: 1 } });
    expect(lax).toMatchObject({ choice: { isExplored: true } });
  });
});

test("a policy explores at most a fifth, and nothing unless it says so", () => {
  const base = { name: "p", version: "1", modes: { short: "mid" } };
  expect(parsePolicy({ ...base, exploreShare: 0.21 })).toMatchObject({
    faults: [{ path: "exploreShare", problem: "must be at most 0.2" }],
  });
  expect(parsePolicy(base)).toMatchObject({ value: { exploreShare: 0 } });
});

describe("for any question", () => {
  const CHANCES = 240;
  const RUNS = 500;

  test("the propensity is the share of chances at which its arm runs", () => {
    fc.assert(
      fc.property(anyQuestion, (asked) => {
        const counts = new Map<string, { runs: number; propensity: number }>();
        for (let index = 0; index < CHANCES; index += 1) {
          const chosen = choose({ ...asked, chance: (index + 0.5) / CHANCES });
          if (chosen.kind !== "chosen") return;
          const { propensity, ladder, candidates } = chosen.choice;
          const name = armName(ladder[0].arm);
          // Those who learn of it hear of every candidate with the propensity that the draw gave it.
          if (candidates.length > 0) {
            const own = candidates.find(({ arm }) => arm === name);
            expect(own?.propensity).toBe(propensity);
            const sum = candidates.reduce((total, one) => total + one.propensity, 0);
            expect(sum).toBeCloseTo(1, 9);
          } else expect(propensity).toBe(1);
          const counted = counts.get(name) ?? { runs: 0, propensity };
          // One arm has one propensity, whichever chance led to it.
          expect(propensity).toBeCloseTo(counted.propensity, 9);
          counts.set(name, { ...counted, runs: counted.runs + 1 });
        }
        for (const { runs, propensity } of counts.values()) {
          expect(propensity).toBeGreaterThan(0);
          // Each of at most three slots has a border of half a chance on either side.
          expect(Math.abs(runs / CHANCES - propensity)).toBeLessThanOrEqual(4 / CHANCES);
        }
      }),
      { numRuns: 150 },
    );
  });

  test("for any one chance a higher price of the budget never costs more", () => {
    const price = fc.double({ min: 0, max: 5, noNaN: true });
    const chances = fc.double({ min: 0, max: 0.2, noNaN: true });
    fc.assert(
      fc.property(anyQuestion, price, price, chances, (drawn, some, more, chance) => {
        const { policy: own } = drawn;
        const asked = {
          ...drawn,
          lambda: own.lambda,
          chance,
          policy: { ...own, exploreShare: 0.2 },
        };
        const of = (lambda: number) => chooseThriftily(asked, { lambda, isStrict: false });
        const costs = [of(0), of(some), of(some + more)].map((chosen) =>
          chosen.kind === "chosen" ? chosen.choice.ladder[0].estimate.costNanos : 0,
        );
        expect(costs).toEqual(costs.toSorted((left, right) => right - left));
      }),
      { numRuns: RUNS },
    );
  });

  test("what is tried is within the regret and unobjected, at the policy's lambda and at a budget's", () => {
    fc.assert(
      fc.property(anyQuestion, fc.double({ min: 0, max: 5, noNaN: true }), (asked, price) => {
        const at = { ...asked, lambda: asked.policy.lambda + price };
        const [tried, best] = [choose({ ...at, chance: 0 }), choose({ ...at, chance: null })];
        if (tried.kind !== "chosen" || best.kind !== "chosen" || !tried.choice.isExplored) return;
        const [rung] = tried.choice.ladder;
        const lacks = best.choice.ladder[0].estimate.utility - rung.estimate.utility;
        expect(lacks).toBeLessThanOrEqual(asked.policy.exploreRegretMax + 1e-9);
        const weighed = tried.choice.weighed.find(({ arm }) => armName(arm) === armName(rung.arm));
        expect(weighed?.ruledOut).toBeNull();
      }),
      { numRuns: RUNS },
    );
  });
});
