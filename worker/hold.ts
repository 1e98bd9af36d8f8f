// Asks a tenant's ledger for a hold, and says what its refusals mean for the caller.
import type { Hold, HoldRefusal, HoldRequest, Meter } from "../policies/account.ts";
import type { LedgerPort } from "./ports.ts";
import type { Failure } from "./failure.ts";

declare const held: unique symbol;
/** A hold that a ledger gave: made here alone, so that an attempt cannot be handed anything else. */
export type Held = Hold & { readonly [held]: true };

export interface HoldOutcome {
  readonly held: Held | Failure;
  /** The limits as the ledger left them, for headers; null when it did not say. */
  readonly meters: readonly Meter[] | null;
}

export async function askHold(ledger: LedgerPort, request: HoldRequest): Promise<HoldOutcome> {
  let answer;
  try {
    answer = await ledger.hold(request);
  } catch (error) {
    // A hard budget that cannot be asked is a no: nothing was sent, and the client may try again.
    const problem = String(error);
    console.error(JSON.stringify({ event: "ledger-unreachable", callId: request.callId, problem }));
    return { held: { kind: "budget-unavailable" }, meters: null };
  }
  switch (answer.kind) {
    case "held":
      return { held: answer as Held, meters: answer.meters };
    case "refused":
      return { held: failureOf(answer), meters: answer.meters };
    case "revoked":
      // Like a key that nobody knows, which the caller's copy of it will soon say as well.
      return { held: { kind: "key-unknown" }, meters: null };
    case "mismatch":
      throw new Error(`Call ${request.callId} was held before with other arguments.`);
  }
}

function failureOf(refusal: HoldRefusal): Failure {
  const { reason, dimension, window, limit, remaining, resetAtMs, resetInMs, affordableTokens } =
    refusal;
  return {
    kind: "budget-exceeded",
    reason,
    dimension,
    window,
    limit,
    remaining,
    resetAtMs,
    resetInMs,
    affordableTokens,
  };
}
