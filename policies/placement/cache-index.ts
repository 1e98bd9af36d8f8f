// Which replica caches which prefix block: one bounded hash table over all replicas, and for each replica the order in
// which its engine would evict.
import type { Tier } from "../prefix/kv-events.ts";
import { grown, KeyTable } from "./key-table.ts";
import { HOLES_MAX, LESS_BY_TIER, TOLD, type HeldBlock } from "./held-block.ts";
import { NOBODY, type Quota } from "./quota.ts";

/** The set of all replicas' blocks, in least-recently-used order each. */
export class CacheIndex {
  readonly #capacities: Float64Array;
  readonly #sizes: Int32Array;
  /** The first of each key's nodes. */
  readonly #heads: KeyTable;
  // A node is one block on one replica. Nodes 1..replicas are the ends of their replica's list.
  #replicaOf: Int32Array;
  #older: Int32Array;
  #newer: Int32Array;
  #twin: Int32Array;
  /** One of `TOLD`. */
  #told: Uint8Array;
  /** Hundredths that it is worth less. */
  #less: Uint8Array;
  #usedAt: Float64Array;
  #nowMs = 0;
  #free = 0;
  #next: number;
  readonly #blocksMax: number;
  readonly #quota: Quota | null;
  /** Blocks that made room on each replica since the start. */
  readonly evictions: Int32Array;
  #total = 0;

  /** `blocksMax`: of all replicas together, which bounds the memory. */
  constructor(
    replicas: number,
    capacityBlocks: number,
    blocksMax = Infinity,
    quota: Quota | null = null,
  ) {
    this.#blocksMax = blocksMax;
    this.#quota = quota;
    this.#capacities = new Float64Array(replicas).fill(capacityBlocks);
    this.#sizes = new Int32Array(replicas);
    this.evictions = new Int32Array(replicas);
    const nodes = replicas + 1024;
    this.#heads = new KeyTable(nodes);
    this.#replicaOf = new Int32Array(nodes);
    this.#older = new Int32Array(nodes);
    this.#newer = new Int32Array(nodes);
    this.#twin = new Int32Array(nodes);
    this.#told = new Uint8Array(nodes);
    this.#less = new Uint8Array(nodes);
    this.#usedAt = new Float64Array(nodes);
    this.#next = replicas + 1;
    for (let end = 1; end <= replicas; end++) this.#older[end] = this.#newer[end] = end;
  }

  size(replica: number): number {
    return this.#sizes[replica]!;
  }
  /** Blocks on all replicas. */
  get total(): number {
    return this.#total;
  }
  get bytes(): number {
    const nodes = this.#replicaOf.length * (8 + 4 * 4 + 2);
    return nodes + this.#heads.bytes + (this.#quota?.bytes ?? 0);
  }
  capacity(replica: number): number {
    return this.#capacities[replica]!;
  }
  /** How many blocks make room for so many new ones: none while there is room, and never more than there are. */
  evictedBy(replica: number, fresh: number): number {
    const room = this.#capacities[replica]! - this.#sizes[replica]!;
    return Math.min(Math.max(0, fresh - room), this.#sizes[replica]!);
  }

  /** When the block that goes next was last used. */
  oldestUseMs(replica: number): number {
    return this.#usedAt[this.#newer[replica + 1]!]!;
  }
  setCapacity(replica: number, blocks: number): void {
    this.#capacities[replica] = blocks;
    this.#evict(replica);
  }

  /** Fills `depths` with the blocks of the prefix that each replica holds, and `less` with what they are worth less, in blocks. */
  match(blocks: ArrayLike<number>, depths: Int32Array, less?: Float64Array): void {
    depths.fill(0);
    less?.fill(0);
    let deepest = 0;
    for (let i = 0; i < blocks.length && i - deepest <= HOLES_MAX; i++) {
      for (let node = this.#heads.get(blocks[i]!); node !== 0; node = this.#twin[node]!) {
        const replica = this.#replicaOf[node]!;
        if (i - depths[replica]! > HOLES_MAX) continue;
        depths[replica] = i + 1;
        if (less !== undefined && this.#less[node] !== 0) less[replica]! += this.#less[node]! / 100;
        deepest = i + 1;
      }
    }
  }

  /** As the engine does for one prompt: what it holds becomes recent, the rest is stored, its tail the oldest. */
  use(
    replica: number,
    blocks: ArrayLike<number>,
    matched: number,
    nowMs: number,
    space = NOBODY,
  ): void {
    this.#nowMs = nowMs;
    for (let i = Math.min(matched, blocks.length) - 1; i >= 0; i--) {
      const node = this.#node(replica, blocks[i]!);
      if (node !== 0) this.#refresh(replica, node, space);
    }
    for (let i = blocks.length - 1; i >= 0; i--) this.#put(replica, blocks[i]!, TOLD.notYet, space);
  }

  /** The engine says so. A block that is known keeps its place: the report tells of a store, not of a use. */
  stored(replica: number, block: number, tier: Tier = "gpu"): void {
    const known = this.#node(replica, block);
    const node = known === 0 ? this.#put(replica, block, TOLD.there, NOBODY) : known;
    this.#told[node] = TOLD.there;
    this.#less[node] = LESS_BY_TIER[tier] * 100;
  }

  /** A removal that comes before the report of the store tells of the block's life before. */
  removed(replica: number, block: number): void {
    const node = this.#node(replica, block);
    if (node !== 0 && this.#told[node] !== TOLD.notYet) this.#drop(node);
  }

  has(replica: number, block: number): boolean {
    return this.#node(replica, block) !== 0;
  }

  /** It was never stored after all. */
  forget(replica: number, block: number): void {
    const node = this.#node(replica, block);
    if (node !== 0) this.#drop(node);
  }

  clear(replica: number): void {
    const end = replica + 1;
    while (this.#newer[end] !== end) this.#drop(this.#newer[end]!);
  }

  /** Its engine tells from now on all that it holds: what it told before and does not tell again is doubted. */
  doubt(replica: number): void {
    const end = replica + 1;
    for (let node = this.#older[end]!; node !== end; node = this.#older[node]!)
      if (this.#told[node] === TOLD.there) this.#told[node] = TOLD.notAnew;
  }

  /** Newest first, at most `max`: each block, when it was last used, what no engine told or told anew, and whose it is. */
  *held(replica: number, max = Infinity): Generator<HeldBlock> {
    const end = replica + 1;
    let left = max;
    for (let node = this.#older[end]!; node !== end && left > 0; node = this.#older[node]!, left--)
      yield {
        block: this.#heads.keyOf(node),
        usedAtMs: this.#usedAt[node]!,
        unheard: this.#told[node] === TOLD.notYet,
        doubted: this.#told[node] === TOLD.notAnew,
        space: this.#quota?.spaceOf(node) ?? NOBODY,
      };
  }

  /** One that was held before, as the newest: told from the oldest on. */
  restore(replica: number, block: number, usedAtMs: number, unheard: boolean, space: number): void {
    this.#nowMs = usedAtMs;
    this.#put(replica, block, unheard ? TOLD.notYet : TOLD.there, space);
  }

  #put(replica: number, block: number, told: number, space: number): number {
    // A key that equals nothing could never be found again.
    if (Number.isNaN(block)) return 0;
    const first = this.#heads.get(block);
    let known = first;
    while (known !== 0 && this.#replicaOf[known] !== replica) known = this.#twin[known]!;
    if (known !== 0) {
      this.#refresh(replica, known, space);
      return known;
    }
    const node = this.#take();
    this.#replicaOf[node] = replica;
    this.#told[node] = told;
    this.#less[node] = 0;
    if (first === 0) {
      this.#twin[node] = 0;
      this.#heads.set(block, node);
    } else {
      this.#heads.name(node, block);
      this.#twin[node] = this.#twin[first]!;
      this.#twin[first] = node;
    }
    this.#link(replica, node);
    this.#sizes[replica]!++;
    this.#total++;
    this.#quota?.join(node, replica, space);
    this.#evict(replica);
    return node;
  }

  #evict(replica: number): void {
    while (this.#sizes[replica]! > this.#capacities[replica]!) this.#makeRoom(replica);
    while (this.#total > this.#blocksMax) {
      // Not where it is written: one that joins late would never be known.
      const fullest = this.#fullest();
      if (this.#sizes[fullest]! <= 1) return;
      this.#makeRoom(fullest);
    }
  }

  #makeRoom(replica: number): void {
    const oldest = this.#newer[replica + 1]!;
    const room = Math.min(this.#capacities[replica]!, this.#sizes[replica]!);
    this.#drop(this.#quota?.victim(replica, oldest, room) ?? oldest);
    this.evictions[replica]!++;
  }

  #fullest(): number {
    const sizes = this.#sizes;
    let most = 0;
    for (let replica = 1; replica < sizes.length; replica++)
      if (sizes[replica]! > sizes[most]!) most = replica;
    return most;
  }

  #drop(node: number): void {
    const block = this.#heads.keyOf(node);
    let at = this.#heads.get(block);
    if (at === node) this.#heads.set(block, this.#twin[node]!);
    else {
      while (this.#twin[at] !== node) at = this.#twin[at]!;
      this.#twin[at] = this.#twin[node]!;
    }
    this.#unlink(node);
    this.#sizes[this.#replicaOf[node]!]!--;
    this.#total--;
    this.#quota?.leave(node);
    this.#twin[node] = this.#free;
    this.#free = node;
  }

  #refresh(replica: number, node: number, space: number): void {
    this.#quota?.refresh(node, replica, space);
    // Used, it lies in the engine's own memory again.
    this.#less[node] = 0;
    this.#unlink(node);
    this.#link(replica, node);
  }
  /** The list's end: `older` is its newest, `newer` its oldest. */
  #link(replica: number, node: number): void {
    const end = replica + 1;
    this.#usedAt[node] = this.#nowMs;
    const newest = this.#older[end]!;
    this.#older[node] = newest;
    this.#newer[node] = end;
    this.#newer[newest] = node;
    this.#older[end] = node;
  }
  #unlink(node: number): void {
    const older = this.#older[node]!;
    const newer = this.#newer[node]!;
    this.#newer[older] = newer;
    this.#older[newer] = older;
  }

  #node(replica: number, block: number): number {
    let node = this.#heads.get(block);
    while (node !== 0 && this.#replicaOf[node] !== replica) node = this.#twin[node]!;
    return node;
  }

  #take(): number {
    if (this.#free !== 0) {
      const node = this.#free;
      this.#free = this.#twin[node]!;
      return node;
    }
    if (this.#next === this.#replicaOf.length) {
      const longer = this.#next * 2;
      this.#heads.grow(longer);
      this.#replicaOf = grown(this.#replicaOf, new Int32Array(longer));
      this.#older = grown(this.#older, new Int32Array(longer));
      this.#newer = grown(this.#newer, new Int32Array(longer));
      this.#twin = grown(this.#twin, new Int32Array(longer));
      this.#told = grown(this.#told, new Uint8Array(longer));
      this.#less = grown(this.#less, new Uint8Array(longer));
      this.#usedAt = grown(this.#usedAt, new Float64Array(longer));
    }
    return this.#next++;
  }
}
