// The clock of tests and objects alike: it stands still, and only the test moves it.
import { afterEach, beforeEach, vi } from "vitest";

export interface Clock {
  readonly nowMs: number;
  advance(ms: number): void;
}

interface ClockOfEach extends Clock {
  /** Anew at another time, also where all that was replaced has just been put back. */
  stop(text?: string): void;
}

/** Stopped before each test of the file that calls this at its top; after each all that was replaced is put back. */
export function stopClockOfEach(): ClockOfEach {
  let clock: Clock | null = null;
  const stop = (text?: string): void => {
    clock = stopClock(text);
  };
  const running = (): Clock => {
    if (clock === null) throw new Error("The clock is stopped in tests alone.");
    return clock;
  };
  beforeEach(() => stop());
  afterEach(() => {
    vi.restoreAllMocks();
  });
  return {
    get nowMs() {
      return running().nowMs;
    },
    advance: (ms) => running().advance(ms),
    stop,
  };
}

/** Far in the future, so that no real alarm comes by itself. */
export function stopClock(text = "2030-05-15T12:00:00Z"): Clock {
  let nowMs = Date.parse(text);
  vi.spyOn(Date, "now").mockImplementation(() => nowMs);
  return {
    get nowMs() {
      return nowMs;
    },
    advance(ms) {
      nowMs += ms;
    },
  };
}
