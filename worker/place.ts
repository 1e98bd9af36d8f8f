// Which replica of an upstream gets a call. Where the catalog declares a pool, its prefix index decides, which is told
// how the call went; where the index cannot be asked, equal beginnings go to equal replicas.
import type { Model, Upstream } from "../policies/catalog.ts";
import {
  BLOCKS_MAX,
  EXPIRES_MS_MAX,
  settingsOf,
  type EndedCall,
  type PlaceAnswer,
  type PlaceRequest,
  type PoolSettings,
} from "../policies/placement/pool.ts";
import { hash53, unitKeys } from "../policies/prefix/keyed-hash.ts";
import type { CacheScope } from "./cache-scope.ts";
import type { Dependencies } from "./dependencies.ts";
import { logError } from "./log.ts";
import type { PoolPort } from "./ports.ts";
import type { Patience } from "./stream/patience.ts";
import { ABORTED, TIMED_OUT } from "./stream/wait.ts";
import { promptTexts } from "./upstream/wire/prompt-texts.ts";

export type Placement =
  | Placed
  /** No replica has room, or none is up. */
  | { readonly kind: "full" | "none-up"; readonly retryAfterMs: number }
  | { readonly kind: "client-left" };

export interface Placed {
  readonly kind: "placed";
  readonly baseUrl: string;
  /** Null for an upstream without a pool. */
  readonly replica: string | null;
  /** What is expected to come from its cache; null where nobody knows. An estimate, never a saving. */
  readonly cachedTokens: number | null;
  readonly waitedMs: number;
  /** Keys of the prompt's blocks, and how many of them its replica is not expected to have; null without a pool. */
  readonly blocks: Float64Array | null;
  readonly newBlocks: number;
  /** The prompt is computed. */
  firstToken(): void;
  /** Once, however the call ended. */
  end(call: EndedCall): void;
}

export interface PlaceQuery {
  readonly callId: string;
  readonly tenantId: string;
  readonly upstream: Upstream;
  readonly model: Model;
  readonly scope: CacheScope;
  /** As it will be sent. */
  readonly body: string;
  readonly inputTokens: number;
  /** How long the call may last once it is sent. */
  readonly deadlineMs: number;
  /** Replicas that failed this request before. */
  readonly avoid: readonly string[];
}

/** An index answers within milliseconds or is in trouble; the prompt is then computed somewhere, which costs seconds. */
const INDEX_WAIT_MS = 500;
/** Beyond its deadline a call is settled within seconds; later its slot is given away. */
const SETTLE_MARGIN_MS = 30_000;

type Pool = NonNullable<Upstream["pool"]>;

/**
 * Of each pool, the replicas that its index says share caches between tenants, so that they get no call either while it
 * cannot be asked. An isolate that never heard of the pool knows none.
 */
const sharedByPool = new Map<string, readonly string[]>();
/** As many pools as a catalog may have, with room for some that it had. */
const POOLS_MAX = 1_024;
const ALL_SHARED_RETRY_MS = 60_000;
/** Until an index that is in trouble is there again. */
const UNKNOWN_RETRY_MS = 1_000;

/** The longest that a call may wait before it is sent, ms; 0 without a pool. */
export function placingMsMax({ pool }: Pick<Upstream, "pool">): number {
  return pool === undefined ? 0 : INDEX_WAIT_MS + lineMsMax(pool);
}

function lineMsMax(pool: Pool): number {
  return hasCap(pool) ? pool.waitMsMax : 0;
}

export async function place(
  query: PlaceQuery,
  deps: Pick<Dependencies, "poolOf" | "finish">,
  patience: Patience,
): Promise<Placement> {
  const { upstream } = query;
  const { pool } = upstream;
  const settings = settingsOf(upstream);
  if (pool === undefined || settings === null) return unpooled(upstream);
  const reach = (): PoolPort => deps.poolOf(upstream.id);
  const request = requestOf(query, pool);
  const end = (call: EndedCall): void => tell(query, reach().ended(query.callId, call), deps);
  const withoutIndex = (problem: string): Placement => {
    logError("prefix-index-unreachable", { pool: upstream.id, problem });
    // Its answer may come late, and would keep a slot until it expires.
    end(NOTHING_TOLD);
    const shared = sharedByPool.get(upstream.id);
    // Who cannot know that tenants are kept apart there sends nobody there.
    if (shared === undefined) return { kind: "none-up", retryAfterMs: UNKNOWN_RETRY_MS };
    return byAffinity(pool, request, shared);
  };
  const answer = await ask(reach, settings, request, patience);
  if (answer.kind !== "unreachable" && answer.kind !== "client-left" && answer.kind !== "left") {
    if (sharedByPool.size >= POOLS_MAX) sharedByPool.clear();
    sharedByPool.set(upstream.id, answer.shared ?? []);
  }
  switch (answer.kind) {
    case "placed": {
      const { replica, cachedTokens, waitedMs, matchedBlocks } = answer;
      const { blocks } = request;
      const baseUrl = addressOf(pool, replica);
      // Settings of another catalog than this caller's were in force when its turn came.
      if (baseUrl === null) return withoutIndex("it named a replica that this catalog has not");
      const firstToken = (): void => tell(query, reach().firstToken(query.callId), deps);
      return {
        kind: "placed",
        baseUrl,
        replica,
        cachedTokens,
        waitedMs,
        blocks,
        newBlocks: blocks.length - matchedBlocks,
        firstToken,
        end,
      };
    }
    case "client-left":
      // It stands in the line still, or has a slot that nobody will use.
      end(NOTHING_TOLD);
      return answer;
    case "left":
      return { kind: "full", retryAfterMs: INDEX_WAIT_MS };
    case "full":
    case "none-up":
      return { kind: answer.kind, retryAfterMs: answer.retryAfterMs };
    case "unreachable":
      return withoutIndex(answer.problem);
  }
}

async function ask(
  reach: () => PoolPort,
  settings: PoolSettings,
  request: PlaceRequest,
  patience: Patience,
): Promise<
  PlaceAnswer | { readonly kind: "client-left" } | { readonly kind: "unreachable"; problem: string }
> {
  const waitMs = INDEX_WAIT_MS + (request.waitMsMax ?? 0);
  try {
    const answer = await patience.waitUnlessGone(reach().place(settings, request), waitMs);
    if (answer === ABORTED) return { kind: "client-left" };
    if (answer !== TIMED_OUT) return answer;
    return { kind: "unreachable", problem: `it was silent for ${waitMs} ms` };
  } catch (error) {
    return { kind: "unreachable", problem: String(error) };
  }
}

function requestOf(
  { callId, tenantId, model, scope, body, inputTokens, deadlineMs, avoid }: PlaceQuery,
  pool: Pool,
): PlaceRequest {
  const waitMsMax = lineMsMax(pool);
  return {
    callId,
    tenant: tenantId,
    blocks: unitKeys(scope.rootOf(model, "units256"), promptTexts(body), BLOCKS_MAX),
    inputTokens,
    expiresInMs: Math.min(EXPIRES_MS_MAX, waitMsMax + deadlineMs + SETTLE_MARGIN_MS),
    avoid,
    waitMsMax,
  };
}

function hasCap({ concurrencyMax, replicas }: Pool): boolean {
  return (
    concurrencyMax !== undefined || replicas.some((replica) => replica.concurrencyMax !== undefined)
  );
}

function unpooled({ baseUrl }: Pick<Upstream, "baseUrl">): Placed {
  const nothing = (): void => undefined;
  return {
    kind: "placed",
    baseUrl,
    replica: null,
    cachedTokens: null,
    waitedMs: 0,
    blocks: null,
    newBlocks: 0,
    firstToken: nothing,
    end: nothing,
  };
}

/**
 * Without the index: of the replicas that did not fail this request, the one that weighs most for the prompt's first block
 * (rendezvous hashing), so that conversations stay where they are as long as nothing changes, and nobody holds a map.
 */
function byAffinity(
  { replicas }: Pool,
  { blocks, callId, avoid = [] }: PlaceRequest,
  shared: readonly string[],
): Placement {
  const kept = replicas.filter(({ id }) => !shared.includes(id));
  const open = kept.filter(({ id }) => !avoid.includes(id));
  // What has no whole block has nothing to find in a cache.
  const name = String(blocks[0] ?? callId);
  let best = open[0] ?? kept[0];
  let most = -1;
  for (const replica of open) {
    const weight = hash53(NO_KEY, `${name} ${replica.id}`);
    if (weight <= most) continue;
    most = weight;
    best = replica;
  }
  if (best === undefined) return { kind: "none-up", retryAfterMs: ALL_SHARED_RETRY_MS };
  return { ...unpooled(best), replica: best.id };
}

/** Weights are compared and nothing else. */
const NO_KEY = new Uint8Array(0);
const NOTHING_TOLD: EndedCall = { inputTokens: null, cachedTokens: null, isFault: null };

function addressOf({ replicas }: Pool, id: string): string | null {
  return replicas.find((replica) => replica.id === id)?.baseUrl ?? null;
}

/** Nobody waits for it: a call whose end is never told gives its slot back when it expires. */
function tell(
  { upstream, callId }: PlaceQuery,
  telling: Promise<unknown>,
  { finish }: Pick<Dependencies, "finish">,
): void {
  finish(
    telling.catch((error: unknown) => {
      logError("prefix-index-untold", { pool: upstream.id, callId, problem: String(error) });
    }),
  );
}
