// What the fit of one network is told, and what it gives.
import type { Example } from "./examples.ts";

export interface Shape {
  readonly words: number;
  readonly width: number;
  /** 0: a linear network, whose embedding is its outputs. */
  readonly hidden: number;
  readonly signals: number;
  readonly sources: number;
  /** 0 where the network does not learn what single models get right, and no topics. */
  readonly solvers: number;
  readonly topics: number;
}

/** A question as the descent reads it: rows instead of keys, standardised signals. */
export interface Sample {
  readonly example: Example;
  readonly views: readonly { readonly rows: Int32Array; readonly signals: Float32Array }[];
  readonly residuals: Float32Array | null;
  readonly topic: number;
}

export interface Settings {
  readonly epochs: number;
  readonly wordDropout: number;
  /** How much the two tasks that only shape the representation count; 0 leaves them out. */
  readonly residualWeight: number;
  readonly topicWeight: number;
}

export const SETTINGS: Settings = {
  epochs: 8,
  wordDropout: 0.5,
  residualWeight: 0.2,
  topicWeight: 0.05,
};

export interface Fitted {
  readonly embedding: Float32Array;
  readonly first: Float32Array;
  readonly second: Float32Array;
  readonly direct: Float32Array;
}
