// The gateway with a ledger, conversations and breakers in its own isolate, of the same interfaces: what is left is what
// the gateway itself costs, without a hop to an object. Documents come from a map that answers for any number of keys.
import type { CallEntry } from "../../../policies/ledger/entry.ts";
import { probe } from "../../../worker/probe.ts";
import { newLintMemory, PromptLinter } from "../../../worker/prompt-lint.ts";
import { ProviderCaches } from "../../../worker/provider-caches.ts";
import { decideCheckpoint, decideExtension } from "../../../policies/ledger/extend.ts";
import { decideHold, type Decision } from "../../../policies/ledger/hold.ts";
import { decideRelease, decideSettlement } from "../../../policies/ledger/settle.ts";
import { standingOf } from "../../../policies/ledger/standing.ts";
import { apply, newState, type EndedCalls } from "../../../policies/ledger/state.ts";
import { createApp } from "../../../worker/app.ts";
import { Breakers, type PermitCache } from "../../../worker/breakers.ts";
import { BudgetPrices } from "../../../worker/budget-prices.ts";
import { Configuration, newDocumentCache } from "../../../worker/configuration.ts";
import { Conversations } from "../../../worker/conversations.ts";
import type { Dependencies } from "../../../worker/dependencies.ts";
import { DifficultyHeads, newDifficultyMemory } from "../../../worker/difficulty-heads.ts";
import { Emergency, newEmergencyMemory } from "../../../worker/emergency.ts";
import type { FeedbackPort, HeadPort, LedgerPort } from "../../../worker/ports.ts";
import { HeadSnapshots, newHeadMemory } from "../../../worker/head-snapshots.ts";
import { Lessons, type LessonMemory } from "../../../worker/lessons.ts";
import { Metrics } from "../../../worker/metrics.ts";
import { Owed } from "../../../worker/owed.ts";
import { strategyOf } from "../../../worker/strategy/table.ts";
import { telemetry } from "../../../worker/telemetry.ts";
import { TenantLedgers } from "../../../worker/tenant-ledgers.ts";

interface Bindings {
  /** The catalog, the policy and the tenant as JSON; a tenant's id is filled in. */
  readonly DOCUMENTS: string;
  /** Whether each key has a tenant of its own (`"yes"`), or all keys are of one. */
  readonly HAS_TENANT_PER_KEY?: string;
}

const documents = newDocumentCache();
const permits: PermitCache = new Map();
const heads = newHeadMemory();
const lessons: LessonMemory = new Map();
const metrics = new Metrics();
const ledgers = new Map<string, LedgerPort>();

function ledgerIn(tenantId: string): LedgerPort {
  const known = ledgers.get(tenantId);
  if (known !== undefined) return known;
  const ledger = newLedger();
  ledgers.set(tenantId, ledger);
  return ledger;
}

/** Decides and counts as the real one does, in memory and without a journal. */
function newLedger(): LedgerPort {
  const state = newState();
  // Nobody asks for a call again, so none is kept.
  const ended: EndedCalls = { find: () => null };
  const follow = <Answer>({ answer, entry }: Decision<Answer, CallEntry>): Answer => {
    if (entry !== null) apply(state, entry, ended);
    return answer;
  };
  const atMs = (): number => Math.max(state.atMs, Date.now());
  return {
    hold: async (request) => follow(decideHold(state, ended, request, 0, 0, atMs())),
    extend: async (extension) => follow(decideExtension(state, ended, extension, atMs())),
    checkpoint: async (checkpoint) => follow(decideCheckpoint(state, ended, checkpoint, atMs())),
    replenish: async () => ({ kind: "nothing" }),
    replenishCall: async () => ({ kind: "nothing" }),
    settle: async (settlement) => follow(decideSettlement(state, ended, settlement, atMs())),
    chargeDebt: async () => ({ kind: "missing" }),
    release: async (callId) => follow(decideRelease(state, ended, callId, atMs())),
    knows: async () => true,
    usage: async (zone, scopes) => standingOf(state, zone, scopes, 0, atMs()),
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

/** Takes every lesson and has learned nothing. */
const headless = (): HeadPort => ({
  record: async () => null,
  hear: async () => [],
  snapshot: async () => ({ revision: 0, state: null }),
});

const feedback = (): FeedbackPort => ({ keep: async () => null, keepFindings: async () => null });

let store: KVNamespace | null = null;

function dependenciesOf(env: Bindings, context: ExecutionContext): Dependencies {
  store ??= storeOf(env);
  const now = (): number => Date.now();
  const closed = { state: "closed", permitted: true, retryInMs: 0 } as const;
  return {
    probe,
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
    ledgers: new TenantLedgers(async (id) => [id], new Map(), now),
    prices: new BudgetPrices(new Map(), now),
    emergency: new Emergency(newEmergencyMemory(), now),
    owed: new Owed(new Map()),
    poolOf: () => {
      throw new Error("No upstream of the bench has a pool.");
    },
    providerCaches: new ProviderCaches(new Map(), now),
    linter: new PromptLinter(newLintMemory(), feedback, {
      now,
      chance: () => 1,
      newId: () => crypto.randomUUID(),
    }),
    feedbackOf: feedback,
    headOf: headless,
    heads: new HeadSnapshots(headless, heads, now),
    lessons: new Lessons(headless, lessons, now),
    difficultyHeads: new DifficultyHeads(store, newDifficultyMemory(), now),
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
