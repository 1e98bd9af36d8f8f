// What a head knows, as plain and bounded numbers: per arm the statistics of its lessons, whose lessons they were, and the
// watch for drift; and how it forgets.
import { SCORE_TERMS, TOKEN_TERMS } from "./basis.ts";
import { emptySums, scaleSums, type Solved, type Sums } from "./ridge.ts";
import type { Watch } from "./drift.ts";

/** Far more than modes on models of one policy that really run; of more, the one with the least evidence is forgotten. */
export const ARMS_MAX = 16;
/** Keys share a bucket by their hash, and then a share of the influence too. */
export const KEY_BUCKETS = 64;
/** A lesson counts half after this: models and traffic change within weeks. */
export const HALF_LIFE_MS = 14 * 24 * 60 * 60 * 1000;
/** The clock of forgetting moves in such steps, so that lessons of one hour cost no pass over the state each. */
const FORGET_STEP_MS = 60 * 60 * 1000;
/** Above this evidence an arm forgets by lessons, not by time: it follows a change within so many lessons at any traffic. */
export const EVIDENCE_MAX = 20_000;

export interface ArmState {
  readonly name: string;
  readonly score: Sums;
  readonly tokens: Sums;
  /** How often all of this was halved since the arm began, by time or by lessons; not whole. */
  halvings: number;
  /** Sum of the score lessons' weights, and of their squares; effective lessons are weight^2 / squares. */
  weight: number;
  squares: number;
  tokenWeight: number;
  /** Tokens that came, and that the head's median foretold: the ratio makes a median a mean. */
  tokensSeen: number;
  tokensForetold: number;
}

export interface Head {
  /** By `armName`, oldest first. */
  readonly arms: Map<string, ArmState>;
  /** Discounted weight of the judged lessons of each bucket of keys. */
  readonly keys: Float32Array;
  /** The same of lessons of tokens. */
  readonly tokenKeys: Float32Array;
  /** Up to when is forgotten. */
  clockMs: number;
  watch: Watch;
}

/** Solved statistics, kept beside what they follow from. `weightThen`: the arm's weights when it was solved. */
export interface Solution {
  readonly score: Solved;
  readonly tokens: Solved;
  readonly weightThen: number;
  /** Something was put right since, which the weights need not show. */
  isAmended: boolean;
}
export const solutions = new WeakMap<ArmState, Solution>();

export function emptyArm(name: string): ArmState {
  return {
    name,
    score: emptySums(SCORE_TERMS),
    tokens: emptySums(TOKEN_TERMS),
    halvings: 0,
    weight: 0,
    squares: 0,
    tokenWeight: 0,
    tokensSeen: 0,
    tokensForetold: 0,
  };
}

/** The arm's state, begun where there is none. */
export function armOf(head: Head, name: string): ArmState {
  const known = head.arms.get(name);
  if (known !== undefined) return known;
  if (head.arms.size >= ARMS_MAX) {
    const evidence = (arm: ArmState): number => arm.weight + arm.tokenWeight;
    const least = [...head.arms.values()].reduce((a, b) => (evidence(b) < evidence(a) ? b : a));
    head.arms.delete(least.name);
  }
  const fresh = emptyArm(name);
  head.arms.set(name, fresh);
  return fresh;
}

/** Moves the clock on and forgets accordingly; answers what a lesson of `atMs` counts now, 0..1. */
export function forgetUntil(head: Head, atMs: number): number {
  if (head.clockMs === 0) head.clockMs = atMs;
  if (atMs - head.clockMs >= FORGET_STEP_MS) {
    const by = 2 ** ((head.clockMs - atMs) / HALF_LIFE_MS);
    for (const arm of head.arms.values()) fade(arm, by);
    for (const keys of [head.keys, head.tokenKeys])
      for (let bucket = 0; bucket < KEY_BUCKETS; bucket += 1) keys[bucket]! *= by;
    head.clockMs = atMs;
  }
  return atMs >= head.clockMs ? 1 : 2 ** ((atMs - head.clockMs) / HALF_LIFE_MS);
}

/** What was learned of an arm counts only `by` as much from now on. */
export function fade(arm: ArmState, by: number): void {
  scaleSums(arm.score, by);
  scaleSums(arm.tokens, by);
  arm.halvings -= Math.log2(by);
  arm.weight *= by;
  // Of squares once and not twice: effective lessons fade like the weight.
  arm.squares *= by;
  arm.tokenWeight *= by;
  arm.tokensSeen *= by;
  arm.tokensForetold *= by;
}
