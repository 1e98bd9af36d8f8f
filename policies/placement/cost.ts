// What a replica costs, in seconds: the request's own time to its first token, and the delay of those who come after.
// It is one step of policy iteration for first-come queues (Hyytia et al., "Size- and state-aware dispatching with
// queue-specific job sizes", 2012): work w behind a wait q delays arrivals at rate l by l/(1-u) * (q*w + w*w/2), so
// recomputing costs the more, the longer the prompt and the queue and the busier the pool.

/** What the pool as a whole is doing. */
export interface Pool {
  /** The share of replicas that compute a prompt, below 1. */
  readonly busyShare: number;
  /** Arrivals that continue nothing which we know, for each replica. */
  readonly strangersPerSecond: number;
  readonly tokensPerSecond: number;
}

/** Conversations of a like kind that are expected back where they are cached. */
export interface Expected {
  readonly count: number;
  /** That one of them comes back at all. */
  readonly chance: number;
  /** When it does, on average from now. */
  readonly meanSeconds: number;
  /** What one of them would have to compute elsewhere, on average. */
  readonly meanTokens: number;
}

/**
 * Those who come choose as well, and part of the delay they evade by going elsewhere. Measured from a quarter to the
 * whole for either kind: flat within 2 %, but that agents lose 3 % at the whole.
 */
const ARRIVALS_SHARE = 0.5;

/** One replica, for one request. */
export interface Place {
  /** Until the prompt's turn. */
  readonly waitSeconds: number;
  /** For what it must compute itself. */
  readonly seconds: number;
  /** What others are expected to compute again because their blocks make room for it. */
  readonly lostSeconds: number;
}

export function weighReplica(
  { waitSeconds, seconds, lostSeconds }: Place,
  expected: Iterable<Expected>,
  pool: Pool,
): number {
  let returns = 0;
  for (const { count, chance, meanSeconds, meanTokens } of expected) {
    const elsewhere = meanTokens / pool.tokensPerSecond;
    const after = delayOf(waitSeconds + seconds, meanSeconds, elsewhere);
    returns += count * chance * (after - delayOf(waitSeconds, meanSeconds, elsewhere));
  }
  const rate = pool.strangersPerSecond / (1 - pool.busyShare);
  const strangers = rate * (waitSeconds * seconds + (seconds * seconds) / 2);
  return waitSeconds + seconds + lostSeconds + ARRIVALS_SHARE * (returns + strangers);
}

/**
 * The expected delay, in seconds, of one who comes within an exponential time into a replica that is busy for `busy`
 * seconds. It waits no longer than it would need elsewhere: beyond that it moves.
 */
function delayOf(busy: number, mean: number, elsewhere: number): number {
  const most = Math.min(elsewhere, busy);
  return most - mean * (Math.exp((most - busy) / mean) - Math.exp(-busy / mean));
}
