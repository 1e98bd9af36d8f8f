// What is kept of a request when it is over, once: what was expected of it and what became of it, never its text.
// The record is one line of the log, one data point, and counts for `/metrics`; later the probe and the experiments
// learn from it as well.
import type { Rung } from "../policies/choice.ts";
import { armName } from "../policies/mode.ts";
import { DIFFICULTY_PURPOSE } from "./call-replica.ts";
import { degradedFrom, type Explained } from "./explain.ts";
import type { BudgetEnd } from "./metering.ts";
import type { CallAccount, Ending } from "./open-call.ts";

export interface RequestRecord {
  readonly event: "request";
  readonly requestId: string;
  readonly dialect: string;
  readonly tenant: string | null;
  readonly key: string | null;
  readonly status: number;
  /** The failure's kind; null when it was answered. */
  readonly failure: string | null;
  readonly isStream: boolean;
  readonly policy: string | null;
  readonly variant: string | null;
  readonly mode: string | null;
  readonly model: string | null;
  readonly reason: string | null;
  readonly difficulty: number | null;
  readonly queryKind: string | null;
  readonly confidence: number | null;
  readonly expectedTokens: number | null;
  readonly calls: number;
  readonly ending: Ending | null;
  readonly certainty: string | null;
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly cacheWriteTokens: number;
  readonly outputTokens: number;
  readonly reasoningTokens: number;
  readonly heldTokens: number;
  /** What the budget added to the policy's lambda. */
  readonly budgetLambda: number;
  /** What it took from the choice, as `long->short`; null when nothing. */
  readonly degraded: string | null;
  /** Of the limit that ended the answer, `scope dimension window`; `lost` when it could not be asked. */
  readonly budgetEnd: string | null;
  /** No ledger gave the hold: what it used is posted later. */
  readonly isEmergency: boolean;
  /** From the request's arrival to its answer's headers. */
  readonly headersMs: number;
  /** To its end: the answer's last byte, or what cut it short. */
  readonly totalMs: number;
  /** With which this arm was chosen; null where the budget or a failure put another in its place, which has none. */
  readonly propensity: number | null;
  readonly isExplored: boolean;
  /** What the class of difficulty was read from. */
  readonly difficultyTier: string | null;
  /** Of the upstream's pool; null where it has none. Clients are not told, since where a call goes tells what is cached. */
  readonly replica: string | null;
  /** What was expected of the replica's cache, beside `cachedTokens`; null where nobody knew. */
  readonly predictedCachedTokens: number | null;
}

/** Where records go. It must not throw: a request is not failed by what is kept of it. */
export type RecordSink = (record: RequestRecord) => void;

export interface RecordInput {
  readonly requestId: string;
  readonly dialect: string;
  readonly tenant: string | null;
  readonly key: string | null;
  readonly status: number;
  readonly failure: string | null;
  readonly isStream: boolean;
  readonly explained: Explained | null;
  readonly rung: Rung | null;
  readonly accounts: readonly CallAccount[];
  readonly headersMs: number;
  readonly totalMs: number;
}

export function recordOf(input: RecordInput): RequestRecord {
  const { explained, rung, accounts } = input;
  const last = accounts.findLast(({ purpose }) => purpose !== DIFFICULTY_PURPOSE);
  const isFirst =
    explained !== null &&
    rung !== null &&
    armName(rung.arm) === armName(explained.choice.ladder[0].arm);
  const sum = (pick: (account: CallAccount) => number): number =>
    accounts.reduce((total, account) => total + pick(account), 0);
  return {
    event: "request",
    requestId: input.requestId,
    dialect: input.dialect,
    tenant: input.tenant,
    key: input.key,
    status: input.status,
    failure: input.failure,
    isStream: input.isStream,
    policy: explained === null ? null : `${explained.policy.name}@${explained.policy.version}`,
    variant: explained?.variant ?? null,
    mode: rung === null ? null : (rung.arm.mode ?? "as-sent"),
    model: rung?.arm.model ?? null,
    reason: rung?.reason.word ?? null,
    difficulty: explained?.features.difficulty ?? null,
    queryKind: explained?.features.kind ?? null,
    confidence: explained?.features.confidence ?? null,
    expectedTokens: rung?.estimate.outputTokens ?? null,
    calls: accounts.length,
    ending: last?.ending ?? null,
    certainty: last?.certainty ?? null,
    inputTokens: sum(({ usage }) => usage?.inputTokens ?? 0),
    cachedTokens: sum(({ usage }) => usage?.cachedTokens ?? 0),
    cacheWriteTokens: sum(({ usage }) => usage?.cacheWriteTokens ?? 0),
    outputTokens: sum(({ usage }) => usage?.outputTokens ?? 0),
    reasoningTokens: sum(({ usage }) => usage?.reasoningTokens ?? 0),
    heldTokens: sum(({ heldTokens }) => heldTokens),
    budgetLambda: explained?.thrift.lambda ?? 0,
    degraded:
      explained === null || rung === null
        ? null
        : degradedFrom(explained, rung, last?.isLowered ?? false),
    budgetEnd: endWords(accounts.find(({ budgetEnd }) => budgetEnd !== null)?.budgetEnd ?? null),
    isEmergency: accounts.some(({ isEmergency }) => isEmergency),
    headersMs: input.headersMs,
    totalMs: input.totalMs,
    propensity: isFirst ? explained.choice.propensity : null,
    isExplored: isFirst && explained.choice.isExplored,
    difficultyTier: explained?.choice.difficultyFrom.tier ?? null,
    replica: last?.replica ?? null,
    predictedCachedTokens: last?.predictedTokens ?? null,
  };
}

function endWords(end: BudgetEnd | null): string | null {
  if (end === null) return null;
  return end.kind === "refused" ? `${end.scope} ${end.dimension} ${end.window}` : end.kind;
}
