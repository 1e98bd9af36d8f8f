// What any choice keeps, for any policy, tenant, conversation and lambda. A failing property prints its seed.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Question } from "../../../policies/choice.ts";
import { choose } from "../../../policies/choose.ts";
import { armName, MODES, type Mode } from "../../../policies/mode.ts";
import { modelsFor } from "../../../policies/rank-arms.ts";
import { affordableAmong, chooseThriftily } from "../../../policies/thrift.ts";
import { weighArm, type Weighed } from "../../../policies/weigh-arms.ts";
import { anyQuestion, mode } from "./any-question.ts";

describe("for any question", () => {
  test("every rung obeys the policy and the tenant, and no arm stands twice", () => {
    fc.assert(
      fc.property(anyQuestion, (asked) => {
        const chosen = choose(asked);
        if (chosen.kind !== "chosen") return;
        const offered = [
          ...Object.values(asked.policy.modes),
          ...asked.policy.fallback,
          asked.asked.model,
        ];
        for (const { arm } of chosen.choice.ladder) {
          expect(offered).toContain(arm.model);
          if (asked.modelsAllowed !== null) expect(asked.modelsAllowed).toContain(arm.model);
          if (arm.mode !== null && asked.asked.model === null)
            expect(asked.policy.modes[arm.mode]).toBeDefined();
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
        expect(words).toEqual([
          ...words.filter((word) => word === "cheaper"),
          ...words.filter((word) => word === "fallback"),
        ]);
        let above = head;
        for (const rung of rest) {
          if (rung.reason.word === "fallback") expect(rung.arm.mode).toBe(head.arm.mode);
          else {
            expect(rung.estimate.costNanos).toBeLessThan(above.estimate.costNanos);
            expect(
              chosen.choice.weighed.find(({ arm }) => armName(arm) === armName(rung.arm))?.ruledOut,
            ).toBeNull();
            above = rung;
          }
        }
        expect(
          rest.every(({ reason }) => reason.word === "cheaper" || reason.word === "fallback"),
        ).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test("the first rung's cost never rises with lambda", () => {
    fc.assert(
      fc.property(anyQuestion, fc.double({ min: 0, max: 100, noNaN: true }), (asked, more) => {
        const [low, high] = [choose(asked), choose({ ...asked, lambda: asked.lambda + more })];
        if (low.kind !== "chosen" || high.kind !== "chosen") return;
        expect(high.choice.ladder[0].estimate.costNanos).toBeLessThanOrEqual(
          low.choice.ladder[0].estimate.costNanos,
        );
      }),
      { numRuns: 500 },
    );
  });

  test("without a price a thrifty choice is the plain one; a strict one has its first rung and stand-ins, of which a budget is offered none", () => {
    fc.assert(
      fc.property(anyQuestion, fc.double({ min: 0, max: 100, noNaN: true }), (asked, lambda) => {
        const plain = choose(asked);
        const free = chooseThriftily(asked, { lambda: 0, isStrict: false });
        const strict = chooseThriftily(asked, { lambda, isStrict: true });
        if (plain.kind !== "chosen" || free.kind !== "chosen" || strict.kind !== "chosen") {
          expect([free, strict]).toEqual([plain, plain]);
          return;
        }
        expect(free.choice).toEqual(plain.choice);
        expect(free.thrift).toMatchObject({ lambda: 0, undegraded: plain.choice.ladder[0].arm });
        expect(strict.thrift.lambda).toBe(0);
        // Nothing is tried out on who is strict, whatever chance says.
        const calm = choose({ ...asked, chance: null });
        if (calm.kind !== "chosen") throw new Error("Chance alone must not keep it from a choice.");
        expect(strict.choice.ladder).toEqual(
          calm.choice.ladder.filter(({ reason }) => reason.word !== "cheaper"),
        );
        const affordable = affordableAmong(strict.choice.ladder, strict.thrift);
        expect(affordable).toEqual([calm.choice.ladder[0]]);
        expect(affordableAmong(free.choice.ladder, free.thrift)).toEqual(plain.choice.ladder);
      }),
      { numRuns: 500 },
    );
  });

  test("a budget's price never makes a choice dearer than a lower one, and says what it would have been", () => {
    const price = fc.double({ min: 0, max: 100, noNaN: true });
    fc.assert(
      fc.property(anyQuestion, price, price, (asked, some, more) => {
        const of = (lambda: number) => chooseThriftily(asked, { lambda, isStrict: false });
        const [low, high, plain] = [of(some), of(some + more), choose(asked)];
        if (low.kind !== "chosen" || high.kind !== "chosen" || plain.kind !== "chosen") return;
        expect(high.choice.ladder[0].estimate.costNanos).toBeLessThanOrEqual(
          low.choice.ladder[0].estimate.costNanos,
        );
        expect(high.thrift.undegraded).toEqual(plain.choice.ladder[0].arm);
      }),
      { numRuns: 500 },
    );
  });

  const alone = {
    asked: { mode: null, model: null, effort: null },
    conversation: { previous: null, isToolResult: false, prefixTokens: 0 },
    chance: null,
  };

  test("in doubt the safe mode runs where nothing is held against it, but for a few words of talk", () => {
    fc.assert(
      fc.property(anyQuestion, (asked) => {
        const policy = { ...asked.policy, confidenceMin: 1 };
        const features = { ...asked.features, confidence: 0.5 };
        const chosen = choose({ ...asked, ...alone, chance: asked.chance, policy, features });
        if (chosen.kind !== "chosen") return;
        const { ladder, weighed, isExplored } = chosen.choice;
        expect(isExplored).toBe(false);
        const safe = weighed.find(
          ({ arm, ruledOut }) => arm.mode === policy.safeMode && ruledOut === null,
        );
        const isTalk = features.kind === "chat" && ladder[0].arm.mode === "direct";
        if (safe === undefined || isTalk) return;
        expect(ladder[0].arm).toEqual(safe.arm);
        expect(["low-confidence", "floor", "ceiling"]).toContain(ladder[0].reason.word);
      }),
      { numRuns: 500 },
    );
  });

  test("an estimate says where it came from, and what a head says that cannot be true changes nothing", () => {
    fc.assert(
      fc.property(anyQuestion, (asked) => {
        const wrong = { score: Number.NaN, outputTokens: 1, evidence: 9, halfWidth: 0 };
        const [advised, misled, plain] = [
          choose(asked),
          choose({ ...asked, advice: { correct: () => wrong } }),
          choose({ ...asked, advice: null }),
        ];
        expect(misled).toEqual(plain);
        if (advised.kind !== "chosen") return;
        for (const { estimate } of advised.choice.weighed) {
          expect(estimate.score).toBeGreaterThanOrEqual(0);
          expect(estimate.score).toBeLessThanOrEqual(1);
          expect(Number.isSafeInteger(estimate.costNanos)).toBe(true);
          if (asked.advice === null) expect(estimate.from).toEqual({ kind: "prior" });
        }
      }),
      { numRuns: 500 },
    );
  });

  test("lambda 0 buys the best score that nothing is held against", () => {
    fc.assert(
      fc.property(anyQuestion, (asked) => {
        const sure = { ...asked.features, confidence: 1 };
        const chosen = choose({ ...asked, ...alone, lambda: 0, features: sure });
        if (chosen.kind !== "chosen") return;
        const open = chosen.choice.weighed.filter(({ ruledOut }) => ruledOut === null);
        if (open.length === 0) return;
        expect(chosen.choice.ladder[0].estimate.score).toBe(
          Math.max(...open.map(({ estimate }) => estimate.score)),
        );
      }),
      { numRuns: 500 },
    );
  });

  test("a floor or a ceiling is passed only where no arm keeps it, and then by as little as can be", () => {
    fc.assert(
      fc.property(anyQuestion, (asked) => {
        // Nothing but the objective is held against any arm.
        const features = { ...asked.features, kind: "logic" as const };
        const own = { ...asked, ...alone, features, needs: [], inputTokens: 100 };
        const chosen = choose(own);
        if (chosen.kind !== "chosen") return;
        const { estimate, reason } = chosen.choice.ladder[0];
        const { expectedScoreMin, expectedCostNanosMax, expectedOutputTokensMax } = asked.policy;
        const { expectedLatencyMsMax } = asked.policy;
        // Stand-ins included, whether the choice has looked at them or not.
        const all = everyArm(own).map((arm) => arm.estimate);
        const cheap = all.filter(
          ({ costNanos, outputTokens }) =>
            costNanos <= (expectedCostNanosMax ?? Infinity) &&
            outputTokens <= (expectedOutputTokensMax ?? Infinity),
        );
        // A model of unknown speed is not known to pass a ceiling on it.
        const affordable = cheap.filter(
          ({ latencyMs }) => latencyMs === null || latencyMs <= (expectedLatencyMsMax ?? Infinity),
        );
        if (affordable.length === 0) {
          const least = (values: number[]) => Math.min(...values);
          if (cheap.length === 0)
            expect(estimate.costNanos).toBe(least(all.map(({ costNanos }) => costNanos)));
          else
            expect(estimate.latencyMs).toBe(
              least(cheap.map(({ latencyMs }) => latencyMs ?? Infinity)),
            );
          expect(reason.word).toBe("ceiling");
          return;
        }
        expect(affordable).toContainEqual(estimate);
        const best = Math.max(...affordable.map(({ score }) => score));
        expect(estimate.score).toBeGreaterThanOrEqual(Math.min(expectedScoreMin, best));
        if (estimate.score < expectedScoreMin) expect(["floor", "ceiling"]).toContain(reason.word);
      }),
      { numRuns: 500 },
    );
  });

  test("the reason is a floor or a ceiling exactly where one is passed, or nothing would run so without", () => {
    fc.assert(
      fc.property(anyQuestion, (asked) => {
        const own = { ...asked, ...alone };
        const free = {
          expectedScoreMin: 0,
          expectedCostNanosMax: undefined,
          expectedOutputTokensMax: undefined,
          expectedLatencyMsMax: undefined,
        };
        const [bound, without] = [
          choose(own),
          choose({ ...own, policy: { ...own.policy, ...free } }),
        ];
        if (bound.kind !== "chosen" || without.kind !== "chosen") return;
        const { arm, reason } = bound.choice.ladder[0];
        const isPassed = everyArm(own).some(
          (one) => armName(one.arm) === armName(arm) && one.passed !== null,
        );
        const isChanged = armName(arm) !== armName(without.choice.ladder[0].arm);
        expect(["floor", "ceiling"].includes(reason.word)).toBe(isPassed || isChanged);
      }),
      { numRuns: 1000 },
    );
  });

  /** Each mode on each of its models. */
  function everyArm(asked: Question, modes: readonly Mode[] = MODES): Weighed[] {
    return modes.flatMap((one) =>
      modelsFor(asked, one).map((model) => weighArm(asked, model, one)),
    );
  }

  test("no model answers that lacks what the request needs while another could answer", () => {
    fc.assert(
      fc.property(anyQuestion, (asked) => {
        const own = {
          ...asked,
          asked: { ...asked.asked, model: null },
          conversation: { ...asked.conversation, isToolResult: false },
        };
        const chosen = choose(own);
        if (chosen.kind !== "chosen") return;
        const lacks = (id: string): boolean => {
          const { contextTokens, capabilities } = own.catalog.models.find((one) => one.id === id)!;
          return (
            own.inputTokens >= contextTokens ||
            own.needs.some((need) => !capabilities.includes(need))
          );
        };
        const [head, ...rest] = chosen.choice.ladder;
        const open = own.asked.mode === null ? MODES : [own.asked.mode];
        if (everyArm(own, open).some(({ arm }) => !lacks(arm.model)))
          expect(lacks(head.arm.model)).toBe(false);
        const standIns = rest.filter(({ reason }) => reason.word === "fallback");
        const lacking = standIns.map(({ arm }) => lacks(arm.model));
        expect(lacking).toEqual(lacking.toSorted((left, right) => Number(left) - Number(right)));
      }),
      { numRuns: 1000 },
    );
  });

  test("a mode by name keeps every rung in it, and none is missing but who reads less than the first and the prompt", () => {
    fc.assert(
      fc.property(anyQuestion, mode, (asked, wanted) => {
        const chosen = choose({
          ...asked,
          asked: { mode: wanted, model: null, effort: null },
          conversation: { ...asked.conversation, isToolResult: false },
        });
        if (chosen.kind !== "chosen") return;
        expect(chosen.choice.ladder.every(({ arm }) => arm.mode === wanted)).toBe(true);
        const rungs = chosen.choice.ladder.map(({ arm }) => arm.model);
        const contextOf = (id: string) =>
          asked.catalog.models.find((one) => one.id === id)!.contextTokens;
        for (const model of [asked.policy.modes[wanted]!, ...asked.policy.fallback]) {
          if (asked.modelsAllowed !== null && !asked.modelsAllowed.includes(model)) continue;
          const reads = contextOf(model) > asked.inputTokens;
          expect(rungs.includes(model)).toBe(reads || contextOf(model) >= contextOf(rungs[0]!));
        }
      }),
      { numRuns: 500 },
    );
  });
});
