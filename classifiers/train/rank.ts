// Rank statistics for the reports: how well one order agrees with another.

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

export function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1] ?? NaN;
}

/** Average ranks from 0; equal values share theirs. */
function ranks(values: readonly number[]): Float64Array {
  const order = values
    .map((_, index) => index)
    .sort((left, right) => values[left]! - values[right]!);
  const found = new Float64Array(values.length);
  for (let from = 0; from < order.length;) {
    let to = from;
    while (to < order.length && values[order[to]!] === values[order[from]!]) to += 1;
    for (let at = from; at < to; at += 1) found[order[at]!] = (from + to - 1) / 2;
    from = to;
  }
  return found;
}

/** -1..1; 0 when either side has one value only. */
export function spearman(left: readonly number[], right: readonly number[]): number {
  const [first, second] = [ranks(left), ranks(right)];
  const middle = (left.length - 1) / 2;
  let both = 0,
    ofFirst = 0,
    ofSecond = 0;
  for (let at = 0; at < first.length; at += 1) {
    const [one, two] = [first[at]! - middle, second[at]! - middle];
    both += one * two;
    ofFirst += one * one;
    ofSecond += two * two;
  }
  return ofFirst > 0 && ofSecond > 0 ? both / Math.sqrt(ofFirst * ofSecond) : 0;
}

/** The probability that a positive stands above a negative; 0.5 is chance. */
export function areaUnderCurve(values: readonly number[], isPositive: readonly boolean[]): number {
  const found = ranks(values);
  let positives = 0,
    sum = 0;
  for (let at = 0; at < found.length; at += 1) {
    if (!isPositive[at]) continue;
    positives += 1;
    sum += found[at]!;
  }
  return (sum - (positives * (positives - 1)) / 2) / (positives * (values.length - positives));
}
