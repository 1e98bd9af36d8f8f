// How an upstream's pool is, as its index knows, and what self-tests found of its replicas' isolation, which is kept there.
import { CATALOG_ID } from "../../policies/administration.ts";
import { findUpstream, parseCatalog } from "../../policies/catalog.ts";
import { faultAt, parseWith } from "../../policies/parse.ts";
import type { Judged } from "../../policies/placement/isolation.ts";
import {
  settingsOf,
  type PoolReport,
  type PoolSettings,
  type ReplicaReport,
} from "../../policies/placement/pool.ts";
import { isoTime } from "../instant.ts";
import { logEvent } from "../log.ts";
import { askPool, askRegistry } from "./ask.ts";
import { isolationOrder, type IsolationBody } from "./bodies.ts";
import { answer } from "./document-routes.ts";
import { missing } from "./find.ts";
import type { Refusal } from "./refusal.ts";
import type { Answered, Call, Route } from "./route.ts";

/** A finding of each of 64 replicas with long names, and white space. */
const ISOLATION_BYTES_MAX = 32_768;

export const POOL_ROUTES: readonly Route[] = [
  { method: "GET", path: "/pools/{id}", name: "readPool", run: readPool },
  {
    method: "PUT",
    path: "/pools/{id}/isolation",
    name: "writeIsolation",
    query: ["dry_run"],
    bodyBytesMax: ISOLATION_BYTES_MAX,
    run: writeIsolation,
  },
];

async function readPool(call: Call): Promise<Answered | Refusal> {
  const { deps } = call;
  const found = await findPool(call);
  if ("kind" in found) return found;
  const { id, settings, domains } = found;
  const report = await askPool(deps, id, (pool) => pool.report(settings));
  return answer({
    object: "pool",
    id,
    at: isoTime(deps.now()),
    order: settings.order,
    concurrency_max: settings.concurrencyMax,
    wait_ms_max: settings.waitMsMax,
    ...domains,
    alarms: poolAlarms(report),
    ...show(report, settings),
  });
}

async function writeIsolation(call: Call): Promise<Answered | Refusal> {
  const { bodyText, deps, actor, isDryRun } = call;
  const parsed = parseWith<IsolationBody>(isolationOrder, JSON.parse(bodyText));
  if (parsed.kind === "faulty") return parsed;
  const found = await findPool(call);
  if ("kind" in found) return found;
  const { id, settings } = found;
  const findings = parsed.value.replicas.map((one) => ({
    replica: one.id,
    isolation: one.isolation,
  }));
  const names = findings.map(({ replica }) => replica);
  const faults = names.flatMap((name, index) => {
    const path = `replicas.${index}.id`;
    if (settings.replicas.every((one) => one.id !== name))
      return [faultAt(path, `the pool has no replica "${name}"`)];
    return names.indexOf(name) < index ? [faultAt(path, `"${name}" stands twice`)] : [];
  });
  if (faults.length > 0) return { kind: "faulty", faults };
  const judged = await askPool(deps, id, (pool) => pool.judge(settings, findings, actor, isDryRun));
  if (!isDryRun) logEvent("admin-isolation", { pool: id, findings, actor });
  return answer({
    object: "pool_isolation",
    pool: id,
    dry_run: isDryRun,
    replicas: judged.map((one) => ({ id: one.replica, ...showJudged(one) })),
  });
}

interface Found {
  readonly id: string;
  readonly settings: PoolSettings;
  /** Who shares a cache, and what cuts everybody off from what was cached before. */
  readonly domains: object;
}

/** As it stands in the registry: copies elsewhere may be a minute behind. */
async function findPool({ ids, deps }: Call): Promise<Found | Refusal> {
  const id = ids["id"] ?? "";
  const stored = await askRegistry(deps, (registry) => registry.read("catalog", CATALOG_ID));
  if (stored === null) return missing("pool", id);
  const catalog = parseCatalog(JSON.parse(stored.documentText));
  if (catalog.kind === "faulty") throw new Error("The registry holds a faulty catalog.");
  const upstream = findUpstream(catalog.value, id);
  const settings = upstream === undefined ? null : settingsOf(upstream);
  if (upstream?.pool === undefined || settings === null) return missing("pool", id);
  const { scope, epoch, revision = null, secret } = upstream.pool;
  const isSet = deps.isSecretSet(secret);
  return {
    id,
    settings,
    domains: { scope, epoch, revision, secret: { name: secret, is_set: isSet } },
  };
}

function poolAlarms({ workingSetBlocks, capacityBlocks, replicas }: PoolReport): string[] {
  return [
    ...(workingSetBlocks > capacityBlocks ? ["working-set-beyond-capacity"] : []),
    ...(replicas.some(({ isolation }) => isolation?.isolation === "shared")
      ? ["isolation-broken"]
      : []),
  ];
}

function show(report: PoolReport, settings: PoolSettings): object {
  const { memory, line } = report;
  return {
    replicas: report.replicas.map((replica) => showReplica(replica, settings)),
    tokens_per_block: report.tokensPerBlock,
    working_set_blocks: report.workingSetBlocks,
    capacity_blocks: report.capacityBlocks,
    calls: report.calls,
    memory: {
      entries: memory.entries,
      entries_max: memory.entriesMax,
      bytes: memory.bytes,
      evictions: memory.evictions,
      aliases: memory.aliases,
    },
    line: {
      length: line.length,
      longest_ms: line.longestMs,
      placed: line.placed,
      refused: line.refused,
      mean_wait_ms: line.meanWaitMs,
    },
    tenants: report.tenants,
    snapshot_at: report.snapshotAtMs === null ? null : isoTime(report.snapshotAtMs),
  };
}

function showReplica(replica: ReplicaReport, { replicas }: PoolSettings): object {
  const { lastEventMs, isolation } = replica;
  return {
    id: replica.id,
    state: replica.state,
    concurrency_max: replicas.find(({ id }) => id === replica.id)?.concurrencyMax ?? null,
    calls: replica.calls,
    queued_seconds: replica.queuedSeconds,
    epoch: replica.epoch,
    sequence: replica.sequence,
    domain: replica.domain,
    last_event_at: lastEventMs === null ? null : isoTime(lastEventMs),
    held_blocks: replica.heldBlocks,
    believed_blocks: replica.believedBlocks,
    capacity_blocks: replica.capacityBlocks,
    predicted_tokens: replica.predictedTokens,
    reported_tokens: replica.reportedTokens,
    trust: replica.trust,
    alarms: replica.alarms,
    isolation: isolation === null ? null : showJudged(isolation),
  };
}

function showJudged({ isolation, atMs, actor }: Judged): object {
  return { isolation, at: isoTime(atMs), actor };
}
