// One step of a history by chance.
import fc from "fast-check";
import type { Usage } from "../../policies/account.ts";
import type { Prices, Step } from "./history.ts";

/** How large things are, and how often each kind of step comes. */
export interface StepShape {
  readonly ids: number;
  readonly keys: number;
  readonly tokensMax: number;
  readonly ttlMsMax: number;
  readonly waits: fc.Arbitrary<number>;
  readonly prices: fc.Arbitrary<Prices>;
  readonly weights: Readonly<Record<Step["kind"], number>>;
}

export function stepBy(shape: StepShape): fc.Arbitrary<Step> {
  const call = fc.nat(shape.ids - 1);
  const tokens = fc.nat(shape.tokensMax);
  const output = fc.integer({ min: 1, max: shape.tokensMax });
  const ttlMs = fc.integer({ min: 1, max: shape.ttlMsMax });
  const kinds: { readonly [Kind in Step["kind"]]: fc.Arbitrary<Step & { kind: Kind }> } = {
    hold: fc.record({
      kind: fc.constant("hold" as const),
      call,
      key: fc.nat(shape.keys - 1),
      user: fc.option(fc.nat(1), { freq: 2 }),
      session: fc.option(fc.nat(1), { freq: 2 }),
      requests: fc.constantFrom(1 as const, 1 as const, 0 as const),
      inputTokens: tokens,
      outputTokens: output,
      leastTokens: fc.integer({ min: 1, max: Math.ceil(shape.tokensMax / 3) }),
      sliceTokens: output,
      secondRung: fc.option(fc.integer({ min: 2, max: 5 }), { freq: 1 }),
      prices: shape.prices,
      ttlMs,
    }),
    extend: fc.record({
      kind: fc.constant("extend" as const),
      call,
      outputTokens: output,
      seenTokens: tokens,
      ttlMs,
    }),
    checkpoint: fc.record({
      kind: fc.constant("checkpoint" as const),
      call,
      seenTokens: tokens,
      ttlMs,
    }),
    settle: fc.record({
      kind: fc.constant("settle" as const),
      call,
      usage: usageBy(shape.tokensMax),
      certainty: fc.constantFrom("exact", "exact", "at_least", "unknown"),
    }),
    release: fc.record({ kind: fc.constant("release" as const), call }),
    refund: fc.record({
      kind: fc.constant("refund" as const),
      call,
      refund: fc.nat(2),
      tokens,
      nanos: tokens,
    }),
    alarm: fc.constant({ kind: "alarm" as const }),
    again: fc.record({ kind: fc.constant("again" as const), back: fc.nat(7) }),
    wait: fc.record({ kind: fc.constant("wait" as const), ms: shape.waits }),
    edit: fc.record({ kind: fc.constant("edit" as const), plan: fc.nat(2) }),
    snapshot: fc.constant({ kind: "snapshot" as const }),
    crash: fc.record({ kind: fc.constant("crash" as const), onSnapshot: fc.boolean() }),
  };
  return fc.oneof(
    ...Object.values(kinds)
      .map((arbitrary, index) => {
        const kind = Object.keys(kinds)[index] as Step["kind"];
        return { arbitrary: arbitrary as fc.Arbitrary<Step>, weight: shape.weights[kind] };
      })
      .filter(({ weight }) => weight > 0),
  );
}

/** Sound as a rule; what engines should never send as the exception. */
function usageBy(tokensMax: number): fc.Arbitrary<Usage> {
  const count = fc.nat(tokensMax);
  const sound = fc
    .tuple(count, count, count, count, count)
    .map(([inputTokens, cached, written, outputTokens, reasoning]): Usage => {
      const cachedTokens = Math.min(cached, inputTokens);
      const cacheWriteTokens = Math.min(written, inputTokens - cachedTokens);
      const reasoningTokens = Math.min(reasoning, outputTokens);
      return { inputTokens, cachedTokens, cacheWriteTokens, outputTokens, reasoningTokens };
    });
  const absurd = fc.oneof(
    { arbitrary: count, weight: 3 },
    { arbitrary: fc.constantFrom(-1, 0.5, Number.NaN, 1e12, Number.POSITIVE_INFINITY), weight: 1 },
  );
  const unsound = fc.record({
    inputTokens: absurd,
    cachedTokens: absurd,
    cacheWriteTokens: absurd,
    outputTokens: absurd,
    reasoningTokens: absurd,
  });
  return fc.oneof({ arbitrary: sound, weight: 9 }, { arbitrary: unsound, weight: 1 });
}
