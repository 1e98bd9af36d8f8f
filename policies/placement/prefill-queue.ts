// The prompts that one replica has yet to compute, how long that takes, and how far its matches are borne out.
import { Pace } from "./pace.ts";

/** What the queue must know of a request. */
export interface Queued {
  readonly uncachedTokens: number;
  /** What computing it was expected to take. */
  readonly seconds: number;
}

/** Prompts that wait on one replica: an engine that has more refuses. Beyond it the oldest is taken to be lost. */
const QUEUE_MAX = 4096;
/** A prompt whose first token is not there after so long was lost by whoever should have told: no deadline is longer. */
const LOST_MS = 3_600_000;
/** Reports over which trust is learned, as a mean age. */
const MEMORY_REPORTS = 32;
/** What a match is worth before any report: a prompt of one second. */
const TRUST_SECONDS = 1;

/** First come, first served, as engines admit prompts. */
export class PrefillQueue {
  #tokensPerSecond: number;
  readonly #queued: { readonly entry: Queued; readonly atMs: number }[] = [];
  #seconds = 0;
  /** When the head's turn came. */
  #turnMs = 0;
  readonly #pace: Pace;
  #predicted = 0;
  #reported = 0;

  constructor(tokensPerSecond: number, pool: Pace) {
    this.#tokensPerSecond = tokensPerSecond;
    this.#pace = new Pace(pool);
  }

  get length(): number {
    return this.#queued.length;
  }

  /** The part of a predicted match that the engine's own counts bear out, 0 to 1. One prompt alone says little. */
  get trust(): number {
    const stated = TRUST_SECONDS * this.#tokensPerSecond;
    return Math.min(1, (this.#reported + stated) / (this.#predicted + stated));
  }

  /** Computing a prompt of which so much is not cached. */
  secondsFor(uncachedTokens: number): number {
    return this.#pace.secondsFor(uncachedTokens / this.#tokensPerSecond);
  }

  /** Until a new prompt's turn. What the head has had is not waited for again; one that overran may take as long again. */
  waitSeconds(nowMs: number): number {
    const head = this.#queued[0];
    if (head === undefined) return 0;
    const had = Math.max(0, (nowMs - this.#turnMs) / 1000);
    return Math.max(0, this.#seconds - head.entry.seconds) + Math.abs(head.entry.seconds - had);
  }

  join(entry: Queued, nowMs: number): void {
    const head = this.#queued[0];
    if (head !== undefined && (this.#queued.length >= QUEUE_MAX || nowMs - this.#turnMs >= LOST_MS))
      this.#take(0, nowMs);
    if (this.#queued.length === 0) this.#turnMs = nowMs;
    this.#queued.push({ entry, atMs: nowMs });
    this.#seconds += entry.seconds;
  }

  /** False when it is not here, or no more. `isDone` says that it was computed, which tells the replica's speed. */
  leave(entry: Queued, nowMs: number, isDone: boolean): boolean {
    const at = this.#queued.findIndex((queued) => queued.entry === entry);
    if (at < 0) return false;
    const beganMs = Math.max(this.#turnMs, this.#queued[at]!.atMs);
    if (isDone)
      this.#pace.learn(entry.uncachedTokens / this.#tokensPerSecond, (nowMs - beganMs) / 1000);
    // One behind the head that gives up leaves the head's turn as it was.
    this.#take(at, isDone || at === 0 ? nowMs : this.#turnMs);
    return true;
  }

  drop(): void {
    this.#queued.length = 0;
    this.#seconds = 0;
  }

  setSpeed(tokensPerSecond: number): void {
    this.#tokensPerSecond = tokensPerSecond;
    this.#pace.forget();
  }

  audit(predictedTokens: number, reportedTokens: number): void {
    if (predictedTokens <= 0) return;
    const kept = 1 - 1 / MEMORY_REPORTS;
    this.#predicted = this.#predicted * kept + predictedTokens;
    this.#reported = this.#reported * kept + Math.max(0, Math.min(predictedTokens, reportedTokens));
  }

  #take(at: number, turnMs: number): void {
    const [gone] = this.#queued.splice(at, 1);
    // Sums of fractions drift; an empty queue is none.
    this.#seconds = this.#queued.length === 0 ? 0 : this.#seconds - gone!.entry.seconds;
    this.#turnMs = turnMs;
  }
}
