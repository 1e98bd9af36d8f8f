// Agents on a budget: many at once, with caps of 32,000 tokens and answers of 400 in the middle, on a clock of their own. Any
// ledger can be asked; what counts is how much of the budget is used, and how much more than all of it.
import type {
  ExtendAnswer,
  Extension,
  HoldAnswer,
  HoldRequest,
  SettleAnswer,
  Settlement,
} from "../../policies/account.ts";
import { drawNormal, drawUniform } from "../simulator/chance.ts";
import { extendsAt, firstSlice, nextHeld } from "../../worker/slice.ts";

/** The three operations, each with the time at which it comes. */
export interface WorkloadLedger {
  hold(request: HoldRequest, nowMs: number): Promise<HoldAnswer> | HoldAnswer;
  extend(request: Extension, nowMs: number): Promise<ExtendAnswer> | ExtendAnswer;
  settle(request: Settlement, nowMs: number): Promise<SettleAnswer> | SettleAnswer;
}

export interface WorkloadResult {
  /** Tokens that were really read and written, of the budget. */
  readonly usedShare: number;
  /** Beyond the budget, of the budget. */
  readonly overShare: number;
  readonly completed: number;
  /** Ended by the budget before they were complete. */
  readonly cut: number;
  readonly refused: number;
}

export const WORKLOAD = {
  budgetTokens: 200_000,
  requests: 400,
  agents: 24,
  capTokens: 32_000,
  /** Log-normal. A spread of 1.4 puts the mean at 1,066 and one answer in a hundred above 10,000: tools and edits. */
  outputMedianTokens: 400,
  outputSpread: 1.4,
  /** Log-normal as well, mean 2,066: a turn of an agent whose prefix is cached elsewhere and counted here all the same. */
  inputMedianTokens: 1500,
  inputSpread: 0.8,
  tokensPerSecond: 80,
  /**
   * Between an agent's requests, exponential, also after a refusal. None is hardest for whoever holds: a refused request
   * is not tried again, so that all are gone before what was held comes back.
   */
  pauseMs: 0,
  ttlMs: 90_000,
} as const;
export type Workload = Readonly<Record<keyof typeof WORKLOAD, number>>;

const START_MS = Date.UTC(2026, 10, 25, 9);

interface Stream {
  readonly callId: string;
  readonly inputTokens: number;
  /** What would be written if nothing stopped it. */
  readonly outputTokens: number;
  readonly capTokens: number;
  readonly beganAtMs: number;
  heldTokens: number;
  isRefused: boolean;
}

/** `sliceTokens`: null holds in slices as the Worker does; a number holds so much at first, the cap for all of it. */
export async function runAgentWorkload(
  ledger: WorkloadLedger,
  seed: number,
  sliceTokens: number | null = null,
  workload: Workload = WORKLOAD,
): Promise<WorkloadResult> {
  const { budgetTokens, requests, agents, capTokens, tokensPerSecond, pauseMs, ttlMs } = workload;
  const msPerToken = 1000 / tokensPerSecond;
  const dues: { atMs: number; act: (nowMs: number) => Promise<void> }[] = [];
  const after = (nowMs: number, ms: number, act: (nowMs: number) => Promise<void>): void => {
    dues.push({ atMs: nowMs + Math.max(0, Math.ceil(ms)), act });
  };
  let [next, used, completed, cut, refused] = [0, 0, 0, 0, 0];

  const ask = async (nowMs: number): Promise<void> => {
    if (next >= requests) return;
    const index = next;
    next += 1;
    const key = `${seed}|${index}`;
    const inputTokens = logNormal(`${key}|input`, workload.inputMedianTokens, workload.inputSpread);
    const outputTokens = Math.min(
      capTokens,
      logNormal(`${key}|output`, workload.outputMedianTokens, workload.outputSpread),
    );
    const slice = sliceTokens ?? firstSlice(workload.outputMedianTokens, 1);
    const request = requestOf(`${seed}-${index}:1`, inputTokens, slice, workload);
    const answer = await ledger.hold(request, nowMs);
    if (answer.kind !== "held") {
      refused += 1;
      pause(nowMs, index);
      return;
    }
    used += inputTokens;
    const stream: Stream = {
      callId: request.callId,
      inputTokens,
      outputTokens,
      capTokens: answer.outputTokens,
      beganAtMs: nowMs,
      heldTokens: answer.heldOutputTokens,
      isRefused: false,
    };
    goOn(stream, nowMs, index);
  };

  const pause = (nowMs: number, index: number): void => {
    after(nowMs, -pauseMs * Math.log(drawUniform(`${seed}|${index}|pause`)), ask);
  };

  /** Sleeps until the stream ends, or has to ask for more. */
  const goOn = (stream: Stream, nowMs: number, index: number): void => {
    const { heldTokens, capTokens: cap, outputTokens } = stream;
    const end = Math.min(outputTokens, cap);
    const asksAt = stream.isRefused ? heldTokens : Math.max(1, extendsAt(heldTokens));
    const isEnd = heldTokens >= cap || end <= asksAt;
    const until = isEnd ? end : asksAt;
    const atMs = Math.max(nowMs, stream.beganAtMs + Math.ceil(until * msPerToken));
    after(nowMs, atMs - nowMs, (laterMs) =>
      isEnd ? finish(stream, end, laterMs, index) : extend(stream, asksAt, laterMs, index),
    );
  };

  const extend = async (
    stream: Stream,
    seen: number,
    nowMs: number,
    index: number,
  ): Promise<void> => {
    const { callId, capTokens: cap, heldTokens } = stream;
    const outputTokens = Math.min(cap, nextHeld(heldTokens, seen, 1));
    const answer = await ledger.extend(
      { callId, outputTokens, seenOutputTokens: seen, ttlMs },
      nowMs,
    );
    if (answer.kind === "extended") {
      stream.heldTokens = Math.max(heldTokens, answer.heldOutputTokens);
      stream.isRefused = false;
    } else if (stream.isRefused) {
      // All that is held was written, and there is still no more.
      await finish(stream, heldTokens, nowMs, index);
      return;
    } else stream.isRefused = true;
    goOn(stream, nowMs, index);
  };

  const finish = async (
    stream: Stream,
    written: number,
    nowMs: number,
    index: number,
  ): Promise<void> => {
    const { callId, inputTokens, outputTokens } = stream;
    used += written;
    if (written >= outputTokens) completed += 1;
    else cut += 1;
    const counts = { cachedTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 };
    const usage = { inputTokens, outputTokens: written, ...counts };
    await ledger.settle({ callId, usage, certainty: "exact", ending: "complete" }, nowMs);
    pause(nowMs, index);
  };

  for (let agent = 0; agent < agents; agent += 1) after(START_MS, agent * 50, ask);
  while (dues.length > 0) {
    const due = dues.reduce((first, one) => (one.atMs < first.atMs ? one : first));
    dues.splice(dues.indexOf(due), 1);
    await due.act(due.atMs);
  }
  return {
    usedShare: used / budgetTokens,
    overShare: Math.max(0, used - budgetTokens) / budgetTokens,
    completed,
    cut,
    refused,
  };
}

function requestOf(
  callId: string,
  inputTokens: number,
  sliceTokens: number,
  { budgetTokens, capTokens, ttlMs }: Workload,
): HoldRequest {
  return {
    callId,
    keyId: "agents",
    policyVersion: "1",
    variant: null,
    requests: 1,
    scopes: [
      {
        scope: "tenant",
        limits: [{ dimension: "tokens", window: "day", limit: budgetTokens, hard: true }],
      },
      { scope: "key:agents", limits: [] },
    ],
    zone: "UTC",
    session: null,
    offers: [
      {
        rung: 0,
        arm: "model/long",
        strategies: [],
        inputTokens,
        outputTokens: capTokens,
        outputTokensMin: 64,
        sliceTokens,
        priceVersion: null,
        inputNanosPerMtok: 0,
        cachedInputNanosPerMtok: 0,
        cacheWriteNanosPerMtok: 0,
        outputNanosPerMtok: 0,
      },
    ],
    ttlMs,
  };
}

function logNormal(key: string, median: number, spread: number): number {
  return Math.max(1, Math.round(median * Math.exp(spread * drawNormal(key))));
}
