// What a ledger lends of its own budgets to others: to tenants of an organisation, to shards of a tenant.
import { NOTHING, type Amounts } from "../policies/ledger/amounts.ts";
import type { AskEntry } from "../policies/ledger/entry.ts";
import {
  decideLend,
  decideReturn,
  type LendDecision,
  type Purpose,
} from "../policies/ledger/lease.ts";
import type { Limit } from "../policies/ledger/limit.ts";
import type { Book } from "./ledger-book.ts";
import { checkAsk, checkReport } from "./lease-request.ts";

export type LendAnswer = Omit<LendDecision, "entry">;

/** What one ledger says to another. */
export interface LeasePort {
  lend(
    ask: AskEntry,
    borrower: string,
    limits: readonly Limit[],
    purpose: Purpose,
  ): Promise<LendAnswer>;
  takeBack(leaseId: string, spent: Amounts): Promise<void>;
  knownLeases(leaseIds: readonly string[]): Promise<string[]>;
}

/** One transaction of the ledger. */
export type Turn = <Answer>(decide: (nowMs: number) => Answer) => Answer;

/** Borrowers may hold a lease for as long as they are busy; one that a lender wonders about is rarely forgotten. */
const CHECK_EVERY_MS = 600_000;
/** Borrowers that one alarm asks; the next one asks the rest. */
const CHECKED_MAX = 100;

export class Lending {
  readonly #book: Book;
  readonly #reach: (name: string) => LeasePort;
  readonly #turn: Turn;
  #checkedAtMs: number | null = null;

  constructor(book: Book, reach: (name: string) => LeasePort, turn: Turn) {
    this.#book = book;
    this.#reach = reach;
    this.#turn = turn;
  }

  lend(ask: AskEntry, borrower: string, limits: readonly Limit[], purpose: Purpose): LendAnswer {
    checkAsk(ask, borrower, limits);
    return this.#turn((nowMs) => {
      this.#book.buckets.bringInOne(ask.scope, ask.window, ask.key);
      const { state } = this.#book;
      const { entry, ...answer } = decideLend(state, ask, borrower, limits, purpose, nowMs);
      if (entry !== null) this.#book.record(entry);
      return answer;
    });
  }

  /** A lease ended, and so much of it was spent. A second time changes nothing. */
  takeBack(leaseId: string, spent: Amounts): void {
    checkReport(leaseId, spent);
    this.#end([leaseId], spent);
  }

  /** When to ask borrowers again; infinity while nothing is lent. */
  dueMs(nowMs: number): number {
    if (this.#book.state.leases.lent.size === 0) return Number.POSITIVE_INFINITY;
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
          this.#end(
            ids.filter((leaseId) => !known.has(leaseId)),
            NOTHING,
          );
        } catch (error) {
          const problem = String(error);
          console.error(
            JSON.stringify({ event: "ledger-borrower-unreachable", borrower, problem }),
          );
        }
      }),
    );
  }

  #end(leaseIds: readonly string[], spent: Amounts): void {
    if (leaseIds.length === 0) return;
    this.#turn((nowMs) => {
      for (const leaseId of leaseIds) {
        const entry = decideReturn(this.#book.state.leases, leaseId, spent, nowMs);
        if (entry !== null) this.#book.record(entry);
      }
    });
  }
}
