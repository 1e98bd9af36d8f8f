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
