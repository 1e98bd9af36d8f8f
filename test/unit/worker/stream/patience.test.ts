// Many waits, one timer: each ends by its own time, by its promise, or by the client's leaving where it heeds that.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Patience } from "../../../../worker/stream/patience.ts";
import { ABORTED, TIMED_OUT } from "../../../../worker/stream/wait.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const never = new Promise<never>(() => undefined);

it("gives the promise's value, and its error", async () => {
  const patience = new Patience();
  expect(await patience.wait(Promise.resolve(1), 1000)).toBe(1);
  await expect(patience.wait(Promise.reject(new Error("broke")), 1000)).rejects.toThrow("broke");
});

it("ends waits that overlap each at its own time, the shorter one first though it came last", async () => {
  const patience = new Patience();
  const ended: string[] = [];
  void patience.wait(never, 60_000).then(() => ended.push("long"));
  void patience.wait(never, 7000).then(() => ended.push("middle"));
  void patience.wait(never, 100).then(() => ended.push("short"));
  await vi.advanceTimersByTimeAsync(99);
  expect(ended).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(ended).toEqual(["short"]);
  await vi.advanceTimersByTimeAsync(6899);
  expect(ended).toEqual(["short"]);
  await vi.advanceTimersByTimeAsync(1);
  expect(ended).toEqual(["short", "middle"]);
  await vi.advanceTimersByTimeAsync(53_000);
  expect(ended).toEqual(["short", "middle", "long"]);
});

it("ends at once what has no time left", async () => {
  const waiting = new Patience().wait(never, -5);
  await vi.advanceTimersByTimeAsync(0);
  expect(await waiting).toBe(TIMED_OUT);
});

it("ends only the waits that heed the client when it leaves", async () => {
  const controller = new AbortController();
  const patience = new Patience(controller.signal);
  const heeding = patience.waitUnlessGone(never, 1000);
  const other = patience.wait(never, 1000);
  controller.abort();
  expect(await heeding).toBe(ABORTED);
  expect(await patience.waitUnlessGone(Promise.resolve(1), 1000)).toBe(ABORTED);
  await vi.advanceTimersByTimeAsync(1000);
  expect(await other).toBe(TIMED_OUT);
});

it("uses one timer for any number of waits, and none once it is closed and they have ended", async () => {
  const patience = new Patience();
  for (let at = 0; at < 1000; at += 1) await patience.wait(Promise.resolve(at), 10_000);
  expect(vi.getTimerCount()).toBe(1);
  let finish: (value: number) => void = () => undefined;
  const last = patience.wait(
    new Promise<number>((resolve) => {
      finish = resolve;
    }),
    10_000,
  );
  patience.close();
  expect(vi.getTimerCount()).toBe(1);
  finish(7);
  expect(await last).toBe(7);
  expect(vi.getTimerCount()).toBe(0);
});
