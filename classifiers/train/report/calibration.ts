// Whether a probability of 0.3 comes true in three of ten, and what confidence and novelty are worth.
import type { Said, Truth } from "./judged.ts";
import { figure, table } from "./markdown.ts";
import type { Rows } from "./measures.ts";
import { mean } from "../rank.ts";

const BINS = 10;

export interface Fold {
  readonly name: string;
  readonly truth: Truth;
  readonly rows: Rows;
  readonly said: Said;
}

interface Bin {
  readonly count: number;
  readonly said: number;
  readonly came: number;
}

function binsOf({ truth, rows, said }: Fold): Bin[] {
  const known = rows.filter((row) => !Number.isNaN(truth.fails[row]!));
  const byBin = Map.groupBy(known, (row) => Math.min(BINS - 1, Math.floor(said.hard[row]! * BINS)));
  return Array.from({ length: BINS }, (_, bin) => {
    const own = byBin.get(bin) ?? [];
    return {
      count: own.length,
      said: mean(own.map((row) => said.hard[row]!)),
      came: mean(own.map((row) => truth.fails[row]!)),
    };
  });
}

/** Mean distance between what was said and what came, by tenths of the former, weighed by their questions. */
function calibrationError(bins: readonly Bin[]): number {
  const total = bins.reduce((sum, { count }) => sum + count, 0);
  return (
    bins.reduce(
      (sum, { count, said, came }) => sum + (count === 0 ? 0 : count * Math.abs(said - came)),
      0,
    ) / total
  );
}

export function calibrationTable(folds: readonly Fold[], constant: number): string {
  const lines = folds.map((fold) => {
    const { truth, rows, said } = fold;
    const known = rows.filter((row) => !Number.isNaN(truth.fails[row]!));
    const errorOf = (say: (row: number) => number): number =>
      mean(known.map((row) => (say(row) - truth.fails[row]!) ** 2));
    return [
      fold.name,
      String(known.length),
      figure(mean(known.map((row) => said.hard[row]!))),
      figure(mean(known.map((row) => truth.fails[row]!))),
      figure(calibrationError(binsOf(fold))),
      figure(errorOf((row) => said.hard[row]!)),
      figure(errorOf(() => constant)),
      figure(mean(rows.map((row) => said.isKindRight[row]!))),
      figure(mean(rows.map((row) => said.confidence[row]!))),
    ];
  });
  return table(
    [
      "fold",
      "questions",
      "mean of hard",
      "failed",
      "calibration error",
      "squared error",
      "of a constant",
      "kind right",
      "confidence",
    ],
    lines,
  );
}

export function reliabilityTable(folds: readonly Fold[]): string {
  const binned = folds.map((fold) => binsOf(fold));
  const head = ["hard said", ...folds.map(({ name }) => name)];
  const lines = Array.from({ length: BINS }, (_, bin) => [
    `.${bin} to ${bin === BINS - 1 ? "1" : `.${bin + 1}`}`,
    ...binned.map((bins) => {
      const { count, said, came } = bins[bin]!;
      return count === 0 ? "-" : `${figure(said)}, came ${figure(came)} (${count})`;
    }),
  ]);
  return table(head, lines);
}

const CONFIDENCES = [0, 0.2, 0.35, 0.6, 0.8, 0.95, 1.01];
const NOVELTIES = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 1.01];

export function trustTable(fold: Fold, by: "confidence" | "novelty"): string {
  const { rows, said, truth } = fold;
  const edges = by === "confidence" ? CONFIDENCES : NOVELTIES;
  const lines = edges.slice(0, -1).map((low, index) => {
    const high = edges[index + 1]!;
    const own = rows.filter((row) => said[by][row]! >= low && said[by][row]! < high);
    const known = own.filter((row) => !Number.isNaN(truth.fails[row]!));
    return [
      high > 1 ? `${low} and more` : `${low} to ${high}`,
      figure(own.length / rows.length),
      figure(mean(own.map((row) => said.isKindRight[row]!))),
      figure(mean(known.map((row) => (said.hard[row]! - truth.fails[row]!) ** 2))),
      figure(mean(known.map((row) => said.hard[row]! - truth.fails[row]!))),
    ];
  });
  return table([by, "share of questions", "kind right", "squared error of hard", "bias"], lines);
}
