// A ledger among others: what it borrows of budgets that it does not own; what it lends is ledger-lending.ts. Only there
// and here does a ledger wait for another one; every decision is a turn of its own, before or after the wait and never around it.
import type { Extension, HoldRequest, ReplenishAnswer } from "../policies/account.ts";
import { minus, type Amounts } from "../policies/ledger/amounts.ts";
import {
  decideAsk,
  decideBorrow,
  decideHeard,
  decideReports,
  lacksFor,
  lowFor,
  purposeOf,
  stillKnown,
  tabFor,
  type Want,
} from "../policies/ledger/borrow.ts";
import { bucketName } from "../policies/ledger/bucket.ts";
import { heldAmounts } from "../policies/ledger/charge.ts";
import type { AskEntry, LeasedWindow, Path } from "../policies/ledger/entry.ts";
import { PIECE_TOKENS_MIN } from "../policies/ledger/extend.ts";
import { isNothing, type Purpose } from "../policies/ledger/lease.ts";
import type { Limit } from "../policies/ledger/limit.ts";
import { hasClosed, type Unheard } from "../policies/ledger/loan.ts";
import { wishesOf } from "../policies/ledger/size.ts";
import type { LedgerState } from "../policies/ledger/state.ts";
import type { Book } from "./ledger-book.ts";
import { Lending, type LeasePort, type LeaseReport } from "./ledger-lending.ts";
import type { Turn } from "./ledger-turns.ts";
import { Waits } from "./ledger-waits.ts";
import { checkLeases, REPORTS_MAX } from "./lease-request.ts";
import { logError } from "./log.ts";

/** A window in which nothing moved for so long is idle, and gives back what it has. A request then waits for one hop. */
const IDLE_MS = 10_000;
/** Messages that one alarm sends; the next one sends the rest. */
const MESSAGES_PER_ALARM_MAX = 100;

/** The name that lenders know a ledger by. An object that an alarm wakes may not be told its name, so it is kept. */
function ownName({ id, storage }: DurableObjectState): string {
  const kept = storage.kv.get<string>("name");
  if (id.name === undefined || id.name === kept) return kept ?? id.toString();
  storage.kv.put("name", id.name);
  return id.name;
}

export class Leases {
  readonly lending: Lending;
  readonly #ctx: DurableObjectState;
  readonly #book: Book;
  readonly #name: string;
  readonly #reach: (name: string) => LeasePort;
  readonly #turn: Turn;
  /** Asks under way; what is in the journal and not here was asked before this object started, or its answer was lost. */
  readonly #inFlight = new Set<string>();
  readonly #waits = new Waits();
  #lookedAtMs: number | null = null;

  constructor(ctx: DurableObjectState, book: Book, reach: (name: string) => LeasePort, turn: Turn) {
    this.#ctx = ctx;
    this.lending = new Lending(book, reach, turn);
    this.#book = book;
    this.#name = ownName(ctx);
    this.#reach = reach;
    this.#turn = turn;
  }

  /** Borrows what a call waits for: as it would like to run, or else as it can. */
  async replenish(request: HoldRequest): Promise<ReplenishAnswer> {
    return this.#borrowFirst(request, null, wishesOf(request.offers, request.requests));
  }

  /** As `replenish`, for a call that wants to write on. */
  async replenishCall({ callId, outputTokens }: Extension): Promise<ReplenishAnswer> {
    const call = this.#book.state.calls.get(callId);
    if (call === undefined || call.expired !== null) return { kind: "nothing" };
    const { hold, held, heldOutputTokens } = call;
    const wished = Math.min(outputTokens, hold.outputTokens);
    const least = Math.min(wished, heldOutputTokens + PIECE_TOKENS_MIN);
    const wishes = [wished, least].map((tokens) => minus(heldAmounts(hold, tokens), held));
    return this.#borrowFirst(hold.path, hold.atMs, wishes);
  }

  /** After a call took its part: borrows more where little is left, so that the next call need not wait for it. */
  keepAhead(path: Path, callId: string): void {
    if (path.scopes.every(({ lender }) => lender === undefined)) return;
    const { state } = this.#book;
    const call = state.calls.get(callId);
    if (call === undefined) return;
    this.#waits.came(path);
    const wants = lowFor(state, path, call.hold.atMs, call.held).filter(
      (want) => !this.#waits.isShort(want, state.atMs),
    );
    if (wants.length > 0) this.#ctx.waitUntil(this.#borrowEarly(wants));
  }

  knownLeases(leaseIds: readonly string[]): string[] {
    checkLeases(leaseIds);
    return stillKnown(this.#book.state.leases, leaseIds);
  }

  /** What lies idle of a window goes back to its owner, who is short of it; not what a call waits for. */
  giveBackNow({ scope, window, key }: LeasedWindow, isIdle: boolean): LeaseReport[] {
    const name = bucketName(scope, window, key);
    return this.#turn((nowMs) => {
      const { state } = this.#book;
      const loan = state.leases.loans.get(name);
      if (loan !== undefined && !this.#waits.isAwaited(loan, nowMs))
        for (const entry of decideReports(state, loan, isIdle, nowMs)) this.#book.record(entry);
      return [...state.leases.unheard.values()]
        .filter(({ of }) => of !== undefined && bucketName(of.scope, of.window, of.key) === name)
        .slice(0, REPORTS_MAX)
        .map(({ leaseId, spent }) => ({ leaseId, spent }));
    });
  }

  /** When there is something to give back, to say again or to look after; infinity while there is nothing. */
  dueMs(nowMs: number): number {
    const { asked, unheard } = this.#book.state.leases;
    // After a start, what got no answer is said again at once.
    const lookedAtMs = this.#lookedAtMs ?? nowMs - IDLE_MS;
    return Math.min(
      asked.size + unheard.size > 0 || hasLoans(this.#book.state) ? lookedAtMs + IDLE_MS : Infinity,
      this.lending.dueMs(nowMs),
    );
  }

  /** By alarm. Whoever cannot be reached is told by the next one. */
  async run(nowMs: number): Promise<void> {
    if (nowMs >= (this.#lookedAtMs ?? 0) + IDLE_MS) {
      this.#lookedAtMs = nowMs;
      this.#turn((atMs) => this.#giveBack(atMs));
      await this.#sayAgain();
    }
    await this.lending.check(nowMs);
  }

  /** The first of some wishes that lenders grant. `pinnedAtMs` null: a call that is not held yet. */
  async #borrowFirst(
    path: Path,
    pinnedAtMs: number | null,
    wishes: readonly Amounts[],
  ): Promise<ReplenishAnswer> {
    let answer: ReplenishAnswer = { kind: "nothing" };
    for (const [index, needs] of wishes.entries()) {
      const asks = this.#turn((nowMs) => {
        const atMs = pinnedAtMs ?? nowMs;
        this.#book.bringIn(path, null, atMs);
        const { state } = this.#book;
        const wants = lacksFor(state, path, atMs, needs);
        const refused = wants
          .map((want) => this.#waits.refusedIn(want, nowMs))
          .find((one) => one !== null);
        if (index === 0 && refused != null) return refused;
        return wants.flatMap((want) => this.#ask(want, purposeOf(state.leases, want), nowMs));
      });
      if ("kind" in asks) return asks;
      const answers = await Promise.all(asks.map((ask) => this.#say(ask)));
      const refusal = answers.find(({ kind }) => kind !== "lent");
      if (refusal === undefined) {
        for (const { entry } of asks) this.#waits.noteLent(entry, this.#book.state.atMs);
        return { kind: "lent" };
      }
      if (refusal.kind === "unreachable") return refusal;
      answer = refusal;
      if (index === wishes.length - 1) this.#noteRefused(asks, answers);
    }
    return answer;
  }

  async #borrowEarly(wants: readonly Want[]): Promise<void> {
    const asks = this.#turn((nowMs) => wants.flatMap((want) => this.#ask(want, "early", nowMs)));
    const answers = await Promise.all(asks.map((ask) => this.#say(ask)));
    this.#noteRefused(asks, answers);
  }

  #ask(want: Want, purpose: Purpose, nowMs: number): Ask[] {
    const entry = decideAsk(this.#book.state.leases, want, crypto.randomUUID(), nowMs);
    if (entry === null) return [];
    this.#book.record(entry);
    this.#inFlight.add(entry.leaseId);
    return [{ entry, limits: want.limits, purpose }];
  }

  /** The platform holds the message back until the ask is stored. */
  async #say({ entry, limits, purpose }: Ask): Promise<ReplenishAnswer> {
    const { leaseId, lender } = entry;
    this.#inFlight.add(leaseId);
    try {
      const { amounts, isBusy } = await this.#reach(lender).lend(
        entry,
        this.#name,
        limits,
        purpose,
      );
      this.#turn((nowMs) => {
        const heard = decideBorrow(this.#book.state.leases, leaseId, amounts, nowMs);
        if (heard !== null) this.#book.record(heard);
      });
      if (!isNothing(amounts)) return { kind: "lent" };
      return isBusy ? { kind: "nothing", isBusy } : { kind: "nothing" };
    } catch (error) {
      warn("ledger-lender-unreachable", lender, error);
      return { kind: "unreachable" };
    } finally {
      this.#inFlight.delete(leaseId);
    }
  }

  #noteRefused(asks: readonly Ask[], answers: readonly ReplenishAnswer[]): void {
    for (const [index, { entry, purpose }] of asks.entries()) {
      const answer = answers[index];
      if (answer?.kind === "nothing")
        this.#waits.noteRefused(entry, answer, purpose === "early", this.#book.state.atMs);
    }
  }

  #giveBack(nowMs: number): void {
    const { state } = this.#book;
    for (const loan of state.leases.loans.values()) {
      const isIdle = nowMs >= (loan.movedAtMs ?? 0) + IDLE_MS || hasClosed(loan, nowMs);
      for (const entry of decideReports(state, loan, isIdle, nowMs)) this.#book.record(entry);
      const tab = tabFor(state, loan);
      const ask = tab === null ? null : decideAsk(state.leases, tab, crypto.randomUUID(), nowMs);
      if (ask !== null) this.#book.record(ask);
    }
  }

  async #sayAgain(): Promise<void> {
    const { asked, unheard } = this.#book.state.leases;
    const asks = [...asked.values()].filter(({ leaseId }) => !this.#inFlight.has(leaseId));
    const reports = Map.groupBy(unheard.values(), ({ lender }) => lender);
    await Promise.all([
      ...[...reports].map(([lender, own]) => this.#reportAll(lender, own)),
      // Nobody waits for it any more: a lender that never heard of it is not to lend now.
      ...asks
        .slice(0, MESSAGES_PER_ALARM_MAX)
        .map((entry) => this.#say({ entry, limits: [], purpose: "need" })),
    ]);
  }

  /** Message after message until all is said, or the lender does not answer. */
  async #reportAll(lender: string, unheard: readonly Unheard[]): Promise<void> {
    const most = Math.min(unheard.length, REPORTS_MAX * MESSAGES_PER_ALARM_MAX);
    try {
      for (let from = 0; from < most; from += REPORTS_MAX) {
        const reports = unheard.slice(from, from + REPORTS_MAX);
        await this.#reach(lender).takeBackAll(
          reports.map(({ leaseId, spent }) => ({ leaseId, spent })),
        );
        this.#turn((nowMs) => {
          for (const { leaseId } of reports) {
            const heard = decideHeard(this.#book.state.leases, leaseId, nowMs);
            if (heard !== null) this.#book.record(heard);
          }
        });
      }
    } catch (error) {
      warn("ledger-lender-unreachable", lender, error);
    }
  }
}

/** Looked at after every turn: most loans have leases, so the first as a rule tells. Others may owe what no lease covers. */
function hasLoans(state: LedgerState): boolean {
  for (const loan of state.leases.loans.values())
    if (loan.leases.size > 0 || tabFor(state, loan) !== null) return true;
  return false;
}

interface Ask {
  readonly entry: AskEntry;
  readonly limits: readonly Limit[];
  readonly purpose: Purpose;
}

function warn(event: string, ledger: string, error: unknown): void {
  logError(event, { ledger, problem: String(error) });
}
