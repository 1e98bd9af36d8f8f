// How long prompts really take beside what their operator's stated speed says, learned from those that were computed.

/** Prompts over which it is learned, as a mean age: some tens say more than noise, hundreds would be late. */
const MEMORY_PROMPTS = 48;
const KEPT = 1 - 1 / MEMORY_PROMPTS;
/** How far it may be from what is stated, either way. */
const FACTOR_MAX = 64;

/** `took = overhead + factor * stated`, in seconds. */
interface Line {
  readonly overheadSeconds: number;
  readonly factor: number;
}

const AS_STATED: Line = { overheadSeconds: 0, factor: 1 };

/**
 * Least squares that forget. What a replica has not shown yet is taken from its pool, else the first one that proved
 * faster than stated would seem to be the only one.
 */
export class Pace {
  readonly #pool: Pace | null;
  #count = 0;
  #stated = 0;
  #squares = 0;
  #took = 0;
  #products = 0;

  constructor(pool: Pace | null) {
    this.#pool = pool;
  }

  secondsFor(statedSeconds: number): number {
    const { overheadSeconds, factor } = this.#line();
    return overheadSeconds + factor * statedSeconds;
  }

  learn(statedSeconds: number, tookSeconds: number): void {
    this.#count = this.#count * KEPT + 1;
    this.#stated = this.#stated * KEPT + statedSeconds;
    this.#squares = this.#squares * KEPT + statedSeconds * statedSeconds;
    this.#took = this.#took * KEPT + tookSeconds;
    this.#products = this.#products * KEPT + tookSeconds * statedSeconds;
    this.#pool?.learn(statedSeconds, tookSeconds);
  }

  forget(): void {
    this.#count = this.#stated = this.#squares = this.#took = this.#products = 0;
  }

  /** What is known beforehand counts as an empty prompt and as one of a second. */
  #line(): Line {
    const before = this.#pool === null ? AS_STATED : this.#pool.#line();
    const count = this.#count + 1;
    const took = this.#took + before.overheadSeconds;
    const squares = this.#squares + 1;
    const products = this.#products + before.factor;
    const spread = count * squares - this.#stated * this.#stated;
    const factor = (count * products - this.#stated * took) / spread;
    const overheadSeconds = (took - factor * this.#stated) / count;
    if (overheadSeconds >= 0) return { overheadSeconds, factor: bounded(factor) };
    return { overheadSeconds: 0, factor: bounded(products / squares) };
  }
}

function bounded(factor: number): number {
  return Math.min(FACTOR_MAX, Math.max(1 / FACTOR_MAX, factor));
}
