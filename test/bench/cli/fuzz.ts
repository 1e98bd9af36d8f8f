// Fuzzes the bodies and the streams that the gateway reads: `node test/bench/cli/fuzz.ts --seed N --cases N`.
// Each failure is a line, the sum is the last one; exit 1 when anything failed.
import { parseArgs } from "node:util";
import { fuzzBody, fuzzOrder } from "../../unit/worker/fuzz-bodies.ts";
import { chanceOfCase, type Chance } from "../../unit/worker/fuzz-chance.ts";
import { fuzzStream, streamProblem } from "../../unit/worker/fuzz-streams.ts";
import { bodyProblem } from "../../unit/worker/wire-promises.ts";
import { wholeNumber } from "../options.ts";

/** A defect shows in the first few; the rest would only fill the screen. */
const SHOWN_MAX = 20;

const { values } = parseArgs({
  options: { seed: { type: "string", default: "1" }, cases: { type: "string", default: "100000" } },
});
const seed = wholeNumber("seed", values.seed);
const cases = wholeNumber("cases", values.cases);

let failures = 0;
for (let index = 0; index < cases; index += 1) {
  heed("body", index, (chance) => bodyProblem(fuzzBody(chance), fuzzOrder(chance)));
  heed("stream", index, (chance) => streamProblem(fuzzStream(chance), chance));
}
console.log(JSON.stringify({ seed, cases, failures }));
process.exitCode = failures === 0 ? 0 : 1;

function heed(what: string, index: number, search: (chance: Chance) => string | null): void {
  let problem: string | null;
  try {
    problem = search(chanceOfCase(seed, index));
  } catch (error) {
    // Nothing that is searched may throw, so a throw is what was looked for.
    problem = `it threw: ${String(error)}`;
  }
  if (problem === null) return;
  failures += 1;
  if (failures <= SHOWN_MAX) console.log(JSON.stringify({ what, seed, index, problem }));
}
