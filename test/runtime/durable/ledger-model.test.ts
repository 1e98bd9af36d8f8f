// The object under random histories, step by step beside the pure core with nothing but lists around it: what the object
// adds (bytes, tables, snapshots, sleeps, alarms) must change no answer and no balance. Two generators: wide (many calls,
// loose limits) and dense (few ids, tight limits, short lives), because each finds faults that the other misses. A
// failing history prints its seed. That the core itself keeps its promises is test/torture's to show.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { fingerprint } from "../../../durable/hold-request.ts";
import { Book } from "../../../durable/ledger-book.ts";
import type { Certainty, HoldRequest } from "../../../policies/account.ts";
import { DIMENSIONS } from "../../../policies/ledger/amounts.ts";
import type { CallEntry } from "../../../policies/ledger/entry.ts";
import { decideCheckpoint, decideExtension } from "../../../policies/ledger/extend.ts";
import { decideHold, type Decision } from "../../../policies/ledger/hold.ts";
import type { Limit } from "../../../policies/ledger/limit.ts";
import { decideRefund, decideRelease, decideSettlement } from "../../../policies/ledger/settle.ts";
import type { Ledger } from "../../../durable/ledger.ts";
import {
  apply,
  newState,
  pinnedKey,
  type EndedCall,
  type EndedCalls,
} from "../../../policies/ledger/state.ts";
import { decideSweep, nextDueMs } from "../../../policies/ledger/sweep.ts";
import { stopClock, type Clock } from "./a-clock.ts";
import { entriesOf, holdRequest, offer, openLedger, usageOf } from "./ledger-samples.ts";

type Step =
  | {
      kind: "hold";
      callId: string;
      inputTokens: number;
      outputTokens: number;
      sliceTokens: number;
      ttlMs: number;
      user: string;
      session: string | null;
    }
  | { kind: "extend" | "checkpoint"; callId: string; outputTokens: number; ttlMs: number }
  | {
      kind: "settle";
      callId: string;
      inputTokens: number;
      outputTokens: number;
      certainty: Certainty;
    }
  | { kind: "release"; callId: string }
  | { kind: "refund"; callId: string; refundId: string; tokens: number }
  | { kind: "alarm" | "snapshot" | "forget" | "sleep" }
  | { kind: "wait"; ms: number };

const SWEPT_PER_HOLD = 50;

/** The core with lists around it. */
class Reference implements EndedCalls {
  readonly state = newState();
  readonly entries: CallEntry[] = [];

  find(callId: string): EndedCall | null {
    const own = this.entries.filter((entry) => entry.callId === callId);
    const hold = own.find((entry) => entry.op === "hold");
    const end = own.findLast(
      (entry) =>
        entry.op === "settle" ||
        entry.op === "release" ||
        entry.op === "expire" ||
        entry.op === "adjust",
    );
    if (hold === undefined || end === undefined) return null;
    return { hold, end, refunds: own.filter((entry) => entry.op === "refund") };
  }

  enact<Answer>({ answer, entry }: Decision<Answer, CallEntry>): Answer {
    if (entry !== null) {
      // An ending is found only once it was applied.
      apply(this.state, entry, this);
      this.entries.push(entry);
    }
    return answer;
  }

  sweep(nowMs: number, max: number): void {
    for (const entry of decideSweep(this.state, nowMs, max)) this.enact({ answer: null, entry });
    if (nowMs >= this.state.nextDueMs) this.state.nextDueMs = nextDueMs(this.state);
  }
}

function requestOf(step: Step & { kind: "hold" }, limits: readonly Limit[]): HoldRequest {
  const { callId, inputTokens, outputTokens, sliceTokens, ttlMs, user, session } = step;
  const perUser: Limit[] = [
    { dimension: "tokens", window: "hour", limit: 900, hard: false },
    { dimension: "requests", window: "minute", limit: 20, burst: 8, hard: false },
  ];
  return holdRequest(callId, {
    scopes: [
      { scope: "tenant", limits: [...limits] },
      { scope: `user:${user}`, limits: perUser },
    ],
    session,
    offers: [offer({ inputTokens, outputTokens, outputTokensMin: 1, sliceTokens })],
    ttlMs,
  });
}

function predict(
  reference: Reference,
  step: Step,
  limits: readonly Limit[],
  nowMs: number,
): unknown {
  const { state } = reference;
  switch (step.kind) {
    case "hold": {
      const request = requestOf(step, limits);
      reference.sweep(nowMs, SWEPT_PER_HOLD);
      return reference.enact(decideHold(state, reference, request, fingerprint(request), 0, nowMs));
    }
    case "extend": {
      reference.sweep(nowMs, SWEPT_PER_HOLD);
      const extension = { ...step, seenOutputTokens: step.outputTokens };
      return reference.enact(decideExtension(state, reference, extension, nowMs));
    }
    case "checkpoint": {
      const checkpoint = { ...step, seenOutputTokens: step.outputTokens };
      return reference.enact(decideCheckpoint(state, reference, checkpoint, nowMs));
    }
    case "settle":
      return reference.enact(decideSettlement(state, reference, settlementOf(step), nowMs));
    case "release":
      return reference.enact(decideRelease(state, reference, step.callId, nowMs));
    case "refund":
      return reference.enact(decideRefund(state, reference, { ...step, nanos: 1 }, nowMs));
    case "alarm":
      reference.sweep(nowMs, 500);
      return null;
    case "snapshot":
    case "forget":
    case "sleep":
    case "wait":
      return null;
  }
}

function settlementOf(step: Step & { kind: "settle" }) {
  const { callId, inputTokens, outputTokens, certainty } = step;
  return { callId, usage: usageOf(inputTokens, outputTokens), certainty, ending: "complete" };
}

async function perform(
  ledger: DurableObjectStub<Ledger>,
  step: Step,
  limits: readonly Limit[],
  clock: Clock,
): Promise<unknown> {
  switch (step.kind) {
    case "hold": {
      const answer = await ledger.hold(requestOf(step, limits));
      return answer.kind === "held" ? { ...answer, lambda: 0 } : answer;
    }
    case "extend": {
      const { callId, outputTokens, ttlMs } = step;
      return ledger.extend({ callId, outputTokens, seenOutputTokens: outputTokens, ttlMs });
    }
    case "checkpoint": {
      const { callId, outputTokens, ttlMs } = step;
      return ledger.checkpoint({ callId, seenOutputTokens: outputTokens, ttlMs });
    }
    case "settle":
      return ledger.settle(settlementOf(step));
    case "release":
      return ledger.release(step.callId);
    case "refund": {
      const { callId, refundId, tokens } = step;
      return ledger.refund({ callId, refundId, tokens, nanos: 1 });
    }
    case "alarm":
      await runInDurableObject(ledger, (instance) => instance.alarm());
      return null;
    case "snapshot":
      // As an alarm would after many more entries than a history has.
      await runInDurableObject(ledger, (_, { storage }) => {
        storage.transactionSync(() => {
          new Book(storage.sql).saveSnapshot();
        });
      });
      await evictDurableObject(ledger);
      return null;
    case "forget":
      await runInDurableObject(ledger, (_, { storage }) => {
        storage.sql.exec("DELETE FROM snapshot");
      });
      await evictDurableObject(ledger);
      return null;
    case "sleep":
      // Only what is awake can be put to sleep.
      await ledger.knows("none");
      await evictDurableObject(ledger);
      return null;
    case "wait":
      clock.advance(step.ms);
      return null;
  }
}

async function expectSame(
  ledger: DurableObjectStub<Ledger>,
  { state, entries }: Reference,
  limits: readonly Limit[],
  nowMs: number,
): Promise<void> {
  const { buckets, openHolds, suspendedHolds } = await ledger.usage("UTC", null);
  expect(openHolds + suspendedHolds).toBe(state.calls.size);
  const byName = new Map(
    buckets.map((bucket) => [`${bucket.scope}|${bucket.window}|${bucket.key}`, bucket]),
  );
  for (const [name, { scope, window, key, spent, held, over }] of state.buckets) {
    if (window !== "session" && key !== pinnedKey(window, "UTC", null, nowMs)) continue;
    const bucket = byName.get(name);
    // Conversations that nobody speaks in are not looked up.
    if (bucket === undefined && window === "session") continue;
    expect(bucket).toMatchObject({ spent, held, over });
    for (const dimension of DIMENSIONS) expect(spent[dimension]).toBeGreaterThanOrEqual(0);
    if (scope !== "tenant") continue;
    for (const limit of limits)
      if (limit.window === window)
        expect(
          spent[limit.dimension] + held[limit.dimension] - over[limit.dimension],
        ).toBeLessThanOrEqual(limit.limit);
  }
  expect(await entriesOf(ledger)).toEqual(entries);
}

function steps(
  ids: number,
  tokensMax: number,
  ttlMsMax: number,
  waitMsMax: number,
): fc.Arbitrary<Step[]> {
  const callId = fc.nat(ids - 1).map((id) => `c${id}:0`);
  const tokens = fc.nat(tokensMax);
  const outputTokens = fc.integer({ min: 1, max: tokensMax });
  const ttlMs = fc.integer({ min: 1, max: ttlMsMax });
  return fc.array(
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          kind: fc.constant("hold" as const),
          callId,
          inputTokens: tokens,
          outputTokens,
          sliceTokens: outputTokens,
          ttlMs,
          user: fc.constantFrom("u", "v"),
          session: fc.constantFrom("s", "t", null),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constantFrom("extend" as const, "checkpoint" as const),
          callId,
          outputTokens,
          ttlMs,
        }),
      },
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant("settle" as const),
          callId,
          inputTokens: tokens,
          outputTokens: fc.nat(tokensMax * 2),
          certainty: fc.constantFrom("exact" as const, "at_least" as const, "unknown" as const),
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("release" as const), callId }) },
      {
        weight: 1,
        arbitrary: fc.record({
          kind: fc.constant("refund" as const),
          callId,
          refundId: fc.constantFrom("r", "s"),
          tokens: fc.nat(10),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constantFrom(
            "alarm" as const,
            "snapshot" as const,
            "forget" as const,
            "sleep" as const,
          ),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(waitMsMax) }),
      },
    ),
    // Without the size, fast-check keeps to some ten steps, and faults of the second late settlement live.
    { maxLength: 60, size: "max" },
  );
}

const RUNS = 40;
/** Two shared cores; a history takes some 100 ms on a quiet one. */
const TIMEOUT_MS = 60_000;

describe("any history of holds, endings, alarms, snapshots, sleeps and waits", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it.each([
    ["wide", false, steps(30, 500, 60_000, 40_000), 4_000, 6_000],
    ["dense", true, steps(4, 20, 50, 60), 40, 60],
    // Suspense is ten minutes.
    ["slow", true, steps(6, 100, 60_000, 400_000), 300, 900],
  ] as const)(
    "comes to what the core alone comes to: %s",
    async (name, hard, histories, dayTokens, monthTokens) => {
      const limits: Limit[] = [
        { dimension: "tokens", window: "day", limit: dayTokens, hard },
        { dimension: "tokens", window: "month", limit: monthTokens, hard },
        { dimension: "tokens", window: "session", limit: dayTokens, hard: false },
        { dimension: "nanos", window: "month", limit: monthTokens * 8, hard: false },
        { dimension: "tokens", window: "minute", limit: dayTokens, hard: false },
        { dimension: "concurrency", window: "lifetime", limit: 12, hard: false },
      ];
      let run = 0;
      await fc.assert(
        fc.asyncProperty(histories, async (history) => {
          vi.restoreAllMocks();
          // Half a minute before midnight, so that histories cross into another day and month.
          const clock = stopClock("2030-08-31T23:59:59.970Z");
          if (name === "wide") clock.advance(-30_000);
          const reference = new Reference();
          const ledger = openLedger(`model-${name}-${run++}`);
          for (const step of history) {
            const expected = predict(reference, step, limits, clock.nowMs);
            expect(await perform(ledger, step, limits, clock)).toEqual(expected);
          }
          await expectSame(ledger, reference, limits, clock.nowMs);
          // Afterwards every hold resolves.
          for (const ms of [60_000, 600_000]) {
            clock.advance(ms);
            const alarm = { kind: "alarm" } as const;
            predict(reference, alarm, limits, clock.nowMs);
            await perform(ledger, alarm, limits, clock);
          }
          await expectSame(ledger, reference, limits, clock.nowMs);
          await evictDurableObject(ledger);
          await expectSame(ledger, reference, limits, clock.nowMs);
          const { openHolds, suspendedHolds } = await ledger.usage("UTC", []);
          expect([openHolds, suspendedHolds]).toEqual([0, 0]);
        }),
        { numRuns: RUNS },
      );
    },
    TIMEOUT_MS,
  );
});
