// What a ledger knows, and the one function that changes it. `apply` follows the journal's entries and decides nothing, so
// that a replay of the journal is the ledger. It mutates: one object owns one state, and a copy a call would cost more
// than the call.
import { minus, NOTHING, plus, type Amounts } from "./amounts.ts";
import { bucketName, newBucket, type Bucket } from "./bucket.ts";
import { heldAmounts, restOf } from "./charge.ts";
import { contribute, settleRates, type Contribution } from "./contribution.ts";
import type { CallEntry, EndEntry, ExpireEntry, HoldEntry, LeasedWindow, Path } from "./entry.ts";
import { isLeased, limitedIn, loanIn, loanOf, newLeases, type LeaseState } from "./loan.ts";
import { windowsOf, type Window } from "./limit.ts";
import type { RateBucket } from "./rate.ts";
import { windowKey } from "./window.ts";
import { noteZone, type OlderWindow, type Zones } from "./zones.ts";

/** A call whose hold still reserves something: it is open, or expired and in suspense. */
export interface OpenCall {
  readonly hold: HoldEntry;
  readonly buckets: readonly Bucket[];
  readonly contributions: Contribution[];
  /** What is reserved for it now. */
  held: Amounts;
  heldOutputTokens: number;
  seenOutputTokens: number;
  seenAtMs: number;
  expiresAtMs: number;
  /** Its expiry, once that was posted; null while it is open. */
  expired: ExpireEntry | null;
}

/** A call that reserves nothing any more. */
export interface EndedCall {
  readonly hold: HoldEntry;
  readonly end: EndEntry;
  readonly refunds: readonly { readonly refundId: string; readonly amounts: Amounts }[];
}

/** Ended calls by id. They are many, so they lie outside the state; whoever keeps the journal can find them. */
export interface EndedCalls {
  find(callId: string): EndedCall | null;
}

export interface LedgerState {
  readonly buckets: Map<string, Bucket>;
  readonly rates: Map<string, RateBucket>;
  /** Open calls, and expired ones in suspense. */
  readonly calls: Map<string, OpenCall>;
  readonly leases: LeaseState;
  readonly zones: Zones;
  /** No call is due before this. A lower bound, so that most turns look at none. */
  nextDueMs: number;
  /** The latest time that an entry carried: the clock never goes back. */
  atMs: number;
}

export function newState(): LedgerState {
  return {
    buckets: new Map(),
    rates: new Map(),
    calls: new Map(),
    leases: newLeases(),
    zones: new Map(),
    nextDueMs: Infinity,
    atMs: 0,
  };
}

export function bucketIn(state: LedgerState, scope: string, window: Window, key: string): Bucket {
  const name = bucketName(scope, window, key);
  const known = state.buckets.get(name);
  if (known !== undefined) return known;
  const bucket = newBucket(scope, window, key);
  state.buckets.set(name, bucket);
  return bucket;
}

/** Names the window of an instant; a conversation's is the conversation. Null where the call belongs to none. */
export function pinnedKey(
  window: Window,
  zone: string,
  session: string | null,
  atMs: number,
): string | null {
  switch (window) {
    case "minute":
      return null;
    case "session":
      return session;
    case "hour":
    case "day":
    case "month":
    case "lifetime":
      return windowKey(window, zone, atMs);
  }
}

export function apply(state: LedgerState, entry: CallEntry, ended: EndedCalls): void {
  state.atMs = Math.max(state.atMs, entry.atMs);
  if (entry.op === "hold") {
    open(state, entry);
    noteLoans(state, entry, entry);
    return;
  }
  const call = state.calls.get(entry.callId);
  if (entry.op !== "checkpoint")
    noteLoans(state, entry, call?.hold ?? ended.find(entry.callId)?.hold);
  switch (entry.op) {
    case "extend":
      if (call !== undefined) extend(state, call, entry.heldOutputTokens, entry.atMs);
      renew(state, call, entry);
      return;
    case "checkpoint":
      renew(state, call, entry);
      return;
    case "release":
      if (call !== undefined) end(state, call, NOTHING, NOTHING, entry.atMs);
      return;
    case "settle":
      if (call !== undefined) end(state, call, entry.charged, entry.over, entry.atMs);
      return;
    case "expire":
      if (call !== undefined) expire(state, call, entry);
      return;
    case "lapse":
      if (call !== undefined) end(state, call, NOTHING, NOTHING, entry.atMs);
      return;
    case "adjust": {
      const before = call?.expired ?? ended.find(entry.callId)?.end;
      const charged = before === undefined || before.op === "release" ? NOTHING : before.charged;
      const difference = minus(entry.charged, charged);
      if (call !== undefined) end(state, call, difference, entry.over, entry.atMs);
      else post(bucketsOf(state, holdOf(ended, entry.callId)), difference, NOTHING, entry.over);
      return;
    }
    case "refund": {
      const hold = call?.hold ?? holdOf(ended, entry.callId);
      post(bucketsOf(state, hold), minus(NOTHING, entry.amounts), NOTHING, NOTHING);
    }
  }
}

function isPosting({ op }: CallEntry): boolean {
  return op === "settle" || op === "expire" || op === "adjust" || op === "refund";
}

/**
 * What stands in a window that another ledger owns was reported to it, unless a loan says what was not: before a call
 * changes what was spent, there is a loan.
 */
function noteLoans(state: LedgerState, entry: CallEntry, hold: HoldEntry | undefined): void {
  for (const { scope, limits, lender } of hold?.path.scopes ?? []) {
    if (hold === undefined || lender === undefined) continue;
    for (const window of new Set(limits.map((limit) => limit.window))) {
      const key = pinnedKey(window, hold.path.zone, hold.session, hold.atMs);
      if (key === null || !isLeased(window)) continue;
      const of = { scope, window, key };
      const loan = isPosting(entry)
        ? loanIn(state.leases, bucketIn(state, scope, window, key), lender)
        : loanOf(state.leases, of);
      if (loan === undefined) continue;
      loan.movedAtMs = entry.atMs;
      if (isPosting(entry)) loan.limited = limitedIn(limits, window);
    }
  }
}

function open(state: LedgerState, hold: HoldEntry): void {
  noteZone(state.zones, hold.path.zone, hold.atMs);
  const held = hold.isDebt === true ? NOTHING : heldAmounts(hold, hold.heldOutputTokens);
  const call: OpenCall = {
    hold,
    buckets: bucketsOf(state, hold),
    contributions: [],
    held,
    heldOutputTokens: hold.heldOutputTokens,
    seenOutputTokens: 0,
    seenAtMs: hold.atMs,
    expiresAtMs: hold.atMs + hold.ttlMs,
    expired: null,
  };
  post(call.buckets, NOTHING, held, NOTHING);
  contribute(state.rates, call, held, hold.atMs);
  state.calls.set(hold.callId, call);
  state.nextDueMs = Math.min(state.nextDueMs, call.expiresAtMs);
}

function extend(state: LedgerState, call: OpenCall, outputTokens: number, atMs: number): void {
  const held = heldAmounts(call.hold, outputTokens);
  const more = minus(held, call.held);
  post(call.buckets, NOTHING, more, NOTHING);
  contribute(state.rates, call, more, atMs);
  call.held = held;
  call.heldOutputTokens = outputTokens;
}

function renew(
  state: LedgerState,
  call: OpenCall | undefined,
  entry: { readonly seenOutputTokens: number; readonly atMs: number; readonly ttlMs: number },
): void {
  if (call === undefined) return;
  call.seenOutputTokens = Math.max(call.seenOutputTokens, entry.seenOutputTokens);
  call.seenAtMs = entry.atMs;
  call.expiresAtMs = Math.max(call.expiresAtMs, entry.atMs + entry.ttlMs);
  state.nextDueMs = Math.min(state.nextDueMs, call.expiresAtMs);
}

function expire(state: LedgerState, call: OpenCall, entry: ExpireEntry): void {
  if (entry.suspendedUntilMs === null) {
    end(state, call, entry.charged, entry.over, entry.atMs);
    return;
  }
  const rest = { ...restOf(call.held, entry.charged), concurrency: 0 };
  settleRates(state.rates, call, entry.charged, entry.atMs);
  post(call.buckets, entry.charged, minus(rest, call.held), entry.over);
  call.held = rest;
  call.expired = entry;
  call.expiresAtMs = entry.suspendedUntilMs;
  state.nextDueMs = Math.min(state.nextDueMs, call.expiresAtMs);
}

/** Ends what a call reserves and posts what it is charged. */
function end(
  state: LedgerState,
  call: OpenCall,
  charged: Amounts,
  over: Amounts,
  atMs: number,
): void {
  settleRates(state.rates, call, charged, atMs);
  post(call.buckets, charged, minus(NOTHING, call.held), over);
  call.held = NOTHING;
  state.calls.delete(call.hold.callId);
}

function post(buckets: readonly Bucket[], spent: Amounts, held: Amounts, over: Amounts): void {
  for (const bucket of buckets) {
    if (spent !== NOTHING) bucket.spent = plus(bucket.spent, spent);
    if (held !== NOTHING) bucket.held = plus(bucket.held, held);
    if (over !== NOTHING) bucket.over = plus(bucket.over, over);
  }
}

export function bucketsOf(state: LedgerState, hold: HoldEntry): Bucket[] {
  const { path, session, atMs, older = [] } = hold;
  return countedIn(path, session, atMs, older).map(({ scope, window, key }) =>
    bucketIn(state, scope, window, key),
  );
}

/** The windows that a call is counted in, in every scope of its path. */
export function countedIn(
  { zone, scopes }: Path,
  session: string | null,
  atMs: number,
  older: readonly OlderWindow[],
): LeasedWindow[] {
  return scopes.flatMap(({ scope, limits, lender }) => {
    const windows = windowsOf(limits);
    const own = [...windows].flatMap((window): LeasedWindow[] => {
      const key = pinnedKey(window, zone, session, atMs);
      return key === null ? [] : [{ scope, window, key }];
    });
    // Of a budget that another ledger owns, the owner counts what it lends in older windows too.
    if (lender !== undefined || older.length === 0) return own;
    const before = older.filter(({ window }) => windows.has(window));
    return [...own, ...before.map((of) => ({ scope, ...of }))];
  });
}

function holdOf(ended: EndedCalls, callId: string): HoldEntry {
  const found = ended.find(callId);
  if (found === null) throw new Error(`The journal names a call that it never opened: ${callId}.`);
  return found.hold;
}
