// The rows of a ledger: calls, an append-only journal and the balances that are its sums. Schema and row types stand
// here side by side; the statements are ledger-book.ts, and what they mean together is ledger.ts.
import type { Certainty, Hold, HoldRequest, Offer, Usage } from "../policies/account.ts";
import type { Amounts, HeldCall } from "../policies/budget.ts";
import { windowKey } from "../policies/calendar.ts";
import type { Dimension } from "../policies/tenant.ts";

/** Never edit a step that shipped; add one. */
export const STEPS: readonly string[] = [
  `-- One row a call, so that a call id counts once and its prices and windows stay as they were at the hold.
  CREATE TABLE call (
    call_id TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('open', 'settled', 'released', 'expired')),
    fingerprint INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    policy_version TEXT NOT NULL,
    variant TEXT,
    arm TEXT NOT NULL,
    strategies TEXT NOT NULL,
    day TEXT NOT NULL,
    month TEXT NOT NULL,
    held_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    requests INTEGER NOT NULL CHECK (requests IN (0, 1)),
    input_tokens INTEGER NOT NULL CHECK (input_tokens >= 0),
    output_tokens INTEGER NOT NULL CHECK (output_tokens >= 0),
    held_tokens INTEGER NOT NULL CHECK (held_tokens >= 0),
    held_nanos INTEGER NOT NULL CHECK (held_nanos >= 0),
    charged_tokens INTEGER NOT NULL DEFAULT 0 CHECK (charged_tokens >= 0),
    charged_nanos INTEGER NOT NULL DEFAULT 0 CHECK (charged_nanos >= 0),
    price_version TEXT,
    input_nanos_per_mtok INTEGER NOT NULL,
    cached_input_nanos_per_mtok INTEGER NOT NULL,
    output_nanos_per_mtok INTEGER NOT NULL,
    answer TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX call_open ON call (expires_at_ms) WHERE state = 'open';

  -- seq is the rowid: AUTOINCREMENT would cost a second row a line.
  CREATE TABLE journal (
    seq INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    op TEXT NOT NULL CHECK (op IN ('hold', 'settle', 'release', 'expire', 'adjust')),
    call_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    policy_version TEXT NOT NULL,
    variant TEXT,
    arm TEXT NOT NULL,
    strategies TEXT NOT NULL,
    price_version TEXT,
    day TEXT NOT NULL,
    month TEXT NOT NULL,
    held_requests INTEGER NOT NULL,
    held_tokens INTEGER NOT NULL,
    held_nanos INTEGER NOT NULL,
    spent_requests INTEGER NOT NULL,
    spent_tokens INTEGER NOT NULL,
    spent_nanos INTEGER NOT NULL,
    over_tokens INTEGER NOT NULL,
    over_nanos INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    certainty TEXT,
    ending TEXT,
    anomaly TEXT
  ) STRICT;

  -- One row a window with a column a dimension: two rows written an operation instead of six.
  CREATE TABLE balance (
    window TEXT NOT NULL CHECK (window IN ('day', 'month')),
    key TEXT NOT NULL,
    spent_requests INTEGER NOT NULL DEFAULT 0 CHECK (spent_requests >= 0),
    spent_tokens INTEGER NOT NULL DEFAULT 0 CHECK (spent_tokens >= 0),
    spent_nanos INTEGER NOT NULL DEFAULT 0 CHECK (spent_nanos >= 0),
    held_requests INTEGER NOT NULL DEFAULT 0 CHECK (held_requests >= 0),
    held_tokens INTEGER NOT NULL DEFAULT 0 CHECK (held_tokens >= 0),
    held_nanos INTEGER NOT NULL DEFAULT 0 CHECK (held_nanos >= 0),
    over_tokens INTEGER NOT NULL DEFAULT 0 CHECK (over_tokens >= 0),
    over_nanos INTEGER NOT NULL DEFAULT 0 CHECK (over_nanos >= 0),
    PRIMARY KEY (window, key)
  ) STRICT, WITHOUT ROWID;`,
  `-- Keys that hold nothing any more. Revoked is forever, and a key is a few dozen bytes, so none is dropped.
  CREATE TABLE revoked_key (
    key_id TEXT PRIMARY KEY,
    at_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;`,
];

export type CallState = "open" | "settled" | "released" | "expired";

/** The words that a call's journal rows share with it. */
export type CallWords = {
  call_id: string;
  request_id: string;
  key_id: string;
  policy_version: string;
  variant: string | null;
  arm: string;
  /** A JSON list. */
  strategies: string;
  price_version: string | null;
  day: string;
  month: string;
};

export type CallRow = CallWords & {
  state: CallState;
  fingerprint: number;
  held_at_ms: number;
  expires_at_ms: number;
  requests: number;
  input_tokens: number;
  output_tokens: number;
  held_tokens: number;
  held_nanos: number;
  /** What expiry or settlement posted, for a late exact usage to differ from. */
  charged_tokens: number;
  charged_nanos: number;
  input_nanos_per_mtok: number;
  cached_input_nanos_per_mtok: number;
  output_nanos_per_mtok: number;
  /** The Hold as it was answered, in JSON, so that a repeated hold gets the same one. */
  answer: string;
};

export type JournalOp = "hold" | "settle" | "release" | "expire" | "adjust";

export type JournalRecord = CallWords & {
  seq: number;
  at_ms: number;
  op: JournalOp;
  held_requests: number;
  held_tokens: number;
  held_nanos: number;
  spent_requests: number;
  spent_tokens: number;
  spent_nanos: number;
  over_tokens: number;
  over_nanos: number;
  input_tokens: number;
  cached_tokens: number;
  output_tokens: number;
  reasoning_tokens: number;
  certainty: Certainty | null;
  ending: string | null;
  anomaly: string | null;
};

export type BalanceRow = {
  spent_requests: number;
  spent_tokens: number;
  spent_nanos: number;
  held_requests: number;
  held_tokens: number;
  held_nanos: number;
  over_tokens: number;
  over_nanos: number;
};

/** One line of the journal. `held`, `spent` and `over` are differences: a balance is their sum over its window. */
export interface JournalRow {
  readonly seq: number;
  readonly atMs: number;
  readonly op: JournalOp;
  readonly callId: string;
  readonly requestId: string;
  readonly keyId: string;
  readonly policyVersion: string;
  readonly variant: string | null;
  readonly arm: string;
  readonly strategies: readonly string[];
  readonly priceVersion: string | null;
  readonly day: string;
  readonly month: string;
  readonly held: Amounts;
  readonly spent: Amounts;
  /** Beyond what was reserved for the call; requests never are. */
  readonly over: Amounts;
  /** What a hold expects, or what an ending was charged for. */
  readonly usage: Usage;
  readonly certainty: Certainty | null;
  readonly ending: string | null;
  readonly anomaly: string | null;
}

/** The row of a call that has just been granted its hold. */
export function openCall(
  request: HoldRequest,
  offer: Offer,
  hold: Hold,
  print: number,
  nowMs: number,
): CallRow {
  return {
    call_id: request.callId,
    state: "open",
    fingerprint: print,
    request_id: request.requestId,
    key_id: request.keyId,
    policy_version: request.policyVersion,
    variant: request.variant,
    arm: offer.arm,
    strategies: JSON.stringify(offer.strategies),
    price_version: offer.priceVersion,
    day: windowKey("day", nowMs),
    month: windowKey("month", nowMs),
    held_at_ms: nowMs,
    expires_at_ms: hold.expiresAtMs,
    requests: request.requests,
    input_tokens: offer.inputTokens,
    output_tokens: hold.outputTokens,
    held_tokens: hold.heldTokens,
    held_nanos: hold.heldNanos,
    charged_tokens: 0,
    charged_nanos: 0,
    input_nanos_per_mtok: offer.inputNanosPerMtok,
    cached_input_nanos_per_mtok: offer.cachedInputNanosPerMtok,
    output_nanos_per_mtok: offer.outputNanosPerMtok,
    answer: JSON.stringify(hold),
  };
}

export function heldBy(call: CallRow): Amounts {
  return { requests: call.requests, tokens: call.held_tokens, nanos: call.held_nanos };
}

export function chargedTo(call: CallRow): Amounts {
  return { requests: call.requests, tokens: call.charged_tokens, nanos: call.charged_nanos };
}

export function heldCall(call: CallRow): HeldCall {
  return {
    requests: call.requests,
    inputTokens: call.input_tokens,
    outputTokens: call.output_tokens,
    inputNanosPerMtok: call.input_nanos_per_mtok,
    cachedInputNanosPerMtok: call.cached_input_nanos_per_mtok,
    outputNanosPerMtok: call.output_nanos_per_mtok,
  };
}

export interface BalanceIn {
  readonly spent: number;
  readonly held: number;
  readonly over: number;
}

export function balanceIn(row: BalanceRow, dimension: Dimension): BalanceIn {
  switch (dimension) {
    case "requests":
      return { spent: row.spent_requests, held: row.held_requests, over: 0 };
    case "tokens":
      return { spent: row.spent_tokens, held: row.held_tokens, over: row.over_tokens };
    case "nanos":
      return { spent: row.spent_nanos, held: row.held_nanos, over: row.over_nanos };
  }
}
