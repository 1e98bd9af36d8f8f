// The ledger of one tenant, the only authority on its budgets: hold reserves, extend and checkpoint keep a hold alive,
// settle posts, release voids, refund credits, and a hold that nobody ends expires by the ledger's own alarm. Each
// operation is one synchronous turn in one transaction: an await between check and act would break the budget, and a throw
// alone rolls nothing back.
import { DurableObject } from "cloudflare:workers";
import type {
  Checkpoint,
  CheckpointAnswer,
  ExtendAnswer,
  Extension,
  HoldAnswer,
  HoldRequest,
  Refund,
  RefundAnswer,
  ReleaseAnswer,
  ReplenishAnswer,
  SettleAnswer,
  Settlement,
} from "../policies/account.ts";
import { decideDebt } from "../policies/ledger/debt.ts";
import type { AskEntry, Entry, LeasedWindow } from "../policies/ledger/entry.ts";
import { decideCheckpoint, decideExtension } from "../policies/ledger/extend.ts";
import { decideHold, type Decision } from "../policies/ledger/hold.ts";
import type { Purpose } from "../policies/ledger/lease.ts";
import type { Limit } from "../policies/ledger/limit.ts";
import { decideRefund, decideRelease, decideSettlement } from "../policies/ledger/settle.ts";
import type { Standing } from "../policies/ledger/standing.ts";
import type { EndedCalls, LedgerState } from "../policies/ledger/state.ts";
import { decideSweep, nextDueMs } from "../policies/ledger/sweep.ts";
import {
  checkCallId,
  checkCheckpoint,
  checkDebt,
  checkExtension,
  checkHold,
  checkKeyId,
  checkRefund,
  checkSettlement,
  fingerprint,
} from "./hold-request.ts";
import { Alarm } from "./ledger-alarm.ts";
import { Book } from "./ledger-book.ts";
import { exportPage, type JournalPage } from "./ledger-export.ts";
import { Leases } from "./ledger-leases.ts";
import type { LeaseReport, LendAnswer } from "./ledger-lending.ts";
import { STEPS } from "./ledger-schema.ts";
import { lookAt, scopesIn } from "./ledger-standing.ts";
import { Turns } from "./ledger-turns.ts";
import { Upkeep } from "./ledger-upkeep.ts";
import { logError } from "./log.ts";
import { migrate } from "./migrate.ts";
import { ledgerOf } from "./reach.ts";

/** Due holds that a new hold clears on its way: enough to keep up with any burst, small enough for one turn. */
const SWEPT_PER_HOLD_MAX = 50;
/** Due holds that one alarm clears; the alarm comes again at once for the rest. */
const SWEPT_PER_ALARM_MAX = 500;
/** After a failed alarm, so that a fault that stays does not spin. */
const ALARM_RETRY_MS = 30_000;

export class Ledger extends DurableObject<Env> {
  readonly #book: Book;
  readonly #upkeep: Upkeep;
  readonly #leases: Leases;
  readonly #alarm: Alarm;
  /** Few and for ever, so they lie in memory whole. */
  readonly #revoked: Set<string>;
  readonly #turns: Turns;

  /** `clockMs`: the object's own clock, in milliseconds since 1970; a subclass in a test gives another. */
  constructor(ctx: DurableObjectState, env: Env, clockMs: () => number = () => Date.now()) {
    super(ctx, env);
    const { sql } = ctx.storage;
    migrate(ctx.storage, STEPS);
    this.#book = new Book(sql);
    this.#turns = new Turns(ctx, clockMs, this.#book.state.atMs);
    this.#alarm = new Alarm(ctx.storage);
    this.#upkeep = new Upkeep(ctx.storage, this.#book);
    this.#leases = new Leases(
      ctx,
      this.#book,
      (name) => ledgerOf(env.LEDGER, name),
      (decide) => this.#act(decide),
    );
    this.#revoked = new Set(
      sql
        .exec<{ key_id: string }>("SELECT key_id FROM revoked_key")
        .toArray()
        .map(({ key_id }) => key_id),
    );
    // An alarm that failed too often is dropped by the platform; waking sets it anew while holds are open.
    void ctx.blockConcurrencyWhile(async () => {
      await this.#alarm.recall();
      this.#arm();
    });
  }

  /** Takes the first rung that fits, or says why none does. The same call id and arguments get the same hold again. */
  hold(request: HoldRequest): HoldAnswer {
    checkHold(request);
    const print = fingerprint(request);
    const answer = this.#act((nowMs): HoldAnswer => {
      this.#sweep(nowMs, SWEPT_PER_HOLD_MAX);
      const { state, ended, prices } = this.#book;
      const { callId, keyId, session } = request;
      // What was held before its key was revoked runs to its end.
      if (this.#revoked.has(keyId) && !state.calls.has(callId) && ended.find(callId) === null)
        return { kind: "revoked", keyId };
      this.#book.bringIn(request, session, nowMs);
      const lambda = prices.lambdaAt(state, request, nowMs);
      return this.#enact(decideHold(state, ended, request, print, lambda, nowMs));
    });
    if (answer.kind === "held") this.#leases.keepAhead(request, request.callId);
    return answer;
  }

  /** Lets a call write on: to the wished output, to what the budget still affords, or no further. */
  extend(extension: Extension): ExtendAnswer {
    checkExtension(extension);
    const answer = this.#act((nowMs) => {
      this.#sweep(nowMs, SWEPT_PER_HOLD_MAX);
      const { state, ended } = this.#book;
      return this.#enact(decideExtension(state, ended, extension, nowMs));
    });
    const path = this.#book.state.calls.get(extension.callId)?.hold.path;
    if (path !== undefined) this.#leases.keepAhead(path, extension.callId);
    return answer;
  }

  /** For a hold that was refused with `unlent`: borrows what it lacks. Hold again when it says `lent`. */
  async replenish(request: HoldRequest): Promise<ReplenishAnswer> {
    checkHold(request);
    return this.#leases.replenish(request);
  }

  /** For an extension that was refused with `isUnlent`, or got less than it asked for and is not the last. */
  async replenishCall(extension: Extension): Promise<ReplenishAnswer> {
    checkExtension(extension);
    return this.#leases.replenishCall(extension);
  }

  /** Another ledger borrows of this one's budget; nothing in all dimensions when there is not enough. */
  async lend(
    ask: AskEntry,
    borrower: string,
    limits: readonly Limit[],
    purpose: Purpose,
  ): Promise<LendAnswer> {
    return this.#leases.lending.lend(ask, borrower, limits, purpose);
  }

  /** Another ledger ends leases, and says how much of each was spent. */
  takeBackAll(reports: readonly LeaseReport[]): void {
    this.#leases.lending.takeBackAll(reports);
  }

  /** A budget's owner is short of it: ends what is used up here of a window, with `isIdle` what lies idle too. */
  giveBack(of: LeasedWindow, isIdle: boolean): LeaseReport[] {
    return this.#leases.giveBackNow(of, isIdle);
  }

  /** Of leases that another ledger lent to this one, those that are not over here. */
  knownLeases(leaseIds: readonly string[]): string[] {
    return this.#leases.knownLeases(leaseIds);
  }

  /** Keeps a call's hold alive, and what was seen of its answer for the day when nobody settles it. */
  checkpoint(checkpoint: Checkpoint): CheckpointAnswer {
    checkCheckpoint(checkpoint);
    return this.#decide((state, ended, nowMs) => decideCheckpoint(state, ended, checkpoint, nowMs));
  }

  /** Posts what a call used, once. An exact usage that comes after expiry replaces the expiry's estimate, once. */
  settle(settlement: Settlement): SettleAnswer {
    checkSettlement(settlement);
    return this.#decide((state, ended, nowMs) => decideSettlement(state, ended, settlement, nowMs));
  }

  /** Posts what was used while no ledger could be asked, once. No limit refuses it, and nothing is borrowed for it. */
  chargeDebt(request: HoldRequest, settled: Settlement): SettleAnswer {
    checkDebt(request, settled);
    const print = fingerprint(request);
    return this.#act((nowMs) => {
      this.#sweep(nowMs, SWEPT_PER_HOLD_MAX);
      const { state, ended } = this.#book;
      const { answer, entries } = decideDebt(state, ended, request, settled, print, nowMs);
      for (const entry of entries) this.#book.record(entry);
      return answer;
    });
  }

  /** Gives a hold back whole. Only for calls that were never sent: after dispatch, settle. */
  release(callId: string): ReleaseAnswer {
    checkCallId(callId);
    return this.#decide((state, ended, nowMs) => decideRelease(state, ended, callId, nowMs));
  }

  /** Credits the windows that a call was charged in. The same refund id is one refund. */
  refund(refund: Refund): RefundAnswer {
    checkRefund(refund);
    return this.#decide((state, ended, nowMs) => decideRefund(state, ended, refund, nowMs));
  }

  /** From the next turn on this key holds nothing, whatever the caller's copy of it says. */
  revoke(keyId: string): void {
    checkKeyId(keyId);
    this.#act((nowMs) => {
      this.ctx.storage.sql.exec(
        "INSERT OR IGNORE INTO revoked_key (key_id, at_ms) VALUES (?, ?)",
        keyId,
        nowMs,
      );
      this.#revoked.add(keyId);
    });
  }

  /** Whether a request of this tenant made a call; as far back as ended calls are kept. */
  knows(requestId: string): boolean {
    return this.#book.journal.hasRequest(requestId);
  }

  /** What stands in the windows that are open now, of some scopes or of all; `pricedIn`: whose price of money. */
  usage(zone: string, scopes: readonly string[] | null, pricedIn = scopes ?? ["tenant"]): Standing {
    return lookAt(this.#book, zone, scopes, pricedIn, this.#turns.now());
  }

  /** Scopes with something standing after one of them, from the widest to the narrowest, at most `max`. */
  scopes(zone: string, after: string, max: number): string[] {
    return scopesIn(this.#book, zone, after, max, this.#turns.now());
  }

  /** Canonical lines after a seq, oldest first, with the hash chain before and after them. Decides nothing. */
  async journal(afterSeq: number, max: number): Promise<JournalPage> {
    return exportPage(this.#book.journal, afterSeq, max);
  }

  /** Runs at least once and perhaps late. What fails is logged and tried again by the next alarm, never lost. */
  override async alarm(): Promise<void> {
    this.#alarm.clear();
    let notBeforeMs = 0;
    try {
      this.#turns.take((nowMs) => this.#sweep(nowMs, SWEPT_PER_ALARM_MAX));
      // Apart, so that no fault of upkeep keeps holds from expiring.
      await this.#upkeep.run(this.#turns.now());
      await this.#leases.run(this.#turns.now());
    } catch (error) {
      logError("ledger-alarm-failed", { problem: String(error) });
      notBeforeMs = this.#turns.lastMs + ALARM_RETRY_MS;
    } finally {
      this.#arm(notBeforeMs);
    }
  }

  #act<Answer>(decide: (nowMs: number) => Answer): Answer {
    const answer = this.#turns.take(decide);
    this.#arm();
    return answer;
  }

  #decide<Answer>(
    decide: (state: LedgerState, ended: EndedCalls, nowMs: number) => Decision<Answer, Entry>,
  ): Answer {
    const { state, ended } = this.#book;
    return this.#act((nowMs) => this.#enact(decide(state, ended, nowMs)));
  }

  #enact<Answer>({ answer, entry }: Decision<Answer, Entry>): Answer {
    if (entry !== null) this.#book.record(entry);
    return answer;
  }

  #sweep(nowMs: number, max: number): void {
    const { state } = this.#book;
    if (nowMs < state.nextDueMs) return;
    for (const entry of decideSweep(state, nowMs, max)) this.#book.record(entry);
    // Decisions know a lower bound; now that the due ones have ended it can be told exactly.
    state.nextDueMs = nextDueMs(state);
  }

  /** Sets the alarm for the next expiry or the next upkeep, unless one is set as early. */
  #arm(notBeforeMs = 0): void {
    const dueMs = Math.min(
      this.#book.state.nextDueMs,
      this.#upkeep.dueMs(this.#turns.lastMs),
      this.#leases.dueMs(this.#turns.lastMs),
    );
    this.#alarm.arm(dueMs, this.#turns.lastMs, notBeforeMs);
  }
}
