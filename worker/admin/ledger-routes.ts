// A tenant's money after the fact: its ledger's journal, line by line for an audit, and refunds. Both stand in the ledger
// itself; the registry's audit tells of documents only.
import type { Refund, RefundAnswer } from "../../policies/account.ts";
import { parseWith, type Fault } from "../../policies/parse.ts";
import { askLedger, askRegistry } from "./ask.ts";
import { answer } from "./document-routes.ts";
import type { Refusal } from "./refusal.ts";
import type { Answered, Call, Route } from "./route.ts";
import { refundOrder, type RefundBody } from "./bodies.ts";

/** A line is one or two kilobytes, so that a page stays below what an object may answer (32 MiB). */
const JOURNAL_PAGE = { usual: 1_000, max: 1_000 } as const;
const REFUND_BYTES_MAX = 16_384;

export const LEDGER_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/tenants/{id}/journal",
    name: "readJournal",
    summary:
      "Every change of the tenant's budgets after an entry's `seq`, oldest first, an entry a line. The last line, `chain`, has the hash chain's links, and what to send as `after` for the next page.",
    query: ["after", "limit"],
    page: JOURNAL_PAGE,
    contentType: "application/x-ndjson",
    condition: "none",
    body: null,
    answers: { 200: "JournalLine" },
    run: readJournal,
  },
  {
    method: "POST",
    path: "/tenants/{id}/refunds",
    name: "refundCall",
    summary:
      "Gives back some of what a call was charged, in the windows that it was charged in. The same `refund_id` twice is one refund.",
    query: [],
    condition: "none",
    body: { shape: "RefundOrder", bytesMax: REFUND_BYTES_MAX },
    answers: { 200: "Refund" },
    run: refundCall,
  },
];

async function readJournal({ ids, after, limit, deps }: Call): Promise<Answered | Refusal> {
  const id = ids["id"] ?? "";
  if (!/^\d{0,15}$/.test(after))
    return { kind: "invalid", parameter: "after", problem: "must be an entry's `seq`" };
  if (await isUnknown(id, deps)) return { kind: "missing", what: "tenant", id };
  const page = await askLedger(deps, id, (ledger) => ledger.journal(Number(after), limit));
  const { lines, prevHash, hash, nextSeq } = page;
  const chain = JSON.stringify({ chain: { prevHash, hash, nextSeq } });
  return answer([...lines, chain].map((line) => `${line}\n`).join(""));
}

async function refundCall({ ids, bodyText, actor, deps }: Call): Promise<Answered | Refusal> {
  const id = ids["id"] ?? "";
  const parsed = parseWith<RefundBody>(refundOrder, JSON.parse(bodyText));
  if (parsed.kind === "faulty") return parsed;
  const { call_id: callId, refund_id: refundId, tokens, nanos } = parsed.value;
  if (tokens === 0 && nanos === 0) return faulty("tokens", "or `nanos` must be above 0");
  if (await isUnknown(id, deps)) return { kind: "missing", what: "tenant", id };
  const refund: Refund = { callId, refundId, tokens, nanos };
  const told = await askLedger(deps, id, (ledger) => ledger.refund(refund));
  // The ledger keeps what was given back, and this line who did it.
  const event = { event: "admin-refund", tenant: id, ...refund, actor, outcome: told.kind };
  console.log(JSON.stringify(event));
  return translate(told, refund);
}

function translate(told: RefundAnswer, { callId, refundId, tokens, nanos }: Refund) {
  switch (told.kind) {
    case "refunded":
      return answer({ object: "refund", call_id: callId, refund_id: refundId, tokens, nanos });
    case "missing":
      return { kind: "missing", what: "call", id: callId } as const;
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
          : [{ path, problem: `must be at most ${left}, which is left of what was charged` }];
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

async function isUnknown(tenantId: string, deps: Call["deps"]): Promise<boolean> {
  return (await askRegistry(deps, (registry) => registry.read("tenant", tenantId))) === null;
}

function faulty(path: string, problem: string) {
  return { kind: "faulty", faults: [{ path, problem }] } as const satisfies Refusal;
}
