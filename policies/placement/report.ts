// What an operator may see of a pool: how its replicas are, whether matches come true, how full caches and line are, and
// who holds how much. Nothing in it is a prompt's or a key.
import type { Dispatch } from "./dispatch.ts";
import { ENTRIES_MAX } from "./dispatch.ts";
import type { Member } from "./members.ts";
import type { PoolReport, PoolSettings, ReplicaReport } from "./pool.ts";

/** Tenants that are listed; the rest hold less. */
const TENANTS_MAX = 20;

export function reportOf(
  dispatch: Dispatch,
  settings: PoolSettings,
  snapshotAtMs: number | null,
  nowMs: number,
): PoolReport {
  const atMs = dispatch.passTime(nowMs);
  dispatch.adopt(settings, atMs);
  const { placement, hearing, calls, line, waits } = dispatch;
  const { total, bytes, evictions } = placement.cache;
  const replicas = [...dispatch.members].map((member) =>
    reportOfOne(dispatch, member, settings, atMs),
  );
  const tenants = [...dispatch.spaces]
    .map(([tenant, space]) => ({ tenant, blocks: dispatch.heldBy(space) }))
    .filter(({ blocks }) => blocks > 0)
    .toSorted((a, b) => b.blocks - a.blocks)
    .slice(0, TENANTS_MAX)
    .map((one) => ({ ...one, share: one.blocks / total }));
  return {
    replicas,
    tokensPerBlock: calls.tokensPerBlock,
    workingSetBlocks: dispatch.workingSet.count(atMs),
    capacityBlocks: replicas.reduce((sum, one) => sum + one.capacityBlocks, 0),
    calls: calls.size,
    memory: {
      entries: total,
      entriesMax: ENTRIES_MAX,
      bytes: bytes + hearing.bytes,
      evictions: evictions.reduce((sum, one) => sum + one, 0),
      aliases: hearing.aliases.size,
    },
    line: {
      length: line.length,
      longestMs: line.longestMs(atMs),
      placed: waits.placed,
      refused: waits.refused,
      meanWaitMs: waits.placed === 0 ? 0 : waits.totalMs / waits.placed,
    },
    tenants,
    snapshotAtMs,
  };
}

function reportOfOne(
  { placement, hearing, members }: Dispatch,
  member: Member,
  settings: PoolSettings,
  nowMs: number,
): ReplicaReport {
  const { id, slot, audit, running } = member;
  const heard = hearing.of(slot);
  const { blocks, capacityBlocks, trust, queuedSeconds } = placement.look(slot, nowMs);
  return {
    id,
    state:
      members.judgedOf(member)?.isolation === "shared"
        ? "shared"
        : stateOf(member, members.permit(member, settings, nowMs).permitted),
    epoch: heard.epoch,
    sequence: heard.epoch === null ? null : heard.next,
    domain: heard.domain,
    lastEventMs: heard.atMs,
    heldBlocks: hearing.heldBlocks(slot),
    believedBlocks: blocks,
    capacityBlocks,
    predictedTokens: Math.round(audit.predictedTokens),
    reportedTokens: Math.round(audit.reportedTokens),
    trust,
    calls: running,
    queuedSeconds,
    alarms: [
      ...audit.alarms(heard.domain, hearing.isTranslated(slot)),
      ...(hearing.isBeyondMemory(slot) ? (["events-beyond-memory"] as const) : []),
    ],
    isolation: members.judgedOf(member),
  };
}

function stateOf({ retiredMs, circuit }: Member, permitted: boolean): ReplicaReport["state"] {
  if (retiredMs !== null) return "retired";
  if (circuit.kind === "closed") return "up";
  return circuit.kind === "half-open" || permitted ? "trying" : "down";
}
