// Bootstrap intervals: questions are drawn again with replacement inside each source, so that every source stays.
import { seededChance } from "../chance.ts";
import type { Rows } from "./measures.ts";

export const RESAMPLES = 200;
export const BOOTSTRAP_SEED = 7;

export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** 95 %. `measure` of several seeds should be their mean: the same questions are drawn for all of them. */
export function intervalOf(
  rows: Rows,
  sourceOf: (row: number) => string,
  measure: (rows: Rows) => number,
): Interval {
  const chance = seededChance(BOOTSTRAP_SEED);
  const sources = [...Map.groupBy(rows, sourceOf).values()];
  const drawn: number[] = [];
  for (let resample = 0; resample < RESAMPLES; resample += 1)
    drawn.push(
      measure(sources.flatMap((own) => own.map(() => own[Math.floor(chance() * own.length)]!))),
    );
  drawn.sort((one, two) => one - two);
  return {
    value: measure(rows),
    low: drawn[Math.floor(RESAMPLES * 0.025)]!,
    high: drawn[Math.ceil(RESAMPLES * 0.975) - 1]!,
  };
}
