// Whether a batch of the engine is the next one, one that was had, or the first that a new engine is heard of. Engines
// count from 0 and start again when they restart, which looks like a batch that comes twice until it is looked at.

/** As many as vLLM keeps for replay: what is older cannot come again. */
const REMEMBERED_MAX = 10_000;
/** A batch that was given up as lost may still come so much later; what is further back is a new engine's. */
const LATE_MAX = 64;

export type Standing =
  | "next"
  /** It was taken. */
  | "duplicate"
  /** It was given up, and what followed is taken already. */
  | "late"
  /** Some before it are missing. */
  | "gap"
  /** Another engine counts from 0. */
  | "restart";

export class SequenceCheck {
  #first = 0;
  #expected: number | null = null;
  /** Fingerprints of batches, by sequence, oldest first. */
  readonly #taken = new Map<number, number>();
  #lost = 0;

  /** Null before the first batch. */
  get expected(): number | null {
    return this.#expected;
  }

  get lost(): number {
    return this.#lost;
  }

  /** `fingerprint` tells two batches of the same number apart. */
  standingOf(sequence: number, fingerprint: number): Standing {
    if (this.#expected === null) return sequence === 0 ? "next" : "gap";
    if (sequence === this.#expected) return "next";
    if (sequence > this.#expected) return "gap";
    const taken = this.#taken.get(sequence);
    if (taken !== undefined) return taken === fingerprint ? "duplicate" : "restart";
    const isHole = sequence > this.#first && sequence >= this.#expected - LATE_MAX;
    return isHole ? "late" : "restart";
  }

  /** Whether it is the one that was taken under its number. */
  isTaken(sequence: number, fingerprint: number): boolean {
    return this.#taken.get(sequence) === fingerprint;
  }

  /** Those before it that did not come are lost. */
  take(sequence: number, fingerprint: number): void {
    if (this.#expected === null) this.#first = sequence;
    this.#lost += Math.max(0, sequence - (this.#expected ?? sequence));
    this.#expected = sequence + 1;
    this.#taken.set(sequence, fingerprint);
    for (const oldest of this.#taken.keys()) {
      if (this.#taken.size <= REMEMBERED_MAX) break;
      this.#taken.delete(oldest);
    }
  }

  restart(): void {
    this.#expected = null;
    this.#taken.clear();
  }
}
