// Notices when answers begin to go otherwise than the head foretells: Page and Hinkley's test (Page 1954) on the score
// that came less the score that was foretold, both ways.

/** A standing error this small is not worth an alarm, in score. */
const TOLERANCE = 0.05;
/**
 * The sum that raises the alarm. Scores scatter with a variance of .17 or less, so that chance alone gets there about
 * once in exp(2 x .05 x 25 / .17), two million excursions; a fall of .25 takes some 125 lessons.
 */
const ALARM = 25;
/** Without another alarm within so many lessons it is over: the head has learned what there was. */
const CALM_LESSONS = 2_000;

export interface Watch {
  /** Sums of what exceeds the tolerance upwards and downwards, 0 or more. */
  above: number;
  below: number;
  lessonsSince: number;
  sinceMs: number | null;
}

export function calmWatch(): Watch {
  return { above: 0, below: 0, lessonsSince: 0, sinceMs: null };
}

/** `error`: the score that came less the one that was foretold, -1..1. `weight`: 0..1. */
export function watchError(watch: Watch, error: number, weight: number, atMs: number): void {
  watch.above = Math.max(0, watch.above + weight * (error - TOLERANCE));
  watch.below = Math.max(0, watch.below + weight * (-error - TOLERANCE));
  watch.lessonsSince += 1;
  if (watch.above >= ALARM || watch.below >= ALARM) {
    watch.above = 0;
    watch.below = 0;
    watch.lessonsSince = 0;
    watch.sinceMs ??= atMs;
  } else if (watch.sinceMs !== null && watch.lessonsSince >= CALM_LESSONS) watch.sinceMs = null;
}

export function driftOf({ watch }: { readonly watch: Watch }): {
  isAlarmed: boolean;
  sinceMs: number | null;
} {
  return { isAlarmed: watch.sinceMs !== null, sinceMs: watch.sinceMs };
}
