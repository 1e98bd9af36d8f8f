// What a ledger asks of another ledger's arguments before it lends or takes back. Each throws on what only a bug can send.
import { DIMENSIONS, type Amounts } from "../policies/ledger/amounts.ts";
import type { AskEntry } from "../policies/ledger/entry.ts";
import { LIMIT_MAX, type Limit } from "../policies/ledger/limit.ts";
import { isLeased } from "../policies/ledger/loan.ts";
import { demandCount } from "./hold-request.ts";
import type { LeaseReport } from "./ledger-lending.ts";

const NAME_CHARS_MAX = 300;
/** One for each lease of a borrower, and a borrower that has more open has lost control. */
const LEASES_MAX = 100_000;

export function checkAsk(ask: AskEntry, borrower: string, limits: readonly Limit[]): void {
  for (const name of [ask.leaseId, ask.scope, ask.key, borrower]) checkName(name);
  if (!isLeased(ask.window)) throw new RangeError(`A window ${ask.window} cannot be lent.`);
  checkAmounts(ask.amounts);
  for (const { limit } of limits) checkCount("limit", limit);
}

/** Reports that one message carries: few enough for one turn of the lender. */
export const REPORTS_MAX = 500;

export function checkReports(reports: readonly LeaseReport[]): void {
  if (reports.length > REPORTS_MAX) throw new RangeError(`At most ${REPORTS_MAX} reports at once.`);
  for (const { leaseId, spent } of reports) {
    checkName(leaseId);
    checkAmounts(spent);
  }
}

export function checkLeases(leaseIds: readonly string[]): void {
  if (leaseIds.length > LEASES_MAX) throw new RangeError(`At most ${LEASES_MAX} leases at once.`);
}

function checkAmounts(amounts: Amounts): void {
  for (const dimension of DIMENSIONS) checkCount(dimension, amounts[dimension]);
}

function checkCount(name: string, value: number): void {
  demandCount(name, value, 0, LIMIT_MAX);
}

function checkName(name: string): void {
  if (name.length === 0 || name.length > NAME_CHARS_MAX)
    throw new RangeError(`A name must have 1 to ${NAME_CHARS_MAX} characters.`);
}
