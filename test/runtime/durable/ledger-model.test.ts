// The ledger under random histories, step by step beside a model that fits on one screen. Two generators: wide (many
// calls, loose limits) and dense (few ids, tight limits, short lives), because each finds faults that the other misses.
// A failing history prints its seed.
import { runInDurableObject } from "cloudflare:test";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Ledger } from "../../../durable/ledger.ts";
import type { Certainty } from "../../../policies/account.ts";
import { windowKey } from "../../../policies/calendar.ts";
import { DIMENSIONS, type Dimension, type Limit } from "../../../policies/tenant.ts";
import {
  holdRequest,
  offer,
  openLedger,
  stopClock,
  usageOf,
  type Clock,
} from "./ledger-samples.ts";

type Step =
  | { kind: "hold"; callId: string; inputTokens: number; outputTokens: number; ttlMs: number }
  | {
      kind: "settle";
      callId: string;
      inputTokens: number;
      outputTokens: number;
      certainty: Certainty;
    }
  | { kind: "release"; callId: string }
  | { kind: "alarm" }
  | { kind: "wait"; ms: number };

interface ModelCall {
  state: "open" | "settled" | "released" | "expired";
  readonly arguments: string;
  readonly day: string;
  readonly month: string;
  readonly heldAtMs: number;
  readonly ttlMs: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  chargedTokens: number;
  overTokens: number;
}

/** Tokens of all calls of a window; the ledger must agree after every step. */
class Model {
  readonly calls = new Map<string, ModelCall>();

  sum(key: string): { spent: number; held: number; over: number } {
    const within = [...this.calls.values()].filter(
      ({ day, month }) => day === key || month === key,
    );
    return {
      spent: within.reduce((sum, call) => sum + call.chargedTokens, 0),
      held: within.reduce(
        (sum, call) => sum + (call.state === "open" ? call.inputTokens + call.outputTokens : 0),
        0,
      ),
      over: within.reduce((sum, call) => sum + call.overTokens, 0),
    };
  }

  sweep(nowMs: number): void {
    for (const call of this.calls.values()) {
      if (call.state !== "open" || call.heldAtMs + call.ttlMs > nowMs) continue;
      call.state = "expired";
      call.chargedTokens =
        call.inputTokens + Math.min(call.outputTokens, Math.max(1, Math.ceil(call.ttlMs / 10)));
      call.overTokens = Math.max(0, call.chargedTokens - call.inputTokens - call.outputTokens);
    }
  }

  hold(step: Step & { kind: "hold" }, limits: readonly Limit[], nowMs: number): string {
    this.sweep(nowMs);
    const argumentsNow = JSON.stringify([step.inputTokens, step.outputTokens, step.ttlMs]);
    const known = this.calls.get(step.callId);
    if (known !== undefined) return known.arguments === argumentsNow ? "held" : "mismatch";
    const need = step.inputTokens + step.outputTokens;
    for (const { window, limit } of limits) {
      const { spent, held } = this.sum(windowKey(window, nowMs));
      if (need > limit - spent - held) return "refused";
    }
    this.calls.set(step.callId, {
      state: "open",
      arguments: argumentsNow,
      day: windowKey("day", nowMs),
      month: windowKey("month", nowMs),
      heldAtMs: nowMs,
      ttlMs: step.ttlMs,
      inputTokens: step.inputTokens,
      outputTokens: step.outputTokens,
      chargedTokens: 0,
      overTokens: 0,
    });
    return "held";
  }

  settle(
    { callId, inputTokens, outputTokens, certainty }: Step & { kind: "settle" },
    nowMs: number,
  ): string {
    const call = this.calls.get(callId);
    if (call === undefined) return "missing";
    if (call.state === "settled" || call.state === "released") return "already";
    if (call.state === "expired" && certainty === "unknown") return "already";
    const elapsedMs = call.state === "open" ? nowMs - call.heldAtMs : call.ttlMs;
    const input = certainty === "exact" || inputTokens > 0 ? inputTokens : call.inputTokens;
    const unseen = Math.min(call.outputTokens, Math.max(1, Math.ceil(elapsedMs / 10)));
    const isSeen = certainty === "exact" || (certainty === "at_least" && outputTokens > 0);
    const charge = input + (isSeen ? outputTokens : Math.max(outputTokens, unseen));
    if (call.state === "open") {
      call.overTokens = Math.max(0, charge - call.inputTokens - call.outputTokens);
      call.chargedTokens = charge;
    } else {
      call.overTokens += Math.max(0, charge - call.chargedTokens);
      call.chargedTokens = certainty === "exact" ? charge : Math.max(charge, call.chargedTokens);
    }
    call.state = "settled";
    return "settled";
  }

  release(callId: string): string {
    const call = this.calls.get(callId);
    if (call === undefined) return "missing";
    if (call.state !== "open") return "already";
    call.state = "released";
    return "released";
  }
}

function steps(
  ids: number,
  tokensMax: number,
  ttlMsMax: number,
  waitMsMax: number,
): fc.Arbitrary<Step[]> {
  const callId = fc.nat(ids - 1).map((id) => `c${id}`);
  const tokens = fc.nat(tokensMax);
  return fc.array(
    fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          kind: fc.constant("hold" as const),
          callId,
          inputTokens: tokens,
          outputTokens: fc.integer({ min: 1, max: tokensMax }),
          ttlMs: fc.integer({ min: 1, max: ttlMsMax }),
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
      { weight: 1, arbitrary: fc.constant({ kind: "alarm" as const }) },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(waitMsMax) }),
      },
    ),
    // Without the size, fast-check keeps to some ten steps, and faults of the second late settlement live.
    { maxLength: 60, size: "max" },
  );
}

function perform(ledger: Ledger, step: Step, limits: readonly Limit[], clock: Clock): string {
  switch (step.kind) {
    case "hold": {
      const { callId, inputTokens, outputTokens, ttlMs } = step;
      const offers = [offer({ inputTokens, outputTokens, outputTokensMin: outputTokens })];
      return ledger.hold(holdRequest(callId, { limits, offers, ttlMs })).kind;
    }
    case "settle": {
      const { callId, inputTokens, outputTokens, certainty } = step;
      return ledger.settle({
        callId,
        usage: usageOf(inputTokens, outputTokens),
        certainty,
        ending: "complete",
      }).kind;
    }
    case "release":
      return ledger.release(step.callId).kind;
    case "alarm":
      ledger.alarm();
      return "done";
    case "wait":
      clock.advance(step.ms);
      return "done";
  }
}

function predict(model: Model, step: Step, limits: readonly Limit[], nowMs: number): string {
  switch (step.kind) {
    case "hold":
      return model.hold(step, limits, nowMs);
    case "settle":
      return model.settle(step, nowMs);
    case "release":
      return model.release(step.callId);
    case "alarm":
      model.sweep(nowMs);
      return "done";
    case "wait":
      return "done";
  }
}

function checkInvariants(
  ledger: Ledger,
  sql: SqlStorage,
  model: Model,
  limits: readonly Limit[],
): void {
  const rows = sql.exec<Record<string, number | string>>("SELECT * FROM balance").toArray();
  const lines = ledger.journal(0, 1_000);
  for (const row of rows) {
    const key = String(row["key"]);
    const within = lines.filter(({ day, month }) => day === key || month === key);
    const replay = (side: "held" | "spent" | "over", dimension: Dimension): number =>
      within.reduce((sum, line) => sum + line[side][dimension], 0);
    for (const dimension of DIMENSIONS) {
      expect(row[`spent_${dimension}`]).toBe(replay("spent", dimension));
      expect(row[`held_${dimension}`]).toBe(replay("held", dimension));
      if (dimension !== "requests")
        expect(row[`over_${dimension}`]).toBe(replay("over", dimension));
    }
    for (const { window, dimension, limit } of limits) {
      if (row["window"] !== window) continue;
      const count = (side: string): number => Number(row[`${side}_${dimension}`]);
      expect(count("spent") + count("held") - count("over")).toBeLessThanOrEqual(limit);
    }
    const { spent, held, over } = model.sum(key);
    expect({
      spent: row["spent_tokens"],
      held: row["held_tokens"],
      over: row["over_tokens"],
    }).toEqual({ spent, held, over });
  }
  const open = [...model.calls.values()].filter(({ state }) => state === "open");
  expect(ledger.usage().openHolds).toBe(open.length);
}

const RUNS = 100;
/** Two shared cores; a history takes some 20 ms on a quiet one. */
const TIMEOUT_MS = 60_000;

describe("any history of holds, endings, alarms and waits", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it.each([
    ["wide", steps(30, 500, 60_000, 40_000), 4_000, 6_000],
    ["dense", steps(4, 20, 50, 60), 40, 60],
  ] as const)(
    "keeps its promises and agrees with the model: %s",
    async (name, histories, dayTokens, monthTokens) => {
      const limits: Limit[] = [
        { dimension: "tokens", window: "day", limit: dayTokens },
        { dimension: "tokens", window: "month", limit: monthTokens },
        // Loose, so that the model need not price, but never exceeded either.
        { dimension: "nanos", window: "month", limit: monthTokens * 8 },
      ];
      let run = 0;
      await fc.assert(
        fc.asyncProperty(histories, async (history) => {
          vi.restoreAllMocks();
          // Half a minute before midnight, so that histories cross into another day and month.
          const clock = stopClock("2030-08-31T23:59:59.970Z");
          if (name === "wide") clock.advance(-30_000);
          const model = new Model();
          await runInDurableObject(openLedger(`model-${name}-${run++}`), (ledger, { storage }) => {
            for (const step of history) {
              const expected = predict(model, step, limits, clock.nowMs);
              expect(perform(ledger, step, limits, clock)).toBe(expected);
              checkInvariants(ledger, storage.sql, model, limits);
            }
            // Afterwards every hold resolves, and no call that was not released went free.
            clock.advance(60_000);
            ledger.alarm();
            model.sweep(clock.nowMs);
            checkInvariants(ledger, storage.sql, model, limits);
            expect(ledger.usage().openHolds).toBe(0);
          });
        }),
        { numRuns: RUNS },
      );
    },
    TIMEOUT_MS,
  );
});
