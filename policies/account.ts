// The words that the worker and the ledger exchange: offers, holds, usage and settlements. All counts are integers.
import type { Dimension } from "./ledger/amounts.ts";
import type { Limit, Window } from "./ledger/limit.ts";

/** Tokens as an engine reports them; reasoning is inside output, cached and newly cached inside input. */
export interface Usage {
  readonly inputTokens: number;
  readonly cachedTokens: number;
  /** Input that was written to a cache, where an engine tells and bills it (Anthropic does). */
  readonly cacheWriteTokens: number;
  readonly outputTokens: number;
  readonly reasoningTokens: number;
}

export const NO_USAGE: Usage = {
  inputTokens: 0,
  cachedTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
};

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
  /** Of the cap, how much is held at first and with each extension; the whole cap where a call cannot be extended. */
  readonly sliceTokens: number;
  readonly priceVersion: string | null;
  readonly inputNanosPerMtok: number;
  readonly outputNanosPerMtok: number;
  readonly cachedInputNanosPerMtok: number;
  readonly cacheWriteNanosPerMtok: number;
}

/** A scope that a call is charged in, with its limits as the configuration has them now. */
export interface ScopeLimits {
  /** `tenant`, `key:K`, `user:U`, `tag:T`, `exp:A`, `org:O`. */
  readonly scope: string;
  readonly limits: readonly Limit[];
  /** The ledger that owns the scope's budget, where it is not this one: here only what it lends may be spent. */
  readonly lender?: string;
}

export interface HoldRequest {
  readonly callId: string;
  readonly keyId: string;
  readonly policyVersion: string;
  readonly variant: string | null;
  /** 1 for the first call of a client's request, 0 for its retries, fallbacks and sub-calls. */
  readonly requests: 0 | 1;
  /** From the widest to the narrowest. All of them are checked and charged in one turn. */
  readonly scopes: readonly ScopeLimits[];
  /** The calendar of the windows: an IANA zone. */
  readonly zone: string;
  /** A hash that names the conversation; null where none is known. */
  readonly session: string | null;
  readonly offers: readonly Offer[];
  /** Answers that are asked for at once, which an engine writes side by side; 1 when absent. */
  readonly answers?: number;
  /** An interval on the ledger's clock, never a date on the caller's. Extensions and checkpoints begin it anew. */
  readonly ttlMs: number;
}

/** The state of one limit, for headers: what is left after this hold, and when the window turns. */
export interface Meter {
  readonly scope: string;
  readonly dimension: Dimension;
  readonly window: Window;
  readonly limit: number;
  readonly remaining: number;
  /** Null for a window that never turns. For `minute`: when the meter will be empty. */
  readonly resetAtMs: number | null;
  readonly resetInMs: number | null;
}

/** Proof that tokens are held. `attempt` asks for one by type, so nothing reaches an upstream without it. */
export interface Hold {
  readonly kind: "held";
  readonly callId: string;
  readonly rung: number;
  /** The cap that the budget affords, which goes upstream; at most what the offer asked for. */
  readonly outputTokens: number;
  /** How much of the cap is held now. Beyond it the call must extend before it goes on. */
  readonly heldOutputTokens: number;
  readonly heldTokens: number;
  readonly heldNanos: number;
  readonly expiresAtMs: number;
  /** The budget price that the next choice should use on top of the policy's. */
  readonly lambda: number;
  readonly meters: readonly Meter[];
}

export interface HoldRefusal {
  readonly kind: "refused";
  /**
   * `rate`: too much in a minute. `quota`: a window has no room for any rung. `unfit`: it has room, but not for this
   * request at its least. `busy`: it would have room if calls in flight had not held it. `concurrency`: too many are.
   * `unlent`: the owner of the budget may lend more; ask it, and then again.
   */
  readonly reason: "rate" | "quota" | "unfit" | "busy" | "concurrency" | "unlent";
  readonly scope: string;
  readonly dimension: Dimension;
  readonly window: Window;
  readonly limit: number;
  readonly remaining: number;
  readonly resetAtMs: number | null;
  readonly resetInMs: number | null;
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

export interface Extension {
  readonly callId: string;
  /** The total of output that the call wants to be held, at most its cap; the same total twice is one extension. */
  readonly outputTokens: number;
  readonly seenOutputTokens: number;
  readonly ttlMs: number;
}

export type ExtendAnswer =
  /** `isFinal`: the budget gave less than was asked, or the cap is reached; there will be no more. */
  | {
      readonly kind: "extended";
      readonly heldOutputTokens: number;
      readonly isFinal: boolean;
      readonly expiresAtMs: number;
    }
  | {
      readonly kind: "refused";
      readonly scope: string;
      readonly dimension: Dimension;
      readonly window: Window;
      /** The owner of the budget may lend more; ask it (`replenishCall`), and then again. */
      readonly isUnlent?: true;
    }
  | Ended
  | { readonly kind: "missing" };

/**
 * What came of asking the owners of budgets for more: `lent`, hold or extend again; `nothing`, they have no more;
 * `unreachable`, one of them did not answer.
 */
export interface ReplenishAnswer {
  readonly kind: "lent" | "nothing" | "unreachable";
  /** Of `nothing`: what is missing is not spent but held by calls or lent to others, and most of that comes back. */
  readonly isBusy?: true;
}

export interface Checkpoint {
  readonly callId: string;
  readonly seenOutputTokens: number;
  readonly ttlMs: number;
}

export type CheckpointAnswer =
  | { readonly kind: "kept"; readonly expiresAtMs: number }
  | Ended
  | { readonly kind: "missing" };

export interface Settlement {
  readonly callId: string;
  readonly usage: Usage;
  readonly certainty: Certainty;
  /** How the call ended, for the journal: `complete`, `client-left`, `upstream-broke`, ... */
  readonly ending: string;
}

/** It had ended before; the first ending stands. */
export interface Ended {
  readonly kind: "already";
  readonly state: "settled" | "released" | "expired";
}

export type SettleAnswer =
  | {
      readonly kind: "settled";
      readonly chargedTokens: number;
      readonly chargedNanos: number;
      readonly overTokens: number;
    }
  | Ended
  | { readonly kind: "missing" };

export type ReleaseAnswer = { readonly kind: "released" } | Ended | { readonly kind: "missing" };

export interface Refund {
  readonly callId: string;
  /** The caller's name for it: the same twice is one refund. */
  readonly refundId: string;
  readonly tokens: number;
  readonly nanos: number;
}

export type RefundAnswer =
  | { readonly kind: "refunded" }
  /** More than what was charged and not yet given back. */
  | { readonly kind: "too-much"; readonly tokensLeft: number; readonly nanosLeft: number }
  | { readonly kind: "mismatch"; readonly refundId: string }
  /** The call has been refunded as often as a call may be. */
  | { readonly kind: "too-many"; readonly refundsMax: number }
  | { readonly kind: "open" }
  | { readonly kind: "missing" };
