// A ledger on the real core, in memory, that a test can make fail: what the steps before the object see of it.
import type { HoldRequest, Offer, ReplenishAnswer } from "../../../policies/account.ts";
import { decideDebt } from "../../../policies/ledger/debt.ts";
import type { CallEntry, HoldEntry } from "../../../policies/ledger/entry.ts";
import { decideCheckpoint, decideExtension } from "../../../policies/ledger/extend.ts";
import { decideHold, type Decision } from "../../../policies/ledger/hold.ts";
import type { Limit } from "../../../policies/ledger/limit.ts";
import { decideRelease, decideSettlement } from "../../../policies/ledger/settle.ts";
import { standingOf } from "../../../policies/ledger/standing.ts";
import { apply, newState, type EndedCall } from "../../../policies/ledger/state.ts";
import type { LedgerPort } from "../../../worker/ports.ts";

export type Trouble = "none" | "away" | "silent" | "bug";

export interface MemoryLedger extends LedgerPort {
  /** `away` fails each call, `silent` never answers one, `bug` throws as the object's own code would. */
  trouble: Trouble;
  /** What the object does with its next calls only; then `trouble` again. */
  readonly next: Trouble[];
  /** What the owners of lent budgets say. */
  lends: ReplenishAnswer["kind"];
  readonly asked: string[];
  readonly entries: CallEntry[];
}

const never = new Promise<never>(() => undefined);

export function newMemoryLedger(lambda = 0): MemoryLedger {
  const state = newState();
  const held = new Map<string, HoldEntry>();
  const done = new Map<string, EndedCall>();
  const ended = { find: (callId: string) => done.get(callId) ?? null };
  const entries: CallEntry[] = [];
  const follow = <Answer>({ answer, entry }: Decision<Answer, CallEntry>): Answer => {
    if (entry === null) return answer;
    apply(state, entry, ended);
    entries.push(entry);
    if (entry.op === "hold") held.set(entry.callId, entry);
    const hold = held.get(entry.callId);
    const isEnd = entry.op === "settle" || entry.op === "release" || entry.op === "adjust";
    if (isEnd && hold !== undefined) done.set(entry.callId, { hold, end: entry, refunds: [] });
    return answer;
  };
  const atMs = (): number => Math.max(state.atMs, Date.now());
  const answers = async <T>(name: string, decide: () => T): Promise<T> => {
    ledger.asked.push(name);
    switch (ledger.next.shift() ?? ledger.trouble) {
      case "away":
        throw new Error("Network connection lost.");
      case "silent":
        return never;
      case "bug":
        throw bug();
      case "none":
        return decide();
    }
  };
  const ledger: MemoryLedger = {
    trouble: "none",
    lends: "nothing",
    next: [],
    asked: [],
    entries,
    hold: (request) =>
      answers("hold", () => follow(decideHold(state, ended, request, 0, lambda, atMs()))),
    extend: (extension) =>
      answers("extend", () => follow(decideExtension(state, ended, extension, atMs()))),
    checkpoint: (checkpoint) =>
      answers("checkpoint", () => follow(decideCheckpoint(state, ended, checkpoint, atMs()))),
    replenish: () => answers("replenish", () => ({ kind: ledger.lends })),
    replenishCall: () => answers("replenishCall", () => ({ kind: ledger.lends })),
    settle: (settlement) =>
      answers("settle", () => follow(decideSettlement(state, ended, settlement, atMs()))),
    chargeDebt: (request, settlement) =>
      answers("chargeDebt", () => {
        const debt = decideDebt(state, ended, request, settlement, 0, atMs());
        for (const entry of debt.entries) follow({ answer: null, entry });
        return debt.answer;
      }),
    release: (callId) =>
      answers("release", () => follow(decideRelease(state, ended, callId, atMs()))),
    knows: async () => true,
    usage: (zone, scopes) =>
      answers("usage", () => standingOf(state, zone, scopes, lambda, atMs())),
  };
  return ledger;
}

/** What an object's own code threw, with the platform's mark. */
export function bug(): Error {
  return Object.assign(new RangeError("scope must be a well-formed text."), { remote: true });
}

export function limitOf(of: Partial<Limit> = {}): Limit {
  return { dimension: "tokens", window: "day", limit: 10_000, hard: true, ...of };
}

export function requestOf(limits: readonly Limit[], of: Partial<HoldRequest> = {}): HoldRequest {
  return {
    callId: "r:1",
    keyId: "k",
    policyVersion: "p@1",
    variant: null,
    requests: 1,
    scopes: [{ scope: "tenant", limits }],
    zone: "UTC",
    session: null,
    offers: [offerWith()],
    ttlMs: 90_000,
    ...of,
  };
}

export function offerWith(of: Partial<Offer> = {}): Offer {
  return {
    rung: 0,
    arm: "small/short",
    strategies: [],
    inputTokens: 100,
    outputTokens: 4000,
    outputTokensMin: 64,
    sliceTokens: 256,
    priceVersion: null,
    inputNanosPerMtok: 0,
    cachedInputNanosPerMtok: 0,
    cacheWriteNanosPerMtok: 0,
    outputNanosPerMtok: 0,
    ...of,
  };
}
