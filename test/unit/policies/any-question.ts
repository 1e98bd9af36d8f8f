// Any question that can be chosen for: policies, tenants, conversations, and catalogs whose models read, can do and cost
// different things.
import fc from "fast-check";
import { KINDS, type Features } from "../../../classifiers/features.ts";
import type { Catalog } from "../../../policies/catalog.ts";
import type { Cached, HiddenState, Question } from "../../../policies/choice.ts";
import type { Advice } from "../../../policies/head/head.ts";
import { armName, MODES } from "../../../policies/mode.ts";
import { CATALOG, policy } from "./choose-questions.ts";

const share = fc.double({ min: 0, max: 1, noNaN: true });
const count = fc.nat({ max: 50 });
const features: fc.Arbitrary<Features> = fc.record({
  difficulty: share,
  hard: share,
  confidence: share,
  novelty: share,
  representation: fc.constant(new Int8Array(96)),
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
    expectedLatencyMsMax: fc.option(fc.integer({ min: 1, max: 120_000 }), { nil: undefined }),
    hardQuery: fc.constantFrom("escalate", "failfast"),
    lambda: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 2, noNaN: true })),
    exploreShare: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 0.2, noNaN: true })),
    exploreRegretMax: share,
  })
  .map((changes) => policy(changes));
export const mode = fc.constantFrom(...MODES);
const priceNanos = fc.integer({ min: 0, max: 3_000_000_000 });
/** The seeded ids, each with a context, capabilities, prices and a strength of its own. */
const anyCatalog: fc.Arbitrary<Catalog> = fc
  .tuple(
    ...CATALOG.models.map((model) =>
      fc.record({
        id: fc.constant(model.id),
        contextTokens: fc.integer({ min: 256, max: 130_000 }),
        capabilities: fc.subarray(["tools", "json-schema", "temperature"] as const),
        strength: fc.double({ min: -2, max: 2, noNaN: true }),
        outputTokensMax: fc.integer({ min: 1, max: 16_000 }),
        speed: fc.option(
          fc.record({
            firstTokenMs: fc.double({ min: 0, max: 20_000, noNaN: true }),
            outputTokensPerSecond: fc.double({ min: 1, max: 1000, noNaN: true }),
          }),
          { nil: undefined },
        ),
        prices: fc.option(
          fc.record({
            version: fc.constant("drawn"),
            inputNanosPerMtok: priceNanos,
            cachedInputNanosPerMtok: priceNanos,
            outputNanosPerMtok: priceNanos,
          }),
          { nil: undefined },
        ),
      }),
    ),
  )
  .map((drawn) => ({
    ...CATALOG,
    models: CATALOG.models.map((model, index) => ({ ...model, ...drawn[index]! })),
  }));
/** A head that says something of some arms, the same whenever it is asked; what it says may be no number at all. */
const anyAdvice: fc.Arbitrary<Advice> = fc
  .dictionary(
    fc.tuple(id, fc.constantFrom(...MODES, "as-sent")).map(([model, mode]) => `${model}/${mode}`),
    fc.record({
      score: fc.double({ min: -0.2, max: 1.2 }),
      outputTokens: fc.double({ min: -10, max: 20_000 }),
      evidence: fc.double({ min: -1, max: 200 }),
      halfWidth: fc.double({ min: -0.1, max: 0.5 }),
    }),
  )
  .map((said) => ({ correct: (arm) => said[armName(arm)] ?? null }));
const anyHiddenState: fc.Arbitrary<HiddenState> = fc.oneof(
  fc.record({
    kind: fc.constant("read" as const),
    model: id,
    class: fc.constantFrom("easy", "normal", "hard"),
  }),
  fc.record({ kind: fc.constant("unread" as const), reason: fc.constant("it was late") }),
);
/** What providers may have of some models; more than the prompt has, too, since both are guesses. */
const anyCached: fc.Arbitrary<ReadonlyMap<string, Cached>> = fc
  .uniqueArray(
    fc.tuple(id, fc.record({ tokens: fc.nat({ max: 150_000 }), isWhole: fc.boolean() })),
    { selector: ([model]) => model },
  )
  .map((entries) => new Map(entries));
export const anyQuestion: fc.Arbitrary<Question> = fc
  .record({
    features,
    policy: anyPolicy,
    catalog: fc.oneof(fc.constant(CATALOG), anyCatalog),
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
    advice: maybe(anyAdvice),
    chance: maybe(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })),
    hiddenState: fc.option(anyHiddenState, { nil: undefined }),
    cached: fc.option(anyCached, { nil: undefined }),
  })
  .map(({ hiddenState, cached, ...asked }) => ({
    ...asked,
    ...(hiddenState === undefined ? {} : { hiddenState }),
    ...(cached === undefined ? {} : { cached }),
  }));
