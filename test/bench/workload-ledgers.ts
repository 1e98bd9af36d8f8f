// The ledgers that the agents' workload compares: ours on its pure core, and one that counts when answers have ended.
import type { HoldAnswer } from "../../policies/account.ts";
import { LedgerModel } from "../torture/ledger-model.ts";
import type { Core } from "../torture/core.ts";
import { WORKLOAD, type WorkloadLedger } from "./agent-workload.ts";

export function coreLedger(core: Core): WorkloadLedger {
  const model = new LedgerModel(core);
  return {
    hold: (request, nowMs) => model.turn({ op: "hold", request }, nowMs).answer as HoldAnswer,
    extend: (request, nowMs) =>
      model.turn({ op: "extend", request }, nowMs).answer as ReturnType<WorkloadLedger["extend"]>,
    settle: (request, nowMs) =>
      model.turn({ op: "settle", request }, nowMs).answer as ReturnType<WorkloadLedger["settle"]>,
  };
}

/** As gateways do that count after the response: a request passes while the budget is not yet used up. */
export function countingAfter(): WorkloadLedger {
  let spent = 0;
  return {
    hold: ({ callId, offers: [offer] }) => {
      const outputTokens = offer?.outputTokens ?? 0;
      if (spent >= WORKLOAD.budgetTokens)
        return {
          kind: "refused",
          reason: "quota",
          scope: "tenant",
          dimension: "tokens",
          window: "day",
          limit: WORKLOAD.budgetTokens,
          remaining: 0,
          resetAtMs: null,
          resetInMs: null,
          affordableTokens: 0,
          meters: [],
        };
      return {
        kind: "held",
        callId,
        rung: 0,
        outputTokens,
        heldOutputTokens: outputTokens,
        heldTokens: 0,
        heldNanos: 0,
        expiresAtMs: 0,
        lambda: 0,
        meters: [],
      };
    },
    extend: () => ({ kind: "missing" }),
    settle: ({ usage }) => {
      spent += usage.inputTokens + usage.outputTokens;
      return { kind: "settled", chargedTokens: 0, chargedNanos: 0, overTokens: 0 };
    },
  };
}
