// The ledger of one tenant, the only authority on its budgets: hold reserves, settle posts, release voids, and a hold
// that nobody ends expires by the ledger's own alarm. Each operation is one synchronous turn in one transaction: an
// await between check and act would break the budget, and a throw alone rolls nothing back.
import { DurableObject } from "cloudflare:workers";
import type { Hold, HoldAnswer, HoldRequest, HoldRefusal, Meter, Settlement, SettleAnswer, Usage } from "../policies/account.ts";
import { above, chargeFor, fit, minus, NOTHING, plus, type Amounts, type Charge, type Room } from "../policies/budget.ts";
import { windowEndMs, windowKey } from "../policies/calendar.ts";
import { DIMENSIONS, WINDOWS, type Dimension, type Limit, type Window } from "../policies/tenant.ts";
import { checkHold, fingerprint } from "./hold-request.ts";
import { openBook, type Book, type Posting } from "./ledger-book.ts";
import { balanceIn, chargedTo, heldBy, heldCall, openCall, STEPS, type BalanceIn, type CallRow, type JournalRow } from "./ledger-rows.ts";
import { migrate } from "./migrate.ts";

export type ReleaseAnswer = { readonly kind: "released" } | Exclude<SettleAnswer, { kind: "settled" }>;

/** What stands in one window of one dimension. The promise: spent + held - over never exceeds the limit. */
export interface Balance extends BalanceIn {
  readonly window: Window;
  readonly key: string;
  readonly dimension: Dimension;
}

export interface Standing {
  readonly atMs: number;
  readonly balances: readonly Balance[];
  readonly openHolds: number;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** Due holds that a new hold clears on its way: enough to keep up with any burst, small enough for one turn. */
const SWEPT_PER_HOLD_MAX = 50;
/** Due holds that one alarm clears; the alarm comes again at once for the rest. */
const SWEPT_PER_ALARM_MAX = 500;
/** Alarms stand on this grid, because each setting is a billed row and holds come thick. */
const ALARM_GRID_MS = 5_000;
/** The current month and the one before can always be replayed whole; ended call ids are known at least as long. */
const KEPT_MS = 70 * DAY_MS;
/** Balances stay a month longer than the lines, so that no late line finds its window gone. */
const BALANCE_KEPT_MS = KEPT_MS + 31 * DAY_MS;
const PRUNED_PER_ALARM_MAX = 500;
const JOURNAL_READ_MAX = 1_000;
/** After a failed alarm, so that a fault that stays does not spin. */
const ALARM_RETRY_MS = 30_000;
/** An alarm that should have come this long ago is taken for lost and set again. */
const ALARM_OVERDUE_MS = 60_000;

const NO_USAGE: Usage = { inputTokens: 0, cachedTokens: 0, outputTokens: 0, reasoningTokens: 0 };

/** A posting that moves nothing and says nothing; each operation says what differs. */
const SILENT = {
  held: NOTHING,
  spent: NOTHING,
  over: NOTHING,
  usage: NO_USAGE,
  certainty: null,
  ending: null,
  anomaly: null,
} satisfies Omit<Posting, "op">;

export class Ledger extends DurableObject<Env> {
  readonly #book: Book;
  #lastMs: number;
  #alarmAtMs: number | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    migrate(ctx.storage, STEPS);
    this.#book = openBook(ctx.storage.sql);
    this.#lastMs = this.#book.lastAtMs();
    // An alarm that failed too often is dropped by the platform; waking sets it anew while holds are open.
    void ctx.blockConcurrencyWhile(async () => {
      this.#alarmAtMs = await ctx.storage.getAlarm();
      this.#arm();
    });
  }

  /** Takes the first rung that fits, or says why none does. The same call id and arguments get the same hold again. */
  hold(request: HoldRequest): HoldAnswer {
    checkHold(request);
    const nowMs = this.#now();
    const answer = this.ctx.storage.transactionSync(() => {
      this.#sweep(nowMs, SWEPT_PER_HOLD_MAX);
      return this.#admit(request, nowMs);
    });
    this.#arm();
    return answer;
  }

  /** Posts what a call used, once. An exact usage that comes after expiry replaces the expiry's estimate, once. */
  settle(settlement: Settlement): SettleAnswer {
    const nowMs = this.#now();
    return this.ctx.storage.transactionSync(() => {
      const call = this.#book.findCall(settlement.callId);
      if (call === null) return { kind: "missing" };
      switch (call.state) {
        case "open":
          return this.#post(call, settlement, nowMs);
        case "expired":
          return this.#correct(call, settlement, nowMs);
        case "settled":
        case "released":
          return { kind: "already", state: call.state };
      }
    });
  }

  /** Gives a hold back whole. Only for calls that were never sent: after dispatch, settle. */
  release(callId: string): ReleaseAnswer {
    const nowMs = this.#now();
    return this.ctx.storage.transactionSync(() => {
      const call = this.#book.findCall(callId);
      if (call === null) return { kind: "missing" };
      if (call.state !== "open") return { kind: "already", state: call.state };
      this.#book.post(call, { ...SILENT, op: "release", held: minus(NOTHING, heldBy(call)) }, nowMs);
      this.#book.endCall(callId, "released", NOTHING);
      return { kind: "released" };
    });
  }

  /** What stands in the windows that are open now. */
  usage(): Standing {
    const atMs = this.#now();
    return {
      atMs,
      balances: WINDOWS.flatMap((window) => {
        const key = windowKey(window, atMs);
        const row = this.#book.balance(window, key);
        return DIMENSIONS.map((dimension) => ({ window, key, dimension, ...balanceIn(row, dimension) }));
      }),
      openHolds: this.#book.openHolds(),
    };
  }

  /** Journal lines after a seq, oldest first, at most 1,000 a call. */
  journal(afterSeq: number, max: number): JournalRow[] {
    return this.#book.journalAfter(afterSeq, Math.max(1, Math.min(max, JOURNAL_READ_MAX)));
  }

  /** Runs at least once and perhaps late. What fails is logged and tried again by the next alarm, never lost. */
  override alarm(): void {
    this.#alarmAtMs = null;
    const nowMs = this.#now();
    try {
      this.ctx.storage.transactionSync(() => {
        this.#sweep(nowMs, SWEPT_PER_ALARM_MAX);
        this.#book.prune(nowMs - KEPT_MS, windowKey("month", nowMs - BALANCE_KEPT_MS), PRUNED_PER_ALARM_MAX);
      });
      this.#arm();
    } catch (error) {
      console.error("A ledger's alarm failed and will come again.", error);
      this.#arm(nowMs + ALARM_RETRY_MS);
    }
  }

  #admit(request: HoldRequest, nowMs: number): HoldAnswer {
    const print = fingerprint(request);
    const known = this.#book.findCall(request.callId);
    if (known !== null) {
      if (known.fingerprint !== print) return { kind: "mismatch", callId: request.callId };
      // Also when the call has ended: the answer was given, and the hold's own end is not changed by asking again.
      return JSON.parse(known.answer) as Hold;
    }
    const rooms = request.limits.map((limit) => this.#roomIn(limit, nowMs));
    const outcome = fit(request.offers, rooms, request.requests);
    if (outcome.kind === "refused") {
      const { binding, reason, affordableTokens } = outcome;
      const meters = rooms.map((room) => readMeter(room, NOTHING, nowMs));
      return { kind: "refused", reason, scope: "tenant", ...readMeter(binding, NOTHING, nowMs), affordableTokens, meters } satisfies HoldRefusal;
    }
    const { offer, outputTokens, needs } = outcome;
    const hold: Hold = {
      kind: "held",
      callId: request.callId,
      rung: offer.rung,
      outputTokens,
      heldTokens: needs.tokens,
      heldNanos: needs.nanos,
      expiresAtMs: nowMs + request.ttlMs,
      // Until budgets price themselves.
      lambda: 0,
      meters: rooms.map((room) => readMeter(room, needs, nowMs)),
    };
    const call = openCall(request, offer, hold, print, nowMs);
    const usage = { ...NO_USAGE, inputTokens: offer.inputTokens, outputTokens };
    this.#book.addCall(call);
    this.#book.post(call, { ...SILENT, op: "hold", held: needs, usage }, nowMs);
    return hold;
  }

  #roomIn({ dimension, window, limit }: Limit, nowMs: number): Room {
    const { spent, held } = balanceIn(this.#book.balance(window, windowKey(window, nowMs)), dimension);
    return { dimension, window, limit, remaining: limit - spent - held, resetAtMs: windowEndMs(window, nowMs) };
  }

  /** Above the hold the truth is posted all the same, and recorded as over: the window then refuses until it fits. */
  #post(call: CallRow, { usage, certainty, ending }: Settlement, nowMs: number): SettleAnswer {
    return this.#close(call, chargeFor(heldCall(call), usage, certainty, nowMs - call.held_at_ms), ending, nowMs);
  }

  /** Whoever held was perhaps dispatched: input is charged, and the output that the hold's lifetime allows. */
  #sweep(nowMs: number, max: number): void {
    for (const call of this.#book.dueCalls(nowMs, max)) {
      const lifetimeMs = call.expires_at_ms - call.held_at_ms;
      this.#close(call, chargeFor(heldCall(call), NO_USAGE, "unknown", lifetimeMs), null, nowMs);
    }
  }

  /** Ends an open hold with a charge; an ending of null is expiry. */
  #close(call: CallRow, charge: Charge, ending: string | null, nowMs: number): SettleAnswer {
    const over = above(charge.amounts, heldBy(call));
    this.#book.post(
      call,
      {
        op: ending === null ? "expire" : "settle",
        held: minus(NOTHING, heldBy(call)),
        spent: charge.amounts,
        over,
        usage: charge.usage,
        certainty: charge.certainty,
        ending: ending ?? "expired",
        anomaly: charge.anomaly,
      },
      nowMs,
    );
    this.#book.endCall(call.call_id, ending === null ? "expired" : "settled", charge.amounts);
    return answerOf(charge.amounts, over);
  }

  /**
   * A settlement that comes after expiry. Exact replaces the estimate, up or down; a broken stream's floor only raises
   * it; `unknown` says nothing that expiry did not. What it raises is over, because the rest of the hold was given back.
   */
  #correct(call: CallRow, { usage, certainty, ending }: Settlement, nowMs: number): SettleAnswer {
    const charge = chargeFor(heldCall(call), usage, certainty, call.expires_at_ms - call.held_at_ms);
    if (charge.certainty === "unknown") return { kind: "already", state: "expired" };
    const before = chargedTo(call);
    const raise = above(charge.amounts, before);
    const spent = charge.certainty === "exact" ? minus(charge.amounts, before) : raise;
    const after = plus(before, spent);
    this.#book.post(call, { ...charge, op: "adjust", held: NOTHING, spent, over: raise, ending }, nowMs);
    this.#book.endCall(call.call_id, "settled", after);
    return answerOf(after, raise);
  }

  /** The object's own clock, never backwards: callers send intervals, so theirs does not matter. */
  #now(): number {
    this.#lastMs = Math.max(this.#lastMs, Date.now());
    return this.#lastMs;
  }

  /** Sets the alarm for the next expiry, or with nothing open for the next pruning, unless one is set as early. */
  #arm(notBeforeMs = 0): void {
    const dueMs = this.#dueMs();
    if (dueMs === null) return;
    const atMs = Math.max(dueMs, notBeforeMs);
    const setMs = this.#alarmAtMs;
    if (setMs !== null && setMs <= atMs && setMs > this.#lastMs - ALARM_OVERDUE_MS) return;
    this.#alarmAtMs = atMs;
    // Not awaited: the output gate holds every answer back until it is stored.
    void this.ctx.storage.setAlarm(atMs);
  }

  #dueMs(): number | null {
    const expiryMs = this.#book.nextExpiryMs();
    if (expiryMs !== null) return ceilTo(expiryMs, ALARM_GRID_MS);
    const firstMs = this.#book.firstAtMs();
    return firstMs === null ? null : ceilTo(firstMs + KEPT_MS, DAY_MS);
  }
}

function answerOf(charged: Amounts, over: Amounts): SettleAnswer {
  return { kind: "settled", chargedTokens: charged.tokens, chargedNanos: charged.nanos, overTokens: over.tokens };
}

function readMeter({ dimension, window, limit, remaining, resetAtMs }: Room, taken: Amounts, nowMs: number): Meter {
  return {
    dimension,
    window,
    limit,
    remaining: Math.max(0, remaining - taken[dimension]),
    resetAtMs,
    resetInMs: resetAtMs - nowMs,
  };
}

function ceilTo(valueMs: number, gridMs: number): number {
  return Math.ceil(valueMs / gridMs) * gridMs;
}
