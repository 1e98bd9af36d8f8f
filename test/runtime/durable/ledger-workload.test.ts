// Agents on a budget, driven through the object itself: what the pure core is shown to make of 200 seeds
// (test/unit/policies/ledger/agent-workload.test.ts, and by command of the object too) holds with storage beneath it.
import { afterEach, describe, expect, it, vi } from "vitest";
import { runAgentWorkload, WORKLOAD, type WorkloadLedger } from "../../bench/agent-workload.ts";
import { stopClock } from "./a-clock.ts";
import { openLedger, totalOf } from "./ledger-samples.ts";

const SEEDS = [1, 2, 3];

afterEach(() => {
  vi.restoreAllMocks();
});

/** The object, on a clock that the workload moves. */
function objectLedger(name: string): WorkloadLedger {
  const clock = stopClock();
  const ledger = openLedger(name);
  let beganAtMs: number | null = null;
  const startMs = clock.nowMs;
  const moveTo = (nowMs: number): void => {
    beganAtMs ??= nowMs;
    clock.advance(startMs + nowMs - beganAtMs - clock.nowMs);
  };
  return {
    hold: (request, nowMs) => {
      moveTo(nowMs);
      return ledger.hold(request);
    },
    extend: (request, nowMs) => {
      moveTo(nowMs);
      return ledger.extend(request);
    },
    settle: (request, nowMs) => {
      moveTo(nowMs);
      return ledger.settle(request);
    },
  };
}

describe("agents with a budget, with caps of 32,000 and answers of 400 in the middle", () => {
  it.each(SEEDS)(
    "use nearly all of it, and never more, when holds are slices: seed %i",
    async (seed) => {
      const name = `agents-sliced-${seed}`;
      const { usedShare, overShare } = await runAgentWorkload(objectLedger(name), seed);

      expect(usedShare).toBeGreaterThan(0.9);
      expect(overShare).toBe(0);
      expect(await totalOf(openLedger(name))).toEqual({
        spent: Math.round(usedShare * WORKLOAD.budgetTokens),
        held: 0,
        over: 0,
      });
    },
  );

  it("use little of it when holds are the worst case", async () => {
    const ledger = objectLedger("agents-worst");
    const { usedShare, overShare } = await runAgentWorkload(ledger, 1, WORKLOAD.capTokens);

    expect(usedShare).toBeLessThan(0.3);
    expect(overShare).toBe(0);
  });
});
