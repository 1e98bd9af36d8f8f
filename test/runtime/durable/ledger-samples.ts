// What the ledger's tests share: a hold that fits, ways to vary it, and a clock that the test moves.
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { vi } from "vitest";
import type { Ledger } from "../../../durable/ledger.ts";
import { ledgerOf } from "../../../durable/reach.ts";
import type { HoldRequest, Offer, Settlement, Usage } from "../../../policies/account.ts";
import type { Limit } from "../../../policies/tenant.ts";

export const PRICES = {
  inputNanosPerMtok: 2_000_000,
  cachedInputNanosPerMtok: 1_000_000,
  outputNanosPerMtok: 4_000_000,
};

export function offer(changes: Partial<Offer> = {}): Offer {
  return {
    rung: 0,
    arm: "large/long",
    strategies: ["concise"],
    inputTokens: 100,
    outputTokens: 400,
    outputTokensMin: 64,
    priceVersion: "2026-10",
    ...PRICES,
    ...changes,
  };
}

export function holdRequest(callId: string, changes: Partial<HoldRequest> = {}): HoldRequest {
  return {
    callId,
    requestId: `request-of-${callId}`,
    keyId: "key-1",
    policyVersion: "policy-7",
    variant: null,
    requests: 1,
    limits: [],
    offers: [offer()],
    ttlMs: 60_000,
    ...changes,
  };
}

export function tokenLimit(limit: number, window: Limit["window"] = "day"): Limit {
  return { dimension: "tokens", window, limit };
}

export function usageOf(
  inputTokens: number,
  outputTokens: number,
  changes: Partial<Usage> = {},
): Usage {
  return { inputTokens, cachedTokens: 0, outputTokens, reasoningTokens: 0, ...changes };
}

export function settlement(callId: string, changes: Partial<Settlement> = {}): Settlement {
  return { callId, usage: usageOf(90, 200), certainty: "exact", ending: "complete", ...changes };
}

export function openLedger(tenantId: string): DurableObjectStub<Ledger> {
  return ledgerOf(env.LEDGER, tenantId);
}

/** Every row the ledger keeps, to tell that nothing was written. */
export function dump(ledger: DurableObjectStub<Ledger>): Promise<string> {
  return runInDurableObject(ledger, async (_, { storage }) =>
    JSON.stringify([
      storage.sql.exec("SELECT * FROM call ORDER BY call_id").toArray(),
      storage.sql.exec("SELECT * FROM journal ORDER BY seq").toArray(),
      storage.sql.exec("SELECT * FROM balance ORDER BY window, key").toArray(),
      await storage.getAlarm(),
    ]),
  );
}

export interface Clock {
  readonly nowMs: number;
  advance(ms: number): void;
}

/** Stops the clock for tests and objects alike. Far in the future, so that no real alarm comes by itself. */
export function stopClock(text = "2030-05-15T12:00:00Z"): Clock {
  let nowMs = Date.parse(text);
  vi.spyOn(Date, "now").mockImplementation(() => nowMs);
  return {
    get nowMs() {
      return nowMs;
    },
    advance(ms) {
      nowMs += ms;
    },
  };
}
