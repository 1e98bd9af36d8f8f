// The meter of a rate (GCRA as a leaky bucket): calls add to it, time drains it, and a hold that was larger than its call
// gives back. Integers only: a unit counts 60,000, so that a rate of N a minute drains N a millisecond.
//
// What holds, exactly. The debt is at every time what it would be had every hold been from the start as large as it is
// after what it gave back; so holds that pass the check, net of that, are in any window of W minutes at most
// `perMinute` x W + `burst`. Three things only make it stricter: bills above their hold, a clock that stood still, and
// more than `RUNS_MAX` levels at once (below). Where the rate was edited, the largest one counts.
//
// Why not give back whatever a hold had added? That may have drained long ago, and what is taken out then is what others
// added: limit and burst pass twice (the named test). Why not only what has not drained when the oldest drains first? It
// is safe, but of many calls in flight those that end late lose what they did not use: with 200 streams that hold 2,000
// tokens and use 400, a full meter let 57 % of its rate through, and this one 94 %.
import { RATE_MAX } from "./limit.ts";

const MINUTE_MS = 60_000;

/**
 * The most that a meter knows of, and the largest of its integers: `RATE_MAX` units, below 2^53. Checks never pass it,
 * since no burst is larger; only a bill far above its hold is cut to it.
 */
export const DEBT_MAX = RATE_MAX * MINUTE_MS;

/**
 * Levels that one meter remembers. Beyond it neighbours are merged and may give back less, never more. Only holds that
 * come while the level rises take one each: so many in flight is past what one object serves.
 */
export const RUNS_MAX = 1024;

/** Mutable: it is changed for each call, and a copy each time would cost more than the change. Plain JSON. */
export interface RateBucket {
  /** Units x 60,000 that have not drained, as of `atMs`. */
  debt: number;
  atMs: number;
  /** Adds so far. A count, so it never comes near 2^53. */
  adds: number;
  /**
   * The lowest level since each add that can still give back, as runs of adds that have the same: run `i` begins with
   * add number `firsts[i]`, and since any of its adds the level was never below `lows[i]`. Both rise; empty when the
   * meter was, since nothing that was added before can come back.
   */
  firsts: number[];
  lows: number[];
}

/** Which add it was. The hold keeps it, to give back. */
export type Pin = number;

export function emptyRate(): RateBucket {
  return { debt: 0, atMs: 0, adds: 0, firsts: [], lows: [] };
}

/** Lets the time until `nowMs` pass. A clock that went back stands still until it is where it was. */
export function drain(bucket: RateBucket, perMinute: number, nowMs: number): void {
  const debt = debtAt(bucket, perMinute, nowMs);
  bucket.atMs = Math.max(bucket.atMs, nowMs);
  if (debt === bucket.debt) return;
  bucket.debt = debt;
  sink(bucket, bucket.lows.length, debt);
}

/** Units that fit now; negative after bills above their holds or when the burst was lowered. Changes nothing. */
export function roomIn(
  bucket: RateBucket,
  perMinute: number,
  burst: number,
  nowMs: number,
): number {
  return floorUnits(burst * MINUTE_MS - debtAt(bucket, perMinute, nowMs));
}

/** Until `units` fit if nothing else comes; null: never, they are more than the burst. Changes nothing. */
export function waitMs(
  bucket: RateBucket,
  perMinute: number,
  burst: number,
  units: number,
  nowMs: number,
): number | null {
  if (units > burst || perMinute <= 0) return null;
  const over = debtAt(bucket, perMinute, nowMs) - (burst - units) * MINUTE_MS;
  return over <= 0 ? 0 : ceilQuotient(over, perMinute);
}

/** Adds without a check: the caller has made it, or posts a bill that is what it is. */
export function add(bucket: RateBucket, perMinute: number, units: number, nowMs: number): Pin {
  drain(bucket, perMinute, nowMs);
  const pin = bucket.adds;
  bucket.adds += 1;
  bucket.debt = Math.min(DEBT_MAX, bucket.debt + units * MINUTE_MS);
  const top = bucket.lows.at(-1) ?? 0;
  if (bucket.debt > top) {
    bucket.firsts.push(pin);
    bucket.lows.push(bucket.debt);
    if (bucket.lows.length > RUNS_MAX) halve(bucket);
  }
  return pin;
}

/**
 * Makes an add smaller by up to `units`, as if it had been so from the start: by at most the lowest level since then,
 * for below that the meter would have been empty and the time would have drained nothing. The caller gives back no more
 * than it added under the pin. Returns the whole units that came back.
 */
export function giveBack(
  bucket: RateBucket,
  perMinute: number,
  pin: Pin,
  units: number,
  nowMs: number,
): number {
  drain(bucket, perMinute, nowMs);
  const run = runOf(bucket, pin);
  const low = bucket.lows[run];
  if (low === undefined) return 0;
  const given = Math.min(units * MINUTE_MS, low);
  bucket.debt -= given;
  const { lows } = bucket;
  // Later levels would all have been lower by as much; earlier adds have the new level among those since.
  for (let index = run; index < lows.length; index += 1) lows[index] = (lows[index] ?? 0) - given;
  sink(bucket, run + 1, low - given);
  return floorUnits(given);
}

/** The level was at `level` after the first `count` runs: none of them has a higher low, and equal ones are one. */
function sink(bucket: RateBucket, count: number, level: number): void {
  const { firsts, lows } = bucket;
  if (level === 0) {
    firsts.splice(0, count);
    lows.splice(0, count);
    return;
  }
  let index = count;
  while (index > 0 && (lows[index - 1] ?? 0) >= level) index -= 1;
  if (index === count) return;
  lows[index] = level;
  firsts.splice(index + 1, count - index - 1);
  lows.splice(index + 1, count - index - 1);
}

/** The run that a pin is in; -1 when the meter was empty since. */
function runOf({ firsts }: RateBucket, pin: Pin): number {
  let low = 0;
  let high = firsts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((firsts[middle] ?? 0) <= pin) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Every second run joins the one before it, whose low is the lower. */
function halve(bucket: RateBucket): void {
  bucket.firsts = bucket.firsts.filter((_, index) => index % 2 === 0);
  bucket.lows = bucket.lows.filter((_, index) => index % 2 === 0);
}

/** Until the meter is empty if nothing comes but `units` more now. Changes nothing. */
export function emptyInMs(
  bucket: RateBucket,
  perMinute: number,
  units: number,
  nowMs: number,
): number {
  return perMinute <= 0
    ? 0
    : ceilQuotient(debtAt(bucket, perMinute, nowMs) + units * MINUTE_MS, perMinute);
}

/** The quotient of two integers can round to a whole one too soon; the remainder cannot. */
function ceilQuotient(of: number, by: number): number {
  const rest = of % by;
  return (of - rest) / by + (rest > 0 ? 1 : 0);
}

function debtAt({ debt, atMs }: RateBucket, perMinute: number, nowMs: number): number {
  const drained = perMinute * Math.max(0, nowMs - atMs);
  // Beyond 2^53 the product is not exact, and then it is more than any debt.
  return drained >= debt ? 0 : debt - drained;
}

function floorUnits(scaled: number): number {
  const rest = scaled % MINUTE_MS;
  // Adding 0 makes the remainder's negative zero a plain one.
  return (scaled - rest) / MINUTE_MS + (rest < 0 ? -1 : 0) + 0;
}
