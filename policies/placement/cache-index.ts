// Which replica caches which prefix block: one bounded hash table over all replicas, and for each replica the order in
// which its engine would evict.

/**
 * Missing blocks that a match steps over. Engines evict a prefix from its tail, so a deeper block that is there implies
 * its ancestors, and what is missing between is a lost report. Four of them in a row give back all that 20 % loss takes,
 * while the deepest block alone would believe in ghosts.
 */
export const HOLES_MAX = 4;

/** The set of all replicas' blocks, in least-recently-used order each. */
export class CacheIndex {
  readonly #capacities: Float64Array;
  readonly #sizes: Int32Array;
  // The table: open addressing over the keys; a slot names the first of its key's nodes, 0 is none.
  #keys: Float64Array;
  #heads: Int32Array;
  #used = 0;
  // A node is one block on one replica. Nodes 1..replicas are the ends of their replica's list.
  #blockOf: Float64Array;
  #replicaOf: Int32Array;
  #older: Int32Array;
  #newer: Int32Array;
  #twin: Int32Array;
  #unheard: Uint8Array;
  #usedAt: Float64Array;
  #nowMs = 0;
  #free = 0;
  #next: number;

  constructor(replicas: number, capacityBlocks: number) {
    this.#capacities = new Float64Array(replicas).fill(capacityBlocks);
    this.#sizes = new Int32Array(replicas);
    this.#keys = new Float64Array(1024);
    this.#heads = new Int32Array(1024);
    const nodes = replicas + 1024;
    this.#blockOf = new Float64Array(nodes);
    this.#replicaOf = new Int32Array(nodes);
    this.#older = new Int32Array(nodes);
    this.#newer = new Int32Array(nodes);
    this.#twin = new Int32Array(nodes);
    this.#unheard = new Uint8Array(nodes);
    this.#usedAt = new Float64Array(nodes);
    this.#next = replicas + 1;
    for (let end = 1; end <= replicas; end++) this.#older[end] = this.#newer[end] = end;
  }

  size(replica: number): number {
    return this.#sizes[replica]!;
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

  /** Fills `depths` with the blocks of the prefix that each replica holds. */
  match(blocks: ArrayLike<number>, depths: Int32Array): void {
    depths.fill(0);
    let deepest = 0;
    for (let i = 0; i < blocks.length && i - deepest <= HOLES_MAX; i++) {
      const slot = this.#find(blocks[i]!);
      for (let node = this.#heads[slot]!; node !== 0; node = this.#twin[node]!) {
        const replica = this.#replicaOf[node]!;
        if (i - depths[replica]! > HOLES_MAX) continue;
        depths[replica] = i + 1;
        deepest = i + 1;
      }
    }
  }

  /** As the engine does for one prompt: what it holds becomes recent, the rest is stored, its tail the oldest. */
  use(replica: number, blocks: ArrayLike<number>, matched: number, nowMs: number): void {
    this.#nowMs = nowMs;
    for (let i = Math.min(matched, blocks.length) - 1; i >= 0; i--) {
      const node = this.#node(replica, blocks[i]!);
      if (node !== 0) this.#refresh(replica, node);
    }
    for (let i = blocks.length - 1; i >= 0; i--) this.#put(replica, blocks[i]!, 1);
  }

  /** The engine says so. A block that is known keeps its place: the report tells of a store, not of a use. */
  stored(replica: number, block: number): void {
    const node = this.#node(replica, block);
    if (node === 0) this.#put(replica, block, 0);
    else this.#unheard[node] = 0;
  }

  /** A removal that comes before the report of the store tells of the block's life before. */
  removed(replica: number, block: number): void {
    const node = this.#node(replica, block);
    if (node !== 0 && this.#unheard[node] === 0) this.#drop(node);
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

  #put(replica: number, block: number, unheard: number): void {
    // A key that equals nothing could never be found again.
    if (Number.isNaN(block)) return;
    const known = this.#node(replica, block);
    if (known !== 0) {
      this.#refresh(replica, known);
      return;
    }
    if ((this.#used + 1) * 10 > this.#keys.length * 7) this.#widen();
    const slot = this.#find(block);
    const node = this.#take();
    if (this.#heads[slot] === 0) {
      this.#keys[slot] = block;
      this.#used++;
    }
    this.#blockOf[node] = block;
    this.#replicaOf[node] = replica;
    this.#unheard[node] = unheard;
    this.#twin[node] = this.#heads[slot]!;
    this.#heads[slot] = node;
    this.#link(replica, node);
    this.#sizes[replica]!++;
    this.#evict(replica);
  }

  #evict(replica: number): void {
    const end = replica + 1;
    while (this.#sizes[replica]! > this.#capacities[replica]!) this.#drop(this.#newer[end]!);
  }

  #drop(node: number): void {
    const block = this.#blockOf[node]!;
    const slot = this.#find(block);
    let at = this.#heads[slot]!;
    if (at === node) this.#heads[slot] = this.#twin[node]!;
    else {
      while (this.#twin[at] !== node) at = this.#twin[at]!;
      this.#twin[at] = this.#twin[node]!;
    }
    if (this.#heads[slot] === 0) this.#vacate(slot);
    this.#unlink(node);
    this.#sizes[this.#replicaOf[node]!]!--;
    this.#twin[node] = this.#free;
    this.#free = node;
  }

  #refresh(replica: number, node: number): void {
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
    let node = this.#heads[this.#find(block)]!;
    while (node !== 0 && this.#replicaOf[node] !== replica) node = this.#twin[node]!;
    return node;
  }

  /** The key's slot, or the empty one where it would go. */
  #find(block: number): number {
    const mask = this.#keys.length - 1;
    let slot = home(block) & mask;
    while (this.#heads[slot] !== 0 && this.#keys[slot] !== block) slot = (slot + 1) & mask;
    return slot;
  }

  /** Closes the gap that a removed key would leave in the way of others. */
  #vacate(slot: number): void {
    const mask = this.#keys.length - 1;
    this.#used--;
    let gap = slot;
    for (let at = (gap + 1) & mask; this.#heads[at] !== 0; at = (at + 1) & mask) {
      const from = home(this.#keys[at]!) & mask;
      if (((at - from) & mask) < ((at - gap) & mask)) continue;
      this.#keys[gap] = this.#keys[at]!;
      this.#heads[gap] = this.#heads[at]!;
      gap = at;
    }
    this.#heads[gap] = 0;
  }

  #widen(): void {
    const keys = this.#keys;
    const heads = this.#heads;
    this.#keys = new Float64Array(keys.length * 2);
    this.#heads = new Int32Array(keys.length * 2);
    for (let old = 0; old < keys.length; old++) {
      if (heads[old] === 0) continue;
      const slot = this.#find(keys[old]!);
      this.#keys[slot] = keys[old]!;
      this.#heads[slot] = heads[old]!;
    }
  }

  #take(): number {
    if (this.#free !== 0) {
      const node = this.#free;
      this.#free = this.#twin[node]!;
      return node;
    }
    if (this.#next === this.#replicaOf.length) {
      const longer = this.#next * 2;
      const grow = <T extends Int32Array | Float64Array | Uint8Array>(from: T, to: T): T => {
        to.set(from);
        return to;
      };
      this.#blockOf = grow(this.#blockOf, new Float64Array(longer));
      this.#replicaOf = grow(this.#replicaOf, new Int32Array(longer));
      this.#older = grow(this.#older, new Int32Array(longer));
      this.#newer = grow(this.#newer, new Int32Array(longer));
      this.#twin = grow(this.#twin, new Int32Array(longer));
      this.#unheard = grow(this.#unheard, new Uint8Array(longer));
      this.#usedAt = grow(this.#usedAt, new Float64Array(longer));
    }
    return this.#next++;
  }
}

function home(block: number): number {
  let x = (block | 0) ^ Math.imul((block / 4294967296) | 0, 0x9e3779b1);
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}
