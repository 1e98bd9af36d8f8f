// One call of a pooling replica for a question's hidden state: held, attempted within a deadline, settled. Whatever becomes
// of it is a value with its reason, since a question whose state was not read is answered all the same.
import { NO_USAGE, type Offer, type Settlement } from "../policies/account.ts";
import type { Model, Upstream } from "../policies/catalog.ts";
import { attempt } from "./attempt.ts";
import { holdCall, type RunInput } from "./call-hold.ts";
import type { Dependencies } from "./dependencies.ts";
import type { Heard } from "./heard.ts";
import type { Held } from "./hold.ts";
import type { CallAccount } from "./open-call.ts";
import { reckonUsage } from "./reckon.ts";
import { tokenBound } from "./stream/token-bound.ts";
import {
  POOLING_OVERHEAD_TOKENS,
  poolingBody,
  poolingBytesMax,
  readPooled,
  type PooledState,
} from "./upstream/wire/pooling.ts";

/** The place of this call among the request's, whose other calls are counted from 1. */
const CALL_NUMBER = 0;
/** In the account; every other purpose is a strategy's or the answer's. */
export const DIFFICULTY_PURPOSE = "difficulty";

export interface Replica {
  readonly model: Model;
  readonly pooling: NonNullable<Model["pooling"]>;
  readonly upstream: Upstream;
}

export type ReplicaSaid =
  | { readonly kind: "state"; readonly state: Float32Array; readonly account: CallAccount }
  | {
      readonly kind: "nothing";
      /** A clause. */
      readonly reason: string;
      /** The replica was asked and gave nothing, and did not merely refuse the question. */
      readonly isItsFault: boolean;
      readonly account: CallAccount | null;
    };

export async function callReplica(
  input: Pick<RunInput, "admission" | "policy" | "requestId" | "variant" | "patience">,
  replica: Replica,
  deadlineMs: number,
  deps: Dependencies,
): Promise<ReplicaSaid> {
  const { model, pooling, upstream } = replica;
  const { query } = input.admission.ask;
  const secret = upstream.secret === undefined ? null : deps.secret(upstream.secret);
  if (upstream.secret !== undefined && secret === null)
    return nothing(`the secret of ${upstream.id} is not set`);
  const offer = offerOf(replica, query);
  const permit = await deps.breakers.permit(upstream);
  if (!permit.permitted) return nothing(`${upstream.id} is left alone for a while`);
  // Nothing is reported of this call: an upstream that may also answer must not be closed to all for what it says here.
  deps.finish(deps.breakers.handBack(upstream, permit));

  const call = { number: CALL_NUMBER, isCounted: true, offers: [offer], isStream: false };
  const outcome = await holdCall(input, call, deps);
  if (outcome.kind !== "held")
    return nothing(`its ${offer.inputTokens} tokens were not held (${outcome.failure.kind})`);
  const account = accountOf(replica, offer, outcome.held);
  const end = async (settled: Omit<Settlement, "callId"> & Pick<CallAccount, "ending">) => {
    Object.assign(account, settled);
    // Waited for, or a limit on calls in flight would refuse the answer because of its own question.
    await outcome.settle({ callId: outcome.held.callId, ...settled, ending: settled.ending });
  };
  if (outcome.isEmergency) {
    // The little that an outage of the ledger lets through is for answers.
    await end({ usage: NO_USAGE, certainty: "exact", ending: "released" });
    return nothing("its ledger cannot be asked");
  }
  const attempted = attempt(
    outcome.held,
    {
      url: `${upstream.baseUrl.replace(/\/+$/, "")}/embeddings`,
      secret,
      body: poolingBody(pooling.name, query),
      isStream: false,
      idleMs: deadlineMs,
      deadlineMs,
      opaqueBytesMax: poolingBytesMax(pooling.width),
    },
    deps.now,
    input.patience,
  );
  const heard = await attempted.peek();
  attempted.cancel();
  const pooled = heard.kind === "whole" ? readPooled(heard.text) : null;
  await end(chargeOf(heard, pooled, offer, model.contextTokens));
  if (pooled?.kind === "state") return { kind: "state", state: pooled.state, account };
  const why = pooled === null ? failureOf(heard, deadlineMs) : pooled.problem;
  const reason = `the replica of ${model.id} gave no state: ${why}`;
  const isRefused = heard.kind === "failed" && heard.trouble.isFree && !heard.trouble.isFault;
  return { kind: "nothing", reason, isItsFault: !isRefused, account };
}

/** What is known of its input; the ledger charges what it holds of one that was sent and never heard of again. */
function chargeOf(
  heard: Heard,
  pooled: PooledState | null,
  { inputTokens }: Offer,
  contextTokens: number,
): Omit<Settlement, "callId" | "ending"> & { readonly ending: NonNullable<CallAccount["ending"]> } {
  if (pooled !== null) {
    const counted = pooled.kind === "state" ? pooled.inputTokens : null;
    const { usage, certainty } = reckonUsage({
      reported: counted === null ? null : { ...NO_USAGE, inputTokens: counted },
      seenTokens: 0,
      seenReasoningTokens: 0,
      inputTokens,
      heldOutputTokens: 0,
      unseenTokens: 0,
      contextTokens,
      answers: 1,
      isOver: true,
    });
    return { usage, certainty, ending: "complete" };
  }
  const isFree = heard.kind === "failed" && heard.trouble.isFree;
  return isFree
    ? { usage: NO_USAGE, certainty: "exact", ending: "upstream-refused" }
    : { usage: NO_USAGE, certainty: "unknown", ending: "cut-off" };
}

function failureOf(heard: Heard, deadlineMs: number): string {
  if (heard.kind !== "failed") return "it said nothing";
  const { failure } = heard.trouble;
  return failure.kind === "upstream-late" ? `it took longer than ${deadlineMs} ms` : failure.kind;
}

/** No output, and its input at the replica's own price: nothing where nobody bills it, and its tokens all the same. */
function offerOf({ model, pooling }: Replica, query: string): Offer {
  const inputNanosPerMtok = pooling.prices?.inputNanosPerMtok ?? 0;
  return {
    rung: 0,
    arm: `${model.id}/hidden-state`,
    strategies: ["diffadapt"],
    inputTokens: Math.min(model.contextTokens, POOLING_OVERHEAD_TOKENS + tokenBound(query)),
    outputTokens: 0,
    outputTokensMin: 0,
    sliceTokens: 0,
    priceVersion: pooling.prices?.version ?? null,
    inputNanosPerMtok,
    cachedInputNanosPerMtok: inputNanosPerMtok,
    cacheWriteNanosPerMtok: inputNanosPerMtok,
    outputNanosPerMtok: 0,
  };
}

function accountOf({ pooling, upstream }: Replica, offer: Offer, held: Held): CallAccount {
  const { prices } = pooling;
  return {
    callId: held.callId,
    purpose: DIFFICULTY_PURPOSE,
    arm: offer.arm,
    upstream: upstream.id,
    strategies: offer.strategies,
    heldTokens: held.heldTokens,
    heldNanos: held.heldNanos,
    outputTokensMax: 0,
    isLowered: false,
    isBudgetFinal: false,
    isEmergency: false,
    prices:
      prices === undefined
        ? null
        : {
            ...prices,
            cachedInputNanosPerMtok: prices.inputNanosPerMtok,
            outputNanosPerMtok: 0,
          },
    knobs: [],
    replica: null,
    predictedTokens: null,
    usage: null,
    certainty: null,
    ending: null,
    budgetEnd: null,
  };
}

function nothing(reason: string): ReplicaSaid {
  return { kind: "nothing", reason, isItsFault: false, account: null };
}
