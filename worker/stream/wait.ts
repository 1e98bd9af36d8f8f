// Waits that end: a promise against a clock, with the timer cleared whichever wins.

export const TIMED_OUT = Symbol("timed out");

/** The promise's value, or `TIMED_OUT` after `waitMs`. The promise itself goes on; its owner must still heed it. */
export async function within<T>(
  promise: Promise<T>,
  waitMs: number,
): Promise<T | typeof TIMED_OUT> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const clock = new Promise<typeof TIMED_OUT>((resolve) => {
    timer = setTimeout(() => resolve(TIMED_OUT), Math.max(0, waitMs));
  });
  try {
    return await Promise.race([promise, clock]);
  } finally {
    clearTimeout(timer);
  }
}

export const ABORTED = Symbol("aborted");

/**
 * The promise's value, `TIMED_OUT` after `waitMs`, or `ABORTED` when the signal fires. Listens to the signal only for
 * as long as it waits: a race against one long-lived promise would keep every value that ever won it.
 */
export async function withinOrAborted<T>(
  promise: Promise<T>,
  waitMs: number,
  signal: AbortSignal,
): Promise<T | typeof TIMED_OUT | typeof ABORTED> {
  if (signal.aborted) return ABORTED;
  let tell: () => void = () => undefined;
  const aborted = new Promise<typeof ABORTED>((resolve) => {
    tell = () => resolve(ABORTED);
  });
  signal.addEventListener("abort", tell, { once: true });
  try {
    return await within(Promise.race([promise, aborted]), waitMs);
  } finally {
    signal.removeEventListener("abort", tell);
  }
}

/** Resolves after `waitMs`, or at once when the signal fires. */
export async function pause(waitMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  let stop: () => void = () => undefined;
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  signal.addEventListener("abort", stop, { once: true });
  try {
    await within(stopped, waitMs);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
