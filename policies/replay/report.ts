// The report over recorded questions: the router beside random, length alone, the best fixed arm, the best arm a kind and
// the oracle, each with the same figures.
import { rank, recover, type Recovered } from "./apgr.ts";
import { best } from "./chances.ts";
import type { Predictions, RecordedQuestion, Run } from "./question.ts";
import { seeded, shuffled } from "./random.ts";
import type { RecordedArm } from "./recorded-arm.ts";

export interface Interval {
  readonly value: number;
  /** Of a 95 % interval, by bootstrap over the questions. */
  readonly low: number;
  readonly high: number;
}

export interface CurvePoint {
  /** Score per unit of price times token. */
  readonly lambda: number;
  readonly accuracy: number;
  /** Mean output tokens. */
  readonly tokens: number;
}

export interface Figures {
  /** Null with more than two arms, or where both are right equally often. */
  readonly apgr: Interval | null;
  /** Percent of strong calls. */
  readonly cpt50: Interval | null;
  readonly cpt80: Interval | null;
  readonly curve: readonly CurvePoint[];
}

export const ROUTERS = [
  "router",
  "random",
  "lengthOnly",
  "bestFixed",
  "perKind",
  "oracle",
] as const;
export type Report = { readonly n: number } & Readonly<Record<(typeof ROUTERS)[number], Figures>>;

/** The interval's ends move by less than .002 with more. */
const RESAMPLES = 300;
/** From a lambda that hardly matters to one at which only cost does, in terms of the mean cost of an answer; 15 a decade. */
const LAMBDA_DECADES = [-2, 1.5] as const;
const LAMBDAS_PER_DECADE = 15;

/** 0, and then rising, about the mean cost that is expected of an answer. */
export function sweep(predictions: readonly Predictions[], arms: readonly RecordedArm[]): number[] {
  const costs = predictions.flatMap((of) =>
    of.map(({ outputTokens }, index) => outputTokens * arms[index]!.price),
  );
  const unit = mean(costs) || 1;
  const [from, to] = LAMBDA_DECADES;
  const steps = Math.round((to - from) * LAMBDAS_PER_DECADE);
  const lambdas = Array.from(
    { length: steps + 1 },
    (_, step) => 10 ** (from + step / LAMBDAS_PER_DECADE) / unit,
  );
  return [0, ...lambdas.map((lambda) => Number(lambda.toPrecision(4)))];
}

/** `questions` and `predictions` in the same order; at least one. */
export function reportOn(
  questions: readonly RecordedQuestion[],
  predictions: readonly Predictions[],
  arms: readonly RecordedArm[],
  lambdas: readonly number[],
  seed: number,
): Report {
  const all = questions.map((_, index) => index);
  const byKind = Map.groupBy(all, (index) => questions[index]!.features.kind);
  const means = meansOf(questions, all, arms.length);
  const kinds = new Map(
    [...byKind].map(([kind, of]) => [kind, meansOf(questions, of, arms.length)]),
  );
  const meansOfKind = questions.map(({ features }) => kinds.get(features.kind)!);

  /** The arms at each lambda, of a router that foretells these. */
  const choose = (foretold: readonly Predictions[]): number[][] =>
    lambdas.map((lambda) => foretold.map((of) => best(of, arms, lambda)));
  const outcomes = questions.map(({ runs }) =>
    runs.map(({ correct, outputTokens }) => ({ score: correct, outputTokens })),
  );
  const routed = choose(predictions);
  const longestFirst = all.toSorted((a, b) => questions[b]!.chars - questions[a]!.chars);
  const dearestFirst = arms
    .map((_, arm) => arm)
    .toSorted((a, b) => costOf(means, arms, b) - costOf(means, arms, a));

  const strong = strongOf(means, arms);
  const figure = (scoreOf: (index: number) => number, curve: readonly CurvePoint[]): Figures => ({
    ...recovered(questions, arms.length === 2 ? strong : null, all.map(scoreOf), seed),
    curve,
  });
  const gain = (of: Predictions): number => of[strong]!.score - of[1 - strong]!.score;
  const isFlat = predictions.every((of) => arms.length !== 2 || gain(of) === gain(predictions[0]!));
  const draw = seeded(seed);
  const chances = shuffled(all, draw);

  return {
    n: questions.length,
    router: figure(
      // Where nothing is known of either arm, what is difficult goes to the strong one.
      (index) => (isFlat ? questions[index]!.features.difficulty : gain(predictions[index]!)),
      curveOf(questions, routed, lambdas),
    ),
    random: figure(
      (index) => chances[index]!,
      lambdas.map((lambda, at) => ({ lambda, ...mixed(routed[at]!, means) })),
    ),
    lengthOnly: figure(
      (index) => questions[index]!.chars,
      curveOf(
        questions,
        routed.map((chosen) => spread(chosen, longestFirst, dearestFirst)),
        lambdas,
      ),
    ),
    bestFixed: figure(() => 0, curveOf(questions, choose(all.map(() => means)), lambdas)),
    perKind: figure(
      (index) => gain(meansOfKind[index]!),
      curveOf(questions, choose(meansOfKind), lambdas),
    ),
    oracle: figure(
      (index) => gain(outcomes[index]!),
      curveOf(questions, choose(outcomes), lambdas),
    ),
  };
}

/** What every arm did on some of the questions, as if it had been foretold: with hindsight, in the baselines' favour. */
function meansOf(
  questions: readonly RecordedQuestion[],
  of: readonly number[],
  arms: number,
): Predictions {
  return Array.from({ length: arms }, (_, arm) => ({
    score: mean(of.map((index) => questions[index]!.runs[arm]!.correct)),
    outputTokens: mean(of.map((index) => questions[index]!.runs[arm]!.outputTokens)),
  }));
}

function costOf(means: Predictions, arms: readonly RecordedArm[], arm: number): number {
  return means[arm]!.outputTokens * arms[arm]!.price;
}

/** Of two arms the one that is right more often; of equals the dearer. */
function strongOf(means: Predictions, arms: readonly RecordedArm[]): number {
  const lead = means[1]!.score - means[0]!.score;
  if (lead !== 0) return lead > 0 ? 1 : 0;
  return costOf(means, arms, 1) >= costOf(means, arms, 0) ? 1 : 0;
}

function recovered(
  questions: readonly RecordedQuestion[],
  strong: number | null,
  scores: readonly number[],
  seed: number,
): Omit<Figures, "curve"> {
  if (strong === null) return { apgr: null, cpt50: null, cpt80: null };
  const correct = (arm: number): number[] => questions.map(({ runs }) => runs[arm]!.correct);
  const ranked = rank(scores, correct(1 - strong), correct(strong));
  const value = recover(ranked, new Uint8Array(scores.length).fill(1));
  // The same draws for every router, so that their intervals can be held against each other.
  const draw = seeded(seed + 1);
  const counts = new Uint16Array(scores.length);
  const drawn: Recovered[] = [];
  for (let resample = 0; resample < RESAMPLES; resample += 1) {
    counts.fill(0);
    for (let index = 0; index < counts.length; index += 1)
      counts[Math.floor(draw() * counts.length)]! += 1;
    drawn.push(
      recover(
        ranked,
        Uint16Array.from(ranked.order, (index) => counts[index]!),
      ),
    );
  }
  const interval = (of: keyof Recovered): Interval | null => {
    const sorted = drawn
      .map((one) => one[of])
      .filter((one) => one !== null)
      .toSorted((a, b) => a - b);
    const figure = value[of];
    if (figure === null || sorted.length === 0) return null;
    const at = (part: number): number => sorted[Math.round(part * (sorted.length - 1))]!;
    return { value: round(figure), low: round(at(0.025)), high: round(at(0.975)) };
  };
  return { apgr: interval("apgr"), cpt50: interval("cpt50"), cpt80: interval("cpt80") };
}

function curveOf(
  questions: readonly RecordedQuestion[],
  chosen: readonly (readonly number[])[],
  lambdas: readonly number[],
): CurvePoint[] {
  return lambdas.map((lambda, at) => {
    const runs: Run[] = questions.map((question, index) => question.runs[chosen[at]![index]!]!);
    return {
      lambda,
      accuracy: round(mean(runs.map(({ correct }) => correct))),
      tokens: round(mean(runs.map(({ outputTokens }) => outputTokens))),
    };
  });
}

/** What the same mix of arms is expected to do when it is dealt at random. */
function mixed(chosen: readonly number[], means: Predictions): Omit<CurvePoint, "lambda"> {
  return {
    accuracy: round(mean(chosen.map((arm) => means[arm]!.score))),
    tokens: round(mean(chosen.map((arm) => means[arm]!.outputTokens))),
  };
}

/** The same mix of arms, the dearest to the longest questions. */
function spread(
  chosen: readonly number[],
  longestFirst: readonly number[],
  dearestFirst: readonly number[],
): number[] {
  const dealt = chosen.toSorted((a, b) => dearestFirst.indexOf(a) - dearestFirst.indexOf(b));
  const arms = new Array<number>(chosen.length);
  for (const [place, index] of longestFirst.entries()) arms[index] = dealt[place]!;
  return arms;
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Finer than any interval. */
function round(value: number): number {
  return Math.round(value * 100_000) / 100_000;
}
