// Asks a tenant's ledger for a hold, and says what its refusals mean for the caller. Where the ledger cannot be asked, a
// hard limit is a no, and soft ones let a little through.
import {
  NO_USAGE,
  type Hold,
  type HoldAnswer,
  type HoldRequest,
  type Meter,
  type Settlement,
} from "../policies/account.ts";
import { askLedger, type Asked, type Unreachable } from "./ask-ledger.ts";
import { pricedPath } from "./budget-prices.ts";
import type { Dependencies } from "./dependencies.ts";
import type { Failure } from "./failure.ts";
import { logError } from "./log.ts";
import { debtOf } from "./owed.ts";
import type { LedgerPort } from "./ports.ts";
import { settle } from "./settle.ts";
import type { Patience } from "./stream/patience.ts";

declare const held: unique symbol;
/** A hold that a ledger gave: made here alone, so that an attempt cannot be handed anything else. */
export type Held = Hold & { readonly [held]: true };

export type HoldOutcome =
  | {
      readonly kind: "held";
      readonly held: Held;
      readonly meters: readonly Meter[];
      /** No ledger gave it: it cannot grow, and is posted when there is one again. */
      readonly isEmergency: boolean;
      /** Posts what the call used. */
      readonly settle: (settlement: Settlement) => Promise<void>;
      /** Voids it: the call never left. */
      readonly release: () => Promise<unknown>;
    }
  | {
      readonly kind: "failed";
      readonly failure: Failure;
      /** Null when the ledger did not say. */
      readonly meters: readonly Meter[] | null;
    };

/** Whose budget it is, and the ledger that keeps it. */
export interface Payer {
  readonly tenantId: string;
  readonly ledger: string;
}

export async function askHold(
  payer: Payer,
  request: HoldRequest,
  deps: Dependencies,
  patience: Patience,
): Promise<HoldOutcome> {
  const { tenantId, ledger } = payer;
  const reach = () => deps.ledgerOf(ledger);
  const asked = await holdOrBorrow(reach, request, deps, patience);
  if (asked.kind === "unreachable") return holdWithout(payer, request, asked, deps);
  if (asked.kind === "faulted") {
    const { problem } = asked;
    logError("ledger-faulted", { callId: request.callId, problem });
    return failed({ kind: "internal" });
  }
  const { answer } = asked;
  switch (answer.kind) {
    case "held":
      deps.prices.remember(pricedPath(ledger, request.scopes), answer.lambda);
      if (deps.owed.has(ledger)) deps.finish(deps.owed.post(ledger, reach, patience, deps.now));
      return {
        kind: "held",
        held: answer as Held,
        meters: answer.meters,
        isEmergency: false,
        settle: (settlement) => settle(ledger, settlement, deps),
        release: () => reach().release(request.callId),
      };
    case "refused": {
      const { kind: _, meters, ...refusal } = answer;
      if (refusal.reason === "quota" || refusal.reason === "rate") deps.emergency.deny(tenantId);
      return { kind: "failed", failure: { kind: "budget-exceeded", ...refusal }, meters };
    }
    case "revoked":
      // Like a key that nobody knows, which the caller's copy of it will soon say as well.
      return failed({ kind: "key-unknown" });
    case "mismatch":
      logError("call-mismatch", { callId: request.callId });
      return failed({ kind: "call-mismatch" });
  }
}

/** Where the budget is lent by another ledger that may have more, it is asked for it, once. */
async function holdOrBorrow(
  reach: () => LedgerPort,
  request: HoldRequest,
  { now }: Dependencies,
  patience: Patience,
): Promise<Asked<HoldAnswer>> {
  const hold = () => askLedger(reach, (ledger) => ledger.hold(request), patience, now);
  const asked = await hold();
  if (asked.kind !== "answered") return asked;
  const { answer } = asked;
  if (answer.kind !== "refused" || answer.reason !== "unlent") return asked;
  const lent = await askLedger(reach, (ledger) => ledger.replenish(request), patience, now);
  if (lent.kind === "faulted") return lent;
  if (lent.kind === "unreachable") {
    lent.late?.catch(() => undefined);
    return { ...lent, late: null };
  }
  switch (lent.answer.kind) {
    case "lent":
      return hold();
    case "nothing":
      // Its owner has no more of it: to this caller it is used up, unless others only hold it.
      return {
        kind: "answered",
        answer: { ...answer, reason: lent.answer.isBusy === true ? "busy" : "quota" },
      };
    case "unreachable":
      return { kind: "unreachable", problem: "the budget's owner was not reached", late: null };
  }
}

function holdWithout(
  { tenantId, ledger }: Payer,
  request: HoldRequest,
  { problem, late }: Unreachable<HoldAnswer>,
  deps: Dependencies,
): HoldOutcome {
  const { callId } = request;
  logError("ledger-unreachable", { callId, problem });
  deps.finish(release(ledger, callId, late, deps));
  const admitted = deps.emergency.admit(tenantId, request);
  // Nothing was sent, and the client may try again.
  if (admitted === null) return failed({ kind: "budget-unavailable" });
  const { hold, offer, giveBack } = admitted;
  return {
    kind: "held",
    held: hold as Held,
    meters: hold.meters,
    isEmergency: true,
    settle: async (settlement) => {
      giveBack(settlement.usage);
      deps.owed.keep(debtOf(ledger, request, offer, settlement));
    },
    release: async () => giveBack(NO_USAGE),
  };
}

/** The ledger may have held all the same; nobody will use it. What this does not reach expires. */
async function release(
  ledger: string,
  callId: string,
  late: Promise<unknown> | null,
  deps: Dependencies,
): Promise<void> {
  try {
    await late;
    await deps.ledgerOf(ledger).release(callId);
  } catch {
    // It was said above that the ledger cannot be reached.
  }
}

function failed(failure: Failure): HoldOutcome {
  return { kind: "failed", failure, meters: null };
}
