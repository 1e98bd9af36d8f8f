// The entry: the Worker, and the object classes that the runtime looks for here. Turns the environment into
// what a request needs; no other file sees it.
import { tracing } from "cloudflare:workers";
import {
  breakerOf,
  conversationOf,
  feedbackOf,
  headOf,
  ledgerOf,
  prefixIndexOf,
  registryOf,
} from "../durable/reach.ts";
import description from "./admin/description.txt";
import { createAdmin } from "./admin/admin.ts";
import { readMetrics } from "./admin/metrics.ts";
import type { RestingAddresses } from "./admin/login.ts";
import type { AdminDependencies, Description } from "./admin/route.ts";
import { createApp } from "./app.ts";
import { Breakers, type PermitCache } from "./breakers.ts";
import { BudgetPrices, type PriceMemory } from "./budget-prices.ts";
import { Configuration, forgetDocument, newDocumentCache } from "./configuration.ts";
import { Conversations } from "./conversations.ts";
import type { Dependencies } from "./dependencies.ts";
import { DifficultyHeads, newDifficultyMemory } from "./difficulty-heads.ts";
import { Emergency, newEmergencyMemory } from "./emergency.ts";
import { forgetHead, HeadSnapshots, newHeadMemory } from "./head-snapshots.ts";
import { Lessons, type LessonMemory } from "./lessons.ts";
import { Metrics } from "./metrics.ts";
import { Owed, type DebtMemory } from "./owed.ts";
import { newLookupState, registryLookup } from "./registry-lookup.ts";
import { probe } from "./probe.ts";
import { newLintMemory, PromptLinter } from "./prompt-lint.ts";
import { ProviderCaches, type ProviderMemory } from "./provider-caches.ts";
import { telemetry } from "./telemetry.ts";
import { TenantLedgers, type LedgerMemory } from "./tenant-ledgers.ts";
import { strategyOf } from "./strategy/table.ts";
import { refuseUnbound } from "./unbound.ts";

export { Breaker } from "../durable/breaker.ts";
export { Conversation } from "../durable/conversation.ts";
export { Feedback } from "../durable/feedback.ts";
export { Head } from "../durable/head.ts";
export { Ledger } from "../durable/ledger.ts";
export { PrefixIndex } from "../durable/prefix-index.ts";
export { Registry } from "../durable/registry.ts";

// Shared by the requests of an isolate: documents, counts and permits are plain data, and short-lived.
const documents = newDocumentCache();
const lookups = newLookupState();
const permits: PermitCache = new Map();
const metrics = new Metrics();
const prices: PriceMemory = new Map();
const emergencies = newEmergencyMemory();
const debts: DebtMemory = new Map();
const heads = newHeadMemory();
const lessons: LessonMemory = new Map();
const difficulties = newDifficultyMemory();
const ledgerNames: LedgerMemory = new Map();
const providers: ProviderMemory = new Map();
const lints = newLintMemory();
const resting: RestingAddresses = new Map();

function dependenciesOf(env: Env, context: ExecutionContext): Dependencies {
  const now = (): number => Date.now();
  const lookUp = registryLookup(
    (name, isLost) => registryOf(env.REGISTRY).find(name, isLost),
    lookups,
    now,
  );
  const reachHead = (tenantId: string, policyName: string) =>
    headOf(env.HEAD, tenantId, policyName);
  return {
    probe,
    configuration: new Configuration(env.CONFIGURATION, documents, now, lookUp),
    breakers: new Breakers((upstreamId) => breakerOf(env.BREAKER, upstreamId), permits, now),
    conversations: new Conversations((tenantId, sessionHash) =>
      conversationOf(env.CONVERSATION, tenantId, sessionHash),
    ),
    ledgerOf: (name) => ledgerOf(env.LEDGER, name),
    ledgers: new TenantLedgers((id) => registryOf(env.REGISTRY).ledgersOf(id), ledgerNames, now),
    prices: new BudgetPrices(prices, now),
    emergency: new Emergency(emergencies, now),
    owed: new Owed(debts),
    poolOf: (upstreamId) => prefixIndexOf(env.PREFIX_INDEX, upstreamId),
    feedbackOf: (tenantId) => feedbackOf(env.FEEDBACK, tenantId),
    headOf: reachHead,
    providerCaches: new ProviderCaches(providers, now),
    linter: new PromptLinter(lints, (tenantId) => feedbackOf(env.FEEDBACK, tenantId), {
      now,
      chance: () => Math.random(),
      newId: () => crypto.randomUUID(),
    }),
    heads: new HeadSnapshots(reachHead, heads, now),
    lessons: new Lessons(reachHead, lessons, now),
    difficultyHeads: new DifficultyHeads(env.CONFIGURATION, difficulties, now),
    record: telemetry(datasetOf(env), metrics),
    secret: (name) => secretOf(env, name),
    strategyOf,
    span: (name, work) => tracing.enterSpan(`sluice.${name}`, () => work()),
    now,
    newId: () => crypto.randomUUID(),
    chance: () => Math.random(),
    finish: (work) => context.waitUntil(work),
  };
}

function adminDependenciesOf(env: Env): AdminDependencies {
  return {
    adminSecret: secretOf(env, "ADMIN_SECRET"),
    ...limitersOf(env),
    resting,
    registry: () => registryOf(env.REGISTRY),
    ledgerOf: (name) => ledgerOf(env.LEDGER, name),
    headOf: (tenantId, policyName) => headOf(env.HEAD, tenantId, policyName),
    poolOf: (upstreamId) => prefixIndexOf(env.PREFIX_INDEX, upstreamId),
    feedbackOf: (tenantId) => feedbackOf(env.FEEDBACK, tenantId),
    forgetHead: (tenantId, policyName) => forgetHead(heads, tenantId, policyName),
    lookAtBreaker: ({ id, breaker }) => breakerOf(env.BREAKER, id).look(breaker),
    description: () => JSON.parse(description) as Description,
    isSecretSet: (name) => secretOf(env, name) !== null,
    forget: (kind, id) => forgetDocument(documents, kind === "catalog" ? id : `${kind}:${id}`),
    now: () => Date.now(),
  };
}

function secretOf(env: Env, name: string): string | null {
  const value: unknown = Reflect.get(env, name);
  return typeof value === "string" && value !== "" ? value : null;
}

/** Nor does a gateway on plain workerd have limiters. */
function limitersOf(env: Partial<Env>): Pick<AdminDependencies, "logins" | "writes"> {
  return { logins: env.ADMIN_LOGINS ?? null, writes: env.ADMIN_WRITES ?? null };
}

/** A deployment may leave the dataset out; its log and its counts remain. */
function datasetOf(env: Partial<Env>): AnalyticsEngineDataset | null {
  return env.ANALYTICS ?? null;
}

const app = createApp(dependenciesOf, createAdmin(adminDependenciesOf), (request, env) =>
  readMetrics(request, adminDependenciesOf(env), () => metrics.text()),
);

export default {
  fetch: (request, env, context) =>
    refuseUnbound(env, () => crypto.randomUUID()) ?? app.fetch(request, env, context),
} satisfies ExportedHandler<Env>;
