// A routed request as it is told to its head: what was expected of it, what else could have run, and what is known of how
// it went. Numbers, names of arms and hashes; no word of the question or of its answer.
import type { Arm } from "../mode.ts";
import type { HeadInput, Lesson, Signals } from "./head.ts";

/** Far more than modes on models of one policy that are ever weighed against each other. */
export const CANDIDATES_MAX = 32;
/** The probe's outputs, the shape and a representation of 96 numbers are some hundred. */
export const INPUT_VALUES_MAX = 512;
/** One message to a head. A second of a tenant's traffic at one place; each decision is about a kilobyte. */
export const DECISIONS_PER_MESSAGE_MAX = 50;
/** Verdicts that one message brings. */
export const VERDICTS_PER_MESSAGE_MAX = 100;

export interface Expectation {
  /** 0..1. */
  readonly score: number;
  readonly outputTokens: number;
}

/** An arm that could have run, in the words of `armName`. */
export interface Candidate {
  readonly arm: string;
  /** 0..1; those of all candidates add up to 1. */
  readonly propensity: number;
  /** What the choice took its utility for: expected score less lambda times expected cost. */
  readonly utility: number;
}

export interface Decision {
  readonly requestId: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** 32 bits of the key's id. */
  readonly keyHash: number;
  /** Hashes with the tenant's id in them, so that no two tenants' are alike. */
  readonly conversationHash: string;
  /** Of the key, and of the user that it asked for. */
  readonly askerHash: string;
  readonly questionHash: string;
  readonly input: HeadInput;
  /** What ran. */
  readonly arm: Arm;
  /** What the shipped probe and the priors expected of that arm. */
  readonly prior: Expectation;
  /** What the choice expected: the priors, corrected by what was learned. */
  readonly believed: Expectation;
  /** With which that arm was chosen, above 0 and at most 1; 1 where another ran in the place of what was chosen. */
  readonly propensity: number;
  /** What leaving something to chance had to choose from; empty where nothing was left to it, or another arm ran. */
  readonly candidates: readonly Candidate[];
  /** What the answer's cost took from its utility: lambda times the cost. */
  readonly penalty: number;
  /** The caller named the mode, so that a repeated question can be told to have asked for more. */
  readonly isAsked: boolean;
  readonly signals: Omit<Signals, "wasRetried" | "feedback" | "grade">;
}

/** What somebody thinks of an answer. */
export interface Verdict {
  readonly requestId: string;
  /** 0..1. */
  readonly score: number;
  /** Null: the client's own word; else the name of the operator's grader. */
  readonly grader: string | null;
}

/**
 * `taught`: learned from, or corrected what was learned. `kept`: counted, and not learned from: the head is frozen, or a
 * grader's word stands above a client's. `same`: was so already.
 * `unknown`: no such request is kept.
 */
export type Heard = "taught" | "kept" | "same" | "unknown";

/** A decision as a lesson; `judged` null: no signal says how right the answer was, so it teaches its tokens alone. */
export function lessonOf(
  decision: Decision,
  judged: { readonly score: number; readonly weight: number } | null,
): Lesson {
  const { input, arm, prior, signals, propensity, keyHash, endedAtMs } = decision;
  return {
    input,
    arm,
    expected: prior,
    score: judged?.score ?? null,
    weight: judged?.weight ?? 0,
    outputTokens: signals.outputTokens,
    propensity,
    keyHash,
    atMs: endedAtMs,
  };
}
