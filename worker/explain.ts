// What the answer says of itself: the headers that every answer carries, and the whole choice and account on request.
import type { Features } from "../classifiers/features.ts";
import type { Meter } from "../policies/account.ts";
import type { Cached, Choice, Rung } from "../policies/choice.ts";
import { costOf } from "../policies/ledger/charge.ts";
import { armName, parseArm, type Arm } from "../policies/mode.ts";
import type { Policy } from "../policies/policy.ts";
import type { Thrift } from "../policies/thrift.ts";
import { limitHeaders, printable } from "./limit-headers.ts";
import type { BudgetEnd } from "./metering.ts";
import type { OpenCall, CallAccount } from "./open-call.ts";
import { cacheWritePrice } from "./prepare.ts";
import type { PromptLook } from "./prompt-lint.ts";

export interface Explained {
  readonly requestId: string;
  readonly policy: Policy;
  readonly variant: string | null;
  readonly features: Features;
  readonly choice: Choice;
  readonly thrift: Thrift;
  /** How old the copy was that the tenant's head advised by; null: the priors alone. */
  readonly adviceAgeMs: number | null;
  /** What providers' caches are expected to hold of the prompt, by model; null: none is declared. */
  readonly cached: ReadonlyMap<string, Cached> | null;
  /** What is known of the tenant's prompts; null for a caller who asked for no explanation. */
  readonly prompts: PromptLook | null;
}

/** Headers of an answer whose call is open. */
export function answerHeaders(
  explained: Explained,
  call: OpenCall,
  meters: readonly Meter[],
): Record<string, string> {
  return {
    ...choiceHeaders(explained, call.preparation.rung),
    "x-sluice-held": String(call.hold.heldTokens),
    ...ceilingHeaders(explained, call.account),
    ...budgetHeaders(explained, call),
    ...limitHeaders(meters),
  };
}

function budgetHeaders(
  explained: Explained,
  { account, preparation }: OpenCall,
): Record<string, string> {
  const degraded = degradedFrom(explained, preparation.rung, account.isLowered);
  return {
    ...(degraded === null ? {} : { "x-sluice-degraded": `${degraded}; reason=budget` }),
    ...(account.isBudgetFinal ? { "x-sluice-budget-final": "true" } : {}),
    ...(account.isEmergency ? { "x-sluice-budget": "emergency" } : {}),
  };
}

/**
 * What the budget took from a request, as `long->short`; null when nothing. `isLowered`: the ledger passed over a rung that it
 * was offered. A stand-in for an upstream that failed is no such thing.
 */
export function degradedFrom(
  { choice, thrift: { undegraded } }: Explained,
  { arm }: Rung,
  isLowered: boolean,
): string | null {
  const isPriced = !isSame(undegraded, choice.ladder[0].arm);
  if (!(isLowered || isPriced) || isSame(undegraded, arm)) return null;
  const isTold = undegraded.mode !== null && arm.mode !== null && undegraded.mode !== arm.mode;
  return isTold ? `${undegraded.mode}->${arm.mode}` : `${armName(undegraded)}->${armName(arm)}`;
}

function isSame(left: Arm, right: Arm): boolean {
  return left.model === right.model && left.mode === right.mode;
}

/** Said when the policy's bound on thinking changed what was asked for; what was changed is among the call's knobs. */
function ceilingHeaders({ policy }: Explained, { knobs }: CallAccount): Record<string, string> {
  return policy.reasoningTokensMax !== undefined &&
    knobs.some(({ knob }) => knob === "reasoning-ceiling")
    ? { "x-sluice-reasoning-max": String(policy.reasoningTokensMax) }
    : {};
}

/** What is known once a choice was made, also of a request that failed after it. */
export function choiceHeaders(
  { requestId, policy, features }: Explained,
  rung: Rung,
): Record<string, string> {
  return {
    "x-request-id": requestId,
    "x-sluice-mode": rung.arm.mode ?? "as-sent",
    "x-sluice-model": rung.arm.model,
    "x-sluice-difficulty": features.difficulty.toFixed(3),
    "x-sluice-reason": rung.reason.word,
    "x-sluice-policy-version": printable(`${policy.name}@${policy.version}`),
  };
}

/** The whole choice, and the account of the calls as far as it is known. As JSON. */
export function explanation(explained: Explained, accounts: readonly CallAccount[]): string {
  const { requestId, policy, variant, features, choice, thrift } = explained;
  const budgetEnd = accounts.find((account) => account.budgetEnd !== null)?.budgetEnd ?? null;
  return JSON.stringify({
    request_id: requestId,
    policy: { name: policy.name, version: policy.version },
    variant,
    features: {
      difficulty: features.difficulty,
      hard: features.hard,
      kind: features.kind,
      confidence: features.confidence,
      expected_tokens: features.expectedTokens,
    },
    advice_age_seconds: explained.adviceAgeMs === null ? null : explained.adviceAgeMs / 1000,
    prompt_cache: cacheFields(explained.cached),
    prompt_lint: (explained.prompts?.findings ?? []).map(lintFields),
    ...hintFields(explained, accounts),
    choice: {
      difficulty_class: choice.difficultyClass,
      difficulty_from: choice.difficultyFrom,
      propensity: choice.propensity,
      explored: choice.isExplored,
      ladder: choice.ladder.map((rung) => ({
        arm: armName(rung.arm),
        strategies: rung.strategies,
        settings: {
          temperature: rung.settings.temperature,
          budget_fraction: rung.settings.budgetFraction,
        },
        reason: rung.reason.word,
        because: rung.reason.sentence,
        ...estimateFields(rung.estimate),
      })),
      weighed: choice.weighed.map(({ arm, estimate, ruledOut }) => ({
        arm: armName(arm),
        ...estimateFields(estimate),
        ruled_out: ruledOut,
      })),
    },
    ended: budgetEnd === null ? null : "budget",
    budget: {
      lambda: thrift.lambda,
      undegraded_arm: armName(thrift.undegraded),
      strict: thrift.isStrict,
      ended_by: budgetEnd === null ? null : endFields(budgetEnd),
    },
    calls: accounts.map((account) => ({
      call_id: account.callId,
      purpose: account.purpose,
      arm: account.arm,
      upstream: account.upstream,
      strategies: account.strategies,
      held: {
        tokens: account.heldTokens,
        nanos: account.heldNanos,
        output_tokens_max: account.outputTokensMax,
        budget_final: account.isBudgetFinal,
        emergency: account.isEmergency,
      },
      used:
        account.usage === null
          ? null
          : {
              input_tokens: account.usage.inputTokens,
              cached_tokens: account.usage.cachedTokens,
              cache_write_tokens: account.usage.cacheWriteTokens,
              output_tokens: account.usage.outputTokens,
              reasoning_tokens: account.usage.reasoningTokens,
            },
      cost_nanos: costNow(account),
      certainty: account.certainty,
      ending: account.ending,
      knobs: account.knobs,
    })),
  });
}

/** What the call costs as far as is known; null without prices, or when a count cannot be true. */
export function costNow({ usage, prices }: CallAccount): number | null {
  if (usage === null || prices === null) return null;
  const isSound = Object.values(usage).every((count) => Number.isSafeInteger(count) && count >= 0);
  if (!isSound || usage.cachedTokens + usage.cacheWriteTokens > usage.inputTokens) return null;
  return costOf(usage, { ...prices, cacheWriteNanosPerMtok: cacheWritePrice(prices) });
}

/** An expectation, from what was sent and when. What came from a cache is in `used`, as the provider reports it. */
function cacheFields(cached: Explained["cached"]): object | null {
  if (cached === null) return null;
  return [...cached].map(([model, { tokens, isWhole }]) => ({
    model,
    expected_cached_tokens: Math.floor(tokens),
    known: isWhole,
  }));
}

function lintFields(finding: PromptLook["findings"][number]): object {
  return {
    model: finding.model,
    prompts: finding.prompts,
    shared_share: finding.sharedShare,
    parts_at_units: finding.partsAtUnits,
    part_kind: finding.partKind,
    advice: finding.advice,
  };
}

/** Only where the policy asks for it, and of a prompt that an engine has read. */
function hintFields({ prompts }: Explained, accounts: readonly CallAccount[]): object {
  const account = accounts.findLast(({ purpose }) => purpose === "answer");
  if (prompts === null || prompts.hint === null || account === undefined) return {};
  const model = parseArm(account.arm)?.model;
  const hint = model === undefined ? null : prompts.hint(model);
  if (hint === null) return { reuse_hint: null };
  return {
    reuse_hint: {
      spans: hint.spans.map(({ from, to, donor, delta, context }) => ({
        from_units: from,
        to_units: to,
        request_id: donor,
        delta_units: delta,
        context,
      })),
      recompute_units: hint.recompute,
      policy: hint.policy,
      prefix_units: hint.prefixUnits,
      estimated: hint.isEstimated,
      output: "approximate",
    },
  };
}

function endFields(end: BudgetEnd): object {
  return end.kind === "refused"
    ? { scope: end.scope, dimension: end.dimension, window: end.window }
    : { scope: null, dimension: null, window: null };
}

function estimateFields(estimate: Rung["estimate"]): object {
  return {
    expected_score: estimate.score,
    expected_output_tokens: estimate.outputTokens,
    expected_cost_nanos: estimate.costNanos,
    expected_cached_tokens: Math.floor(estimate.cachedTokens),
    expected_reread_nanos: estimate.rereadNanos,
    expected_latency_ms: estimate.latencyMs,
    utility: estimate.utility,
    estimated_from: estimate.from.kind,
    evidence: estimate.from.kind === "learned" ? estimate.from.evidence : null,
    half_width: estimate.from.kind === "learned" ? estimate.from.halfWidth : null,
  };
}
