// The price of a budget: how much score a thousandth of a dollar has to buy beyond what the policy asks, so that the budget
// lasts as long as its window. Requests of one tenant thus compete for it, and easy ones are the first to go without.
//
// Dual ascent. The pace is what remains over the time that is left, the pressure rho is the pace over the burn, and the
// price rises while rho is below 1 and falls while it is above. It moves by factors, not by sums: the right price may be
// anywhere over four decades, and a factor gets there in as many steps whatever the currency is worth, cannot fall below
// nothing, and needs only rho, which has no unit. For the same reason a limit of tokens needs no exchange rate: taken
// as money at any nominal price a token, the price cancels out of rho. Its lambda is in score per thousandth of a dollar
// like every other, on the assumption that what costs less also writes less; where it does not, lambda goes on rising.
// Each limit has a price of its own, and the tightest rules.
//
// It knows no profile of the day: a tenant that spends a day's budget in eight hours is thrifty in them, although all of
// it would have been enough.

export interface PriceBounds {
  readonly floor: number;
  readonly ceiling: number;
  /** Spending so long ago counts half as much as spending now. */
  readonly halfLifeMs: number;
}

/** A limit of money or tokens as it stands now, in its own unit. */
export interface Budget {
  /** The limit less what is spent. Holds are left out: most of them comes back. May be negative. */
  readonly remaining: number;
  /** All that was spent in this window. */
  readonly spent: number;
  /** When the window turns. Null: never, so that there is no pace to keep and no price. */
  readonly endsAtMs: number | null;
}

export interface PriceState {
  /** Score per thousandth of a dollar, to be added to the policy's (`lambda` in policies/policy.ts). */
  readonly lambda: number;
  /** Smoothed spending, in the limit's unit per millisecond. */
  readonly burnPerMs: number;
  /** The pressure rho, at most `PRESSURE_MAX`: 1 is just in time, below it the budget runs dry. */
  readonly pressure: number;
  readonly atMs: number;
  /** Lambda stands at least `DWELL_SHARE` of a half-life after this. */
  readonly steppedAtMs: number;
  /** What was spent in the window that ends at `endsAtMs`, as of `atMs`. */
  readonly spent: number;
  readonly endsAtMs: number | null;
}

/**
 * At this price a hundred-thousandth of a dollar outweighs all of the score from 0 to 1: nothing is left that a higher
 * one would change, and it would take longer to fall.
 */
export const LAMBDA_MAX = 100;
/** The first price above nothing: a tenth of what a policy asks by default, so it changes next to no choice. */
export const LAMBDA_FIRST = 0.02;
/** Between the two bands lambda stands, so that a burn about the pace does not move it. */
export const RISES_BELOW = 0.95;
export const FALLS_ABOVE = 1.15;
/** How long lambda stands at least, as a share of a half-life: conversations see few prices, and each can take effect. */
export const DWELL_SHARE = 1 / 8;
/** One step changes lambda by rho to this power: smoothing answers late, and a larger one would swing. */
const GAIN = 0.5;
/** One step at most doubles lambda, or halves it. */
const STEP_MAX = 2;
/** Half-lives in a window: a burn is noticed in time, and a few calls are not taken for one. */
const HALF_LIVES = 24;
const HALF_LIFE_MIN_MS = 10_000;
/** Stands for "no burn" where infinity could not be written down. */
export const PRESSURE_MAX = 1000;

/** For a window of this length: an hour is smoothed over 2.5 minutes, a day over an hour, a month over 30 hours. */
export function priceBounds(windowMs: number): PriceBounds {
  const halfLifeMs = Math.max(HALF_LIFE_MIN_MS, windowMs / HALF_LIVES);
  return { floor: 0, ceiling: LAMBDA_MAX, halfLifeMs };
}

/** `floor` of the bounds it will be updated with. */
export function newPrice(nowMs: number, floor = 0): PriceState {
  return {
    lambda: floor,
    burnPerMs: 0,
    pressure: PRESSURE_MAX,
    atMs: nowMs,
    steppedAtMs: nowMs,
    spent: 0,
    endsAtMs: null,
  };
}

/**
 * The price after the time until `nowMs`. Ask it with every hold and every settlement: it goes by elapsed time, not by
 * count. The same state comes back when no time has passed (or the clock went back) and when a figure is no integer;
 * what was spent meanwhile is counted the next time.
 */
export function updatePrice(
  state: PriceState,
  budget: Budget,
  nowMs: number,
  bounds: PriceBounds,
): PriceState {
  const { remaining, spent, endsAtMs } = budget;
  const figures = [nowMs, remaining, spent, endsAtMs ?? 0];
  const elapsedMs = nowMs - state.atMs;
  if (!figures.every(Number.isSafeInteger) || elapsedMs <= 0) return state;

  // A new window begins at nothing; in the old one, what was refunded is no burn. What had been spent before the first
  // look (at a limit that was just set, or that nobody used for long) was spent nobody knows when.
  const isNew = endsAtMs !== state.endsAtMs;
  const before = !isNew ? state.spent : state.endsAtMs === null ? spent : 0;
  const since = Math.max(0, spent - before);
  const weight = 2 ** (-elapsedMs / bounds.halfLifeMs);
  const burnPerMs = state.burnPerMs * weight + (since / elapsedMs) * (1 - weight);
  const pressure = pressureOf(budget, nowMs, burnPerMs);
  // What a window that ran dry had driven the price to is no reason to be thrifty in the next.
  const isFreed = isNew && pressure > FALLS_ABOVE;
  const lambda = isFreed ? bounds.floor : step(state, pressure, nowMs, bounds);
  const steppedAtMs = lambda === state.lambda ? state.steppedAtMs : nowMs;
  return { lambda, burnPerMs, pressure, atMs: nowMs, steppedAtMs, spent, endsAtMs };
}

/** The price for a call that is charged under several limits: the tightest one's; 0 where there are none. */
export function tightestLambda(prices: Iterable<PriceState>): number {
  let tightest = 0;
  for (const { lambda } of prices) tightest = Math.max(tightest, lambda);
  return tightest;
}

function pressureOf({ remaining, endsAtMs }: Budget, nowMs: number, burnPerMs: number): number {
  if (endsAtMs === null) return PRESSURE_MAX;
  if (remaining <= 0) return 0;
  const pacePerMs = remaining / Math.max(1, endsAtMs - nowMs);
  // Compared before it is divided: a burn that has all but faded would divide to infinity.
  return pacePerMs >= burnPerMs * PRESSURE_MAX ? PRESSURE_MAX : pacePerMs / burnPerMs;
}

function step(
  state: PriceState,
  pressure: number,
  nowMs: number,
  { floor, ceiling, halfLifeMs }: PriceBounds,
): number {
  const kept = Math.min(ceiling, Math.max(floor, state.lambda));
  const dwellMs = halfLifeMs * DWELL_SHARE;
  if (nowMs - state.steppedAtMs < dwellMs) return kept;
  if (pressure < RISES_BELOW) {
    // One step however long ago the last look was: it saw one average, not a burn that lasted.
    const factor = Math.min(STEP_MAX, pressure ** -GAIN);
    return Math.min(ceiling, Math.max(LAMBDA_FIRST, floor, kept * factor));
  }
  if (pressure > FALLS_ABOVE) {
    // After a silence, the steps that it would have taken: the next conversation must not pay for yesterday.
    const steps = Math.max(1, Math.floor((nowMs - state.atMs) / dwellMs));
    const lambda = kept * Math.max(1 / STEP_MAX, pressure ** -GAIN) ** steps;
    return lambda < LAMBDA_FIRST ? floor : Math.max(floor, lambda);
  }
  return kept;
}
