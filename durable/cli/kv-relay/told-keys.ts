// The canonical keys that the replica holds, and what changed in them since the gateway was last told. Of what happened
// to one key in between only the last is told.
import { TIERS, type KvOperation, type Tier } from "../../../policies/prefix/kv-events.ts";

/** Of changes that nobody takes: 60 MB. A gateway that is away so long hears everything anew. */
const CHANGES_MAX = 1_048_576;

export class ToldKeys {
  readonly #changesMax: number;
  readonly #held = new Map<number, Tier>();
  readonly #changed = new Map<number, Tier | null>();
  #isCleared = false;
  #isOverfull = false;

  constructor(changesMax = CHANGES_MAX) {
    this.#changesMax = changesMax;
  }

  get held(): number {
    return this.#held.size;
  }

  /** Changes were given up: only a snapshot tells what is held. */
  get isOverfull(): boolean {
    return this.#isOverfull;
  }

  get changes(): number {
    return this.#changed.size + (this.#isCleared ? 1 : 0);
  }

  /** Null: it is nowhere. */
  set(key: number, tier: Tier | null): void {
    if ((this.#held.get(key) ?? null) === tier) return;
    if (tier === null) this.#held.delete(key);
    else this.#held.set(key, tier);
    // Moved to the end, so that what was stored again follows what it continues.
    this.#changed.delete(key);
    this.#changed.set(key, tier);
    if (this.#changed.size <= this.#changesMax) return;
    this.#changed.clear();
    this.#isOverfull = true;
  }

  clear(): void {
    this.#held.clear();
    this.#changed.clear();
    this.#isCleared = true;
  }

  /** The oldest changes, at most so many keys of them. */
  takeChanges(keysMax: number): readonly KvOperation[] {
    const operations: KvOperation[] = [];
    if (this.#isCleared) operations.push({ op: "cleared" });
    this.#isCleared = false;
    const removed: number[] = [];
    const stored = new Map<Tier, number[]>();
    let count = 0;
    for (const [key, tier] of this.#changed) {
      if (count++ >= keysMax) break;
      this.#changed.delete(key);
      if (tier === null) removed.push(key);
      else listOf(stored, tier).push(key);
    }
    if (removed.length > 0) operations.push({ op: "removed", keys: removed });
    for (const tier of TIERS) {
      const keys = stored.get(tier);
      if (keys !== undefined) operations.push({ op: "stored", keys, tier });
    }
    return operations;
  }

  /** Everything, as it stands; what had changed is in it. */
  takeSnapshot(keysMax: number): readonly KvOperation[] {
    this.#isOverfull = false;
    this.#changed.clear();
    this.#isCleared = false;
    const lists = new Map<Tier, number[]>();
    for (const [key, tier] of this.#held) listOf(lists, tier).push(key);
    const slices: { tier: Tier; keys: number[] }[] = [];
    for (const [tier, keys] of lists)
      for (let at = 0; at < keys.length; at += keysMax)
        slices.push({ tier, keys: keys.slice(at, at + keysMax) });
    if (slices.length === 0) slices.push({ tier: "gpu", keys: [] });
    return slices.map((slice, part) => ({
      op: "snapshot",
      part,
      parts: slices.length,
      ...slice,
    }));
  }
}

function listOf(lists: Map<Tier, number[]>, tier: Tier): number[] {
  const found = lists.get(tier);
  if (found !== undefined) return found;
  const made: number[] = [];
  lists.set(tier, made);
  return made;
}
