// What was used while a ledger could not be asked, until it can be told. Plain data in the isolate's memory: what an isolate
// takes with it when it ends stands in the log, as do debts that found no room here or that a ledger does not take.
import type { HoldRequest, Offer, Settlement } from "../policies/account.ts";
import { askLedger } from "./ask-ledger.ts";
import { logError } from "./log.ts";
import type { LedgerPort } from "./ports.ts";
import type { Patience } from "./stream/patience.ts";

/** The allowance lets few calls through; of one debt some 2 KB are kept. */
const DEBTS_MAX = 1000;
/** With each call that reaches the ledger, so that a long queue is no burst. */
const POSTED_AT_ONCE_MAX = 20;

export interface Debt {
  readonly ledger: string;
  readonly request: HoldRequest;
  readonly settlement: Settlement;
}

/** By ledger. */
export type DebtMemory = Map<string, Debt[]>;

export class Owed {
  readonly #memory: DebtMemory;

  constructor(memory: DebtMemory) {
    this.#memory = memory;
  }

  has(ledger: string): boolean {
    return this.#memory.has(ledger);
  }

  keep(debt: Debt): void {
    const debts = this.#memory.get(debt.ledger) ?? [];
    this.#memory.set(debt.ledger, [...debts, debt]);
    const kept = [...this.#memory.values()];
    if (kept.reduce((sum, { length }) => sum + length, 0) <= DEBTS_MAX) return;
    // Of the ledger that is owed most: one tenant's outage must not cost another what it is owed.
    const [most] = kept.toSorted((left, right) => right.length - left.length);
    const lost = most?.pop();
    if (lost !== undefined) lose(lost, "too many debts are kept");
  }

  /** Posts some of what a ledger is owed; it has just answered. */
  async post(
    ledger: string,
    reach: () => LedgerPort,
    patience: Patience,
    now: () => number,
  ): Promise<void> {
    const debts = this.#memory.get(ledger);
    if (debts === undefined) return;
    // Taken out before anything is awaited: two requests of the isolate must not post one debt at once.
    const posting = debts.splice(0, POSTED_AT_ONCE_MAX);
    if (debts.length === 0) this.#memory.delete(ledger);
    for (const [index, debt] of posting.entries()) {
      const { request, settlement } = debt;
      const charge = (port: LedgerPort) => port.chargeDebt(request, settlement);
      const asked = await askLedger(reach, charge, patience, now);
      if (asked.kind === "unreachable") {
        asked.late?.catch(() => undefined);
        for (const left of posting.slice(index)) this.keep(left);
        return;
      }
      // What it does not take today it will not take tomorrow, and those behind it must not wait for that.
      if (asked.kind === "faulted") lose(debt, asked.problem);
      else if (asked.answer.kind === "missing") lose(debt, "the ledger knows no such call");
    }
  }
}

/** What a call owes: its own request with the rung that was sent, and what that used, under a name of its own. */
export function debtOf(
  ledger: string,
  request: HoldRequest,
  offer: Offer,
  settlement: Settlement,
): Debt {
  // The ledger may know the call as released.
  const callId = `${request.callId}-emergency`;
  return {
    ledger,
    request: { ...request, callId, offers: [offer] },
    settlement: { ...settlement, callId },
  };
}

function lose({ ledger, settlement }: Debt, problem: string): void {
  const { callId, usage } = settlement;
  logError("emergency-lost", { ledger, callId, usage, problem });
}
