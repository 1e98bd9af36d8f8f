// The journal's entries: everything that ever changes a ledger, one a line, never edited. What an entry does is `apply`'s
// affair (state.ts) alone, so that replaying the journal gives the balances.
import type { Certainty, ScopeLimits, Usage } from "../account.ts";
import type { Amounts } from "./amounts.ts";
import type { Window } from "./limit.ts";
import type { OlderWindow } from "./zones.ts";

/** The scopes that a call is checked and charged in, with the limits that it was admitted under. The same for many calls. */
export interface Path {
  readonly zone: string;
  readonly scopes: readonly ScopeLimits[];
}

/** Prices that a hold pinned; no later change re-prices the call. */
export interface PinnedPrices {
  readonly version: string | null;
  readonly inputNanosPerMtok: number;
  readonly cachedInputNanosPerMtok: number;
  readonly cacheWriteNanosPerMtok: number;
  readonly outputNanosPerMtok: number;
}

/** What a call is, for people and audits; few in number, so that a journal keeps each but once. */
export interface CallWords {
  readonly keyId: string;
  readonly policyVersion: string;
  readonly variant: string | null;
  readonly arm: string;
  readonly strategies: readonly string[];
}

export interface HoldEntry {
  readonly op: "hold";
  readonly callId: string;
  readonly atMs: number;
  /** Tells whether the id came again with other arguments. */
  readonly fingerprint: number;
  readonly path: Path;
  /** Names the conversation's bucket; null where no session limit applies. */
  readonly session: string | null;
  readonly prices: PinnedPrices;
  readonly words: CallWords;
  readonly requests: 0 | 1;
  readonly rung: number;
  readonly inputTokens: number;
  /** The cap that goes upstream. */
  readonly outputTokens: number;
  /** How much of the cap is held at first; the same in whole mode. */
  readonly heldOutputTokens: number;
  readonly ttlMs: number;
  /** Windows of the calendar before an edit of the zone that it counts in too, in every scope that is not lent. */
  readonly older?: readonly OlderWindow[];
  /** It was used while no ledger could be asked, and holds nothing: its settlement follows in the same turn. */
  readonly isDebt?: true;
  /** Answers that were asked for at once, where there is more than one. */
  readonly answers?: number;
}

/** `heldOutputTokens` is the new total, so that an extension that comes twice is one. */
export interface ExtendEntry {
  readonly op: "extend";
  readonly callId: string;
  readonly atMs: number;
  readonly heldOutputTokens: number;
  /** What the stream has shown until now. */
  readonly seenOutputTokens: number;
  readonly ttlMs: number;
}

export interface CheckpointEntry {
  readonly op: "checkpoint";
  readonly callId: string;
  readonly atMs: number;
  readonly seenOutputTokens: number;
  readonly ttlMs: number;
}

/** What was charged and why. `over` is beyond what was reserved for the call. */
interface Posted {
  readonly callId: string;
  readonly atMs: number;
  readonly usage: Usage;
  readonly certainty: Certainty;
  readonly ending: string;
  readonly anomaly: string | null;
  readonly charged: Amounts;
  readonly over: Amounts;
}

export interface SettleEntry extends Posted {
  readonly op: "settle";
}

/** A hold that nobody ended. What it keeps reserved beyond the charge waits until `suspendedUntilMs`; null: nothing. */
export interface ExpireEntry extends Posted {
  readonly op: "expire";
  readonly suspendedUntilMs: number | null;
}

/** The suspense is over: what it kept reserved is free. */
export interface LapseEntry {
  readonly op: "lapse";
  readonly callId: string;
  readonly atMs: number;
}

/** A late settlement of an expired call. `charged` is the new whole, `over` what it adds that nothing was reserved for. */
export interface AdjustEntry extends Posted {
  readonly op: "adjust";
}

export interface ReleaseEntry {
  readonly op: "release";
  readonly callId: string;
  readonly atMs: number;
}

/** Credits the windows that the call was charged in. */
export interface RefundEntry {
  readonly op: "refund";
  readonly callId: string;
  readonly refundId: string;
  readonly atMs: number;
  readonly amounts: Amounts;
}

export type CallEntry =
  | HoldEntry
  | ExtendEntry
  | CheckpointEntry
  | SettleEntry
  | ExpireEntry
  | LapseEntry
  | AdjustEntry
  | ReleaseEntry
  | RefundEntry;

export type EndEntry = SettleEntry | ExpireEntry | AdjustEntry | ReleaseEntry;

/** Which window of which scope a lease is of. */
export interface LeasedWindow {
  readonly scope: string;
  readonly window: Window;
  readonly key: string;
}

/**
 * Escrow between a lender and its borrowers (lease.ts). The borrower writes down that it asks before it asks, and that it
 * gives back before it gives back, so that whatever is lost on the way is said again after any crash.
 */
export type LeaseEntry =
  | AskEntry
  | BorrowEntry
  | ReportEntry
  | HeardEntry
  | LendEntry
  | ReturnEntry;

interface Lease {
  readonly leaseId: string;
  readonly atMs: number;
}

/** The borrower is about to ask for so much. */
export interface AskEntry extends Lease, LeasedWindow {
  readonly op: "ask";
  readonly lender: string;
  readonly amounts: Amounts;
}

/** The borrower has heard what it was lent, which may be nothing. */
export interface BorrowEntry extends Lease {
  readonly op: "borrow";
  readonly amounts: Amounts;
}

/** The borrower ends a lease: so much of it was spent, the rest is the lender's again once it has heard. */
export interface ReportEntry extends Lease {
  readonly op: "report";
  readonly spent: Amounts;
}

/** The lender has heard the report. */
export interface HeardEntry extends Lease {
  readonly op: "heard";
}

/** The lender lends; counted as held until the borrower's own report. No clock ever ends a lease. */
export interface LendEntry extends Lease, LeasedWindow {
  readonly op: "lend";
  readonly borrower: string;
  readonly amounts: Amounts;
  /** Names of the same window in the calendars before an edit of the zone: what is lent counts in them too. */
  readonly olderKeys?: readonly string[];
}

export interface ReturnEntry extends Lease {
  readonly op: "return";
  readonly spent: Amounts;
}

export type Entry = CallEntry | LeaseEntry;
