// What the probe is held to: one number over rows of recorded questions for each measure.
import { areaUnderCurve, mean, spearman } from "../rank.ts";
import type { Said, Truth } from "./judged.ts";

export type Rows = readonly number[];
export type Measure = (rows: Rows, said: Said, truth: Truth) => number;

/** Fails more often than not. */
const HARD_FROM = 0.5;
/** A correlation inside a source with fewer questions is noise. */
export const SOURCE_QUESTIONS_MIN = 40;

export function hardArea(rows: Rows, { hard }: Said, { fails }: Truth): number {
  const known = rows.filter((row) => !Number.isNaN(fails[row]!));
  return areaUnderCurve(
    known.map((row) => hard[row]!),
    known.map((row) => fails[row]! > HARD_FROM),
  );
}

export function pooled(rows: Rows, { difficulty }: Said, { fails }: Truth): number {
  return ranked(rows, difficulty, fails);
}

export function withinSources(rows: Rows, said: Said, truth: Truth): number {
  return mean([...bySource(rows, said, truth).values()]);
}

/** Spearman of difficulty with the recorded failing, for each source with enough questions. */
export function bySource(rows: Rows, { difficulty }: Said, truth: Truth): Map<string, number> {
  const known = rows.filter((row) => !Number.isNaN(truth.fails[row]!));
  const found = new Map<string, number>();
  for (const [source, own] of Map.groupBy(known, (row) => truth.queries[row]!.source))
    if (own.length >= SOURCE_QUESTIONS_MIN) found.set(source, ranked(own, difficulty, truth.fails));
  return found;
}

export function kindAccuracy(rows: Rows, { isKindRight }: Said): number {
  return mean(rows.map((row) => isKindRight[row]!));
}

export function tokensRanked(rows: Rows, { tokens }: Said, truth: Truth): number {
  return ranked(rows, tokens, truth.tokens);
}

function ranked(rows: Rows, values: Float64Array, recorded: Float64Array): number {
  const known = rows.filter((row) => !Number.isNaN(recorded[row]!));
  return spearman(
    known.map((row) => values[row]!),
    known.map((row) => recorded[row]!),
  );
}
