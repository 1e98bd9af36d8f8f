// What one engine caches, kept from its events: which of its blocks lie in which tier, and so which canonical blocks of 64
// tokens are whole. It is the authority for the replica; the gateway's copy is made from here.
import { BLOCK_TOKENS } from "../../../policies/prefix/keyed-hash.ts";
import { BlockTree, type TreeOptions } from "./block-tree.ts";
import { firstEndIn, tierOf, type EngineBlock } from "./engine-block.ts";
import type { BlockId, EngineEvent, Removed, Stored } from "./event.ts";
import { Pending } from "./pending.ts";
import type { ToldKeys } from "./told-keys.ts";

export interface ResidencyOptions extends TreeOptions {
  /** Engine blocks kept at most. An engine that holds more is told of in part, oldest prompts first left out. */
  readonly blocksMax: number;
}

/** What was odd in the events, counted since the start. */
export interface ResidencyCounts {
  /** Blocks that wait for a parent, now, as events. */
  readonly pending: number;
  /** Given up while they waited. */
  readonly orphans: number;
  /** Removed, or copied to another tier, without having been stored. */
  readonly unknown: number;
  /** Dropped because there were more than `blocksMax`. */
  readonly overflowed: number;
}

/** Of `blocksMax`, dropped at once when it is passed, so that finding the oldest is paid for by many. */
const OVERFLOW_SHARE = 1 / 64;
/** Of layers; a hybrid model has a handful. */
const GROUPS_MAX = 64;

export class Residency {
  readonly #blocksMax: number;
  readonly #told: ToldKeys;
  readonly #blocks: BlockTree;
  readonly #pending = new Pending();
  readonly #ignored = new Set<number>();
  #orphans = 0;
  #unknown = 0;
  #overflowed = 0;

  constructor(options: ResidencyOptions, told: ToldKeys) {
    this.#blocksMax = options.blocksMax;
    this.#blocks = new BlockTree(options);
    this.#told = told;
  }

  get counts(): ResidencyCounts {
    return {
      pending: this.#pending.events,
      orphans: this.#orphans,
      unknown: this.#unknown,
      overflowed: this.#overflowed,
    };
  }

  /** Its blocks are not followed, and they may be named as those of another are: its removals are passed over. */
  ignoreGroup(group: number): void {
    if (this.#ignored.size < GROUPS_MAX) this.#ignored.add(group);
  }

  apply(event: EngineEvent): void {
    switch (event.kind) {
      case "stored":
        return event.tokens.length === 0 ? this.#copied(event) : this.#stored(event);
      case "removed":
        return this.#removed(event);
      case "cleared":
        return this.clear();
    }
  }

  clear(): void {
    this.#blocks.clear();
    this.#pending.clear();
    this.#told.clear();
  }

  #stored(first: Stored): void {
    const due: { event: Stored; removed: ReadonlySet<BlockId> }[] = [
      { event: first, removed: new Set() },
    ];
    for (let next = due.pop(); next !== undefined; next = due.pop()) {
      const { event, removed } = next;
      const parent = event.parent === null ? null : this.#blocks.get(event.parent);
      if (parent === undefined) {
        this.#orphans += this.#pending.add(event.parent!, event);
        for (const id of removed) this.#pending.remove(id);
        continue;
      }
      const known = event.ids.filter((id) => this.#blocks.has(id));
      const blocks = this.#blocks.grow(parent, event);
      for (const block of blocks) if (!removed.has(block.id)) block.put(event.tier);
      for (const block of blocks) this.#tellKeys(block);
      // What is new has nothing behind it but what came with it.
      for (const id of known) this.#tell(this.#blocks.get(id)!);
      if (this.#pending.events > 0)
        for (const { id } of blocks) due.push(...this.#pending.take(id).toReversed());
      for (const block of blocks.toReversed()) this.#blocks.prune(block);
    }
    if (this.#blocks.size > this.#blocksMax) this.#overflow();
  }

  /**
   * Blocks that another tier has now, named without their tokens. One that is larger than what it is named by counts
   * once its last part is named, and then whole.
   */
  #copied({ ids, blockTokens, tier }: Stored): void {
    for (const id of ids) {
      const last = this.#blocks.get(id);
      if (last === undefined) {
        this.#unknown++;
        continue;
      }
      const size = Math.max(blockTokens, last.end - last.start);
      if (last.end % size !== 0) continue;
      for (
        let part: EngineBlock | null = last;
        part !== null && part.start >= last.end - size;
        part = part.parent
      ) {
        part.put(tier);
        this.#tell(part);
      }
    }
  }

  #removed({ ids, tier, group }: Removed): void {
    if (group !== null && this.#ignored.has(group)) return;
    for (const id of ids) {
      const block = this.#blocks.get(id);
      if (block === undefined) {
        if (!this.#pending.remove(id)) this.#unknown++;
        continue;
      }
      block.take(tier);
      this.#tell(block);
      this.#blocks.prune(block);
    }
  }

  /** The canonical blocks that it is part of: those that end in it, and the first ones behind it that begin in it. */
  #tell(block: EngineBlock): void {
    this.#tellKeys(block);
    const reach = Math.ceil(block.end / BLOCK_TOKENS) * BLOCK_TOKENS;
    const due = [block];
    for (let at = due.pop(); at !== undefined; at = due.pop())
      for (let child = at.firstChild; child !== null; child = child.next)
        if (child.start < reach) {
          this.#tellKeys(child);
          due.push(child);
        }
  }

  #tellKeys(block: EngineBlock): void {
    let end = firstEndIn(block);
    for (let i = 0; i < block.keys.length; i++, end += BLOCK_TOKENS)
      this.#told.set(block.keys[i]!, tierOf(block, end));
  }

  /** Ends of the oldest prompts go first, as they go in an engine. */
  #overflow(): void {
    const target = Math.floor(this.#blocksMax * (1 - OVERFLOW_SHARE));
    while (this.#blocks.size > target) {
      let block = this.#blocks.oldestEnd();
      while (block !== null && block.firstChild === null && this.#blocks.size > target) {
        block.tiers = 0;
        this.#tellKeys(block);
        this.#blocks.drop(block);
        this.#overflowed++;
        block = block.parent;
      }
    }
  }
}
