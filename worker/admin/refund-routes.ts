// Gives back what a call was charged, in whichever of its tenant's ledgers it was held. What was given back stands there; the
// registry's audit tells of documents only.
import type { Refund, RefundAnswer } from "../../policies/account.ts";
import { faultAt, parseWith, type Fault } from "../../policies/parse.ts";
import { askEach } from "../ask-each.ts";
import { logEvent } from "../log.ts";
import { askLedger, askRegistry } from "./ask.ts";
import { refundOrder, type RefundBody } from "./bodies.ts";
import { answer } from "./document-routes.ts";
import { findTenant, missing } from "./find.ts";
import type { Refusal } from "./refusal.ts";
import type { Answered, Call, Route } from "./route.ts";

const REFUND_BYTES_MAX = 16_384;

export const REFUND_ROUTES: readonly Route[] = [
  {
    method: "POST",
    path: "/tenants/{id}/refunds",
    name: "refundCall",
    bodyBytesMax: REFUND_BYTES_MAX,
    run: refundCall,
  },
];

async function refundCall({ ids, bodyText, actor, deps }: Call): Promise<Answered | Refusal> {
  const id = ids["id"] ?? "";
  const parsed = parseWith<RefundBody>(refundOrder, JSON.parse(bodyText));
  if (parsed.kind === "faulty") return parsed;
  const { call_id: callId, refund_id: refundId, tokens, nanos } = parsed.value;
  if (tokens === 0 && nanos === 0) return faulty("tokens", "or `nanos` must be above 0");
  const tenant = await findTenant(id, deps);
  if ("kind" in tenant) return tenant;
  const refund: Refund = { callId, refundId, tokens, nanos };
  const told = await refundWhereKnown(id, refund, deps);
  // The ledger keeps what was given back, and this line who did it.
  logEvent("admin-refund", { tenant: id, ...refund, actor, outcome: told.kind });
  return translate(told, refund);
}

function translate(told: RefundAnswer, { callId, refundId, tokens, nanos }: Refund) {
  switch (told.kind) {
    case "refunded":
      return answer({ object: "refund", call_id: callId, refund_id: refundId, tokens, nanos });
    case "missing":
      return missing("call", callId);
    case "too-many": {
      const problem = `has been refunded ${told.refundsMax} times, which is as often as a call can be`;
      return faulty("call_id", problem);
    }
    case "open":
      return faulty("call_id", "has not ended, or waits for its exact usage; refund it later");
    case "mismatch": {
      const problem = "gave back another amount before; give another refund an id of its own";
      return faulty("refund_id", problem);
    }
    case "too-much": {
      const most = (path: "tokens" | "nanos", asked: number, left: number): Fault[] =>
        asked <= left
          ? []
          : [faultAt(path, `must be at most ${left}, which is left of what was charged`)];
      return {
        kind: "faulty",
        faults: [
          ...most("tokens", tokens, told.tokensLeft),
          ...most("nanos", nanos, told.nanosLeft),
        ],
      } as const;
    }
  }
}

/**
 * A call's id does not tell its key, so all ledgers are asked: one that does not know it changes nothing. While one that may
 * know it does not answer, nobody can say that there is no such call.
 */
async function refundWhereKnown(
  tenantId: string,
  refund: Refund,
  deps: Call["deps"],
): Promise<RefundAnswer> {
  const names = await askRegistry(deps, (registry) => registry.ledgersOf(tenantId));
  const heard = await askEach(names, (name) =>
    askLedger(deps, name, (ledger) => ledger.refund(refund)),
  );
  for (const one of heard)
    if (one.kind === "answered" && one.answer.kind !== "missing") return one.answer;
  for (const one of heard) if (one.kind === "failed") throw one.error;
  return { kind: "missing" };
}

function faulty(path: string, problem: string) {
  return { kind: "faulty", faults: [faultAt(path, problem)] } as const satisfies Refusal;
}
