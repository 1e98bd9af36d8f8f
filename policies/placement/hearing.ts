// What engines say of their caches: batches in order, each once, by epoch and sequence; what is missing is asked for.
import type { KvAnswer, KvBatch, KvOperation, Tier } from "../prefix/kv-events.ts";
import { BLOCK_TOKENS, type Domain } from "../prefix/keyed-hash.ts";
import type { Placement } from "../placement.ts";
import { Aliases, endOf } from "./aliases.ts";
import { CALLS_IN_ROW } from "./audit.ts";
import { CacheIndex } from "./cache-index.ts";

/** Keys that engines reported, of all replicas together, as a set to compare with: some 50 bytes each, 15 MB. */
export const TOLD_MAX = 262_144;
/** Room that a snapshot must leave, which is asked for to know all of a replica again: else it would be asked for without end. */
const TOLD_SPARE = TOLD_MAX / 16;
/** Between two snapshots that are asked for because something does not add up: one is tens of megabytes on its way. */
const SNAPSHOT_EVERY_MS = 60_000;
/** Where matches do not come true, which a snapshot may not mend: the cache may be off. */
const DOUBTED_EVERY_MS = 600_000;
/**
 * Epochs are relays' milliseconds since 1970. One from further ahead is of a clock that is wrong, or forged: taken, it would
 * silence every relay until time has caught up with it.
 */
const EPOCH_AHEAD_MS = 86_400_000;

export interface Heard {
  epoch: number | null;
  /** The sequence that comes next. */
  next: number;
  /** The part of a snapshot that comes next; null: none is on its way. */
  part: number | null;
  domain: Domain | null;
  atMs: number | null;
  /** By the engine's own count, where it gives one. */
  held: number | null;
  askedMs: number;
  /** It told of blocks since a prompt that was sent there was looked for among them. */
  toldMore: boolean;
  /** Prompts in a row that were sent there, are known in tokens, and of which it told nothing though it told of others. */
  unmet: number;
}

export class Hearing {
  readonly aliases = new Aliases();
  readonly #placement: Placement;
  readonly #told: CacheIndex;
  readonly #depths: Int32Array;
  readonly #heard: Heard[];
  /** Keys of each that had made room for others before it told anew. */
  readonly #evictedBefore: Int32Array;
  readonly #tokensPerBlock: () => number;

  /** `tokensPerBlock`: of the placement's blocks. */
  constructor(placement: Placement, replicas: number, tokensPerBlock = () => BLOCK_TOKENS) {
    this.#placement = placement;
    this.#tokensPerBlock = tokensPerBlock;
    this.#told = new CacheIndex(replicas, TOLD_MAX, TOLD_MAX);
    this.#depths = new Int32Array(replicas);
    this.#evictedBefore = new Int32Array(replicas);
    this.#heard = Array.from({ length: replicas }, deaf);
  }

  of(replica: number): Readonly<Heard> {
    return this.#heard[replica]!;
  }

  /** Blocks that the engine holds, as far as it told; null: it tells nothing. */
  heldBlocks(replica: number): number | null {
    const { epoch, held } = this.#heard[replica]!;
    return epoch === null ? null : (held ?? this.#told.size(replica));
  }

  get bytes(): number {
    return this.#told.bytes;
  }

  /** Of a replica of which nothing is known any more. */
  forget(replica: number): void {
    this.#heard[replica] = deaf();
    this.#unlearn(replica);
  }

  /** `isDoubted`: what is believed of the replica is not borne out, and should be told anew. */
  ingest(replica: number, batch: KvBatch, isDoubted: boolean, nowMs: number): KvAnswer {
    const heard = this.#heard[replica]!;
    const first = batch.operations[0];
    const isSnapshot = first?.op === "snapshot" && first.part === 0;
    if (heard.epoch !== null && batch.epoch < heard.epoch) return answer(heard, "snapshot");
    if (batch.epoch > nowMs + EPOCH_AHEAD_MS) return answer(heard, "snapshot");
    if (heard.epoch === null || batch.epoch > heard.epoch) {
      const isNew = heard.epoch !== null || batch.sequence === 0;
      // Of one that was heard before this index forgot, what was learned from routing may still be there.
      if (isNew) this.#clear(replica, nowMs);
      Object.assign(heard, deaf(), { epoch: batch.epoch, domain: batch.domain, atMs: nowMs });
      if (batch.sequence !== 0 && !isSnapshot) return this.#ask(heard, nowMs);
      heard.next = batch.sequence;
    }
    heard.atMs = nowMs;
    if (batch.sequence < heard.next) return answer(heard, "next");
    if (batch.sequence > heard.next && !isSnapshot) return answer(heard, "replay");
    heard.domain = batch.domain;
    // One that only asks uses up no sequence.
    heard.next = batch.sequence + (batch.operations.length === 0 ? 0 : 1);
    for (const operation of batch.operations)
      if (!this.#apply(replica, heard, operation, nowMs)) return this.#ask(heard, nowMs);
    heard.held = batch.held ?? null;
    if (heard.part !== null) return answer(heard, "next");
    const canMend = this.isTranslated(replica);
    const sinceMs = nowMs - heard.askedMs;
    const isDue =
      (this.#isOff(replica, heard) && sinceMs >= SNAPSHOT_EVERY_MS) ||
      (isDoubted && canMend && sinceMs >= DOUBTED_EVERY_MS);
    return isDue ? this.#ask(heard, nowMs) : answer(heard, "next");
  }

  /**
   * Whether what it tells says anything of prompts. Keys that never meet one are made of another secret, of another model's
   * name, or of other tokens: its own routing predicts well all the same, so nothing else would show it.
   */
  isTranslated(replica: number): boolean {
    const { domain, unmet } = this.#heard[replica]!;
    return domain === "units256" || (this.aliases.size > 0 && unmet < CALLS_IN_ROW);
  }

  /** It told more than is remembered with all others: its blocks cannot be counted against its engine's. */
  isBeyondMemory(replica: number): boolean {
    return this.#told.evictions[replica]! > this.#evictedBefore[replica]!;
  }

  /** Whether it counts other than its engine does. */
  #isOff(replica: number, { held }: Heard): boolean {
    if (held === null) return false;
    const missing = held - this.#told.size(replica);
    if (missing <= 0 || !this.isBeyondMemory(replica)) return missing !== 0;
    return missing + TOLD_SPARE <= TOLD_MAX - this.#told.total;
  }

  /** Keys of one prompt in both domains: what was reported of its tokens holds for its units. */
  alias(unitKeys: ArrayLike<number>, tokenKeys: ArrayLike<number>): void {
    this.aliases.learn(unitKeys, tokenKeys);
    this.#told.match(tokenKeys, this.#depths);
    for (const [replica, depth] of this.#depths.entries()) {
      if (this.#heard[replica]!.domain !== "tokens64") continue;
      this.#meet(replica, unitKeys, tokenKeys);
      if (depth === 0) continue;
      const known: number[] = [];
      for (let i = 0; i < unitKeys.length; i++)
        if (endOf(i, unitKeys.length, tokenKeys.length) < depth) known.push(unitKeys[i]!);
      this.#placement.stored(replica, known, "gpu", this.#held(replica));
    }
  }

  /** Whether it told of a prompt that was sent there. One of which it may yet tell counts once it told of something else. */
  #meet(replica: number, unitKeys: ArrayLike<number>, tokenKeys: ArrayLike<number>): void {
    const heard = this.#heard[replica]!;
    const last = unitKeys[unitKeys.length - 1];
    if (!heard.toldMore || last === undefined || !this.#placement.cache.has(replica, last)) return;
    heard.toldMore = false;
    let at = tokenKeys.length - 1;
    // Of a long prompt, its beginning may have made room among what is remembered.
    while (at >= 0 && !this.#told.has(replica, tokenKeys[at]!)) at--;
    if (tokenKeys.length > 0) heard.unmet = at < 0 ? heard.unmet + 1 : 0;
  }

  /** False: it cannot be at this place. */
  #apply(replica: number, heard: Heard, operation: KvOperation, nowMs: number): boolean {
    if (heard.part !== null && (operation.op !== "snapshot" || operation.part !== heard.part)) {
      heard.part = null;
      if (operation.op !== "snapshot" || operation.part !== 0) return false;
    }
    switch (operation.op) {
      case "cleared":
        this.#clear(replica, nowMs);
        return true;
      case "removed":
        for (const key of operation.keys) this.#told.removed(replica, key);
        this.#placement.removed(replica, this.#inUnits(heard, operation.keys));
        return true;
      case "stored":
        this.#store(replica, heard, operation.keys, operation.tier);
        return true;
      case "snapshot": {
        const { part, parts } = operation;
        if (part >= parts || part !== (heard.part ?? 0)) return false;
        if (part === 0) {
          this.#unlearn(replica);
          this.#placement.cache.doubt(replica);
        }
        this.#store(replica, heard, operation.keys, operation.tier);
        heard.part = part + 1 === parts ? null : part + 1;
        if (heard.part === null) this.#dropGhosts(replica, heard);
        return true;
      }
    }
  }

  #store(replica: number, heard: Heard, keys: readonly number[], tier: Tier): void {
    for (const key of keys) this.#told.stored(replica, key);
    const known = this.#inUnits(heard, keys);
    if (keys.length > 0) heard.toldMore = true;
    if (known.length > 0) heard.unmet = 0;
    this.#placement.stored(replica, known, tier, this.#held(replica));
  }

  /** In the placement's blocks. By the set of keys: a snapshot and a move between tiers name what was named before. */
  #held(replica: number): number {
    const keys = this.#told.size(replica);
    const isUnits = this.#heard[replica]!.domain === "units256";
    return isUnits ? keys : Math.floor((keys * BLOCK_TOKENS) / this.#tokensPerBlock());
  }

  #inUnits({ domain }: Heard, keys: readonly number[]): readonly number[] {
    return domain === "units256" ? keys : keys.flatMap((key) => this.aliases.unitsOf(key));
  }

  /** What a snapshot does not name is gone, unless it was sent there since and no report of it is due yet. */
  #dropGhosts(replica: number, { domain }: Heard): void {
    const ghosts: number[] = [];
    for (const { block, doubted } of this.#placement.cache.held(replica))
      if (doubted && (domain === "units256" || this.aliases.tokenOf(block) !== undefined))
        ghosts.push(block);
    for (const ghost of ghosts) this.#placement.forget(replica, ghost);
  }

  #unlearn(replica: number): void {
    this.#told.clear(replica);
    this.#evictedBefore[replica] = this.#told.evictions[replica]!;
  }

  #clear(replica: number, nowMs: number): void {
    this.#unlearn(replica);
    this.#placement.cleared(replica, nowMs);
  }

  #ask(heard: Heard, nowMs: number): KvAnswer {
    heard.askedMs = nowMs;
    heard.part = null;
    return answer(heard, "snapshot");
  }
}

function deaf(): Heard {
  return {
    epoch: null,
    next: 0,
    part: null,
    domain: null,
    atMs: null,
    held: null,
    askedMs: -Infinity,
    toldMore: false,
    unmet: 0,
  };
}

function answer({ epoch, next }: Heard, wants: KvAnswer["wants"]): KvAnswer {
  return { expected: { epoch: epoch ?? 0, sequence: next }, wants };
}
