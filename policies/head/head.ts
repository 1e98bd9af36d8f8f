// The online head's shapes: what a tenant's own traffic taught about a policy's arms, and what is taught to it.
import type { Kind } from "../../classifiers/features.ts";
import type { Arm } from "../mode.ts";

/** Raised whenever the meaning of an input, other than the representation's, changes. */
const OWN_VERSION = 3;
/** The version of the probe's representation that is learned on; a test holds it to the probe's own. */
export const REPRESENTATION_READ = 2;
/** What was learned on other numbers means nothing: a head of another version is forgotten, never misread. */
export const HEAD_VERSION = OWN_VERSION * 256 + REPRESENTATION_READ;

/**
 * What the head reads of a query: the probe's outputs, the raw shape and the probe's representation, as numbers
 * around -1..1. No text and nothing from which a text could be made again.
 */
export interface HeadInput {
  readonly version: number;
  /** The family whose level is corrected first: kind, and options or none; see `familyOf`. */
  readonly family: number;
  readonly values: Float32Array;
}

/** One finished request, as it is taught. */
export interface Lesson {
  readonly input: HeadInput;
  readonly arm: Arm;
  /** What the shipped probe and the priors expected of that arm. */
  readonly expected: { readonly score: number; readonly outputTokens: number };
  /** 0..1, how right the answer was; null where no signal says. */
  readonly score: number | null;
  /** 0..1, how much the signals behind `score` are worth beside a grader's verdict. */
  readonly weight: number;
  readonly outputTokens: number | null;
  /** The probability with which this arm was chosen, 0 < p <= 1. */
  readonly propensity: number;
  /** Whose traffic it is: a small hash of the key, for the bound on any one key's influence. */
  readonly keyHash: number;
  readonly atMs: number;
}

/** The head's say on one arm. */
export interface Correction {
  /** 0..1, the expected score; the priors' own where evidence is thin. */
  readonly score: number;
  readonly outputTokens: number;
  /** Effective number of lessons behind it, after discounting. */
  readonly evidence: number;
  /** Half of a 95 % interval of `score`. */
  readonly halfWidth: number;
}

/** What the choice asks for each arm; null where the head has nothing to say. */
export interface Advice {
  correct(
    arm: Arm,
    expected: { readonly score: number; readonly outputTokens: number },
  ): Correction | null;
}

/** What is known of a finished request, from which `judge` makes a lesson's score. */
export interface Signals {
  readonly kind: Kind;
  readonly finishReason: string | null;
  readonly outputTokens: number | null;
  readonly reasoningTokens: number | null;
  /** The cap that was sent; an answer that ends there was cut. */
  readonly capTokens: number | null;
  /** JSON asked for and parsed, or a tool call that parsed; null where no format was asked for. */
  readonly isFormatValid: boolean | null;
  /** The gateway itself went on to a stronger arm, or the caller asked again for a stronger one. */
  readonly wasEscalated: boolean;
  /** The same question came again from the same conversation or key within minutes. */
  readonly wasRetried: boolean;
  /** `POST /v1/feedback`, 0..1. */
  readonly feedback: number | null;
  /** A grader that the operator plugged in, 0..1; outranks everything else. */
  readonly grade: number | null;
}
