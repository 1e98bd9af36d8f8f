// What was used while a ledger could not be asked, until it can be told. Plain data in the isolate's memory: what an isolate
// takes with it when it ends stands in the log, as do debts that found no room here.
import type { HoldRequest, Offer, Settlement } from "../policies/account.ts";
import { LIMIT_MAX } from "../policies/ledger/limit.ts";
import { askLedger } from "./ask-ledger.ts";
import type { LedgerPort } from "./ports.ts";
import type { Patience } from "./stream/patience.ts";

/** The allowance lets few calls through; of one debt some 2 KB are kept. */
const DEBTS_MAX = 1000;
/** With each call that reaches the ledger, so that a long queue is no burst. */
const POSTED_AT_ONCE_MAX = 20;
/** Posting takes two turns; a hold that is not settled then expires by itself. */
const TTL_MS = 90_000;

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
    let count = 0;
    for (const debts of this.#memory.values()) count += debts.length;
    if (count >= DEBTS_MAX) {
      lose(debt, "too many debts are kept");
      return;
    }
    const debts = this.#memory.get(debt.ledger);
    if (debts === undefined) this.#memory.set(debt.ledger, [debt]);
    else debts.push(debt);
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
      const held = await askLedger(reach, (port) => port.hold(debt.request), patience, now);
      const settled =
        held.kind === "answered" && held.answer.kind === "held"
          ? await askLedger(reach, (port) => port.settle(debt.settlement), patience, now)
          : held;
      if (settled.kind === "unreachable") {
        for (const left of posting.slice(index)) this.keep(left);
        return;
      }
      if (held.kind === "answered" && held.answer.kind !== "held")
        lose(debt, `the ledger says ${held.answer.kind}`);
    }
  }
}

/** What a call owes, as a hold that nothing refuses and its settlement: it has been used, whatever the limits say. */
export function debtOf(
  ledger: string,
  request: HoldRequest,
  offer: Offer,
  settlement: Settlement,
): Debt {
  const callId = `${request.callId}-emergency`;
  const { inputTokens, outputTokens } = settlement.usage;
  return {
    ledger,
    request: {
      ...request,
      callId,
      ttlMs: TTL_MS,
      scopes: request.scopes.map((scope) => ({
        ...scope,
        // The windows stay, so that they are counted in. A rate has passed by.
        limits: scope.limits
          .filter(({ window }) => window !== "minute")
          .map((limit) => ({ ...limit, limit: LIMIT_MAX })),
      })),
      offers: [
        {
          ...offer,
          rung: 0,
          inputTokens,
          outputTokens,
          outputTokensMin: 0,
          sliceTokens: outputTokens,
        },
      ],
    },
    settlement: { ...settlement, callId },
  };
}

function lose({ ledger, settlement }: Debt, problem: string): void {
  const { callId, usage } = settlement;
  console.error(JSON.stringify({ event: "emergency-lost", ledger, callId, usage, problem }));
}
