// What ledgers say to each other about leases, and the calls and limits that the tests of it share.
import type { Offer } from "../../../../policies/account.ts";
import { DIMENSIONS, type Amounts } from "../../../../policies/ledger/amounts.ts";
import type { AskEntry } from "../../../../policies/ledger/entry.ts";
import type { Purpose } from "../../../../policies/ledger/lease.ts";
import type { Limit } from "../../../../policies/ledger/limit.ts";

export const ROOT = "org:o";
export const START_MS = Date.UTC(2026, 10, 25, 22);

export const OFFER: Offer = {
  rung: 0,
  arm: "m/long",
  strategies: [],
  inputTokens: 10,
  outputTokens: 40,
  outputTokensMin: 4,
  sliceTokens: 20,
  priceVersion: null,
  inputNanosPerMtok: 1_000_000,
  cachedInputNanosPerMtok: 1_000_000,
  cacheWriteNanosPerMtok: 1_000_000,
  outputNanosPerMtok: 2_000_000,
};

/** Of each message, the chances that it is lost and that it comes again. */
export interface Faults {
  readonly loss: number;
  readonly doubling: number;
}

export type Message =
  | {
      readonly to: string;
      readonly kind: "ask";
      readonly from: string;
      readonly ask: AskEntry;
      readonly limits: readonly Limit[];
      readonly purpose: Purpose;
    }
  | {
      readonly to: string;
      readonly kind: "lent";
      readonly leaseId: string;
      readonly amounts: Amounts;
    }
  | {
      readonly to: string;
      readonly kind: "report";
      readonly from: string;
      readonly leaseId: string;
      readonly spent: Amounts;
    }
  | { readonly to: string; readonly kind: "heard"; readonly leaseId: string }
  | { readonly to: string; readonly kind: "which"; readonly leaseIds: readonly string[] }
  | {
      readonly to: string;
      readonly kind: "known";
      readonly leaseIds: readonly string[];
      readonly known: readonly string[];
    };

/** The limited dimensions of a window, with their limits. */
export function limitsIn(limits: readonly Limit[], window: string): [keyof Amounts, number][] {
  return DIMENSIONS.flatMap((dimension) => {
    const one = limits.find((limit) => limit.window === window && limit.dimension === dimension);
    return one === undefined ? [] : [[dimension, one.limit]];
  });
}
