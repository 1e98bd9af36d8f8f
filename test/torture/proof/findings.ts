// What a proof found: its figures, and everything that should not be.

/** The rest would only fill the report; `violationCount` is whole. */
const TOLD_MAX = 20;

export class Findings {
  readonly violations: string[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  demand(isSo: boolean, otherwise: () => string): void {
    if (isSo) return;
    this.#count += 1;
    if (this.violations.length < TOLD_MAX) this.violations.push(otherwise());
  }
}

export interface Proved {
  readonly figures: Readonly<Record<string, unknown>>;
  readonly violationCount: number;
  readonly violations: readonly string[];
}

export function proved(figures: Proved["figures"], { count, violations }: Findings): Proved {
  return { figures, violationCount: count, violations };
}
