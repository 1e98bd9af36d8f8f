// What a ledger lends of its own budgets to others: to tenants of an organisation, to shards of a tenant.
import { NOTHING, type Amounts } from "../policies/ledger/amounts.ts";
import { bucketName } from "../policies/ledger/bucket.ts";
import type { AskEntry, LeasedWindow } from "../policies/ledger/entry.ts";
import { leastHeard, type Heard } from "../policies/ledger/heard.ts";
import {
  decideLend,
  borrowersOf,
  decideReturn,
  olderKeysOf,
  type LendDecision,
  type Purpose,
} from "../policies/ledger/lease.ts";
import type { Limit } from "../policies/ledger/limit.ts";
import type { Book } from "./ledger-book.ts";
import type { Turn } from "./ledger-turns.ts";
import { checkAsk, checkReports } from "./lease-request.ts";
import { logError } from "./log.ts";

export type LendAnswer = Omit<LendDecision, "entry">;

/** A lease that its borrower has ended. */
export interface LeaseReport {
  readonly leaseId: string;
  readonly spent: Amounts;
}

/** What one ledger says to another. */
export interface LeasePort {
  lend(
    ask: AskEntry,
    borrower: string,
    limits: readonly Limit[],
    purpose: Purpose,
  ): Promise<LendAnswer>;
  takeBackAll(reports: readonly LeaseReport[]): Promise<void>;
  giveBack(of: LeasedWindow, isIdle: boolean): Promise<LeaseReport[]>;
  knownLeases(leaseIds: readonly string[]): Promise<string[]>;
}

/** Borrowers may hold a lease for as long as they are busy; one that a lender wonders about is rarely forgotten. */
const CHECK_EVERY_MS = 600_000;
/** Borrowers that one alarm asks; the next one asks the rest. */
const CHECKED_MAX = 100;
/** Borrowers that a lender which is short asks at once for what they leave idle: as many as a tenant has shards. */
const RECALLED_MAX = 32;
/** A request waits for them; what comes later serves the next one. */
const RECALL_WAIT_MS = 300;
/** After a recall that did not help, so that a budget which is used up does not bring a storm of messages. */
const RECALL_AGAIN_MS = 100;

export class Lending {
  readonly #book: Book;
  readonly #reach: (name: string) => LeasePort;
  readonly #turn: Turn;
  readonly #heard: Heard = new Map();
  /** By the window's name: recalls under way, and when one was made in vain. */
  readonly #recalls = new Map<string, Promise<unknown>>();
  readonly #vain = new Map<string, number>();
  #checkedAtMs: number | null = null;

  constructor(book: Book, reach: (name: string) => LeasePort, turn: Turn) {
    this.#book = book;
    this.#reach = reach;
    this.#turn = turn;
  }

  /** Where a call waits for what others have borrowed, they give back what lies idle there before it is refused. */
  async lend(
    ask: AskEntry,
    borrower: string,
    limits: readonly Limit[],
    purpose: Purpose,
  ): Promise<LendAnswer> {
    checkAsk(ask, borrower, limits);
    const answer = this.#decide(ask, borrower, limits, purpose);
    if (!answer.isBusy || purpose === "early") return answer;
    if (!(await this.#recall(ask, borrower))) return answer;
    const again = this.#decide(ask, borrower, limits, purpose);
    if (again.isBusy) this.#noteVain(ask);
    return again;
  }

  /** Leases ended, and so much of each was spent. A second time changes nothing. */
  takeBackAll(reports: readonly LeaseReport[]): void {
    checkReports(reports);
    this.#end(reports);
  }

  /** When to ask borrowers again; infinity while nothing is lent. */
  dueMs(nowMs: number): number {
    if (this.#book.state.leases.lent.size === 0) return Infinity;
    return (this.#checkedAtMs ??= nowMs) + CHECK_EVERY_MS;
  }

  /** By alarm: takes back what borrowers know nothing of, an ask that arrived after its borrower had given it up. */
  async check(nowMs: number): Promise<void> {
    if (nowMs < this.dueMs(nowMs)) return;
    this.#checkedAtMs = nowMs;
    const leaseIds = new Map<string, string[]>();
    for (const { borrower, leaseId, atMs } of this.#book.state.leases.lent.values()) {
      if (atMs + CHECK_EVERY_MS > nowMs) continue;
      const own = leaseIds.get(borrower);
      if (own === undefined) leaseIds.set(borrower, [leaseId]);
      else own.push(leaseId);
    }
    const borrowers = [...leaseIds].slice(0, CHECKED_MAX);
    await Promise.all(
      borrowers.map(async ([borrower, ids]) => {
        try {
          const known = new Set(await this.#reach(borrower).knownLeases(ids));
          const unknown = ids.filter((leaseId) => !known.has(leaseId));
          this.#end(unknown.map((leaseId) => ({ leaseId, spent: NOTHING })));
        } catch (error) {
          warnOf(borrower, error);
        }
      }),
    );
  }

  #decide(ask: AskEntry, borrower: string, asked: readonly Limit[], purpose: Purpose): LendAnswer {
    return this.#turn((nowMs) => {
      const { scope, window, key } = ask;
      const { state, buckets } = this.#book;
      for (const one of [key, ...olderKeysOf(state.zones, ask, nowMs)])
        buckets.bringInOne(scope, window, one);
      const limits = leastHeard(this.#heard, scope, asked, nowMs);
      const { entry, ...answer } = decideLend(state, ask, borrower, limits, purpose, nowMs);
      if (entry !== null) this.#book.record(entry);
      return answer;
    });
  }

  /** Whether anybody was asked. One recall of a window serves all who wait for it. */
  async #recall(of: LeasedWindow, asking: string): Promise<boolean> {
    const name = bucketName(of.scope, of.window, of.key);
    const underWay = this.#recalls.get(name);
    if (underWay !== undefined) {
      await underWay;
      return true;
    }
    const { state } = this.#book;
    const vainAtMs = this.#vain.get(name);
    if (vainAtMs !== undefined && this.#turn((nowMs) => nowMs) < vainAtMs + RECALL_AGAIN_MS)
      return false;
    const borrowers = borrowersOf(state.leases, of).slice(0, RECALLED_MAX);
    if (borrowers.length === 0) return false;
    const { scope, window, key } = of;
    const answers = borrowers.map(async (borrower) => {
      try {
        // Who asks keeps what is left there, and says what was spent: else what is used up would seem to be lent.
        const isIdle = borrower !== asking;
        const reports = await this.#reach(borrower).giveBack({ scope, window, key }, isIdle);
        this.#end(reports);
      } catch (error) {
        warnOf(borrower, error);
      }
    });
    const recall = Promise.race([Promise.all(answers), scheduler.wait(RECALL_WAIT_MS)]);
    this.#recalls.set(name, recall);
    await recall;
    this.#recalls.delete(name);
    return true;
  }

  /** Windows are few, and what is old says nothing. */
  #noteVain({ scope, window, key }: LeasedWindow): void {
    const nowMs = this.#book.state.atMs;
    for (const [name, atMs] of this.#vain)
      if (atMs + RECALL_AGAIN_MS <= nowMs) this.#vain.delete(name);
    this.#vain.set(bucketName(scope, window, key), nowMs);
  }

  #end(reports: readonly LeaseReport[]): void {
    if (reports.length === 0) return;
    this.#turn((nowMs) => {
      for (const { leaseId, spent } of reports) {
        const entry = decideReturn(this.#book.state.leases, leaseId, spent, nowMs);
        if (entry !== null) this.#book.record(entry);
      }
    });
  }
}

function warnOf(borrower: string, error: unknown): void {
  const event = "ledger-borrower-unreachable";
  logError(event, { borrower, problem: String(error) });
}
