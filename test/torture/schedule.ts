// Time for a simulation: what is to happen when, in one order that follows from the seed alone.

interface Due {
  readonly atMs: number;
  readonly act: () => void;
}

export class Schedule {
  nowMs: number;
  /** Latest first, so that the next is taken from the end. */
  readonly #dues: Due[] = [];

  constructor(startMs: number) {
    this.nowMs = startMs;
  }

  /** What is due at the same time happens in the order in which it was asked for. */
  after(ms: number, act: () => void): void {
    const atMs = this.nowMs + Math.max(0, Math.round(ms));
    let index = this.#dues.length;
    while (index > 0 && (this.#dues[index - 1]?.atMs ?? 0) <= atMs) index -= 1;
    this.#dues.splice(index, 0, { atMs, act });
  }

  run(): void {
    for (;;) {
      const due = this.#dues.pop();
      if (due === undefined) return;
      this.nowMs = due.atMs;
      due.act();
    }
  }
}
