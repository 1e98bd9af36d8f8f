// Shows that the search finds each fault that it should: `npm run -s mutants [-- --seed N --runs N --only NAME]`. One line
// a fault; exit 1 if any lives.
import { parseArgs } from "node:util";
import { chosen, wholeNumber } from "../../bench/options.ts";
import { MUTANTS } from "../mutants.ts";
import { withMutant } from "../mutate.ts";
import { search } from "../search.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    runs: { type: "string", default: "20000" },
    only: { type: "string", multiple: true },
  },
});
const seed = wholeNumber("seed", values.seed);
const runsMax = wholeNumber("runs", values.runs, 1);
const names = MUTANTS.map(({ name }) => name);
const asked = values.only === undefined ? names : chosen("only", values.only, names);

let living = 0;
for (const mutant of MUTANTS.filter(({ name }) => asked.includes(name))) {
  const { name, of } = mutant;
  const { runs, found } = await withMutant(mutant, (core) => search(core, seed, runsMax));
  if (found === null) living += 1;
  const by = found === null ? null : { kind: found.kind, promise: found.promise };
  console.log(JSON.stringify({ name, killed: found !== null, runs, by, of }));
}
process.exitCode = living === 0 ? 0 : 1;
