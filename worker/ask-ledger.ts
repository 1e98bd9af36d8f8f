// Asks a ledger, and gives up in time: the ledger's own answer, or why there is none.
import { isBugInside } from "./object-fault.ts";
import type { LedgerPort } from "./ports.ts";
import type { Patience } from "./stream/patience.ts";
import { TIMED_OUT } from "./stream/wait.ts";

/** A ledger answers within milliseconds or is in trouble; longer, a caller is better told (research on budgets, 1.12). */
export const LEDGER_WAIT_MS = 1000;
/** An object that was moved or reset answers the next stub; more would only add load to one that is in trouble. */
const TRIES_MAX = 2;

/** The answer, or why there is none; `late` is one that may come still. */
export type Asked<T> =
  | { readonly kind: "answered"; readonly answer: T }
  | Unreachable<T>
  /** Its own code threw: a bug, which is as little a yes as it is an outage that passes. */
  | { readonly kind: "faulted"; readonly problem: string };

export interface Unreachable<T> {
  readonly kind: "unreachable";
  readonly problem: string;
  readonly late: Promise<T> | null;
}

/** `reach` makes a fresh stub: one that threw is broken for good. Every operation may be said twice. */
export async function askLedger<T>(
  reach: () => LedgerPort,
  operation: (ledger: LedgerPort) => Promise<T>,
  patience: Patience,
  now: () => number,
): Promise<Asked<T>> {
  const endsAtMs = now() + LEDGER_WAIT_MS;
  for (let tries = 1; ; tries += 1) {
    const asking = operation(reach());
    try {
      const answer = await patience.wait(asking, endsAtMs - now());
      if (answer !== TIMED_OUT) return { kind: "answered", answer };
    } catch (error) {
      if (isBugInside(error)) return { kind: "faulted", problem: String(error) };
      if (tries < TRIES_MAX && mayRepeat(error) && now() < endsAtMs) continue;
      return { kind: "unreachable", problem: String(error), late: null };
    }
    const problem = `it was silent for ${LEDGER_WAIT_MS} ms`;
    return { kind: "unreachable", problem, late: asking };
  }
}

/** The platform marks what a fresh stub may mend. What is overloaded only gets worse by being asked again. */
function mayRepeat(error: unknown): boolean {
  const { retryable, overloaded } = error as { retryable?: unknown; overloaded?: unknown };
  return retryable === true && overloaded !== true;
}
