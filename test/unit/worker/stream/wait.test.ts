// Waits end, whoever wins, and leave no timer and no listener behind. The clock is the test's own.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { pause, TIMED_OUT, within } from "../../../../worker/stream/wait.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("within", () => {
  it("gives the value when the promise wins, and clears its timer", async () => {
    expect(await within(Promise.resolve(1), 1000)).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("gives TIMED_OUT when the clock wins, not a moment earlier", async () => {
    let result: unknown = "waiting";
    const waiting = within(new Promise(() => undefined), 1000).then((value) => (result = value));
    await vi.advanceTimersByTimeAsync(999);
    expect(result).toBe("waiting");
    await vi.advanceTimersByTimeAsync(1);
    await waiting;
    expect(result).toBe(TIMED_OUT);
  });

  it("passes a failure on, and clears its timer", async () => {
    await expect(within(Promise.reject(new Error("broke")), 1000)).rejects.toThrow("broke");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("takes a wait that is over already as over at once", async () => {
    const waiting = within(new Promise(() => undefined), -5);
    await vi.advanceTimersByTimeAsync(1);
    expect(await waiting).toBe(TIMED_OUT);
  });
});

describe("a pause", () => {
  it("ends with its time", async () => {
    const paused = pause(150, new AbortController().signal);
    await vi.advanceTimersByTimeAsync(150);
    await expect(paused).resolves.toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("ends at once when the signal fires, and leaves no timer", async () => {
    const controller = new AbortController();
    const paused = pause(150, controller.signal);
    controller.abort();
    await expect(paused).resolves.toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("does not begin when the signal has fired", async () => {
    await expect(pause(150, AbortSignal.abort())).resolves.toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
  });
});
