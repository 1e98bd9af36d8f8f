// Bayesian linear regression from sufficient statistics: what was seen as one packed matrix and one vector, from which
// weights and their uncertainty follow by Cholesky's factorisation.

/**
 * Statistics of `terms` weights; `products` is the lower triangle of the weighted sum of x x', row by row. Of 64 bits: with
 * 32 the roundings of 12,000 additions of the same x outgrew the prior, and the factorisation ran off to what is no number.
 */
export interface Sums {
  readonly terms: number;
  readonly products: Float64Array;
  /** The weighted sum of x y. */
  readonly moments: Float64Array;
}

/** What the statistics say: the weights, and the factor of their precision, from which any input's uncertainty follows. */
export interface Solved {
  readonly weights: Float64Array;
  readonly factor: Float64Array;
}

export function emptySums(terms: number): Sums {
  return {
    terms,
    products: new Float64Array((terms * (terms + 1)) / 2),
    moments: new Float64Array(terms),
  };
}

/** Adds one observation; a negative weight takes one away. */
export function addTo(sums: Sums, x: Float64Array, y: number, weight: number): void {
  const { terms, products, moments } = sums;
  let at = 0;
  for (let row = 0; row < terms; row += 1) {
    const scaled = weight * x[row]!;
    moments[row]! += scaled * y;
    for (let column = 0; column <= row; column += 1, at += 1) products[at]! += scaled * x[column]!;
  }
}

/** What was said of an input is put right, its weight left as it is. */
export function moveTarget(sums: Sums, x: Float64Array, weightedChange: number): void {
  for (let row = 0; row < sums.terms; row += 1) sums.moments[row]! += weightedChange * x[row]!;
}

export function scaleSums({ products, moments }: Sums, by: number): void {
  for (let at = 0; at < products.length; at += 1) products[at]! *= by;
  for (let row = 0; row < moments.length; row += 1) moments[row]! *= by;
}

/** `precisions`: of the weights before anything was seen. `noise`: the variance of an observation. Both above 0. */
export function solve(sums: Sums, precisions: Float64Array, noise: number): Solved {
  const { terms, products, moments } = sums;
  const factor = new Float64Array(products.length);
  const weights = new Float64Array(terms);
  for (let row = 0, from = 0; row < terms; row += 1, from += row) {
    for (let column = 0, other = 0; column <= row; column += 1, other += column) {
      let sum = products[from + column]! / noise;
      if (column === row) sum += precisions[row]!;
      for (let k = 0; k < column; k += 1) sum -= factor[from + k]! * factor[other + k]!;
      // A pivot below the prior's own cannot come from observations: an amended lesson left a rest. The prior stands in.
      factor[from + column] =
        column === row ? Math.sqrt(Math.max(sum, precisions[row]!)) : sum / factor[other + column]!;
    }
  }
  for (let row = 0, from = 0; row < terms; row += 1, from += row) {
    let sum = moments[row]! / noise;
    for (let k = 0; k < row; k += 1) sum -= factor[from + k]! * weights[k]!;
    weights[row] = sum / factor[from + row]!;
  }
  for (let row = terms - 1; row >= 0; row -= 1) {
    let sum = weights[row]!;
    for (let k = row + 1; k < terms; k += 1) sum -= factor[(k * (k + 1)) / 2 + row]! * weights[k]!;
    weights[row] = sum / factor[(row * (row + 1)) / 2 + row]!;
  }
  return { weights, factor };
}

/** How well the prior foretold what was seen: the logarithm of its marginal likelihood, but for a constant of the data. */
export function logEvidence(
  { moments }: Sums,
  { weights, factor }: Solved,
  precisions: Float64Array,
  noise: number,
): number {
  let sum = 0;
  for (let row = 0; row < weights.length; row += 1)
    sum +=
      Math.log(precisions[row]!) / 2 -
      Math.log(factor[(row * (row + 1)) / 2 + row]!) +
      (weights[row]! * moments[row]!) / (2 * noise);
  return sum;
}

export function predict({ weights }: Solved, x: Float64Array): number {
  let sum = 0;
  for (let row = 0; row < weights.length; row += 1) sum += weights[row]! * x[row]!;
  return sum;
}

/** The standard deviation of what is predicted for `x`, the observation's own noise not included. */
export function deviation({ weights, factor }: Solved, x: Float64Array): number {
  const terms = weights.length;
  const through = new Float64Array(terms);
  let variance = 0;
  for (let row = 0, from = 0; row < terms; row += 1, from += row) {
    let sum = x[row]!;
    for (let k = 0; k < row; k += 1) sum -= factor[from + k]! * through[k]!;
    through[row] = sum / factor[from + row]!;
    variance += through[row]! ** 2;
  }
  return Math.sqrt(variance);
}
