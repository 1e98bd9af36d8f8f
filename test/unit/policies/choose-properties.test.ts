// What any choice keeps, for any policy, tenant, conversation and lambda. A failing property prints its seed.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KINDS, type Features } from "../../../classifiers/features.ts";
import type { Question } from "../../../policies/choice.ts";
import { choose } from "../../../policies/choose.ts";
import { armName, MODES } from "../../../policies/mode.ts";
import { chooseThriftily } from "../../../policies/thrift.ts";
import { CATALOG, policy } from "./choose-questions.ts";

describe("for any question", () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  const count = fc.nat({ max: 50 });
  const features: fc.Arbitrary<Features> = fc.record({
    difficulty: share,
    hard: share,
    confidence: share,
    kind: fc.constantFrom(...KINDS),
    expectedTokens: fc.record({
      direct: fc.integer({ min: 1, max: 500 }),
      short: fc.integer({ min: 1, max: 2000 }),
      code: fc.integer({ min: 1, max: 4000 }),
      long: fc.integer({ min: 1, max: 16_000 }),
    }),
    shape: fc.record({
      chars: count,
      stemChars: count,
      choices: count,
      digits: count,
      numbers: count,
      operators: count,
      latex: fc.boolean(),
      codeBlock: fc.boolean(),
      steps: count,
      procedural: count,
    }),
  });
  const id = fc.constantFrom("small", "mid", "coder", "deep");
  const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
    fc.option(value, { nil: null });
  const anyPolicy = fc
    .record({
      modes: fc
        .record({ direct: id, short: id, code: id, long: id }, { requiredKeys: [] })
        .filter((modes) => Object.keys(modes).length > 0),
      fallback: fc.uniqueArray(id),
      safeMode: fc.constantFrom(...MODES),
      switchMargin: share,
      confidenceMin: share,
      expectedScoreMin: fc.oneof(fc.constant(0), share),
      expectedCostNanosMax: fc.option(fc.integer({ min: 1, max: 20_000_000 }), { nil: undefined }),
      expectedOutputTokensMax: fc.option(fc.integer({ min: 1, max: 4000 }), { nil: undefined }),
    })
    .map((changes) => policy(changes));
  const mode = fc.constantFrom(...MODES);
  const anyQuestion: fc.Arbitrary<Question> = fc.record({
    features,
    policy: anyPolicy,
    catalog: fc.constant(CATALOG),
    modelsAllowed: maybe(fc.uniqueArray(id)),
    asked: fc.record({
      mode: maybe(mode),
      model: maybe(fc.oneof(id, fc.constant("nobody"))),
      effort: maybe(fc.constantFrom("none", "low", "medium", "high", "odd")),
    }),
    conversation: fc.record({
      previous: maybe(fc.record({ model: fc.oneof(id, fc.constant("gone")), mode: maybe(mode) })),
      isToolResult: fc.boolean(),
      prefixTokens: fc.nat({ max: 50_000 }),
    }),
    inputTokens: fc.nat({ max: 100_000 }),
    needs: fc.subarray(["tools", "json-schema"] as const),
    lambda: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1000, noNaN: true })),
  });

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

  test("without a price a thrifty choice is the plain one, and strictness leaves only its cheaper rungs out", () => {
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
        expect(strict.choice.ladder).toEqual(
          plain.choice.ladder.filter(({ reason }) => reason.word !== "cheaper"),
        );
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
  };

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
        const chosen = choose({ ...asked, ...alone, features, needs: [], inputTokens: 100 });
        if (chosen.kind !== "chosen") return;
        const { estimate } = chosen.choice.ladder[0];
        const { expectedScoreMin, expectedCostNanosMax, expectedOutputTokensMax } = asked.policy;
        const all = chosen.choice.weighed.map((arm) => arm.estimate);
        const affordable = all.filter(
          ({ costNanos, outputTokens }) =>
            costNanos <= (expectedCostNanosMax ?? Infinity) &&
            outputTokens <= (expectedOutputTokensMax ?? Infinity),
        );
        if (affordable.length === 0) {
          expect(estimate.costNanos).toBe(Math.min(...all.map(({ costNanos }) => costNanos)));
          return;
        }
        expect(affordable).toContainEqual(estimate);
        const best = Math.max(...affordable.map(({ score }) => score));
        expect(estimate.score).toBeGreaterThanOrEqual(Math.min(expectedScoreMin, best));
      }),
      { numRuns: 500 },
    );
  });

  test("a mode by name keeps every rung in it", () => {
    fc.assert(
      fc.property(anyQuestion, mode, (asked, wanted) => {
        const chosen = choose({
          ...asked,
          asked: { mode: wanted, model: null, effort: null },
          conversation: { ...asked.conversation, isToolResult: false },
        });
        if (chosen.kind !== "chosen") return;
        expect(chosen.choice.ladder.every(({ arm }) => arm.mode === wanted)).toBe(true);
        for (const model of asked.policy.fallback) {
          if (asked.modelsAllowed === null || asked.modelsAllowed.includes(model))
            expect(chosen.choice.ladder.map(({ arm }) => arm.model)).toContain(model);
        }
      }),
    );
  });
});
