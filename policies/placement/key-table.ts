// From a key to the first of its nodes, which are whole numbers from 1: open addressing over typed arrays, at most 70 %
// full. Each node's own key is kept once, here.

export class KeyTable {
  /** By slot; 0 is none. */
  #nodes = new Int32Array(1024);
  #used = 0;
  /** By node. */
  #keys: Float64Array;

  constructor(nodes: number) {
    this.#keys = new Float64Array(nodes);
  }

  get bytes(): number {
    return this.#keys.byteLength + this.#nodes.byteLength;
  }

  /** There are so many nodes now. */
  grow(nodes: number): void {
    this.#keys = grown(this.#keys, new Float64Array(nodes));
  }

  keyOf(node: number): number {
    return this.#keys[node]!;
  }

  /** Gives a node its key, and leaves the key's first as it is. */
  name(node: number, key: number): void {
    this.#keys[node] = key;
  }

  /** 0: none has it. */
  get(key: number): number {
    return this.#nodes[this.#find(key)]!;
  }

  /** The node becomes the key's first; 0 takes the key out. */
  set(key: number, node: number): void {
    let slot = this.#find(key);
    if (node === 0) {
      if (this.#nodes[slot] !== 0) this.#vacate(slot);
      return;
    }
    if (this.#nodes[slot] === 0) {
      if ((this.#used + 1) * 10 > this.#nodes.length * 7) {
        this.#widen();
        slot = this.#find(key);
      }
      this.#used++;
    }
    this.#keys[node] = key;
    this.#nodes[slot] = node;
  }

  /** The key's slot, or the empty one where it would go. */
  #find(key: number): number {
    const nodes = this.#nodes;
    const mask = nodes.length - 1;
    let slot = home(key) & mask;
    while (nodes[slot] !== 0 && this.#keys[nodes[slot]!] !== key) slot = (slot + 1) & mask;
    return slot;
  }

  /** Closes the gap that a removed key would leave in the way of others. */
  #vacate(slot: number): void {
    const nodes = this.#nodes;
    const mask = nodes.length - 1;
    this.#used--;
    let gap = slot;
    for (let at = (gap + 1) & mask; nodes[at] !== 0; at = (at + 1) & mask) {
      const from = home(this.#keys[nodes[at]!]!) & mask;
      if (((at - from) & mask) < ((at - gap) & mask)) continue;
      nodes[gap] = nodes[at]!;
      gap = at;
    }
    nodes[gap] = 0;
  }

  #widen(): void {
    const old = this.#nodes;
    this.#nodes = new Int32Array(old.length * 2);
    for (const node of old) if (node !== 0) this.#nodes[this.#find(this.#keys[node]!)] = node;
  }
}

/** The longer array, with what the shorter one holds. */
export function grown<T extends Int32Array | Float64Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

function home(key: number): number {
  let x = (key | 0) ^ Math.imul((key / 4294967296) | 0, 0x9e3779b1);
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}
