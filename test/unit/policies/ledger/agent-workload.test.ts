// What the ledger makes of agents' traffic, beside the two ways that it replaces.
import { describe, expect, it } from "vitest";
import { runAgentWorkload, WORKLOAD, type WorkloadLedger } from "../../../bench/agent-workload.ts";
import { coreLedger, countingAfter } from "../../../bench/workload-ledgers.ts";
import { loadCore } from "../../../torture/core.ts";

const SEEDS = 200;
const core = await loadCore();

async function shares(
  make: () => WorkloadLedger,
  sliceTokens: number | null,
): Promise<{ used: number; over: number }> {
  let [used, over] = [0, 0];
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const result = await runAgentWorkload(make(), seed, sliceTokens);
    used += result.usedShare / SEEDS;
    over = Math.max(over, result.overShare);
  }
  return { used, over };
}

describe("agents with a budget of 200,000 tokens, 24 at once, with caps of 32,000 and answers of 400 in the middle", () => {
  it("use more than 95 % of it and never more than all of it when holds are slices", async () => {
    const { used, over } = await shares(() => coreLedger(core), null);
    expect(used).toBeGreaterThan(0.95);
    expect(over).toBe(0);
  });

  it("use less than a fifth of it when holds are the worst case", async () => {
    const { used, over } = await shares(() => coreLedger(core), WORKLOAD.capTokens);
    expect(used).toBeLessThan(0.2);
    expect(over).toBe(0);
  });

  it("use more than all of it when answers are counted at their end", async () => {
    const { over } = await shares(countingAfter, WORKLOAD.capTokens);
    expect(over).toBeGreaterThan(0.3);
  });
});
