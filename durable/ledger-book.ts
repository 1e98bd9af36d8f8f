// The named statements of a ledger's database. `post` is the only one that moves a balance, and it writes the journal
// line and the balances from the same numbers, so that the sum of the one is always the other.
import type { Certainty, Usage } from "../policies/account.ts";
import type { Amounts } from "../policies/budget.ts";
import type { Window } from "../policies/tenant.ts";
import type {
  BalanceRow,
  CallRow,
  CallState,
  CallWords,
  JournalOp,
  JournalRecord,
  JournalRow,
} from "./ledger-rows.ts";

/** What one operation moves, and what the journal says about it. */
export interface Posting {
  readonly op: JournalOp;
  readonly held: Amounts;
  readonly spent: Amounts;
  readonly over: Amounts;
  readonly usage: Usage;
  readonly certainty: Certainty | null;
  readonly ending: string | null;
  readonly anomaly: string | null;
}

const NO_BALANCE: BalanceRow = {
  spent_requests: 0,
  spent_tokens: 0,
  spent_nanos: 0,
  held_requests: 0,
  held_tokens: 0,
  held_nanos: 0,
  over_tokens: 0,
  over_nanos: 0,
};

export type Book = ReturnType<typeof openBook>;

export function openBook(sql: SqlStorage) {
  return {
    findCall(callId: string): CallRow | null {
      return sql.exec<CallRow>("SELECT * FROM call WHERE call_id = ?", callId).toArray()[0] ?? null;
    },

    /** A request's calls are named by it, a colon and a number, so the primary key finds them in order. */
    hasRequest(requestId: string): boolean {
      return (
        sql
          .exec(
            "SELECT 1 FROM call WHERE call_id >= ?1 || ':' AND call_id < ?1 || ';' LIMIT 1",
            requestId,
          )
          .toArray().length > 0
      );
    },

    addCall(row: CallRow): void {
      sql.exec(
        `INSERT INTO call (call_id, state, fingerprint, request_id, key_id, policy_version, variant, arm, strategies,
           day, month, held_at_ms, expires_at_ms, requests, input_tokens, output_tokens, held_tokens, held_nanos,
           charged_tokens, charged_nanos, price_version, input_nanos_per_mtok, cached_input_nanos_per_mtok,
           output_nanos_per_mtok, answer)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        row.call_id,
        row.state,
        row.fingerprint,
        row.request_id,
        row.key_id,
        row.policy_version,
        row.variant,
        row.arm,
        row.strategies,
        row.day,
        row.month,
        row.held_at_ms,
        row.expires_at_ms,
        row.requests,
        row.input_tokens,
        row.output_tokens,
        row.held_tokens,
        row.held_nanos,
        row.charged_tokens,
        row.charged_nanos,
        row.price_version,
        row.input_nanos_per_mtok,
        row.cached_input_nanos_per_mtok,
        row.output_nanos_per_mtok,
        row.answer,
      );
    },

    revokeKey(keyId: string, nowMs: number): void {
      sql.exec("INSERT OR IGNORE INTO revoked_key (key_id, at_ms) VALUES (?, ?)", keyId, nowMs);
    },

    isRevoked(keyId: string): boolean {
      return sql.exec("SELECT 1 FROM revoked_key WHERE key_id = ?", keyId).toArray().length > 0;
    },

    endCall(callId: string, state: CallState, charged: Amounts): void {
      sql.exec(
        "UPDATE call SET state = ?, charged_tokens = ?, charged_nanos = ? WHERE call_id = ?",
        state,
        charged.tokens,
        charged.nanos,
        callId,
      );
    },

    dueCalls(nowMs: number, max: number): CallRow[] {
      return sql
        .exec<CallRow>(
          "SELECT * FROM call WHERE state = 'open' AND expires_at_ms <= ? ORDER BY expires_at_ms LIMIT ?",
          nowMs,
          max,
        )
        .toArray();
    },

    /** When the next open hold expires; null when none is open. */
    nextExpiryMs(): number | null {
      return sql
        .exec<{ at_ms: number | null }>(
          "SELECT min(expires_at_ms) AS at_ms FROM call WHERE state = 'open'",
        )
        .one().at_ms;
    },

    openHolds(): number {
      return sql
        .exec<{ holds: number }>("SELECT count(*) AS holds FROM call WHERE state = 'open'")
        .one().holds;
    },

    balance(window: Window, key: string): BalanceRow {
      const [row] = sql
        .exec<BalanceRow>(
          `SELECT spent_requests, spent_tokens, spent_nanos, held_requests, held_tokens, held_nanos, over_tokens,
             over_nanos
           FROM balance WHERE window = ? AND key = ?`,
          window,
          key,
        )
        .toArray();
      return row ?? NO_BALANCE;
    },

    /** Moves the two windows that the call pinned, whether or not they are still open. */
    post(call: CallWords, posting: Posting, atMs: number): void {
      const { held, spent, over, usage } = posting;
      sql.exec(
        `INSERT INTO journal (at_ms, op, call_id, request_id, key_id, policy_version, variant, arm, strategies,
           price_version, day, month, held_requests, held_tokens, held_nanos, spent_requests, spent_tokens,
           spent_nanos, over_tokens, over_nanos, input_tokens, cached_tokens, output_tokens, reasoning_tokens,
           certainty, ending, anomaly)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        atMs,
        posting.op,
        call.call_id,
        call.request_id,
        call.key_id,
        call.policy_version,
        call.variant,
        call.arm,
        call.strategies,
        call.price_version,
        call.day,
        call.month,
        held.requests,
        held.tokens,
        held.nanos,
        spent.requests,
        spent.tokens,
        spent.nanos,
        over.tokens,
        over.nanos,
        usage.inputTokens,
        usage.cachedTokens,
        usage.outputTokens,
        usage.reasoningTokens,
        posting.certainty,
        posting.ending,
        posting.anomaly,
      );
      // Not one upsert: SQLite checks the inserted row first, and a difference may be below 0 where a balance may not.
      sql.exec(
        "INSERT OR IGNORE INTO balance (window, key) VALUES ('day', ?), ('month', ?)",
        call.day,
        call.month,
      );
      // Numbers arrive in SQLite as doubles. The casts keep sums exact in its 64-bit integers even above 2^53.
      sql.exec(
        `UPDATE balance SET
           spent_requests = spent_requests + CAST(? AS INTEGER),
           spent_tokens = spent_tokens + CAST(? AS INTEGER),
           spent_nanos = spent_nanos + CAST(? AS INTEGER),
           held_requests = held_requests + CAST(? AS INTEGER),
           held_tokens = held_tokens + CAST(? AS INTEGER),
           held_nanos = held_nanos + CAST(? AS INTEGER),
           over_tokens = over_tokens + CAST(? AS INTEGER),
           over_nanos = over_nanos + CAST(? AS INTEGER)
         WHERE (window = 'day' AND key = ?) OR (window = 'month' AND key = ?)`,
        spent.requests,
        spent.tokens,
        spent.nanos,
        held.requests,
        held.tokens,
        held.nanos,
        over.tokens,
        over.nanos,
        call.day,
        call.month,
      );
    },

    journalAfter(seq: number, max: number): JournalRow[] {
      return sql
        .exec<JournalRecord>("SELECT * FROM journal WHERE seq > ? ORDER BY seq LIMIT ?", seq, max)
        .toArray()
        .map(readJournal);
    },

    /** When the journal was last written; 0 while it is empty. */
    lastAtMs(): number {
      const [row] = sql
        .exec<{ at_ms: number }>("SELECT at_ms FROM journal ORDER BY seq DESC LIMIT 1")
        .toArray();
      return row?.at_ms ?? 0;
    },

    /** When the oldest line that may be pruned was written; null when there is none. */
    firstAtMs(): number | null {
      const [row] = sql
        .exec<{ at_ms: number }>(
          "SELECT at_ms FROM journal WHERE seq < (SELECT max(seq) FROM journal) ORDER BY seq LIMIT 1",
        )
        .toArray();
      return row?.at_ms ?? null;
    },

    /**
     * Drops up to `max` of the oldest journal lines with the calls that they ended, and the balances of windows that
     * closed before `monthKey`. The newest line stays always, because the next one's seq counts on from it.
     */
    prune(beforeMs: number, monthKey: string, max: number): void {
      // The inner limit first: lines are in the order of time, and a bare condition would read them all to find none.
      const lines = sql
        .exec<{ seq: number; call_id: string; op: JournalOp }>(
          `SELECT seq, call_id, op
           FROM (SELECT seq, call_id, op, at_ms FROM journal ORDER BY seq LIMIT ?)
           WHERE at_ms < ? AND seq < (SELECT max(seq) FROM journal)`,
          max,
          beforeMs,
        )
        .toArray();
      if (lines.length === 0) return;
      for (const { seq, call_id, op } of lines) {
        if (op !== "hold")
          sql.exec("DELETE FROM call WHERE call_id = ? AND state <> 'open'", call_id);
        sql.exec("DELETE FROM journal WHERE seq = ?", seq);
      }
      // A day's key begins with its month's, so one comparison of text serves both.
      sql.exec("DELETE FROM balance WHERE substr(key, 1, 7) < ?", monthKey);
    },
  };
}

function readJournal(row: JournalRecord): JournalRow {
  return {
    seq: row.seq,
    atMs: row.at_ms,
    op: row.op,
    callId: row.call_id,
    requestId: row.request_id,
    keyId: row.key_id,
    policyVersion: row.policy_version,
    variant: row.variant,
    arm: row.arm,
    // Written by this object from a list of strings.
    strategies: JSON.parse(row.strategies) as string[],
    priceVersion: row.price_version,
    day: row.day,
    month: row.month,
    held: { requests: row.held_requests, tokens: row.held_tokens, nanos: row.held_nanos },
    spent: { requests: row.spent_requests, tokens: row.spent_tokens, nanos: row.spent_nanos },
    over: { requests: 0, tokens: row.over_tokens, nanos: row.over_nanos },
    usage: {
      inputTokens: row.input_tokens,
      cachedTokens: row.cached_tokens,
      outputTokens: row.output_tokens,
      reasoningTokens: row.reasoning_tokens,
    },
    certainty: row.certainty,
    ending: row.ending,
    anomaly: row.anomaly,
  };
}
