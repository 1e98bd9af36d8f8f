// What one call of a request asks of the ledger: the hold, its growth while the answer streams, and the account of it.
import type { Offer } from "../policies/account.ts";
import type { Rung } from "../policies/choice.ts";
import type { Window } from "../policies/ledger/limit.ts";
import { armName, type Arm } from "../policies/mode.ts";
import type { Policy } from "../policies/policy.ts";
import { sha256Hex, type Admission } from "./admit.ts";
import type { Dependencies } from "./dependencies.ts";
import { askHold, type HoldOutcome } from "./hold.ts";
import { Metering, STREAM_TTL_MS } from "./metering.ts";
import type { CallAccount } from "./open-call.ts";
import type { Preparation } from "./prepare.ts";
import type { CallOrder } from "./strategy/strategy.ts";
import type { Patience } from "./stream/patience.ts";

/** Enough of a digest that two conversations of one tenant never meet. */
const SESSION_CHARS = 32;
/**
 * After its deadline a call may still wait two heartbeats for a client's last write, and a second or so for its
 * settlement. A hold lasts longer than all of that, so that only a call that nobody settles any more expires.
 */
const SETTLE_MARGIN_MS = 10_000;

export interface RunInput {
  readonly requestId: string;
  readonly admission: Admission;
  readonly policy: Policy;
  readonly variant: string | null;
  readonly ladder: readonly [Rung, ...Rung[]];
  /** What the conversation ran on before. */
  readonly previous: Arm | null;
  /** Fires when the client leaves. */
  readonly signal: AbortSignal;
  readonly patience: Patience;
}

export async function holdCall(
  {
    admission,
    policy,
    requestId,
    variant,
    patience,
  }: Pick<RunInput, "admission" | "policy" | "requestId" | "variant" | "patience">,
  call: {
    readonly number: number;
    /** An earlier call of the request has been counted. */
    readonly isCounted: boolean;
    readonly offers: readonly Offer[];
    readonly isStream: boolean;
    /** How long it may wait for a replica's slot before it is sent; absent: not at all. */
    readonly placingMs?: number;
  },
  deps: Dependencies,
): Promise<HoldOutcome> {
  const { tenant, keyId, scopes } = admission;
  const wholeTtlMs = policy.deadlineMs + 2 * policy.heartbeatMs + SETTLE_MARGIN_MS;
  const request = {
    callId: `${requestId}:${call.number}`,
    keyId,
    policyVersion: `${policy.name}@${policy.version}`,
    variant,
    requests: call.isCounted ? (0 as const) : (1 as const),
    scopes,
    zone: tenant.zone,
    // Only a limit per conversation asks which one it is.
    session: hasWindow(admission, "session") ? await sessionHash(admission) : null,
    offers: call.offers,
    ...(admission.ask.answers === 1 ? {} : { answers: admission.ask.answers }),
    // A stream renews its hold as it goes; a whole answer is silent until its deadline.
    ttlMs:
      (call.isStream ? Math.min(STREAM_TTL_MS, wholeTtlMs) : wholeTtlMs) + (call.placingMs ?? 0),
  };
  const payer = { tenantId: tenant.id, ledger: admission.ledger };
  const outcome = await askHold(payer, request, deps, patience);
  if (outcome.kind === "held" || outcome.failure.kind !== "budget-exceeded") return outcome;
  const affordableTokens = Math.floor(outcome.failure.affordableTokens / admission.ask.answers);
  return { ...outcome, failure: { ...outcome.failure, affordableTokens } };
}

/** Null where nobody renews the hold: a whole answer's lasts as long as it may, and an emergency's is nobody's. */
export function meterCall(
  { admission, patience }: RunInput,
  { draft }: Preparation,
  { held, isEmergency }: Extract<HoldOutcome, { kind: "held" }>,
  isStream: boolean,
  deps: Dependencies,
): Metering | null {
  if (!isStream || isEmergency) return null;
  return new Metering({
    hold: held,
    answers: draft.ask.answers,
    isHard: admission.scopes.some(({ limits }) => limits.some(({ hard }) => hard)),
    reach: () => deps.ledgerOf(admission.ledger),
    patience,
    now: deps.now,
  });
}

export function accountOf(
  order: CallOrder,
  preparation: Preparation,
  { held, isEmergency }: Extract<HoldOutcome, { kind: "held" }>,
  offers: readonly Offer[],
  knobs: CallAccount["knobs"],
): CallAccount {
  const offer = offers.find(({ rung }) => rung === held.rung);
  return {
    callId: held.callId,
    purpose: order.purpose,
    arm: armName(preparation.rung.arm),
    upstream: preparation.upstream.id,
    strategies: preparation.rung.strategies,
    heldTokens: held.heldTokens,
    heldNanos: held.heldNanos,
    outputTokensMax: held.outputTokens,
    isLowered: held.rung !== offers[0]?.rung,
    isBudgetFinal: held.outputTokens < (offer?.outputTokens ?? 0),
    isEmergency,
    prices: preparation.model.prices ?? null,
    knobs,
    replica: null,
    predictedTokens: null,
    usage: null,
    certainty: null,
    ending: null,
    budgetEnd: null,
  };
}

function hasWindow({ scopes }: Admission, window: Window): boolean {
  return scopes.some(({ limits }) => limits.some((limit) => limit.window === window));
}

async function sessionHash({ session }: Admission): Promise<string> {
  return (await sha256Hex(session.name)).slice(0, SESSION_CHARS);
}
