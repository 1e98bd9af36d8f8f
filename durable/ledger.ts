// The ledger of one tenant, the only authority on its budgets: hold reserves, settle posts, release voids, and a hold
// that nobody ends expires by the ledger's own alarm. Each operation is one synchronous turn in one transaction: an
// await between check and act would break the budget, and a throw alone rolls nothing back.
import { DurableObject } from "cloudflare:workers";
import type { HoldAnswer, HoldRequest, SettleAnswer, Settlement } from "../policies/account.ts";
import { windowKey } from "../policies/calendar.ts";
import { DIMENSIONS, WINDOWS, type Dimension, type Window } from "../policies/tenant.ts";
import { checkHold } from "./hold-request.ts";
import { openBook, type Book } from "./ledger-book.ts";
import { admit, release, settle, sweep, type ReleaseAnswer } from "./ledger-operations.ts";
import { balanceIn, STEPS, type BalanceIn, type JournalRow } from "./ledger-rows.ts";
import { migrate } from "./migrate.ts";

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
      sweep(this.#book, nowMs, SWEPT_PER_HOLD_MAX);
      return admit(this.#book, request, nowMs);
    });
    this.#arm();
    return answer;
  }

  /** Posts what a call used, once. An exact usage that comes after expiry replaces the expiry's estimate, once. */
  settle(settlement: Settlement): SettleAnswer {
    const nowMs = this.#now();
    return this.ctx.storage.transactionSync(() => settle(this.#book, settlement, nowMs));
  }

  /** Gives a hold back whole. Only for calls that were never sent: after dispatch, settle. */
  release(callId: string): ReleaseAnswer {
    const nowMs = this.#now();
    return this.ctx.storage.transactionSync(() => release(this.#book, callId, nowMs));
  }

  /** From the next turn on this key holds nothing, whatever the caller's copy of it says. */
  revoke(keyId: string): void {
    const nowMs = this.#now();
    this.ctx.storage.transactionSync(() => this.#book.revokeKey(keyId, nowMs));
  }

  /** Whether a request of this tenant made a call; as far back as ended calls are kept. */
  knows(requestId: string): boolean {
    return this.#book.hasRequest(requestId);
  }

  /** What stands in the windows that are open now. */
  usage(): Standing {
    const atMs = this.#now();
    return {
      atMs,
      balances: WINDOWS.flatMap((window) => {
        const key = windowKey(window, atMs);
        const row = this.#book.balance(window, key);
        return DIMENSIONS.map((dimension) => ({
          window,
          key,
          dimension,
          ...balanceIn(row, dimension),
        }));
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
    const { storage } = this.ctx;
    this.#alarmAtMs = null;
    const nowMs = this.#now();
    try {
      // Apart, so that no fault of pruning keeps holds from expiring.
      storage.transactionSync(() => sweep(this.#book, nowMs, SWEPT_PER_ALARM_MAX));
      const month = windowKey("month", nowMs - BALANCE_KEPT_MS);
      storage.transactionSync(() => this.#book.prune(nowMs - KEPT_MS, month, PRUNED_PER_ALARM_MAX));
      this.#arm();
    } catch (error) {
      console.error(JSON.stringify({ event: "ledger-alarm-failed", problem: String(error) }));
      this.#arm(nowMs + ALARM_RETRY_MS);
    }
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

function ceilTo(valueMs: number, gridMs: number): number {
  return Math.ceil(valueMs / gridMs) * gridMs;
}
