// What an engine tells of its cache, whatever layout it came in. Token ids and salts live here and in what is made of
// them, and go neither into a log nor to the gateway.
import type { Tier } from "../../../policies/prefix/kv-events.ts";

/** An engine's own name of a block: one text for each number or byte string, signed or not. */
export type BlockId = string;

export interface Stored {
  readonly kind: "stored";
  readonly ids: readonly BlockId[];
  /** What the first block continues; null: nothing, it begins a prompt. */
  readonly parent: BlockId | null;
  /** Of all its blocks, one after another; empty where they were only copied to another tier. */
  readonly tokens: ArrayLike<number>;
  readonly blockTokens: number;
  /** The LoRA's name; "" is none. */
  readonly adapter: string;
  /** Who may share the prompt that it begins; "" is everybody. */
  readonly salt: string;
  /** Its first blocks that are of text alone. An image's blocks have the same token ids as any other's. */
  readonly textBlocks: number;
  readonly tier: Tier;
  readonly group: number | null;
}

export interface Removed {
  readonly kind: "removed";
  readonly ids: readonly BlockId[];
  readonly tier: Tier;
  readonly group: number | null;
}

export type EngineEvent = Stored | Removed | { readonly kind: "cleared" };

/** Why an event was passed over; each is counted by name. */
export type SkipReason =
  /** A field is missing or of another type. */
  | "malformed"
  /** A tag that this relay does not know. */
  | "unknown-kind"
  /** Fewer blocks than its tokens fill: which of them are cached is not said. */
  | "sparse"
  /** Of a group of layers that sees only a window of the prompt. */
  | "windowed-group"
  /** Cached by another machine, so nothing that this replica can use at once. */
  | "remote";

export interface Skipped {
  readonly kind: "skipped";
  readonly reason: SkipReason;
  /** Whose blocks are not followed, so that its removals mean nothing either; null where the event names none. */
  readonly group: number | null;
}

export interface EngineBatch {
  readonly rank: number | null;
  readonly events: readonly EngineEvent[];
  readonly skipped: readonly Skipped[];
}
