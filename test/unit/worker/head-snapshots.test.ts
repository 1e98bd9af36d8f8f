// Copies of what heads learned: read in the background, believed for some seconds, and never worth a wait.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { emptyHead, encodeHead } from "../../../policies/head/state.ts";
import type { Snapshot } from "../../../durable/head.ts";
import {
  forgetHead,
  FRESH_MS,
  HeadSnapshots,
  LOAD_WAIT_MS_MAX,
  newHeadMemory,
  type HeadMemory,
} from "../../../worker/head-snapshots.ts";
import { aDecision } from "../policies/head/a-decision.ts";

const LEARNED: Snapshot = { revision: 3, state: encodeHead(emptyHead([])) };

let memory: HeadMemory;
let asked: (number | null)[];
let finishing: Promise<unknown>[];
beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  memory = newHeadMemory();
  asked = [];
  finishing = [];
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function advisor(snapshot: (known: number | null) => Promise<Snapshot>, tenant = "acme") {
  const reach = () => ({
    record: async () => null,
    hear: async () => [],
    snapshot: (known: number | null) => {
      asked.push(known);
      return snapshot(known);
    },
  });
  const heads = new HeadSnapshots(reach, memory, () => Date.now());
  return () =>
    heads.advise(
      tenant,
      "p",
      () => aDecision().input,
      (work) => finishing.push(work),
    );
}

it("has the first request advised by a head that answers in time, and says how old the copy is", async () => {
  const advise = advisor(async () => LEARNED);
  expect(await advise()).toMatchObject({ ageMs: 0 });
  await vi.advanceTimersByTimeAsync(FRESH_MS - 1);
  expect(await advise()).toMatchObject({ ageMs: FRESH_MS - 1 });
  expect(asked).toEqual([null]);
});

it("advises by an older copy while it reads a newer one, and reads nothing where there is none", async () => {
  const advise = advisor(async (known) => (known === 3 ? { revision: 3, state: null } : LEARNED));
  await advise();
  await vi.advanceTimersByTimeAsync(FRESH_MS);
  expect(await advise()).toMatchObject({ ageMs: FRESH_MS });
  await Promise.all(finishing);
  expect(asked).toEqual([null, 3]);
  expect(await advise()).toMatchObject({ ageMs: 0 });
});

it("answers without advice where nothing was learned, and after a reset", async () => {
  expect(await advisor(async () => ({ revision: 0, state: null }))()).toBeNull();
  memory = newHeadMemory();
  const advise = advisor(async (known) =>
    known === null ? LEARNED : { revision: 4, state: null },
  );
  expect(await advise()).not.toBeNull();
  await vi.advanceTimersByTimeAsync(FRESH_MS);
  await advise();
  await Promise.all(finishing);
  expect(await advise()).toBeNull();
});

it.each([
  { how: "is silent", snapshot: () => new Promise<Snapshot>(() => undefined) },
  { how: "fails", snapshot: () => Promise.reject(new Error("lost")) },
])(
  "holds up one request of many for at most the named wait where the head $how",
  async ({ snapshot }) => {
    const advise = advisor(snapshot);
    const first = advise();
    // Meanwhile nobody else waits at all.
    expect(await advise()).toBeNull();
    await vi.advanceTimersByTimeAsync(LOAD_WAIT_MS_MAX);
    expect(await first).toBeNull();
    expect(await advise()).toBeNull();
    await vi.advanceTimersByTimeAsync(5_000);
    await Promise.all(finishing);
    expect(await advise()).toBeNull();
    expect(asked).toHaveLength(1);
  },
);

it("stops believing a copy that could not be read again for minutes", async () => {
  let isAway = false;
  const advise = advisor(async () => {
    if (isAway) throw new Error("lost");
    return LEARNED;
  });
  await advise();
  isAway = true;
  await vi.advanceTimersByTimeAsync(5 * 60_000 - 1);
  expect(await advise()).not.toBeNull();
  await vi.advanceTimersByTimeAsync(1);
  expect(await advise()).toBeNull();
});

it("keeps a bounded number of heads, the last that were read, and forgets one when told", async () => {
  for (let tenant = 0; tenant < 250; tenant += 1)
    await advisor(async () => LEARNED, `t${tenant}`)();
  expect(memory.kept.size).toBe(200);
  expect([...memory.kept.keys()].at(-1)).toBe("t249:p");
  forgetHead(memory, "t249", "p");
  expect(memory.kept.has("t249:p")).toBe(false);
});

/** Twenty heads of sixteen arms are opened, which a busy machine does not do in the five seconds that tests have as a rule. */
const OPENING_TIMEOUT_MS = 30_000;
const HEADS = 20;

it(
  "keeps no more bytes than it may, however few the heads",
  async () => {
    const arms = Array.from({ length: 16 }, (_, index) => ({ model: `m${index}`, mode: null }));
    const large = { revision: 1, state: encodeHead(emptyHead(arms)) };
    for (let tenant = 0; tenant < HEADS; tenant += 1)
      await advisor(async () => large, `t${tenant}`)();
    const bytes = [...memory.kept.values()].reduce((sum, one) => sum + one.bytes, 0);
    expect(bytes).toBeLessThanOrEqual(32 * 1024 * 1024);
    expect(memory.kept.size).toBeLessThan(HEADS);
    expect([...memory.kept.keys()].at(-1)).toBe("t19:p");
  },
  OPENING_TIMEOUT_MS,
);
