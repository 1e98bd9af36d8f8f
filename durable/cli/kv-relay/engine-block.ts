// One block of the engine in the tree of prompts: what it continues, what continues it, in which tiers it lies, and the
// canonical blocks that end in it.
import type { Tier } from "../../../policies/prefix/kv-events.ts";
import { BLOCK_TOKENS, type Root } from "../../../policies/prefix/keyed-hash.ts";
import type { BlockId } from "./event.ts";

/** Fastest first, as bits of `tiers`. */
const TIER_BITS: Readonly<Record<Tier, number>> = { gpu: 1, cpu: 2, disk: 4 };

export class EngineBlock {
  readonly id: BlockId;
  readonly parent: EngineBlock | null;
  /** Null of what is no text: no key is made of it, nor of what follows. */
  readonly root: Root | null;
  /** Tokens of the prompt before it, and up to its end. */
  readonly start: number;
  readonly end: number;
  /** Of its tokens those behind the last whole canonical block: its children's first keys need them. */
  readonly rest: ArrayLike<number>;
  /** Keys of the canonical blocks that end in it, in order. */
  readonly keys: ArrayLike<number>;
  /** Of the last canonical block that ends in it or before. */
  readonly lastKey: number | null;
  tiers = 0;
  /** Its children as a chain, oldest first: a Set for each block would cost more than all the rest. */
  firstChild: EngineBlock | null = null;
  lastChild: EngineBlock | null = null;
  #before: EngineBlock | null = null;
  next: EngineBlock | null = null;

  constructor(
    made: Pick<EngineBlock, "id" | "parent" | "root" | "start" | "end" | "rest" | "keys">,
  ) {
    this.id = made.id;
    this.parent = made.parent;
    this.root = made.root;
    this.start = made.start;
    this.end = made.end;
    this.rest = made.rest;
    this.keys = made.keys;
    this.lastKey =
      made.keys.length > 0 ? made.keys[made.keys.length - 1]! : (made.parent?.lastKey ?? null);
    made.parent?.adopt(this);
  }

  put(tier: Tier): void {
    this.tiers |= TIER_BITS[tier];
  }

  take(tier: Tier): void {
    this.tiers &= ~TIER_BITS[tier];
  }

  adopt(child: EngineBlock): void {
    child.#before = this.lastChild;
    if (this.lastChild === null) this.firstChild = child;
    else this.lastChild.next = child;
    this.lastChild = child;
  }

  leave(): void {
    const { parent } = this;
    if (this.#before !== null) this.#before.next = this.next;
    else if (parent !== null) parent.firstChild = this.next;
    if (this.next !== null) this.next.#before = this.#before;
    else if (parent !== null) parent.lastChild = this.#before;
  }
}

/** The tier of the canonical block that ends at `end` in `last`: its slowest part's, null where one part is nowhere. */
export function tierOf(last: EngineBlock, end: number): Tier | null {
  let slowest: Tier = "gpu";
  for (let part: EngineBlock | null = last; part !== null; part = part.parent) {
    const tier = fastestOf(part.tiers);
    if (tier === null) return null;
    if (TIER_BITS[tier] > TIER_BITS[slowest]) slowest = tier;
    if (part.start <= end - BLOCK_TOKENS) break;
  }
  return slowest;
}

/** Where the first canonical block that ends in it ends. */
export function firstEndIn(block: EngineBlock): number {
  return (Math.floor(block.start / BLOCK_TOKENS) + 1) * BLOCK_TOKENS;
}

function fastestOf(tiers: number): Tier | null {
  if ((tiers & TIER_BITS.gpu) !== 0) return "gpu";
  if ((tiers & TIER_BITS.cpu) !== 0) return "cpu";
  return (tiers & TIER_BITS.disk) !== 0 ? "disk" : null;
}
