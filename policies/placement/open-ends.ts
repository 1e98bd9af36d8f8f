// Conversations that may come back to where they are cached, and when: learned from how long others of this pool took.
import type { Expected } from "./cost.ts";

/** A prompt that may be continued: in flight at first, at rest once its answer is complete. */
export interface OpenEnd {
  readonly replica: number;
  /** Its last block may be part of a longer one next time, so the one before it stands for it too. */
  readonly keys: readonly number[];
  readonly tokens: number;
  readonly openedMs: number;
  restedMs: number;
  stage: number;
}

/** Keys of conversations remembered in a pool, the oldest forgotten first: about 20 MB, at ten a second two hours. */
const KEYS_MAX = 131_072;
/** Stage 0 is in flight; stage k rests since 2^(k-1) - 1 s. The last ends after 68 minutes, beyond what caches live. */
const STAGES = 13;
/** Ends of a stage after which what was learned counts half, so that a pool's habits may change. */
const MEMORY_ENDS = 4096;

export class OpenEnds {
  readonly #stages = Array.from({ length: STAGES }, () => new Set<OpenEnd>());
  readonly #byKey = new Map<number, OpenEnd>();
  readonly #counts: readonly Float64Array[];
  readonly #tokens: readonly Float64Array[];
  // Of those that reached a stage, how many came back and how many seconds later. Nothing is known at first: one of
  // two, after as long as the stage lasts.
  readonly #reached = new Float64Array(STAGES).fill(2);
  readonly #returned = new Float64Array(STAGES).fill(1);
  readonly #seconds = Float64Array.from({ length: STAGES }, (_, stage) => 2 ** stage);

  constructor(replicas: number) {
    this.#counts = Array.from({ length: replicas }, () => new Float64Array(STAGES));
    this.#tokens = Array.from({ length: replicas }, () => new Float64Array(STAGES));
  }

  get size(): number {
    return this.#stages.reduce((sum, stage) => sum + stage.size, 0);
  }

  /** The conversation that this prompt continues came back; false when it continues none that we know. */
  resume(blocks: ArrayLike<number>, nowMs: number): boolean {
    for (let i = blocks.length - 1; i >= 0; i--) {
      const end = this.#byKey.get(blocks[i]!);
      if (end === undefined) continue;
      const restedSeconds = (nowMs - end.restedMs) / 1000;
      for (let stage = 1; stage <= end.stage; stage++)
        this.#teach(stage, restedSeconds - startSeconds(stage));
      this.#teach(0, (nowMs - end.openedMs) / 1000);
      this.#close(end);
      return true;
    }
    return false;
  }

  open(replica: number, blocks: ArrayLike<number>, tokens: number, nowMs: number): OpenEnd {
    const keys: number[] = [];
    for (let back = 1; back <= Math.min(2, blocks.length); back++)
      keys.push(blocks[blocks.length - back]!);
    const end: OpenEnd = { replica, keys, tokens, openedMs: nowMs, restedMs: nowMs, stage: 0 };
    for (const key of keys) {
      this.#byKey.delete(key);
      this.#byKey.set(key, end);
    }
    this.#enter(end, 0);
    if (this.#byKey.size > KEYS_MAX) this.#close(this.#byKey.values().next().value!);
    return end;
  }

  /** Its answer is complete: from now on it may come back. */
  rest(end: OpenEnd, nowMs: number): void {
    if (!this.#stages[0]!.has(end)) return;
    this.#exit(end);
    end.restedMs = nowMs;
    this.#enter(end, 1);
  }

  /** Moves those that rested long enough to their next stage. */
  advance(nowMs: number): void {
    for (let stage = 1; stage < STAGES; stage++)
      for (const end of this.#stages[stage]!) {
        if ((nowMs - end.restedMs) / 1000 < startSeconds(stage + 1)) break;
        if (stage + 1 === STAGES) this.#close(end);
        else {
          this.#exit(end);
          this.#enter(end, stage + 1);
        }
      }
  }

  *expectedAt(replica: number): Generator<Expected> {
    const counts = this.#counts[replica]!;
    for (let stage = 0; stage < STAGES; stage++)
      if (counts[stage]! > 0)
        yield {
          count: counts[stage]!,
          chance: this.#chance(stage),
          meanSeconds: Math.max(0.01, this.#seconds[stage]! / this.#returned[stage]!),
          meanTokens: this.#tokens[replica]![stage]! / counts[stage]!,
        };
  }

  /** That what nobody used for so long is used again. */
  returnChance(idleMs: number): number {
    const stage = Math.floor(Math.log2(Math.max(0, idleMs) / 1000 + 1)) + 1;
    return this.#chance(Math.min(STAGES - 1, stage));
  }

  forget(replica: number): void {
    if (this.#counts[replica]!.every((count) => count === 0)) return;
    for (const stage of this.#stages)
      for (const end of stage) if (end.replica === replica) this.#close(end);
  }

  /** Those that are still in the stage have not decided. */
  #chance(stage: number): number {
    const returned = this.#returned[stage]!;
    return returned / Math.max(returned, this.#reached[stage]! - this.#stages[stage]!.size);
  }

  #teach(stage: number, seconds: number): void {
    this.#returned[stage]!++;
    this.#seconds[stage]! += Math.max(0, seconds);
  }

  #enter(end: OpenEnd, stage: number): void {
    end.stage = stage;
    this.#stages[stage]!.add(end);
    this.#counts[end.replica]![stage]!++;
    this.#tokens[end.replica]![stage]! += end.tokens;
    if (++this.#reached[stage]! > MEMORY_ENDS + this.#stages[stage]!.size) {
      this.#reached[stage]! /= 2;
      this.#returned[stage]! /= 2;
      this.#seconds[stage]! /= 2;
    }
  }

  #exit(end: OpenEnd): void {
    this.#stages[end.stage]!.delete(end);
    this.#counts[end.replica]![end.stage]!--;
    this.#tokens[end.replica]![end.stage]! -= end.tokens;
  }

  #close(end: OpenEnd): void {
    if (this.#stages[end.stage]!.has(end)) this.#exit(end);
    for (const key of end.keys) if (this.#byKey.get(key) === end) this.#byKey.delete(key);
  }
}

function startSeconds(stage: number): number {
  return 2 ** (stage - 1) - 1;
}
