// What a worker does for one call, as a model: it holds, streams with extensions and checkpoints, and settles whatever
// happens, over an upstream and a client that do what upstreams and clients do.
import type { Certainty, HoldRequest, Usage } from "../../policies/account.ts";
import { extendsAt, nextHeld } from "../../worker/slice.ts";
import type { Chance } from "../unit/worker/fuzz-chance.ts";
import type { Act, Answer } from "./ledger-model.ts";

/** What one call meets. Chunks are counted from 0; null: never. */
export interface CallScript {
  readonly request: HoldRequest;
  readonly inputTokens: number;
  /** What the upstream would write if nobody stopped it. */
  readonly outputTokens: number;
  readonly chunkTokens: number;
  readonly chunkMs: number;
  readonly ignoresCap: boolean;
  readonly stallsAt: number | null;
  readonly stallMs: number;
  readonly diesAt: number | null;
  readonly clientLeavesAt: number | null;
  readonly workerDiesAt: number | null;
  readonly cannotConnect: boolean;
  readonly usage: "true" | "none" | "less" | "more" | "absurd";
  /** The settlement is given up and comes so much later; null: it is not given up. */
  readonly settlesLateMs: number | null;
}

export interface CallOutcome {
  readonly script: CallScript;
  isHeld: boolean;
  isSent: boolean;
  seenTokens: number;
  heldTokens: number;
  /** What was said of its usage, and whether the ledger took it. */
  said: { readonly usage: Usage; readonly certainty: Certainty } | null;
  isSettled: boolean;
}

export type Ask =
  | { readonly kind: "sleep"; readonly ms: number }
  | { readonly kind: "call"; readonly act: Act };

const TRIES_MAX = 4;
const BACKOFF_MS = 2_000;
const CHECKPOINT_MS = 10_000;

export function* runCall(
  outcome: CallOutcome,
  chance: Chance,
): Generator<Ask, void, Answer | null> {
  const { script } = outcome;
  const { callId, ttlMs } = script.request;
  const hold = yield* insist({ op: "hold", request: script.request });
  if (hold === null || script.cannotConnect) {
    // Whether it holds or not, it was never sent.
    yield* insist({ op: "release", callId });
    return;
  }
  if (hold.kind !== "held") return;
  outcome.isHeld = true;
  outcome.isSent = true;
  outcome.heldTokens = hold.heldOutputTokens;
  const cap = hold.outputTokens;
  const total = script.ignoresCap ? script.outputTokens : Math.min(script.outputTokens, cap);
  const isHard = script.request.scopes.some(({ limits }) => limits.some(({ hard }) => hard));
  let isRefused = false;
  let isComplete = false;
  let sinceCheckpointMs = 0;
  for (let chunk = 0; ; chunk += 1) {
    yield { kind: "sleep", ms: script.chunkMs };
    sinceCheckpointMs += script.chunkMs;
    if (chunk === script.workerDiesAt) return;
    if (chunk === script.stallsAt) yield { kind: "sleep", ms: script.stallMs };
    if (chunk === script.diesAt || chunk === script.clientLeavesAt) break;
    outcome.seenTokens += Math.min(script.chunkTokens, total - outcome.seenTokens);
    const seenOutputTokens = outcome.seenTokens;
    isComplete = seenOutputTokens >= total;
    if (isComplete) break;
    // What was refused is asked for again when it is needed: others may have given back by then.
    const asksAt = isRefused ? outcome.heldTokens + 1 : extendsAt(outcome.heldTokens);
    if (outcome.heldTokens < cap && seenOutputTokens >= asksAt) {
      const outputTokens = Math.min(cap, nextHeld(outcome.heldTokens, seenOutputTokens, 1));
      const request = { callId, outputTokens, seenOutputTokens, ttlMs };
      const answer = yield* insist({ op: "extend", request });
      sinceCheckpointMs = 0;
      if (answer?.kind === "extended") {
        outcome.heldTokens = Math.max(outcome.heldTokens, answer.heldOutputTokens);
        isRefused = false;
      } else if (answer?.kind === "refused") {
        if (seenOutputTokens > outcome.heldTokens) break;
        isRefused = true;
      } else if (isHard) break;
      else outcome.heldTokens = cap;
    }
    if (sinceCheckpointMs >= CHECKPOINT_MS) {
      sinceCheckpointMs = 0;
      const request = { callId, seenOutputTokens, ttlMs };
      yield { kind: "call", act: { op: "checkpoint", request } };
    }
  }
  outcome.said = say(script, outcome.seenTokens, isComplete, chance);
  if (script.settlesLateMs !== null) yield { kind: "sleep", ms: script.settlesLateMs };
  const request = { callId, ...outcome.said, ending: isComplete ? "complete" : "cut" };
  const answer = yield* insist({ op: "settle", request });
  outcome.isSettled = answer?.kind === "settled";
}

/** Asks until an answer comes, with the same call id. */
function* insist(act: Act): Generator<Ask, Answer | null, Answer | null> {
  for (let attempt = 1; attempt <= TRIES_MAX; attempt += 1) {
    const answer = yield { kind: "call", act };
    if (answer !== null) return answer;
    yield { kind: "sleep", ms: BACKOFF_MS * attempt };
  }
  return null;
}

function say(
  { usage, inputTokens }: CallScript,
  outputTokens: number,
  isComplete: boolean,
  chance: Chance,
): { usage: Usage; certainty: Certainty } {
  const counts = (input: number, output: number): Usage => ({
    inputTokens: input,
    cachedTokens: chance.whole(input + 1),
    cacheWriteTokens: 0,
    outputTokens: output,
    reasoningTokens: chance.whole(output + 1),
  });
  // Only the end of a stream tells its usage; of a cut one the worker has counted what it saw.
  if (!isComplete || usage === "none") {
    const certainty = outputTokens > 0 ? "at_least" : "unknown";
    return { usage: { ...counts(0, outputTokens), cachedTokens: 0 }, certainty };
  }
  switch (usage) {
    case "true":
      return { usage: counts(inputTokens, outputTokens), certainty: "exact" };
    case "less":
      return {
        usage: counts(Math.floor(inputTokens / 2), Math.floor(outputTokens / 3)),
        certainty: "exact",
      };
    case "more":
      return { usage: counts(2 * inputTokens, 5 * outputTokens), certainty: "exact" };
    case "absurd":
      return {
        usage: { ...counts(inputTokens, outputTokens), outputTokens: -1.5 },
        certainty: "exact",
      };
  }
}
