// The words that the worker and the ledger exchange: offers, holds, usage and settlements. All counts are integers.
import type { Dimension, Limit, Window } from "./tenant.ts";

/** Tokens as an engine reports them; reasoning is inside output, cached inside input. */
export interface Usage {
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
  readonly reasoningTokens: number;
}

/**
 * How sure a usage is: `exact` was reported by the engine at the end; `at_least` was counted from a stream that
 * broke; `unknown` was dispatched and never heard of again.
 */
export type Certainty = "exact" | "at_least" | "unknown";

/** One rung of the ladder as the ledger sees it: what it would hold. */
export interface Offer {
  /** Index into the plan's ladder. */
  readonly rung: number;
  readonly arm: string;
  readonly strategies: readonly string[];
  readonly inputTokens: number;
  /** The cap that the call would like to send, times the number of answers asked for. */
  readonly outputTokens: number;
  /** Below this the answer would be useless, and the rung does not fit. */
  readonly outputTokensMin: number;
  readonly priceVersion: string | null;
  readonly inputNanosPerMtok: number;
  readonly outputNanosPerMtok: number;
  readonly cachedInputNanosPerMtok: number;
}

export interface HoldRequest {
  readonly callId: string;
  readonly requestId: string;
  readonly keyId: string;
  readonly policyVersion: string;
  readonly variant: string | null;
  /** 1 for the first call of a client's request, 0 for its retries, fallbacks and sub-calls. */
  readonly requests: 0 | 1;
  readonly limits: readonly Limit[];
  readonly offers: readonly Offer[];
  /** An interval on the ledger's clock, never a date on the caller's. */
  readonly ttlMs: number;
}

/** The state of one limit, for headers: what is left after this hold, and when the window turns. */
export interface Meter {
  readonly dimension: Dimension;
  readonly window: Window;
  readonly limit: number;
  readonly remaining: number;
  readonly resetAtMs: number;
  readonly resetInMs: number;
}

/** Proof that tokens are held. `attempt` asks for one by type, so nothing reaches an upstream without it. */
export interface Hold {
  readonly kind: "held";
  readonly callId: string;
  readonly rung: number;
  /** The cap that the budget affords; at most what the offer asked for. */
  readonly outputTokens: number;
  readonly heldTokens: number;
  readonly heldNanos: number;
  readonly expiresAtMs: number;
  /** The budget price that the next choice should use on top of the policy's; 0 until budgets price themselves. */
  readonly lambda: number;
  readonly meters: readonly Meter[];
}

export interface HoldRefusal {
  readonly kind: "refused";
  /**
   * `quota`: the window has no room for any rung. `unfit`: it has room, but not for this request at its least.
   * `busy`: it would have room if calls in flight had not held it; most of what they hold comes back soon.
   */
  readonly reason: "quota" | "unfit" | "busy";
  readonly scope: "tenant";
  readonly dimension: Dimension;
  readonly window: Window;
  readonly limit: number;
  readonly remaining: number;
  readonly resetAtMs: number;
  readonly resetInMs: number;
  /** Output tokens that would still fit beside this input; 0 when none. */
  readonly affordableTokens: number;
  readonly meters: readonly Meter[];
}

/** The same call id came with other arguments: a bug in the caller, never a second charge. */
export interface HoldMismatch {
  readonly kind: "mismatch";
  readonly callId: string;
}

/** The key was revoked: it holds nothing any more, whatever the caller's copy of it says. */
export interface HoldRevoked {
  readonly kind: "revoked";
  readonly keyId: string;
}

export type HoldAnswer = Hold | HoldRefusal | HoldMismatch | HoldRevoked;

export interface Settlement {
  readonly callId: string;
  readonly usage: Usage;
  readonly certainty: Certainty;
  /** How the call ended, for the journal: `complete`, `client-left`, `upstream-broke`, ... */
  readonly ending: string;
}

export type SettleAnswer =
  | {
      readonly kind: "settled";
      readonly chargedTokens: number;
      readonly chargedNanos: number;
      readonly overTokens: number;
    }
  /** It had ended before; the first ending stands. */
  | { readonly kind: "already"; readonly state: "settled" | "released" | "expired" }
  | { readonly kind: "missing" };
