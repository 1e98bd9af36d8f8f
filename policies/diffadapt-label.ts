// DiffAdapt's labels (arXiv 2510.19669, stage 1): a question's class for one model, from ten sampled answers of that model.
// This is what a head over hidden states is trained on; a gateway that serves never samples ten answers itself.
import type { DifficultyClass } from "./choice.ts";

export interface LabelBounds {
  /** A question is normal only where more than this share of the answers is right ... */
  readonly normalAccuracyMin: number;
  /** ... and their mean entropy, in nats over the renormalised ten likeliest tokens, is below this. */
  readonly normalEntropyMax: number;
  /** It is hard where less than this share is right, whatever the entropy. */
  readonly hardAccuracyMax: number;
}

/**
 * The one triple of numbers that is known of the paper: its authors' code regenerates 2,245 of 2,245 published labels by
 * it. The entropy is absolute, so `normalEntropyMax` must be set anew for each model: .30 in its place changes 15 % of
 * those labels, .40 changes 11 %.
 */
export const LABEL_BOUNDS: LabelBounds = {
  normalAccuracyMin: 0.85,
  normalEntropyMax: 0.35,
  hardAccuracyMax: 0.6,
};

/**
 * `accuracy`: share of right answers, 0..1; `entropy`: their mean, in nats. What is neither normal nor hard is called easy:
 * "right more often than not, but not surely", which holds many difficult questions.
 */
export function labelOf(
  accuracy: number,
  entropy: number,
  bounds: LabelBounds = LABEL_BOUNDS,
): DifficultyClass {
  if (accuracy > bounds.normalAccuracyMin && entropy < bounds.normalEntropyMax) return "normal";
  return accuracy < bounds.hardAccuracyMax ? "hard" : "easy";
}
