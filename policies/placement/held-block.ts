// What is known of a block that a replica is believed to hold: whether its engine told of it, and what it counts in a match.
import type { Tier } from "../prefix/kv-events.ts";

/**
 * Missing blocks that a match steps over. Engines evict a prefix from its tail, so a deeper block that is there implies
 * its ancestors, and what is missing between is a lost report. Four of them in a row give back all that 20 % loss takes,
 * while the deepest block alone would believe in ghosts.
 */
export const HOLES_MAX = 4;
/** What a block is worth less than one in the engine's own memory, because it must be brought there first. */
export const LESS_BY_TIER = { gpu: 0, cpu: 0.2, disk: 0.75 } as const satisfies Record<
  Tier,
  number
>;

/** What its engine told of a block: that it is there, nothing yet, or nothing since it began to tell all of it anew. */
export const TOLD = { there: 0, notYet: 1, notAnew: 2 } as const;

export interface HeldBlock {
  readonly block: number;
  readonly usedAtMs: number;
  /** It was sent there, and no engine told of it yet. */
  readonly unheard: boolean;
  /** Its engine told of it, and not again since it began to tell all that it holds. */
  readonly doubted: boolean;
  readonly space: number;
}
