// What a placement is told and what it answers, and which of it cannot be.
import type { OpenEnd } from "./open-ends.ts";

export interface PlacementOptions {
  readonly replicas: number;
  readonly blockTokens: number;
  /** What one replica computes, as far as the operator knows; each one's real speed is learned. */
  readonly prefillTokensPerSecond: number;
  /** Blocks that one replica caches. Guess too much rather than too little: four times costs 0 to 12 %, a quarter 24 % and more. */
  readonly capacityBlocks: number;
  /** Whether engines report what they store and remove. Without reports the caches are inferred from what was sent. */
  readonly events: boolean;
  /** Blocks that are remembered of all replicas together. Absent: as many as they hold. */
  readonly blocksMax?: number;
  /** The part of a replica's cache, 0.5 to 1, that one tenant may hold when others want it. Absent: all of it. */
  readonly quotaShare?: number;
}

export interface PlacementQuestion {
  /** Prefix-chained keys, finite numbers: equal keys mean equal whole prefixes. */
  readonly blocks: ArrayLike<number>;
  readonly inputTokens: number;
  /** What a block of this prompt stands for. Absent: as the options say. */
  readonly blockTokens?: number;
  /** Whose it is, 1 to 1023, where a quota holds. Absent: nobody's. */
  readonly space?: number;
  /** 1 for each replica that it may not go to, because there is no room, or for a reason of its own. */
  readonly closed?: ArrayLike<number>;
}

export interface Placed {
  /** The replica's number, or `NO_REPLICA` when none is up. */
  readonly replica: number;
  /** Blocks that the replica will hold when the prompt is computed. */
  readonly matchedBlocks: number;
  readonly ticket: Ticket;
}

/** What the placement keeps of a request until its answer is complete. */
export interface Ticket {
  readonly replica: number;
  readonly blocks: ArrayLike<number>;
  readonly inputTokens: number;
  readonly matchedBlocks: number;
  readonly blockTokens: number;
  readonly uncachedTokens: number;
  readonly seconds: number;
  readonly end: OpenEnd | null;
}

export interface ReplicaState {
  /** A draining replica is down for placement, and keeps its cache until `cleared`. */
  readonly state: "up" | "down";
  readonly capacityBlocks?: number;
  readonly prefillTokensPerSecond?: number;
}

/** Where a request goes when no replica is up. */
export const NO_REPLICA = -1;

/** Far more than one serial decision point can feed. */
const REPLICAS_MAX = 1024;

export function checkOptions(options: PlacementOptions): void {
  const { replicas } = options;
  if (!Number.isInteger(replicas) || replicas < 1 || replicas > REPLICAS_MAX)
    throw new RangeError(`replicas: a whole number from 1 to ${REPLICAS_MAX}, not ${replicas}`);
  checkPositive("blockTokens", options.blockTokens);
  checkPositive("prefillTokensPerSecond", options.prefillTokensPerSecond);
  checkPositive("capacityBlocks", options.capacityBlocks);
  if (options.blocksMax !== undefined) checkPositive("blocksMax", options.blocksMax);
}

export function checkPositive(field: string, value: number): void {
  if (!Number.isFinite(value) || value <= 0)
    throw new RangeError(`${field}: a number above 0, not ${value}`);
}

export function checkReplica(replica: number, replicas: number): void {
  if (!Number.isInteger(replica) || replica < 0 || replica >= replicas)
    throw new RangeError(`replica: a whole number from 0 to ${replicas - 1}, not ${replica}`);
}

export function checkQuestion({ inputTokens }: PlacementQuestion): void {
  if (!Number.isFinite(inputTokens) || inputTokens < 0)
    throw new RangeError(`inputTokens: a number of tokens, not ${inputTokens}`);
}
