// The gateway with a ledger, conversations and breakers in its own isolate, of the same interfaces: what is left is what
// the gateway itself costs, without a hop to an object. Documents come from a map that answers for any number of keys.
import type { Hold, HoldAnswer, HoldRequest, SettleAnswer } from "../../../policies/account.ts";
import { fit, type Room } from "../../../policies/budget.ts";
import { createApp } from "../../../worker/app.ts";
import { Breakers, type PermitCache } from "../../../worker/breakers.ts";
import { Configuration, newDocumentCache } from "../../../worker/configuration.ts";
import { Conversations } from "../../../worker/conversations.ts";
import type { Dependencies } from "../../../worker/dependencies.ts";
import type { LedgerPort } from "../../../worker/ports.ts";
import { Metrics } from "../../../worker/metrics.ts";
import { strategyOf } from "../../../worker/strategy/table.ts";
import { telemetry } from "../../../worker/telemetry.ts";

interface Bindings {
  /** The catalog, the policy and the tenant as JSON; a tenant's id is filled in. */
  readonly DOCUMENTS: string;
  /** Whether each key has a tenant of its own (`"yes"`), or all keys are of one. */
  readonly HAS_TENANT_PER_KEY?: string;
}

const documents = newDocumentCache();
const permits: PermitCache = new Map();
const metrics = new Metrics();
const ledgers = new Map<string, LedgerPort>();

function ledgerIn(tenantId: string): LedgerPort {
  const known = ledgers.get(tenantId);
  if (known !== undefined) return known;
  const ledger = newLedger();
  ledgers.set(tenantId, ledger);
  return ledger;
}

/** Admits and counts as the real one does, in memory and without a journal. */
function newLedger(): LedgerPort {
  const open = new Map<string, Hold>();
  let taken = 0;
  return {
    async hold(request: HoldRequest): Promise<HoldAnswer> {
      const rooms = request.limits.map((limit): Room => ({
        ...limit,
        remaining: limit.limit - taken,
        held: 0,
        resetAtMs: 0,
      }));
      const fitted = fit(request.offers, rooms, request.requests);
      if (fitted.kind === "refused") throw new Error("The bench's budget is too small.");
      const hold: Hold = {
        kind: "held",
        callId: request.callId,
        rung: fitted.offer.rung,
        outputTokens: fitted.outputTokens,
        heldTokens: fitted.needs.tokens,
        heldNanos: fitted.needs.nanos,
        expiresAtMs: Date.now() + request.ttlMs,
        lambda: 0,
        meters: rooms.map((room) => ({ ...room, resetInMs: 0 })),
      };
      taken += hold.heldTokens;
      open.set(request.callId, hold);
      return hold;
    },
    async settle({ callId, usage }): Promise<SettleAnswer> {
      const hold = open.get(callId);
      if (hold === undefined) return { kind: "missing" };
      open.delete(callId);
      const chargedTokens = usage.inputTokens + usage.outputTokens;
      taken += chargedTokens - hold.heldTokens;
      return { kind: "settled", chargedTokens, chargedNanos: 0, overTokens: 0 };
    },
    release: async (callId) => open.delete(callId),
    knows: async () => true,
    usage: async () => ({ atMs: 0, balances: [], openHolds: open.size }),
  };
}

/** Knows every key, so that any number of keys and tenants can be asked for. */
function storeOf(env: Bindings): KVNamespace {
  const { catalog, policy, tenant } = JSON.parse(env.DOCUMENTS) as Record<string, object>;
  const get = async (name: string): Promise<object | null> => {
    if (name === "catalog") return catalog ?? null;
    if (name.startsWith("policy:")) return policy ?? null;
    if (name.startsWith("tenant:")) return { ...tenant, id: name.slice("tenant:".length) };
    const id = name.slice("key:".length, "key:".length + 16);
    return { id, tenant: env.HAS_TENANT_PER_KEY === "yes" ? `t${id}` : "bench" };
  };
  return { get } as unknown as KVNamespace;
}

let store: KVNamespace | null = null;

function dependenciesOf(env: Bindings, context: ExecutionContext): Dependencies {
  store ??= storeOf(env);
  const now = (): number => Date.now();
  const closed = { state: "closed", permitted: true, retryInMs: 0 } as const;
  return {
    configuration: new Configuration(store, documents, now, async () => ({ kind: "absent" })),
    breakers: new Breakers(
      () => ({
        permit: async () => closed,
        report: async () => closed,
        handBack: async () => closed,
      }),
      permits,
      now,
    ),
    conversations: new Conversations(() => ({ recall: async () => null, remember: async () => 0 })),
    ledgerOf: ledgerIn,
    feedbackOf: () => ({ keep: async () => null }),
    record: telemetry(null, metrics),
    secret: () => null,
    strategyOf,
    span: (_, work) => work(),
    now,
    newId: () => crypto.randomUUID(),
    chance: () => Math.random(),
    finish: (work) => context.waitUntil(work),
  };
}

const notHere = async (): Promise<Response> => new Response(null, { status: 404 });

export default createApp(
  (env, context) => dependenciesOf(env as unknown as Bindings, context),
  { fetch: notHere },
  notHere,
);
