// What the tests of holding share: a ledger's surroundings, what is offered, and a clock and a log of their own.
import { afterEach, beforeEach, vi } from "vitest";
import { BudgetPrices } from "../../../worker/budget-prices.ts";
import type { Dependencies } from "../../../worker/dependencies.ts";
import { Emergency, newEmergencyMemory } from "../../../worker/emergency.ts";
import { Owed } from "../../../worker/owed.ts";
import { Patience } from "../../../worker/stream/patience.ts";
import type { LedgerPort } from "../../../worker/ports.ts";
import { limitOf, offerWith } from "./memory-ledger.ts";

/** At the top of a file: before each of its tests time stands at noon, and what is logged goes into the list. */
export function atNoonWithLog(): readonly string[] {
  const logged: string[] = [];
  beforeEach(() => {
    vi.useFakeTimers({ now: Date.UTC(2026, 10, 25, 12) });
    logged.length = 0;
    vi.spyOn(console, "error").mockImplementation((line: string) => logged.push(line));
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });
  return logged;
}

export function surround(ledger: LedgerPort) {
  const finishing: Promise<unknown>[] = [];
  const now = () => Date.now();
  const deps = {
    ledgerOf: () => ledger,
    prices: new BudgetPrices(new Map(), now),
    emergency: new Emergency(newEmergencyMemory(), now),
    owed: new Owed(new Map()),
    now,
    chance: () => 0.5,
    finish: (work: Promise<unknown>) => finishing.push(work),
  } as unknown as Dependencies;
  return { deps, finishing, patience: new Patience() };
}

export const USAGE = {
  inputTokens: 90,
  cachedTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 40,
  reasoningTokens: 0,
};
export const SETTLEMENT = {
  callId: "r:1",
  usage: USAGE,
  certainty: "exact",
  ending: "complete",
} as const;
export const PAYER = { tenantId: "t", ledger: "t" };
export const SOFT = [limitOf({ hard: false, limit: 10_000_000 })];
export const HARD = [limitOf()];
export const OFFERS = [offerWith({ outputTokens: 300 })];
