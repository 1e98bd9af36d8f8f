// RouteLLM's figures for two arms (arXiv 2406.18665, and its evaluation's code for what the paper leaves open): how much of
// the gap between the weak and the strong arm a router recovers over all shares of strong calls.

/** Accuracies of both arms on questions in falling order of a router's score, each with how often it counts. */
export interface Ranked {
  readonly scores: Float64Array;
  readonly weak: Float64Array;
  readonly strong: Float64Array;
}

export interface Recovered {
  /** 0.5 is a coin's; null where both arms are right equally often. */
  readonly apgr: number | null;
  /** Share of strong calls, in percent, at which half of the gap is recovered. */
  readonly cpt50: number | null;
  readonly cpt80: number | null;
}

const THRESHOLDS = 10;

/** Sorts by falling score; of equal scores the order does not matter to the figures. */
export function rank(
  scores: ArrayLike<number>,
  weak: ArrayLike<number>,
  strong: ArrayLike<number>,
): Ranked & { readonly order: Uint32Array } {
  const order = Uint32Array.from({ length: scores.length }, (_, index) => index).sort(
    (a, b) => scores[b]! - scores[a]!,
  );
  return {
    order,
    scores: Float64Array.from(order, (index) => scores[index]!),
    weak: Float64Array.from(order, (index) => weak[index]!),
    strong: Float64Array.from(order, (index) => strong[index]!),
  };
}

/**
 * `counts`: how often each question counts, in ranked order (all 1, or a bootstrap's draw). Thresholds are the 10-quantiles
 * of the scores as pandas.qcut cuts them; a question goes to the strong arm from the threshold on, and only above the last.
 */
export function recover(ranked: Ranked, counts: ArrayLike<number>): Recovered {
  const { scores, weak, strong } = ranked;
  const size = scores.length;
  const n = new Float64Array(size + 1);
  const gained = new Float64Array(size + 1);
  let weakSum = 0;
  for (let index = 0; index < size; index += 1) {
    const count = counts[index]!;
    n[index + 1] = n[index]! + count;
    gained[index + 1] = gained[index]! + count * (strong[index]! - weak[index]!);
    weakSum += count * weak[index]!;
  }
  const total = n[size]!;
  const weakAccuracy = weakSum / total;
  const gap = gained[size]! / total;
  if (total === 0 || Math.abs(gap) < 1e-12) return { apgr: null, cpt50: null, cpt80: null };

  const points: { readonly share: number; readonly accuracy: number }[] = [];
  for (let cut = 0; cut <= THRESHOLDS; cut += 1) {
    const threshold = quantile(scores, n, total, cut / THRESHOLDS);
    const last = cut === THRESHOLDS;
    const chosen = countFrom(scores, (score) => (last ? score > threshold : score >= threshold));
    points.push({
      share: (100 * n[chosen]!) / total,
      accuracy: weakAccuracy + gained[chosen]! / total,
    });
  }
  points.sort((a, b) => a.share - b.share);
  let area = 0;
  let width = 0;
  for (const [index, { share, accuracy }] of points.entries()) {
    const before = points[index - 1];
    if (before === undefined) continue;
    area += ((share - before.share) * (accuracy + before.accuracy - 2 * weakAccuracy)) / 2;
    width += share - before.share;
  }
  const shares = points.map(({ share }) => share);
  const accuracies = points.map(({ accuracy }) => accuracy);
  const callsFor = (part: number): number =>
    interpolate(weakAccuracy + part * gap, accuracies, shares);
  return { apgr: area / (width * gap), cpt50: callsFor(0.5), cpt80: callsFor(0.8) };
}

/** The quantile of the counted scores, linear between neighbours as NumPy's. `n` are the running counts, falling order. */
function quantile(scores: Float64Array, n: Float64Array, total: number, part: number): number {
  const smallest = (k: number): number => {
    // The k-th smallest of the counted is the (total - 1 - k)-th largest.
    const wanted = total - 1 - k;
    let low = 0;
    let high = scores.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (n[middle + 1]! > wanted) high = middle;
      else low = middle + 1;
    }
    return scores[low]!;
  };
  const position = part * (total - 1);
  const lower = Math.floor(position);
  const from = smallest(lower);
  if (position === lower) return from;
  // Of equal neighbours exactly their value, since a threshold is compared with the scores themselves.
  return from + (position - lower) * (smallest(lower + 1) - from);
}

/** How many of the falling scores come before the first that is not chosen. */
function countFrom(scores: Float64Array, isChosen: (score: number) => boolean): number {
  let low = 0;
  let high = scores.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isChosen(scores[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** As numpy.interp, also where `xs` do not rise throughout: a binary search for the interval, constant outside. */
function interpolate(x: number, xs: readonly number[], ys: readonly number[]): number {
  const last = xs.length - 1;
  if (x >= xs[last]!) return ys[last]!;
  if (x < xs[0]!) return ys[0]!;
  let low = 0;
  let high = xs.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (x >= xs[middle]!) low = middle;
    else high = middle;
  }
  const width = xs[low + 1]! - xs[low]!;
  return width === 0 ? ys[low]! : ys[low]! + ((x - xs[low]!) / width) * (ys[low + 1]! - ys[low]!);
}
