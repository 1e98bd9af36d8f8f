// What four ledgers make of the same agents and budget: `node test/bench/cli/agent-workload.ts [--seeds N] [--spread S]
// [--pause-ms N]`. One line a ledger; a share is of the budget.
import { parseArgs } from "node:util";
import { loadCore } from "../../torture/core.ts";
import {
  runAgentWorkload,
  WORKLOAD,
  type WorkloadLedger,
  type WorkloadResult,
} from "../agent-workload.ts";
import { wholeNumber } from "../options.ts";
import { coreLedger, countingAfter } from "../workload-ledgers.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "200" },
    spread: { type: "string", default: String(WORKLOAD.outputSpread) },
    "pause-ms": { type: "string", default: String(WORKLOAD.pauseMs) },
  },
});
const seeds = wholeNumber("seeds", values.seeds, 1);
const pauseMs = wholeNumber("pause-ms", values["pause-ms"]);
const workload = { ...WORKLOAD, outputSpread: Number(values.spread), pauseMs };
const core = await loadCore();

interface Candidate {
  readonly ledger: string;
  readonly make: () => WorkloadLedger;
  readonly sliceTokens: number | null;
}

const candidates: readonly Candidate[] = [
  { ledger: "counts after the answer", make: countingAfter, sliceTokens: WORKLOAD.capTokens },
  { ledger: "holds the worst case", make: () => coreLedger(core), sliceTokens: WORKLOAD.capTokens },
  { ledger: "holds slices of 2,048 at first", make: () => coreLedger(core), sliceTokens: 2048 },
  { ledger: "holds slices as predicted", make: () => coreLedger(core), sliceTokens: null },
];

console.error(JSON.stringify(workload));
for (const { ledger, make, sliceTokens } of candidates) {
  const results: WorkloadResult[] = [];
  for (let seed = 1; seed <= seeds; seed += 1)
    results.push(await runAgentWorkload(make(), seed, sliceTokens, workload));
  const mean = (of: (result: WorkloadResult) => number): number =>
    results.reduce((sum, result) => sum + of(result), 0) / results.length;
  const used = results.map(({ usedShare }) => usedShare);
  console.log(
    JSON.stringify({
      ledger,
      seeds,
      usedMean: round(mean(({ usedShare }) => usedShare)),
      usedLeast: round(Math.min(...used)),
      overMean: round(mean(({ overShare }) => overShare)),
      overMost: round(Math.max(...results.map(({ overShare }) => overShare))),
      completed: round(mean(({ completed }) => completed)),
      cut: round(mean(({ cut }) => cut)),
      refused: round(mean(({ refused }) => refused)),
    }),
  );
}

function round(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
