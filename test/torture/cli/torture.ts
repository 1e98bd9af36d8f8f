// Tortures the ledger and the stream path: `npm run -s torture -- --seed N [--minutes M] [--mutant NAME]`. Each run is one
// simulated day and one history of every kind, from a seed of its own: the first run's is N, the next one's N + 1. What
// broke is a line with its seed; the last line is the sum; exit 1 if anything broke.
import { parseArgs } from "node:util";
import fc from "fast-check";
import { chosen, wholeNumber } from "../../bench/options.ts";
import { loadCore, type Core } from "../core.ts";
import { historyOf, KIND_NAMES } from "../generators.ts";
import { runHistory } from "../history.ts";
import { MUTANTS } from "../mutants.ts";
import { withMutant } from "../mutate.ts";
import type { Broken } from "../promises.ts";
import { simulate } from "../simulation.ts";

const MINUTE_MS = 60_000;
/** The rest would only fill the screen. */
const SHOWN_MAX = 20;
/** A mutant that is found is found; what else it breaks is not looked for. */
const VIOLATIONS_MAX = 1000;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    minutes: { type: "string", default: "0.5" },
    runs: { type: "string" },
    mutant: { type: "string" },
  },
});
const seed = wholeNumber("seed", values.seed);
const minutes = Number(values.minutes);
if (!(minutes >= 0)) {
  console.error(`--minutes must be a number of at least 0, not ${values.minutes}`);
  process.exit(2);
}
const runsMax =
  values.runs === undefined ? Number.POSITIVE_INFINITY : wholeNumber("runs", values.runs, 1);

let [runs, ops, violations] = [0, 0, 0];
if (values.mutant === undefined) torture(await loadCore());
else {
  const names = MUTANTS.map(({ name }) => name);
  const [name] = chosen("mutant", [values.mutant], names);
  for (const mutant of MUTANTS.filter((one) => one.name === name))
    await withMutant(mutant, torture);
}
console.log(JSON.stringify({ seed, runs, ops, violations }));
process.exitCode = violations === 0 ? 0 : 1;

function torture(core: Core): void {
  const endMs = performance.now() + minutes * MINUTE_MS;
  const mostViolations = values.mutant === undefined ? VIOLATIONS_MAX : 1;
  do {
    const runSeed = seed + runs;
    runs += 1;
    heed(runSeed, "simulation", simulate(core, runSeed));
    for (const kind of KIND_NAMES)
      for (const history of fc.sample(historyOf(kind), { seed: runSeed, numRuns: 1 }))
        heed(runSeed, kind, runHistory(core, history));
  } while (performance.now() < endMs && runs < runsMax && violations < mostViolations);
}

function heed(
  runSeed: number,
  kind: string,
  verdict: { readonly ops: number; readonly broken: Broken | null },
): void {
  ops += verdict.ops;
  if (verdict.broken === null) return;
  violations += 1;
  if (violations <= SHOWN_MAX)
    console.log(JSON.stringify({ seed: runSeed, kind, ...verdict.broken }));
}
