// Stored blocks whose parent is not known yet: its event was lost or is late. They wait, because told as the beginning
// of a prompt they would be found by prompts that do not have them.
import type { BlockId, Stored } from "./event.ts";

/** 8 MB of tokens. What came first is given up first: its parent is the least likely to come. */
const PENDING_TOKENS_MAX = 1_048_576;
/** Events that only copied blocks to another tier have no tokens. */
const PENDING_EVENTS_MAX = 16_384;

interface Waiting {
  readonly event: Stored;
  readonly removed: Set<BlockId>;
}

export class Pending {
  /** By the parent that they wait for, longest first. */
  readonly #byParent = new Map<BlockId, Waiting[]>();
  readonly #byId = new Map<BlockId, Waiting>();
  #events = 0;
  #tokens = 0;

  get events(): number {
    return this.#events;
  }

  /** How many were given up to make room. */
  add(parent: BlockId, event: Stored): number {
    const waiting: Waiting = { event, removed: new Set() };
    const siblings = this.#byParent.get(parent);
    if (siblings === undefined) this.#byParent.set(parent, [waiting]);
    else siblings.push(waiting);
    for (const id of event.ids) this.#byId.set(id, waiting);
    this.#events++;
    this.#tokens += event.tokens.length;
    let given = 0;
    while (this.#tokens > PENDING_TOKENS_MAX || this.#events > PENDING_EVENTS_MAX)
      for (const oldest of this.#byParent.keys()) {
        given += this.take(oldest).length;
        break;
      }
    return given;
  }

  /** Whether the block was waiting; it will be gone when its parent comes. */
  remove(id: BlockId): boolean {
    const waiting = this.#byId.get(id);
    waiting?.removed.add(id);
    return waiting !== undefined;
  }

  take(parent: BlockId): readonly Waiting[] {
    const found = this.#byParent.get(parent);
    if (found === undefined) return [];
    this.#byParent.delete(parent);
    for (const waiting of found) {
      this.#events--;
      this.#tokens -= waiting.event.tokens.length;
      for (const id of waiting.event.ids) if (this.#byId.get(id) === waiting) this.#byId.delete(id);
    }
    return found;
  }

  clear(): void {
    this.#byParent.clear();
    this.#byId.clear();
    this.#events = 0;
    this.#tokens = 0;
  }
}
