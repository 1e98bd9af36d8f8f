// The interim probe's arithmetic: a table of coefficients times a query's signals.
import { KINDS, type Kind } from "./features.ts";
import { INTERIM_TABLE } from "./interim-table.ts";
import { SIGNAL_NAMES } from "./signals.ts";

/** The table's heads, each with one column per kind, in the order of `KINDS`. */
export const HEADS = ["kind", "fails", "demands", "tokens"] as const;
const COLUMNS = HEADS.length * KINDS.length;

export interface Weighed {
  /** Probability of each kind, in the order of `KINDS`. */
  readonly kinds: readonly number[];
  readonly kind: Kind;
  /** Log-odds that a mid-sized model fails. */
  readonly fails: number;
  /** The same with more weight on differences inside sources, so that it orders like among like. */
  readonly demands: number;
  /** Natural logarithm of a short chain of thought's tokens. */
  readonly logTokens: number;
}

const COEFFICIENTS = readTable(INTERIM_TABLE);

/** Signal by signal, `COLUMNS` numbers each. A table that does not fit the signals is a bug of the build. */
function readTable(table: string): Float64Array {
  const coefficients = new Float64Array(SIGNAL_NAMES.length * COLUMNS);
  const lines = table.trim().split("\n");
  if (lines.length !== SIGNAL_NAMES.length)
    throw new Error(`interim table has ${lines.length} signals, not ${SIGNAL_NAMES.length}`);
  for (const [row, line] of lines.entries()) {
    const [name, ...numbers] = line.trim().split(/\s+/);
    if (name !== SIGNAL_NAMES[row] || numbers.length !== COLUMNS)
      throw new Error(`interim table is wrong at "${name}"`);
    for (const [column, number] of numbers.entries())
      coefficients[row * COLUMNS + column] = Number(number);
  }
  return coefficients;
}

export function weigh(signals: Float64Array, shiftKinds: readonly number[]): Weighed {
  const sums = new Float64Array(COLUMNS);
  for (let row = 0; row < signals.length; row += 1) {
    const signal = signals[row]!;
    if (signal === 0) continue;
    for (let column = 0, at = row * COLUMNS; column < COLUMNS; column += 1, at += 1) {
      sums[column]! += signal * COEFFICIENTS[at]!;
    }
  }
  const kinds = softmax(Array.from(shiftKinds, (shift, index) => sums[index]! + shift));
  let likeliest = 0;
  for (let index = 1; index < kinds.length; index += 1)
    if (kinds[index]! > kinds[likeliest]!) likeliest = index;
  return {
    kinds,
    kind: KINDS[likeliest]!,
    fails: mix(sums, 1, kinds),
    demands: mix(sums, 2, kinds),
    logTokens: mix(sums, 3, kinds),
  };
}

/** A head's value is the mean over kinds, each kind's own line weighed by its probability. */
function mix(sums: Float64Array, head: number, kinds: readonly number[]): number {
  let value = 0;
  for (let index = 0; index < kinds.length; index += 1)
    value += kinds[index]! * sums[head * kinds.length + index]!;
  return value;
}

function softmax(values: readonly number[]): number[] {
  const highest = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - highest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}
