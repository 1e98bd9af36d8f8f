// What holds for any stream of calls, ends, faults, deaths and clocks. A failing property prints its seed.
import fc from "fast-check";
import { expect, test } from "vitest";
import { Dispatch } from "../../../../policies/placement/dispatch.ts";
import type {
  PlaceAnswer,
  PlaceRequest,
  PoolSettings,
} from "../../../../policies/placement/pool.ts";
import { ORDERS } from "../../../../policies/pool.ts";
import { ask, FAULT, FINE, replica, settings, UNTOLD } from "./pool-samples.ts";

const WAIT_MS = 2_000;
const EXPIRES_MS = 5_000;

const anyPool = fc
  .record({
    concurrencyMax: fc.option(fc.integer({ min: 1, max: 6 })),
    caps: fc.array(fc.option(fc.integer({ min: 1, max: 3 })), { minLength: 1, maxLength: 4 }),
    order: fc.constantFrom(...ORDERS),
  })
  .map(({ concurrencyMax, caps, order }) =>
    settings({
      concurrencyMax,
      order,
      waitMsMax: WAIT_MS,
      replicas: caps.map((cap, i) => replica(`r${i}`, cap)),
      breaker: { failures: 2, windowMs: 1_000, cooldownMs: 500 },
    }),
  );

const anyStep = fc.record({
  kind: fc.constantFrom("ask", "ask", "ask", "ask", "first", "fine", "fault", "untold", "pass"),
  of: fc.nat(),
  first: fc.nat(5).map((family) => family * 1000),
  length: fc.nat(30),
  pin: fc.option(fc.nat(3), { nil: undefined }),
  avoid: fc.option(fc.nat(3), { nil: undefined }),
  /** Back as well. */
  afterMs: fc.oneof(
    { weight: 9, arbitrary: fc.nat(900) },
    { weight: 1, arbitrary: fc.integer({ min: -3_000, max: -1 }) },
  ),
});

interface Seen {
  readonly answers: Map<string, PlaceAnswer>;
  readonly askedAt: Map<string, number>;
  readonly requests: Map<string, PlaceRequest>;
  /** Calls that hold a slot, by the test's own count. */
  readonly running: Map<string, string>;
}

/** Plays a stream; `look` sees the pool after each step. Time is what a clock that never goes back would show. */
function play(
  pool: PoolSettings,
  steps: readonly (typeof anyStep extends fc.Arbitrary<infer Step> ? Step : never)[],
  look: (dispatch: Dispatch, seen: Seen, passedMs: number) => void,
): { dispatch: Dispatch; seen: Seen; nowMs: number } {
  const dispatch = new Dispatch();
  const seen: Seen = {
    answers: new Map(),
    askedAt: new Map(),
    requests: new Map(),
    running: new Map(),
  };
  let nowMs = 1_000_000;
  let passedMs = 0;
  let number = 0;
  const hear = (callId: string, answer: PlaceAnswer) => {
    expect(seen.answers.has(callId)).toBe(false);
    seen.answers.set(callId, answer);
  };
  for (const { kind, of, first, length, afterMs, pin, avoid } of steps) {
    nowMs += afterMs;
    passedMs += Math.max(0, afterMs);
    const callId = `c${of % Math.max(1, number)}`;
    switch (kind) {
      case "ask": {
        const id = `c${number++}`;
        seen.askedAt.set(id, passedMs);
        const changes = {
          expiresInMs: EXPIRES_MS,
          ...(pin === undefined ? {} : { pin: `r${pin}` }),
          ...(avoid === undefined ? {} : { avoid: [`r${avoid}`] }),
        };
        const request = ask(id, first, length, changes);
        seen.requests.set(id, request);
        const answer = dispatch.ask(pool, request, nowMs);
        if (answer !== null) hear(id, answer);
        break;
      }
      case "first":
        dispatch.firstToken(callId, nowMs);
        break;
      case "fine":
        dispatch.end(callId, FINE, nowMs);
        break;
      case "fault":
        dispatch.end(callId, FAULT, nowMs);
        break;
      case "untold":
        dispatch.end(callId, UNTOLD, nowMs);
        break;
      case "pass":
        dispatch.passTime(nowMs);
    }
    const { decided, opened, ended } = dispatch.takeChanges();
    for (const [id, answer] of decided) hear(id, answer);
    for (const { callId: id, member } of opened) seen.running.set(id, member.id);
    for (const id of ended) seen.running.delete(id);
    look(dispatch, seen, passedMs);
  }
  return { dispatch, seen, nowMs };
}

const anySteps = fc.array(anyStep, { maxLength: 120 });

test("no replica and no pool ever has more calls than its cap, whoever ends, dies or comes back", () => {
  fc.assert(
    fc.property(anyPool, anySteps, (pool, steps) => {
      play(pool, steps, (dispatch, { running }) => {
        expect(dispatch.calls.size).toBe(running.size);
        if (pool.concurrencyMax !== null)
          expect(running.size).toBeLessThanOrEqual(pool.concurrencyMax);
        for (const { id, concurrencyMax } of pool.replicas) {
          const there = [...running.values()].filter((other) => other === id).length;
          expect(there).toBeLessThanOrEqual(concurrencyMax ?? Infinity);
          expect(dispatch.members.find(id)?.running ?? 0).toBe(there);
        }
      });
    }),
    { numRuns: 300 },
  );
});

test("each call has one answer within the pool's longest wait, and a slot ends within its life", () => {
  fc.assert(
    fc.property(anyPool, anySteps, (pool, steps) => {
      const { dispatch, seen, nowMs } = play(
        pool,
        steps,
        (here, { answers, askedAt }, passedMs) => {
          for (const [id, atMs] of askedAt)
            if (passedMs - atMs >= WAIT_MS) expect(answers.has(id)).toBe(true);
          expect(here.line.length).toBe(askedAt.size - answers.size);
        },
      );
      for (const answer of seen.answers.values())
        if (answer.kind === "placed") expect(answer.waitedMs).toBeLessThanOrEqual(WAIT_MS);
      dispatch.passTime(nowMs + EXPIRES_MS + WAIT_MS);
      dispatch.passTime(nowMs + 2 * (EXPIRES_MS + WAIT_MS));
      expect(dispatch.calls.size + dispatch.line.length).toBe(0);
      expect(dispatch.calls.pending.total).toBe(0);
    }),
    { numRuns: 300 },
  );
});

test("nobody waits while there is room for it", () => {
  fc.assert(
    fc.property(anyPool, anySteps, (pool, steps) => {
      play(pool, steps, (dispatch, { running }) => {
        const isFull = running.size >= (pool.concurrencyMax ?? Infinity);
        for (const { request } of dispatch.line) {
          const mayGo = pool.replicas.filter(
            ({ id }) =>
              (request.avoid?.includes(id) !== true || pool.replicas.length === 1) &&
              (request.pin === undefined ||
                request.pin === id ||
                pool.replicas.every((other) => other.id !== request.pin)),
          );
          const hasRoom = mayGo.some(({ id, concurrencyMax }) => {
            const member = dispatch.members.find(id);
            return (
              (member?.running ?? 0) < (concurrencyMax ?? Infinity) &&
              member?.circuit.kind === "closed"
            );
          });
          if (request.pin === undefined) expect(isFull || !hasRoom).toBe(true);
        }
      });
    }),
    { numRuns: 200 },
  );
});

test("a call goes nowhere that it avoids while another is well, and to its pin where that is well", () => {
  fc.assert(
    fc.property(anyPool, anySteps, (pool, steps) => {
      const wasClosed = new Map(pool.replicas.map(({ id }) => [id, true]));
      play(pool, steps, (dispatch, { answers, requests }) => {
        for (const [id, answer] of answers) {
          if (answer.kind !== "placed" || dispatch.calls.find(id) === null) continue;
          const { pin, avoid } = requests.get(id)!;
          const isOtherWell = pool.replicas.some(
            (other) => avoid?.includes(other.id) !== true && wasClosed.get(other.id) === true,
          );
          if (isOtherWell) expect(avoid ?? []).not.toContain(answer.replica);
          if (pin !== undefined && wasClosed.get(pin) === true && avoid?.includes(pin) !== true)
            expect(answer.replica).toBe(pin);
        }
        // Once it rested, calls may have gone elsewhere.
        for (const { id, circuit } of dispatch.members)
          if (circuit.kind !== "closed") wasClosed.set(id, false);
      });
    }),
    { numRuns: 200 },
  );
});
