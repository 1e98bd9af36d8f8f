// What passes between the Worker and the index of a pool: its settings, a call's question and answer, how the call ended,
// what engines report, and what an operator may see.
import type { BreakerSettings, Upstream } from "../catalog.ts";
import type { Order } from "../pool.ts";
import { hash53, type Domain } from "../prefix/keyed-hash.ts";
import type { KvAnswer } from "../prefix/kv-events.ts";
import type { Alarm } from "./audit.ts";
import type { Judged } from "./isolation.ts";

/** Tokens that a block stands for until answers have told better: 64, or 256 units at four a token. */
export const BLOCK_TOKENS = 64;
/** Blocks of one prompt: a million tokens. What is longer is placed by its beginning. */
export const BLOCKS_MAX = 16_384;
/** A call is forgotten after so long whatever it says: no deadline is longer. */
export const EXPIRES_MS_MAX = 3_600_000;

/** What an index must know of its pool, as the caller's catalog has it. Addresses and secrets stay with the Worker. */
export interface PoolSettings {
  readonly replicas: readonly ReplicaSettings[];
  readonly concurrencyMax: number | null;
  readonly order: Order;
  readonly waitMsMax: number;
  /** Holds for each replica by itself. */
  readonly breaker: BreakerSettings;
}

export interface ReplicaSettings {
  readonly id: string;
  readonly capacityTokens: number;
  readonly prefillTokensPerSecond: number;
  readonly concurrencyMax: number | null;
  /** Short for where it is, and no way back to it: another engine may have its name. Absent: not told. */
  readonly address?: number;
}

export interface PlaceRequest {
  readonly callId: string;
  /** Whose part of the caches its prompt counts in. */
  readonly tenant: string;
  /** Keys of the prompt's whole blocks, `units256`, at most `BLOCKS_MAX`. */
  readonly blocks: Float64Array;
  /** As far as the caller knows, rather too many: what answers tell of a block's tokens bounds it. */
  readonly inputTokens: number;
  /** From now on, waiting included, after which the call is taken to be lost. */
  readonly expiresInMs: number;
  /** Where it must go, if that is up: its earlier part ran there. */
  readonly pin?: string;
  /** Where it should not go, if another may get it: it failed there. */
  readonly avoid?: readonly string[];
  /** Less than the pool's, where the caller has less time. */
  readonly waitMsMax?: number;
}

export type PlaceAnswer = Decision & {
  /** Replicas of the caller's that get no call whoever decides, since they share caches between tenants; absent: none. */
  readonly shared?: readonly string[];
};

type Decision =
  | {
      readonly kind: "placed";
      readonly replica: string;
      readonly matchedBlocks: number;
      /** What is expected to come from the cache, in tokens: an estimate, never a saving. */
      readonly cachedTokens: number;
      readonly waitedMs: number;
    }
  /** No slot came free in time, or too many wait. */
  | { readonly kind: "full"; readonly retryAfterMs: number }
  /** Every replica that it may go to is down or does not keep callers apart, or it may go to none. */
  | { readonly kind: "none-up"; readonly retryAfterMs: number }
  /** It ended before it had a slot. */
  | { readonly kind: "left" };

export interface EndedCall {
  /** As the engine counted; null: it did not say. */
  readonly inputTokens: number | null;
  readonly cachedTokens: number | null;
  /** Whether the replica failed; null: nothing can be told, as when the client left. */
  readonly isFault: boolean | null;
}

export type IngestAnswer =
  | ({ readonly kind: "heard" } & KvAnswer)
  | { readonly kind: "unknown-replica" };

export interface ReplicaReport {
  readonly id: string;
  /** `shared`: it does not keep callers apart, so it gets no calls. */
  readonly state: "up" | "trying" | "down" | "shared" | "retired";
  /** Of the engine's events; null: none came. */
  readonly epoch: number | null;
  readonly sequence: number | null;
  readonly domain: Domain | null;
  readonly lastEventMs: number | null;
  /** Blocks that the engine says it holds; null: it does not say. */
  readonly heldBlocks: number | null;
  /** Blocks that are believed to be cached there. */
  readonly believedBlocks: number;
  readonly capacityBlocks: number;
  readonly predictedTokens: number;
  readonly reportedTokens: number;
  /** The part of a predicted match that is believed, 0..1. */
  readonly trust: number;
  readonly calls: number;
  readonly queuedSeconds: number;
  readonly alarms: readonly Alarm[];
  /** What a self-test found of its isolation; null: none was run. */
  readonly isolation: Judged | null;
}

export interface PoolReport {
  readonly replicas: readonly ReplicaReport[];
  /** Tokens that a block stands for, as answers told. */
  readonly tokensPerBlock: number;
  /** Distinct blocks that prompts had in the last ten to twenty minutes, and what all replicas hold: beyond it caches thrash. */
  readonly workingSetBlocks: number;
  readonly capacityBlocks: number;
  readonly calls: number;
  readonly memory: {
    readonly entries: number;
    readonly entriesMax: number;
    readonly bytes: number;
    /** Blocks that made room for others since the index woke. */
    readonly evictions: number;
    /** Blocks that are known in the engines' domain too. */
    readonly aliases: number;
  };
  readonly line: {
    readonly length: number;
    readonly longestMs: number;
    /** Since the index woke. */
    readonly placed: number;
    readonly refused: number;
    readonly meanWaitMs: number;
  };
  /** Those that hold most, as parts of all that is believed to be cached. */
  readonly tenants: readonly TenantShare[];
  /** What is kept in case the index sleeps; null: nothing was stored yet. */
  readonly snapshotAtMs: number | null;
}

export interface TenantShare {
  readonly tenant: string;
  readonly blocks: number;
  /** 0..1. */
  readonly share: number;
}

/** Who reads settings may read the catalog. */
const NO_SECRET = new Uint8Array(0);

/** Null: the upstream has no pool. */
export function settingsOf({ pool, breaker }: Upstream): PoolSettings | null {
  if (pool === undefined) return null;
  const { replicas, concurrencyMax, order, waitMsMax } = pool;
  return {
    replicas: replicas.map(({ id, baseUrl, capacityTokens, prefillTokensPerSecond, ...more }) => ({
      id,
      capacityTokens,
      prefillTokensPerSecond,
      concurrencyMax: more.concurrencyMax ?? null,
      address: hash53(NO_SECRET, baseUrl),
    })),
    concurrencyMax: concurrencyMax ?? null,
    order,
    waitMsMax,
    breaker,
  };
}
