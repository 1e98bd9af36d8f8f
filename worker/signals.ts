// What a finished request tells its tenant's head: signals, features and hashes, never a word of question or answer.
import type { Estimate, Rung } from "../policies/choice.ts";
import type { Candidate, Decision } from "../policies/head/decision.ts";
import { headInput } from "../policies/head/inputs.ts";
import { armName, type Mode } from "../policies/mode.ts";
import { expectScore } from "../policies/priors.ts";
import { hash64Hex } from "../policies/prefix/keyed-hash.ts";
import type { Admission } from "./admit.ts";
import { costNow, type Explained } from "./explain.ts";
import type { OpenCall } from "./open-call.ts";

/** Of a longer question the beginning and the length tell it apart well enough. */
const HASHED_CHARS_MAX = 16_384;
const encoder = new TextEncoder();

export interface Finished {
  readonly admission: Admission;
  readonly explained: Explained;
  readonly call: OpenCall;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
}

/**
 * The decision to be told; null where there is nothing to learn: learning is off, the body went out as it was written, the
 * turn was a tool's and the question an older one, or the answer did not end by itself, which speaks of client, budget or
 * upstream and not of the arm.
 */
export function decisionOf(finished: Finished): Decision | null {
  const { admission, explained, call, startedAtMs, endedAtMs } = finished;
  const { tenant, keyId, ask, session, asked } = admission;
  const { policy, features } = explained;
  const { rung } = call.preparation;
  if (policy.learning === "off" || rung.arm.mode === null || ask.isToolResult) return null;
  if (call.account.ending !== "complete") return null;
  // 64 bits: two questions of one caller within minutes never meet by chance. Four digests of the platform, each of which
  // is waited for, cost a small request a twentieth of its time.
  const of = encoder.encode(tenant.id);
  const hash = (what: string, text: string): string => hash64Hex(of, `${what}: ${text}`);
  const { usage, certainty, outputTokensMax } = call.account;
  const perAnswer = (tokens: number): number | null =>
    certainty === "unknown" ? null : Math.round(tokens / ask.answers);
  const { estimate } = rung;
  return {
    requestId: explained.requestId,
    startedAtMs,
    endedAtMs,
    keyHash: Number.parseInt(hash("key", keyId).slice(0, 8), 16),
    conversationHash: hash("conversation", session.name),
    askerHash: hash("asker", JSON.stringify([keyId, ask.user])),
    questionHash: hash("question", `${ask.query.length} ${ask.query.slice(0, HASHED_CHARS_MAX)}`),
    input: headInput(features),
    arm: rung.arm,
    prior: priorOf(explained, call, rung.arm.mode),
    believed: { score: estimate.score, outputTokens: estimate.outputTokens },
    propensity: explained.choice.ladder[0] === rung ? explained.choice.propensity : 1,
    candidates: candidatesOf(explained, rung),
    penalty: penaltyOf(estimate, costNow(call.account)),
    isAsked: asked.mode !== null || ask.effort !== null,
    signals: {
      kind: features.kind,
      finishReason: wordOf(call.finishReason),
      outputTokens: usage === null ? null : perAnswer(usage.outputTokens),
      reasoningTokens: usage === null ? null : perAnswer(usage.reasoningTokens),
      capTokens: Math.floor(outputTokensMax / ask.answers),
      isFormatValid: call.isFormatValid,
      wasEscalated: false,
    },
  };
}

/** An engine's word of one's own making could hold anything. */
function wordOf(finishReason: string | null): string | null {
  return finishReason === null || /^[a-z_]{1,32}$/.test(finishReason) ? finishReason : "other";
}

/** What is expected of the arm without anything learned, as policies/weigh-arms.ts does. */
function priorOf({ features, policy }: Explained, { preparation }: OpenCall, mode: Mode) {
  const { model } = preparation;
  const outputTokens = Math.min(
    features.expectedTokens[mode],
    policy.capTokens[mode],
    policy.outputTokensMax ?? Infinity,
    model.outputTokensMax,
  );
  return { score: expectScore(features, mode, model.strength), outputTokens };
}

/** By the same price of a nano-dollar that the choice took, on what the answer really cost. */
function penaltyOf({ score, utility, costNanos }: Estimate, paidNanos: number | null): number {
  return costNanos === 0 ? 0 : ((score - utility) * (paidNanos ?? costNanos)) / costNanos;
}

/**
 * What chance drew from (policies/explore.ts): the arms that nothing is held against and that come near the best. Nothing
 * where it did not draw, where a stand-in or a cheaper rung ran in the place of what was drawn, and under a budget's price,
 * which lets chance draw at one lambda and the choice weigh at another.
 */
function candidatesOf({ choice, policy, thrift }: Explained, ran: Rung): readonly Candidate[] {
  const { ladder, weighed, propensity } = choice;
  if (propensity === 1 || thrift.lambda > 0 || ladder[0] !== ran) return [];
  const { exploreShare, exploreRegretMax } = policy;
  const open = weighed
    .filter(({ ruledOut }) => ruledOut === null)
    .map(({ arm, estimate }) => ({ arm: armName(arm), ...estimate }))
    .toSorted((a, b) => b.utility - a.utility || a.costNanos - b.costNanos);
  const [best, ...others] = open;
  if (best === undefined) return [];
  const near = others.filter(({ utility }) => best.utility - utility <= exploreRegretMax);
  const candidates = [best, ...near].map(({ arm, utility }, index) => ({
    arm,
    utility,
    propensity: index === 0 ? 1 - exploreShare : exploreShare / near.length,
  }));
  const own = candidates.find(({ arm }) => arm === armName(ran.arm));
  const isAsDrawn = own !== undefined && Math.abs(own.propensity - propensity) < 1e-9;
  return isAsDrawn ? candidates : [];
}
