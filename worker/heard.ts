// What is heard of an upstream, piece by piece: events with what they say, a whole answer, an end, or trouble.
import type { Delta } from "./dialect/dialect.ts";
import type { Troubled } from "./trouble.ts";

export type Heard =
  /** An event of a stream; a comment says nothing. */
  | { readonly kind: "event"; readonly bytes: Uint8Array; readonly said: Said }
  /** The whole answer of a call that does not stream. */
  | {
      readonly kind: "whole";
      readonly text: string;
      readonly deltas: readonly Delta[];
    }
  | { readonly kind: "end" }
  /** The budget has no more for this stream: what came has been heard, and the upstream was let go. */
  | { readonly kind: "final" }
  | Troubled;

export type Said =
  | { readonly kind: "nothing" }
  | {
      readonly kind: "deltas";
      readonly deltas: readonly Delta[];
      readonly isReal: boolean;
      readonly isUsageOnly: boolean;
    }
  | { readonly kind: "done"; readonly data: string };
