// Numbers that are fitted, each with the sum of its squared gradients: the more it was moved, the smaller its steps
// (AdaGrad, Duchi, Hazan and Singer 2011).
import type { Chance } from "./chance.ts";

/** What the sum begins with, so that the first steps are not the largest. */
const SUM_START = 0.1;

export class Parameters {
  readonly values: Float32Array;
  readonly #sums: Float32Array;

  constructor(values: Float32Array) {
    this.values = values;
    this.#sums = new Float32Array(values.length).fill(SUM_START);
  }

  static zero(length: number): Parameters {
    return new Parameters(new Float32Array(length));
  }

  /** Even between plus and minus `spread`. */
  static random(length: number, spread: number, chance: Chance): Parameters {
    return new Parameters(Float32Array.from({ length }, () => (chance() * 2 - 1) * spread));
  }

  move(at: number, gradient: number, step: number): void {
    const sum = this.#sums[at]! + gradient * gradient;
    this.#sums[at] = sum;
    this.values[at]! -= (step * gradient) / Math.sqrt(sum);
  }

  /** The same with a pull towards 0. */
  shrink(at: number, gradient: number, ridge: number, step: number): void {
    this.move(at, gradient + ridge * this.values[at]!, step);
  }
}
