// What the ledger's tests share: a hold that fits, ways to vary it, and looks at what stands.
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect } from "vitest";
import type { Ledger } from "../../../durable/ledger.ts";
import { ledgerOf } from "../../../durable/reach.ts";
import type { HoldRequest, Offer, Settlement, Usage } from "../../../policies/account.ts";
import type { Dimension } from "../../../policies/ledger/amounts.ts";
import type { Entry } from "../../../policies/ledger/entry.ts";
import type { Limit, Window } from "../../../policies/ledger/limit.ts";
import { parseLine } from "../../../policies/ledger/parse-line.ts";

export const PRICES = {
  inputNanosPerMtok: 2_000_000,
  cachedInputNanosPerMtok: 1_000_000,
  cacheWriteNanosPerMtok: 2_000_000,
  outputNanosPerMtok: 4_000_000,
};

/** Held whole, as long as `sliceTokens` is not said to be less. */
export function offer(changes: Partial<Offer> = {}): Offer {
  const outputTokens = changes.outputTokens ?? 400;
  return {
    rung: 0,
    arm: "large/long",
    strategies: ["concise"],
    inputTokens: 100,
    outputTokens,
    outputTokensMin: 64,
    sliceTokens: outputTokens,
    priceVersion: "2026-10",
    ...PRICES,
    ...changes,
  };
}

type HoldChanges = Partial<HoldRequest> & { readonly limits?: readonly Limit[] };

/** `limits` are the tenant's. */
export function holdRequest(callId: string, { limits, ...changes }: HoldChanges = {}): HoldRequest {
  return {
    callId,
    keyId: "key-1",
    policyVersion: "policy-7",
    variant: null,
    requests: 1,
    scopes: [{ scope: "tenant", limits: limits ?? [] }],
    zone: "UTC",
    session: null,
    offers: [offer()],
    ttlMs: 60_000,
    ...changes,
  };
}

/** Soft, so that what expires gives its rest back at once; hard ones say so. */
export function tokenLimit(limit: number, window: Window = "day", hard = false): Limit {
  return { dimension: "tokens", window, limit, hard };
}

export function usageOf(
  inputTokens: number,
  outputTokens: number,
  changes: Partial<Usage> = {},
): Usage {
  return {
    inputTokens,
    cachedTokens: 0,
    cacheWriteTokens: 0,
    outputTokens,
    reasoningTokens: 0,
    ...changes,
  };
}

export function settlement(callId: string, changes: Partial<Settlement> = {}): Settlement {
  return { callId, usage: usageOf(90, 200), certainty: "exact", ending: "complete", ...changes };
}

export function openLedger(tenantId: string): DurableObjectStub<Ledger> {
  return ledgerOf(env.LEDGER, tenantId);
}

export interface Total {
  readonly spent: number;
  readonly held: number;
  readonly over: number;
}

export const NOTHING_STANDS: Total = { spent: 0, held: 0, over: 0 };

/** What stands of one dimension in the window that is open now. */
export async function totalOf(
  ledger: DurableObjectStub<Ledger> | Ledger,
  dimension: Dimension = "tokens",
  window: Window = "day",
  scope = "tenant",
): Promise<Total> {
  const { buckets } = await ledger.usage("UTC", null);
  const bucket = buckets.find((one) => one.window === window && one.scope === scope);
  if (bucket === undefined) return NOTHING_STANDS;
  return {
    spent: bucket.spent[dimension],
    held: bucket.held[dimension],
    over: bucket.over[dimension],
  };
}

export async function openHolds(ledger: DurableObjectStub<Ledger>): Promise<number> {
  return (await ledger.usage("UTC", [])).openHolds;
}

export async function entriesOf(
  ledger: DurableObjectStub<Ledger> | Ledger,
  afterSeq = 0,
): Promise<Entry[]> {
  const { lines } = await ledger.journal(afterSeq, 1_000);
  return lines.map((line) => {
    const parsed = parseLine(line);
    if (parsed.kind === "faulty") throw new Error(`${line}: ${JSON.stringify(parsed.faults)}`);
    return parsed.value.entry;
  });
}

export function countRows(ledger: DurableObjectStub<Ledger>, table: string): Promise<number> {
  return runInDurableObject(ledger, (_, { storage }) =>
    Number(storage.sql.exec(`SELECT count(*) AS rows FROM ${table}`).one()["rows"]),
  );
}

/** Whole calls with these numbers, one after the other. */
export function runCalls(instance: Ledger, from: number, to: number): void {
  for (let index = from; index < to; index++) {
    instance.hold(holdRequest(`c${index}`, { limits: [tokenLimit(1_000_000_000)] }));
    instance.settle(settlement(`c${index}`));
  }
}

const TABLES = [
  "journal",
  "ended",
  "word",
  "bucket",
  "snapshot",
  "anchor",
  "pruned",
  "revoked_key",
];

/** Every row that the ledger keeps, to tell that nothing was written. */
export function dump(ledger: DurableObjectStub<Ledger>): Promise<string> {
  return runInDurableObject(ledger, async (_, { storage }) =>
    JSON.stringify([
      ...TABLES.map((table) =>
        storage.sql
          .exec(`SELECT * FROM ${table}`)
          .toArray()
          .map((row) =>
            Object.values(row).map((value) =>
              value instanceof ArrayBuffer ? [...new Uint8Array(value)] : value,
            ),
          ),
      ),
      await storage.getAlarm(),
    ]),
  );
}

/** What an object that starts anew makes of the storage must be what this one has in memory. */
export async function expectSameAfter(
  ledger: DurableObjectStub<Ledger>,
  restart: () => Promise<void>,
): Promise<void> {
  const look = async (): Promise<unknown> => {
    const { buckets, ...standing } = await ledger.usage("UTC", null);
    const name = ({ scope, window, key }: (typeof buckets)[number]): string =>
      `${scope}|${window}|${key}`;
    return {
      ...standing,
      buckets: buckets.toSorted((a, b) => (name(a) < name(b) ? -1 : 1)),
      journal: await ledger.journal(0, 1_000),
    };
  };
  const before = await look();
  await restart();
  expect(await look()).toEqual(before);
}
