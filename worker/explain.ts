// What the answer says of itself: the headers that every answer carries, and the whole choice and account on request.
import type { Features } from "../classifiers/features.ts";
import type { Meter } from "../policies/account.ts";
import { costOf } from "../policies/budget.ts";
import type { Choice, Rung } from "../policies/choice.ts";
import { armName } from "../policies/mode.ts";
import type { Policy } from "../policies/policy.ts";
import type { Dimension } from "../policies/tenant.ts";
import type { OpenCall, CallAccount } from "./open-call.ts";

export interface Explained {
  readonly requestId: string;
  readonly policy: Policy;
  readonly variant: string | null;
  readonly features: Features;
  readonly choice: Choice;
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
    ...limitHeaders(meters),
  };
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

/** A header holds printable ASCII; an operator's version may hold anything, and must not end a request. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?");
}

/** OpenAI's rate-limit headers from the tightest limit of each dimension that they know. */
export function limitHeaders(meters: readonly Meter[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const dimension of ["requests", "tokens"] satisfies Dimension[]) {
    const tightest = meters
      .filter((meter) => meter.dimension === dimension)
      .toSorted((left, right) => left.remaining - right.remaining)[0];
    if (tightest === undefined) continue;
    headers[`x-ratelimit-limit-${dimension}`] = String(tightest.limit);
    headers[`x-ratelimit-remaining-${dimension}`] = String(Math.max(0, tightest.remaining));
    headers[`x-ratelimit-reset-${dimension}`] = duration(tightest.resetInMs);
  }
  return headers;
}

/** As OpenAI writes it: `6h12m30s`, `45s`, `120ms`. */
function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.ceil(ms))}ms`;
  const seconds = Math.ceil(ms / 1000);
  const [hours, minutes, rest] = [
    Math.floor(seconds / 3600),
    Math.floor((seconds % 3600) / 60),
    seconds % 60,
  ];
  return `${hours > 0 ? `${hours}h` : ""}${hours > 0 || minutes > 0 ? `${minutes}m` : ""}${rest}s`;
}

/** The whole choice, and the account of the calls as far as it is known. As JSON. */
export function explanation(explained: Explained, accounts: readonly CallAccount[]): string {
  const { requestId, policy, variant, features, choice } = explained;
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
    choice: {
      difficulty_class: choice.difficultyClass,
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
    calls: accounts.map((account) => ({
      call_id: account.callId,
      purpose: account.purpose,
      arm: account.arm,
      upstream: account.upstream,
      strategies: account.strategies,
      held: { tokens: account.heldTokens, nanos: account.heldNanos },
      used:
        account.usage === null
          ? null
          : {
              input_tokens: account.usage.inputTokens,
              cached_tokens: account.usage.cachedTokens,
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
function costNow({ usage, prices }: CallAccount): number | null {
  if (usage === null || prices === null) return null;
  const isSound = Object.values(usage).every((count) => Number.isSafeInteger(count) && count >= 0);
  return isSound && usage.cachedTokens <= usage.inputTokens ? costOf(usage, prices) : null;
}

function estimateFields(estimate: Rung["estimate"]): object {
  return {
    expected_score: estimate.score,
    expected_output_tokens: estimate.outputTokens,
    expected_cost_nanos: estimate.costNanos,
    utility: estimate.utility,
  };
}
