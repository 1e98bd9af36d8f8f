// A recorded question with what every arm made of it, and what a router foretold of them.
import type { Features } from "../../classifiers/features.ts";

export interface Run {
  /** 0 or 1, or the share of samples that were right. */
  readonly correct: number;
  readonly outputTokens: number;
  /** False: no tokens were recorded, and these are what the probe expects. */
  readonly isMeasured: boolean;
}

export interface RecordedQuestion {
  readonly id: string;
  readonly chars: number;
  readonly features: Features;
  /** One an arm, in the order of the arms. */
  readonly runs: readonly Run[];
}

/** What is expected of one arm on one question, before its outcome is seen. */
export interface Prediction {
  readonly score: number;
  readonly outputTokens: number;
}

/** One prediction an arm, in the order of the arms. */
export type Predictions = readonly Prediction[];
