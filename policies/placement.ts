// Which replica of a pool gets a request: the one where it costs least, for itself and for those who come after. It is
// pure: time is an argument, nothing is random, and what it remembers is bounded.
import { CacheIndex } from "./placement/cache-index.ts";
import {
  checkOptions,
  checkPositive,
  checkQuestion,
  checkReplica,
  NO_REPLICA,
  type Placed,
  type PlacementOptions,
  type PlacementQuestion,
  type ReplicaState,
  type Ticket,
} from "./placement/contract.ts";
import { weighReplica, type Pool } from "./placement/cost.ts";
import { OpenEnds } from "./placement/open-ends.ts";
import { Pace } from "./placement/pace.ts";
import { PrefillQueue } from "./placement/prefill-queue.ts";
import { NOBODY, Quota } from "./placement/quota.ts";
import type { Tier } from "./prefix/kv-events.ts";

export type Placement = ReturnType<typeof createPlacement>;

/** How fast utilisation and arrivals are forgotten: kv.md's constant, some answers long and far shorter than a daily tide. */
const MEMORY_MS = 30_000;
/** The share of busy time that is believed at most: its externality is divided by what is left. */
const BUSY_SHARE_MAX = 0.95;
/**
 * Nobody waits longer than so many times what the fastest answer would take, whatever that does to the others. It is the
 * bound at which the rule `alpha = 2/(1-u)` stops, and only a queue that grew without us comes near it.
 */
const PATIENCE = 16;
/** How much more than stated a cache is believed to hold, which bounds the memory too. */
const CAPACITY_FACTOR_MAX = 4;

/** A pool's placement. Bad options throw a RangeError that names the field; so does a replica that is not in the pool. */
export function createPlacement(options: PlacementOptions) {
  checkOptions(options);
  const { replicas, blockTokens } = options;
  const stated = Math.max(1, Math.floor(options.capacityBlocks));
  const { blocksMax, quotaShare } = options;
  const quota = quotaShare === undefined ? null : new Quota(replicas, quotaShare);
  const cache = new CacheIndex(replicas, stated, blocksMax, quota);
  const capacities = new Float64Array(replicas).fill(stated);
  const pace = new Pace(null);
  const queues = Array.from(
    { length: replicas },
    () => new PrefillQueue(options.prefillTokensPerSecond, pace),
  );
  const isUp = new Uint8Array(replicas).fill(1);
  const ends = new OpenEnds(replicas);
  const depths = new Int32Array(replicas);
  /** What of them lies in slower memory counts for so many blocks less. */
  const less = new Float64Array(replicas);
  /** What engines say they hold, in blocks. */
  const told = new Float64Array(replicas);
  let clockMs = -Infinity;
  let busyShare = 0;
  let strangers = 0;
  let poolSpeed = options.prefillTokensPerSecond;

  /** A clock that goes back stands still. */
  function tick(nowMs: number): number {
    if (nowMs > clockMs) clockMs = nowMs;
    return clockMs;
  }

  /** Brings what fades with time to the present. */
  function observe(atMs: number, sinceMs: number): Pool {
    let up = 0;
    let busy = 0;
    for (let replica = 0; replica < replicas; replica++) {
      if (isUp[replica] === 0) continue;
      up++;
      if (queues[replica]!.length > 0) busy++;
    }
    const kept = sinceMs === -Infinity ? 0 : Math.exp((sinceMs - atMs) / MEMORY_MS);
    busyShare = busyShare * kept + (1 - kept) * (up === 0 ? 0 : busy / up);
    strangers *= kept;
    ends.advance(atMs);
    return {
      busyShare: Math.min(busyShare, BUSY_SHARE_MAX),
      strangersPerSecond: (strangers * 1000) / MEMORY_MS / Math.max(1, up),
      tokensPerSecond: poolSpeed,
    };
  }

  function uncachedOn(replica: number, question: PlacementQuestion): number {
    const { blocks, inputTokens } = question;
    const matched =
      (Math.min(depths[replica]!, blocks.length) - less[replica]!) *
      (question.blockTokens ?? blockTokens);
    return Math.max(0, inputTokens - matched * queues[replica]!.trust);
  }

  /** More than the operator said: a cache that is guessed too small costs far more than one guessed too large. */
  function widen(replica: number, blocks: number): void {
    const most = CAPACITY_FACTOR_MAX * capacities[replica]!;
    if (blocks > cache.capacity(replica)) cache.setCapacity(replica, Math.min(most, blocks));
  }

  function isOpen(replica: number, { closed }: PlacementQuestion): boolean {
    return isUp[replica] === 1 && closed?.[replica] !== 1;
  }

  function leave(ticket: Ticket, atMs: number, isDone: boolean): boolean {
    return ticket.replica !== NO_REPLICA && queues[ticket.replica]!.leave(ticket, atMs, isDone);
  }

  return {
    /** The same questions at the same times get the same answers. Never a replica that is down. */
    choose(question: PlacementQuestion, nowMs: number): Placed {
      checkQuestion(question);
      const sinceMs = clockMs;
      const atMs = tick(nowMs);
      const { blocks, inputTokens } = question;
      const pool = observe(atMs, sinceMs);
      cache.match(blocks, depths, less);
      // Its own conversation is answered by this very request: nobody is expected of it until that is over.
      const isStranger = !ends.resume(blocks, atMs);

      let soonest = Infinity;
      for (let replica = 0; replica < replicas; replica++) {
        if (!isOpen(replica, question)) continue;
        const queue = queues[replica]!;
        const answerIn = queue.waitSeconds(atMs) + queue.secondsFor(uncachedOn(replica, question));
        if (answerIn < soonest) soonest = answerIn;
      }
      let best = NO_REPLICA;
      let least = Infinity;
      for (let replica = 0; replica < replicas; replica++) {
        if (!isOpen(replica, question)) continue;
        const queue = queues[replica]!;
        const waitSeconds = queue.waitSeconds(atMs);
        if (waitSeconds > PATIENCE * soonest) continue;
        const seconds = queue.secondsFor(uncachedOn(replica, question));
        const fresh = blocks.length - Math.min(depths[replica]!, blocks.length);
        const evicted = cache.evictedBy(replica, fresh);
        const missed =
          evicted === 0 ? 0 : evicted * ends.returnChance(atMs - cache.oldestUseMs(replica));
        const lostSeconds = (missed * blockTokens) / pool.tokensPerSecond;
        const cost = weighReplica(
          { waitSeconds, seconds, lostSeconds },
          ends.expectedAt(replica),
          pool,
        );
        const isEmptier = best === NO_REPLICA || cache.size(replica) < cache.size(best);
        if (best !== NO_REPLICA && (cost > least || (cost === least && !isEmptier))) continue;
        least = cost;
        best = replica;
      }
      if (isStranger) strangers++;
      if (best === NO_REPLICA)
        return { replica: NO_REPLICA, matchedBlocks: 0, ticket: unplaced(question, blockTokens) };

      const matchedBlocks = Math.min(depths[best]!, blocks.length);
      const uncachedTokens = uncachedOn(best, question);
      const ticket: Ticket = {
        replica: best,
        blocks,
        inputTokens,
        matchedBlocks,
        blockTokens: question.blockTokens ?? blockTokens,
        uncachedTokens,
        seconds: queues[best]!.secondsFor(uncachedTokens),
        end: ends.open(best, blocks, inputTokens, atMs),
      };
      queues[best]!.join(ticket, atMs);
      // An engine's queue is first come, first served, so what is used in the order of choice is what the engine will
      // have used when it comes to the next one: siblings that are still queued count as cached already.
      cache.use(best, blocks, matchedBlocks, atMs, question.space ?? NOBODY);
      return { replica: best, matchedBlocks, ticket };
    },

    /** The first token was seen. A second call, or one for another placement's ticket, changes nothing. */
    prefillEnded(ticket: Ticket, nowMs: number): void {
      leave(ticket, tick(nowMs), true);
    },

    /** The answer is complete, or will never be. `wasComputed`: its prompt was, though nobody saw the first token. */
    ended(ticket: Ticket, nowMs: number, wasComputed = false): void {
      const atMs = tick(nowMs);
      if (leave(ticket, atMs, false) && !wasComputed && queues[ticket.replica]!.length === 0)
        // It was never computed, and nobody behind it will compute the same.
        for (let i = ticket.matchedBlocks; i < ticket.blocks.length; i++)
          cache.forget(ticket.replica, ticket.blocks[i]!);
      if (ticket.end !== null) ends.rest(ticket.end, atMs);
    },

    /** `held`: blocks that the engine holds by now, where it is known; absent: as many more. */
    stored(replica: number, blocks: ArrayLike<number>, tier: Tier = "gpu", held?: number): void {
      checkReplica(replica, replicas);
      told[replica] = held ?? told[replica]! + blocks.length;
      widen(replica, told[replica]!);
      for (let i = 0; i < blocks.length; i++) cache.stored(replica, blocks[i]!, tier);
    },

    removed(replica: number, blocks: ArrayLike<number>): void {
      checkReplica(replica, replicas);
      for (let i = 0; i < blocks.length; i++) cache.removed(replica, blocks[i]!);
      told[replica] = Math.max(0, told[replica]! - blocks.length);
    },

    /** What the engine says that it took from its cache: a match that is not borne out is believed less there. */
    cachedTokens(ticket: Ticket, tokens: number): void {
      if (ticket.replica === NO_REPLICA || !Number.isFinite(tokens)) return;
      const predicted = Math.min(ticket.matchedBlocks * ticket.blockTokens, ticket.inputTokens);
      queues[ticket.replica]!.audit(predicted, tokens);
      const surplus = Math.floor(
        (Math.min(tokens, ticket.inputTokens) - predicted) / ticket.blockTokens,
      );
      if (surplus > 0) widen(ticket.replica, cache.capacity(ticket.replica) + surplus);
    },

    replica(replica: number, change: ReplicaState, nowMs: number): void {
      checkReplica(replica, replicas);
      tick(nowMs);
      const { capacityBlocks, prefillTokensPerSecond } = change;
      if (capacityBlocks !== undefined) {
        checkPositive("capacityBlocks", capacityBlocks);
        capacities[replica] = Math.max(1, Math.floor(capacityBlocks));
        cache.setCapacity(replica, capacities[replica]!);
      }
      if (prefillTokensPerSecond !== undefined) {
        checkPositive("prefillTokensPerSecond", prefillTokensPerSecond);
        queues[replica]!.setSpeed(prefillTokensPerSecond);
      }
      isUp[replica] = change.state === "up" ? 1 : 0;
      if (change.state === "down") queues[replica]!.drop();
    },

    /** What a replica computes on average, where they are not those of the options. */
    setPoolSpeed(tokensPerSecond: number): void {
      checkPositive("tokensPerSecond", tokensPerSecond);
      poolSpeed = tokensPerSecond;
    },

    cleared(replica: number, nowMs: number): void {
      checkReplica(replica, replicas);
      tick(nowMs);
      cache.clear(replica);
      told[replica] = 0;
      ends.forget(replica);
    },

    /** The deepest match on a replica that may take it, in blocks. Nothing is kept of the question. */
    depth(question: PlacementQuestion): number {
      cache.match(question.blocks, depths);
      let deepest = 0;
      for (let replica = 0; replica < replicas; replica++)
        if (isOpen(replica, question)) deepest = Math.max(deepest, depths[replica]!);
      return Math.min(deepest, question.blocks.length);
    },

    /** Drops what is believed to be cached and is not. */
    forget(replica: number, block: number): void {
      checkReplica(replica, replicas);
      cache.forget(replica, block);
    },

    /** What is believed of a replica. */
    look(replica: number, nowMs: number) {
      checkReplica(replica, replicas);
      const queue = queues[replica]!;
      return {
        blocks: cache.size(replica),
        capacityBlocks: cache.capacity(replica),
        trust: queue.trust,
        queuedSeconds: queue.waitSeconds(Math.max(clockMs, nowMs)),
      };
    },

    /** What is cached where, for whoever keeps or shows it. */
    cache: cache as Pick<
      CacheIndex,
      "total" | "evictions" | "bytes" | "has" | "held" | "restore" | "doubt" | "size" | "capacity"
    >,
    /** Blocks of one tenant on a replica; 0 where no quota holds. */
    heldBy: (replica: number, space: number) => quota?.held(replica, space) ?? 0,
  };
}

function unplaced({ blocks, inputTokens }: PlacementQuestion, blockTokens: number): Ticket {
  return {
    replica: NO_REPLICA,
    blocks,
    inputTokens,
    matchedBlocks: 0,
    blockTokens,
    uncachedTokens: inputTokens,
    seconds: 0,
    end: null,
  };
}
