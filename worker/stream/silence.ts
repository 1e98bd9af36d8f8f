// Adds up how long a stream has been silent, beyond pauses of an ordinary length.

export class Silence {
  readonly #now: () => number;
  readonly #pauseMs: number;
  #heardAtMs: number;
  #sumMs = 0;

  /** Begins now. A pause up to `pauseMs` counts for nothing. */
  constructor(pauseMs: number, now: () => number) {
    this.#now = now;
    this.#pauseMs = pauseMs;
    this.#heardAtMs = now();
  }

  /** Something was heard. */
  hear(): void {
    this.#sumMs += this.#openMs();
    this.#heardAtMs = this.#now();
  }

  get totalMs(): number {
    return this.#sumMs + this.#openMs();
  }

  #openMs(): number {
    return Math.max(0, this.#now() - this.#heardAtMs - this.#pauseMs);
  }
}
