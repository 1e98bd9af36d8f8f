// How much of a replica's cache one tenant may hold when others want it: a flood of distinct prompts then makes room for
// itself among its own blocks, and not among those of others.
import { grown } from "./key-table.ts";

/** Tenants that are told apart in one pool; what belongs to more is nobody's, which no quota protects or holds back. */
export const SPACES_MAX = 1024;
/** Whose is not known: what an engine reported and nobody asked for. */
export const NOBODY = 0;

/**
 * The blocks of each tenant on each replica, oldest first, beside the index's own order. A node is a number of the index's.
 * The share is at least a half, so at most one tenant passes it.
 */
export class Quota {
  readonly #share: number;
  /** Of each tenant on each replica: its oldest node, its newest, how many. */
  readonly #oldest: Int32Array;
  readonly #newest: Int32Array;
  readonly #counts: Int32Array;
  /** The tenant of each replica that may be above its share. */
  readonly #largest: Int32Array;
  #listOf: Int32Array;
  #older: Int32Array;
  #newer: Int32Array;

  constructor(replicas: number, share: number) {
    if (!(share >= 0.5 && share <= 1))
      throw new RangeError(`quotaShare: a share from 0.5 to 1, not ${share}`);
    this.#share = share;
    const lists = replicas * SPACES_MAX;
    this.#oldest = new Int32Array(lists);
    this.#newest = new Int32Array(lists);
    this.#counts = new Int32Array(lists);
    this.#largest = new Int32Array(replicas);
    this.#listOf = new Int32Array(1024);
    this.#older = new Int32Array(1024);
    this.#newer = new Int32Array(1024);
  }

  held(replica: number, space: number): number {
    return this.#counts[replica * SPACES_MAX + space]!;
  }

  spaceOf(node: number): number {
    return (this.#listOf[node] ?? 0) % SPACES_MAX;
  }

  /** A new node, the newest of its tenant's. */
  join(node: number, replica: number, space: number): void {
    if (node >= this.#listOf.length) this.#grow(node);
    const list = replica * SPACES_MAX + space;
    this.#listOf[node] = list;
    this.#append(node, list);
    const count = ++this.#counts[list]!;
    const largest = this.#largest[replica]!;
    if (space !== NOBODY && count > this.held(replica, largest)) this.#largest[replica] = space;
  }

  /** Used again, by that tenant: what was nobody's becomes its own. */
  refresh(node: number, replica: number, space: number): void {
    const list = this.#listOf[node]!;
    if (space !== NOBODY && list % SPACES_MAX === NOBODY) {
      this.leave(node);
      this.join(node, replica, space);
      return;
    }
    if (this.#newest[list] === node) return;
    this.#take(node, list);
    this.#append(node, list);
  }

  leave(node: number): void {
    const list = this.#listOf[node]!;
    this.#take(node, list);
    this.#counts[list]!--;
  }

  /**
   * Which node makes room on a full replica whose oldest is `oldest`: that one, unless it is another's than a tenant's who
   * holds more than its share; then that tenant's oldest. `capacity`: blocks that it can hold, or be remembered of it.
   */
  victim(replica: number, oldest: number, capacity: number): number {
    const space = this.#largest[replica]!;
    if (space === NOBODY) return oldest;
    const list = replica * SPACES_MAX + space;
    if (this.#counts[list]! <= Math.max(1, this.#share * capacity)) return oldest;
    const owner = this.spaceOf(oldest);
    return owner === NOBODY || owner === space ? oldest : this.#oldest[list]!;
  }

  #append(node: number, list: number): void {
    const newest = this.#newest[list]!;
    this.#older[node] = newest;
    this.#newer[node] = 0;
    if (newest === 0) this.#oldest[list] = node;
    else this.#newer[newest] = node;
    this.#newest[list] = node;
  }

  #take(node: number, list: number): void {
    const older = this.#older[node]!;
    const newer = this.#newer[node]!;
    if (older === 0) this.#oldest[list] = newer;
    else this.#newer[older] = newer;
    if (newer === 0) this.#newest[list] = older;
    else this.#older[newer] = older;
  }

  #grow(node: number): void {
    const longer = Math.max(node + 1, this.#listOf.length * 2);
    this.#listOf = grown(this.#listOf, new Int32Array(longer));
    this.#older = grown(this.#older, new Int32Array(longer));
    this.#newer = grown(this.#newer, new Int32Array(longer));
  }

  get bytes(): number {
    return 3 * this.#oldest.byteLength + this.#largest.byteLength + 3 * this.#listOf.byteLength;
  }
}
