// A ledger that was stored by the first form (rows of calls, balances and a journal of differences) becomes entries of the
// new journal: what each day had spent as one call, and each open hold as one that expired, so that an exact usage which
// comes late still corrects it.
import { NO_USAGE } from "../policies/account.ts";
import { NOTHING, type Amounts } from "../policies/ledger/amounts.ts";
import { chargeFor, overOf, heldAmounts } from "../policies/ledger/charge.ts";
import type { Entry, HoldEntry, PinnedPrices } from "../policies/ledger/entry.ts";

const TABLES = ["first_form_call", "first_form_balance"] as const;
const HALF_DAY_MS = 12 * 60 * 60 * 1000;

type CallRow = {
  call_id: string;
  fingerprint: number;
  key_id: string;
  policy_version: string;
  variant: string | null;
  arm: string;
  strategies: string;
  held_at_ms: number;
  expires_at_ms: number;
  requests: number;
  input_tokens: number;
  output_tokens: number;
  price_version: string | null;
  input_nanos_per_mtok: number;
  cached_input_nanos_per_mtok: number;
  output_nanos_per_mtok: number;
};

type DayRow = {
  key: string;
  spent_requests: number;
  spent_tokens: number;
  spent_nanos: number;
  over_tokens: number;
  over_nanos: number;
};

export function hasFirstForm(sql: SqlStorage): boolean {
  return (
    sql
      .exec("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name IN (?, ?)", ...TABLES)
      .toArray().length > 0
  );
}

/** What stood, as entries in the order of time. Months follow from their days, which were kept as long. */
export function readFirstForm(sql: SqlStorage, nowMs: number): Entry[] {
  const days = sql
    .exec<DayRow>(
      `SELECT key, spent_requests, spent_tokens, spent_nanos, over_tokens, over_nanos
       FROM first_form_balance WHERE window = 'day' ORDER BY key`,
    )
    .toArray();
  const calls = sql
    .exec<CallRow>("SELECT * FROM first_form_call WHERE state = 'open' ORDER BY held_at_ms")
    .toArray();
  return [
    ...days.flatMap((day) => spentOn(day, nowMs)),
    ...calls.flatMap((call) => expired(call, nowMs)),
  ];
}

export function dropFirstForm(sql: SqlStorage): void {
  for (const table of TABLES) sql.exec(`DROP TABLE IF EXISTS ${table}`);
}

function spentOn(day: DayRow, nowMs: number): Entry[] {
  const spent = { requests: day.spent_requests, tokens: day.spent_tokens, nanos: day.spent_nanos };
  const over = { tokens: day.over_tokens, nanos: day.over_nanos };
  if (Object.values({ ...spent, ...over }).every((amount) => amount === 0)) return [];
  const midnightMs = Date.parse(`${day.key}T00:00:00Z`);
  // Noon, so that other zones name the same day; but never later than now, or the ledger's clock would run ahead.
  const atMs = Math.max(midnightMs, Math.min(midnightMs + HALF_DAY_MS, nowMs));
  const hold = firstFormHold(`first-form:${day.key}`, atMs);
  return [
    hold,
    {
      op: "settle",
      callId: hold.callId,
      atMs,
      usage: NO_USAGE,
      certainty: "exact",
      ending: "carried-over",
      anomaly: null,
      charged: counted(spent),
      over: counted(over),
    },
  ];
}

function expired(row: CallRow, nowMs: number): Entry[] {
  const prices: PinnedPrices = {
    version: row.price_version,
    inputNanosPerMtok: row.input_nanos_per_mtok,
    cachedInputNanosPerMtok: row.cached_input_nanos_per_mtok,
    // The first form knew no price of its own for it.
    cacheWriteNanosPerMtok: row.input_nanos_per_mtok,
    outputNanosPerMtok: row.output_nanos_per_mtok,
  };
  const hold: HoldEntry = {
    ...firstFormHold(row.call_id, row.held_at_ms),
    fingerprint: row.fingerprint,
    prices,
    words: {
      keyId: row.key_id,
      policyVersion: row.policy_version,
      variant: row.variant,
      arm: row.arm,
      // Written by the first form from a list of strings.
      strategies: JSON.parse(row.strategies) as string[],
    },
    requests: row.requests === 1 ? 1 : 0,
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    heldOutputTokens: row.output_tokens,
    ttlMs: row.expires_at_ms - row.held_at_ms,
  };
  const seen = {
    heldOutputTokens: hold.heldOutputTokens,
    seenOutputTokens: 0,
    unseenMs: hold.ttlMs,
  };
  const charge = chargeFor(hold, seen, NO_USAGE, "unknown");
  return [
    hold,
    {
      op: "expire",
      callId: hold.callId,
      atMs: Math.max(nowMs, hold.atMs),
      ending: "carried-over",
      over: overOf(charge.charged, heldAmounts(hold, hold.heldOutputTokens)),
      suspendedUntilMs: null,
      ...charge,
    },
  ];
}

function firstFormHold(callId: string, atMs: number): HoldEntry {
  return {
    op: "hold",
    callId,
    atMs,
    fingerprint: 0,
    path: { zone: "UTC", scopes: [{ scope: "tenant", limits: [] }] },
    session: null,
    prices: {
      version: null,
      inputNanosPerMtok: 0,
      cachedInputNanosPerMtok: 0,
      cacheWriteNanosPerMtok: 0,
      outputNanosPerMtok: 0,
    },
    words: { keyId: "first-form", policyVersion: "", variant: null, arm: "", strategies: [] },
    requests: 0,
    rung: 0,
    inputTokens: 0,
    outputTokens: 0,
    heldOutputTokens: 0,
    ttlMs: 1,
  };
}

/** The first form's sums were exact in SQLite's 64 bits; beyond 2^53 no limit tells them apart. */
function counted(amounts: Partial<Amounts>): Amounts {
  const counts = Object.fromEntries(
    Object.entries(amounts).map(([dimension, amount]) => [
      dimension,
      Math.min(amount, Number.MAX_SAFE_INTEGER),
    ]),
  );
  return { ...NOTHING, ...counts };
}
