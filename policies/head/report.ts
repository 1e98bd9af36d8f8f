// What a head's figures say of its router, with intervals, and with nothing called a win that may as well be none.
import { BINS, type Advantage, type Figures, type Pairs } from "./figures.ts";

/** Below as many scores nothing is said of calibration or regret: an interval of so few is itself a guess. */
export const SCORED_MIN = 200;
/** As often must another way have been drawn itself before it is compared with: below, rare large weights are unseen. */
export const DRAWS_MIN = 20;
const Z_95 = 1.959964;

export type Conclusion = "too-little" | "undecided" | "better" | "worse";

export interface Comparison {
  readonly against: "best-fixed" | "random";
  /** Of the best fixed arm; null for random, and where no arm has been drawn often enough. */
  readonly arm: string | null;
  /** Scored decisions that left something to chance. */
  readonly n: number;
  readonly draws: number;
  /** Utility that the router lost to it for each request, and its 95 % interval; null: too little is known. */
  readonly regret: { readonly value: number; readonly low: number; readonly high: number } | null;
  readonly conclusion: Conclusion;
  /** Arms that could have run and were drawn too seldom to be compared with. */
  readonly unmeasured: readonly string[];
}

export interface Means {
  readonly n: number;
  readonly expected: number;
  readonly actual: number;
}

export interface RouterReport {
  readonly sinceMs: number;
  readonly decisions: number;
  readonly scored: number;
  readonly dropped: number;
  readonly arms: readonly {
    readonly arm: string;
    readonly decisions: number;
    /** Of all decisions. */
    readonly share: number;
    readonly tokens: Means | null;
    readonly score: Means | null;
  }[];
  readonly calibration: {
    readonly bins: readonly (Means & { readonly low: number; readonly high: number })[];
    /** Expected calibration error; null: too little is known. */
    readonly error: number | null;
  };
  readonly regret: readonly Comparison[];
}

export function reportOf(figures: Figures): RouterReport {
  const arms = Object.entries(figures.arms);
  return {
    sinceMs: figures.sinceMs,
    decisions: figures.decisions,
    scored: figures.scored,
    dropped: figures.dropped,
    arms: arms
      .filter(([, { decisions }]) => decisions > 0)
      .toSorted(([, a], [, b]) => b.decisions - a.decisions)
      .map(([arm, { decisions, tokens, score }]) => ({
        arm,
        decisions,
        share: decisions / figures.decisions,
        tokens: meansOf(tokens),
        score: meansOf(score),
      })),
    calibration: {
      bins: figures.bins.flatMap((bin, index) => {
        const means = meansOf(bin);
        return means === null ? [] : [{ low: index / BINS, high: (index + 1) / BINS, ...means }];
      }),
      error: figures.scored < SCORED_MIN ? null : calibrationError(figures),
    },
    regret: [compareWithBestFixed(figures), compareWithRandom(figures)],
  };
}

/** Weighted by bin: how far the expected score is from what came. */
function calibrationError({ bins, scored }: Figures): number {
  return bins.reduce((sum, { expected, actual }) => sum + Math.abs(expected - actual), 0) / scored;
}

function compareWithRandom({ random }: Figures): Comparison {
  const { n, draws } = random;
  const regret = n < SCORED_MIN ? null : regretOf(random, n, 1);
  const conclusion = concludeFrom(regret, []);
  return { against: "random", arm: null, n, draws, regret, conclusion, unmeasured: [] };
}

/**
 * Which arm is best is found in the same figures, so its interval is one of as many as there are arms (Bonferroni):
 * otherwise the luckiest of many would often look better than it is, and the router worse.
 */
function compareWithBestFixed({ arms, random: { n } }: Figures): Comparison {
  const could = Object.entries(arms).filter(([, { advantage }]) => advantage.n > 0);
  const measured = could
    .filter(([, { advantage }]) => advantage.draws >= DRAWS_MIN)
    .toSorted(([, a], [, b]) => leadOf(a.advantage) - leadOf(b.advantage));
  const unmeasured = could
    .filter(([, { advantage }]) => advantage.draws < DRAWS_MIN)
    .map(([arm]) => arm);
  const best = n < SCORED_MIN ? undefined : measured[0];
  const regret = best === undefined ? null : regretOf(best[1].advantage, n, could.length);
  return {
    against: "best-fixed",
    arm: best?.[0] ?? null,
    n,
    draws: best?.[1].advantage.draws ?? 0,
    regret,
    conclusion: concludeFrom(regret, unmeasured),
    unmeasured,
  };
}

/** The router's lead over an arm, all in all. */
function leadOf({ b, we }: Advantage): number {
  return b - we;
}

/** A win needs every arm measured: one that was never drawn might be the best. */
function concludeFrom(regret: Comparison["regret"], unmeasured: readonly string[]): Conclusion {
  if (regret === null) return "too-little";
  if (regret.low > 0) return "worse";
  if (unmeasured.length > 0) return "too-little";
  return regret.high < 0 ? "better" : "undecided";
}

/**
 * Of `n` decisions those in which the other way could not differ count as no difference. The variance takes the weights
 * as the propensities foretell them: where draws are few, as many as came would tell of a small correction and of a small
 * error at once. In simulation (report.test.ts) that holds 93 to 98 of 100 intervals, and the squares of the weights that
 * came 55 to 95. `among`: intervals that must hold at once.
 */
function regretOf(of: Advantage, n: number, among: number): Comparison["regret"] {
  const mean = (of.b - of.we) / n;
  const squares = of.bb + (of.ww * of.wee - 2 * of.n * of.bwe) / of.w;
  const variance = Math.max(0, squares - n * mean * mean) / (n - 1);
  const half = quantile(among, of.draws - 1) * Math.sqrt(variance / n);
  return { value: -mean, low: -mean - half, high: -mean + half };
}

/** Two-sided 95 % over `among` intervals, by Student's t of as many degrees of freedom (Cornish and Fisher's expansion). */
function quantile(among: number, degrees: number): number {
  const z = among <= 1 ? Z_95 : normalQuantile(1 - 0.025 / among);
  return (
    z + (z ** 3 + z) / (4 * degrees) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * degrees ** 2)
  );
}

/** Abramowitz and Stegun 26.2.23: off by at most 0.00045. */
function normalQuantile(p: number): number {
  const t = Math.sqrt(-2 * Math.log(1 - p));
  return (
    t -
    (2.515517 + 0.802853 * t + 0.010328 * t * t) /
      (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t ** 3)
  );
}

function meansOf({ n, expected, actual }: Pairs): Means | null {
  return n === 0 ? null : { n, expected: expected / n, actual: actual / n };
}
