// What four ledgers make of the same agents and budget: `node test/bench/cli/agent-workload.ts [--seeds N] [--spread S]
// [--pause-ms N] [--object]`. One line a ledger; a share is of the budget. Those that hold are the pure core, or with
// `--object` the object itself inside the runtime, one for each seed.
import { parseArgs } from "node:util";
import { loadCore } from "../../torture/core.ts";
import { runAgentWorkload, WORKLOAD, type WorkloadResult } from "../agent-workload.ts";
import { wholeNumber } from "../options.ts";
import { coreLedger, countingAfter } from "../workload-ledgers.ts";
import { startWorkloadObjects } from "../workload-object.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "200" },
    spread: { type: "string", default: String(WORKLOAD.outputSpread) },
    "pause-ms": { type: "string", default: String(WORKLOAD.pauseMs) },
    object: { type: "boolean", default: false },
  },
});
const seeds = wholeNumber("seeds", values.seeds, 1);
const pauseMs = wholeNumber("pause-ms", values["pause-ms"]);
const workload = { ...WORKLOAD, outputSpread: Number(values.spread), pauseMs };
const core = await loadCore();

const objects = values.object ? await startWorkloadObjects() : null;

type Run = (seed: number, sliceTokens: number | null) => Promise<WorkloadResult>;
const after: Run = (seed, slice) => runAgentWorkload(countingAfter(), seed, slice, workload);
const holding: Run = (seed, slice) =>
  objects === null
    ? runAgentWorkload(coreLedger(core), seed, slice, workload)
    : objects.run(seed, slice, workload);

interface Candidate {
  readonly ledger: string;
  readonly run: Run;
  readonly sliceTokens: number | null;
}

const candidates: readonly Candidate[] = [
  { ledger: "counts after the answer", run: after, sliceTokens: WORKLOAD.capTokens },
  { ledger: "holds the worst case", run: holding, sliceTokens: WORKLOAD.capTokens },
  { ledger: "holds slices of 2,048 at first", run: holding, sliceTokens: 2048 },
  { ledger: "holds slices as predicted", run: holding, sliceTokens: null },
];

console.error(JSON.stringify(workload));
try {
  for (const { ledger, run, sliceTokens } of candidates) {
    const results: WorkloadResult[] = [];
    for (let seed = 1; seed <= seeds; seed += 1) results.push(await run(seed, sliceTokens));
    report(ledger, results);
  }
} finally {
  await objects?.close();
}

function report(ledger: string, results: readonly WorkloadResult[]): void {
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
