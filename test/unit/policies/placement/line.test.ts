// In which order calls leave a line, and that each leaves in time. A failing property prints its seed.
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { Line, LINE_MAX, TENANT_SHARE, type Waiting } from "../../../../policies/placement/line.ts";
import { ORDERS, type Order } from "../../../../policies/pool.ts";

const WAIT_MS = 10_000;

function waiting(callId: string, joinedMs: number, changes: Partial<Waiting> = {}): Waiting {
  const untilMs = joinedMs + WAIT_MS;
  return { callId, tenant: "acme", joinedMs, untilMs, hitShare: 0, uncachedSeconds: 0, ...changes };
}

function orderOf(order: Order, entries: readonly Waiting[]): string[] {
  const line = new Line();
  for (const entry of entries) expect(line.join(entry, order)).toBe(true);
  return [...line].map(({ callId }) => callId);
}

const anyEntry = fc.record({
  joinedMs: fc.nat(30_000),
  hitShare: fc.double({ min: 0, max: 1, noNaN: true }),
  uncachedSeconds: fc.double({ min: 0, max: 100, noNaN: true }),
});
const anyEntries = fc
  .array(anyEntry, { maxLength: 60 })
  .map((entries) => entries.map((entry, i) => waiting(`c${i}`, entry.joinedMs, entry)));

describe("the order", () => {
  it("of arrival is that of arrival, and of two that came at once the first to ask", () => {
    const entries = [waiting("a", 5), waiting("b", 3), waiting("c", 3, { hitShare: 1 })];
    expect(orderOf("arrival", entries)).toEqual(["b", "c", "a"]);
  });

  it("of hits puts first what is cached, and of what is not the one that came first", () => {
    const entries = [
      waiting("cold", 0),
      waiting("half", 100, { hitShare: 0.5 }),
      waiting("warm", 200, { hitShare: 1 }),
      waiting("colder", 300),
    ];
    expect(orderOf("hit-rate", entries)).toEqual(["warm", "half", "cold", "colder"]);
  });

  it("of least to compute puts first what is soon done, long prompts only up to half a wait later", () => {
    const entries = [
      waiting("hour", 0, { uncachedSeconds: 3600 }),
      waiting("two", 0, { uncachedSeconds: 2 }),
      waiting("one", 500, { uncachedSeconds: 1 }),
      waiting("late", 5_001, { uncachedSeconds: 0 }),
    ];
    expect(orderOf("shortest-uncached", entries)).toEqual(["one", "two", "hour", "late"]);
  });
});

test("nobody is overtaken by one that came half a wait later, whatever the order and the prompts", () => {
  fc.assert(
    fc.property(anyEntries, fc.constantFrom(...ORDERS), (entries, order) => {
      const line = new Line();
      for (const entry of entries) line.join(entry, order);
      const left = [...line];
      for (const [i, first] of left.entries())
        for (const behind of left.slice(i + 1))
          expect(first.joinedMs - behind.joinedMs).toBeLessThanOrEqual(WAIT_MS / 2);
    }),
    { numRuns: 300 },
  );
});

test("each leaves once, when it is taken or when its time is over, and the rest stay in their order", () => {
  const anyStep = fc.oneof(
    fc.record({ kind: fc.constant("take" as const), of: fc.nat(60) }),
    fc.record({ kind: fc.constant("pass" as const), ms: fc.nat(4_000) }),
  );
  fc.assert(
    fc.property(
      anyEntries,
      fc.array(anyStep, { maxLength: 40 }),
      fc.constantFrom(...ORDERS),
      (entries, steps, order) => {
        const line = new Line();
        for (const entry of entries) line.join(entry, order);
        let expected = [...line];
        let nowMs = 0;
        for (const step of steps) {
          if (step.kind === "take") {
            const callId = `c${step.of}`;
            const isThere = expected.some((entry) => entry.callId === callId);
            expect(line.take(callId) !== null).toBe(isThere);
            expected = expected.filter((entry) => entry.callId !== callId);
          } else {
            nowMs += step.ms;
            const due = line.takeDue(nowMs);
            expect(new Set(due)).toEqual(
              new Set(expected.filter(({ untilMs }) => untilMs <= nowMs)),
            );
            expected = expected.filter(({ untilMs }) => untilMs > nowMs);
          }
          expect([...line]).toEqual(expected);
          expect(line.length).toBe(expected.length);
          for (const { untilMs } of expected) expect(line.dueMs).toBeLessThanOrEqual(untilMs);
        }
      },
    ),
    { numRuns: 200 },
  );
});

it("is bounded, and nobody stands in it twice", () => {
  const line = new Line();
  for (let i = 0; i < LINE_MAX; i++)
    expect(line.join(waiting(`c${i}`, i, { tenant: `t${i % 2}` }), "arrival")).toBe(true);
  expect(line.join(waiting("more", 0), "arrival")).toBe(false);
  line.take("c0");
  expect(line.join(waiting("c1", 0), "arrival")).toBe(false);
  expect(line.join(waiting("more", 0), "arrival")).toBe(true);
  expect(line.longestMs(LINE_MAX)).toBe(LINE_MAX);
});

it("is half of it one tenant's at most, and each that leaves makes room for another of its own", () => {
  const line = new Line();
  const half = LINE_MAX * TENANT_SHARE;
  for (let i = 0; i < half; i++) expect(line.join(waiting(`c${i}`, i), "arrival")).toBe(true);
  expect(line.join(waiting("own", 0), "arrival")).toBe(false);
  expect(line.join(waiting("other", 0, { tenant: "beta" }), "arrival")).toBe(true);
  line.take("other");
  expect(line.join(waiting("own", 0), "arrival")).toBe(false);
  line.take("c0");
  expect(line.join(waiting("own", 0), "arrival")).toBe(true);
  expect(line.takeDue(half + WAIT_MS)).toHaveLength(half);
  expect(line.join(waiting("again", 0), "arrival")).toBe(true);
});
