// `npm run train`: makes the probe's weights from the recorded queries that may be trained on.
//   node classifiers/train/train.ts --out FILE [--exclude-source S ...] [--seed N] [--recipe blend|linear]
// The same seed and data make the same bytes.
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { DATA_FOLDER, readQueries } from "./recorded.ts";
import { makeWeights, RECIPES } from "./recipe.ts";
import { trainableWithout } from "./exclude.ts";

const { out, excluded, seed, recipe } = readArguments();
const queries = readQueries();
if (queries === null) stop(`no recorded data at ${DATA_FOLDER}`);
const sources = new Set(queries.map(({ source }) => source));
// Not a fault: whoever leaves out a set wants it left out, also where the data never had it.
for (const source of excluded)
  if (!sources.has(source))
    process.stderr.write(
      `train: no query is of the source ${source}; nothing is left out for it\n`,
    );

const started = performance.now();
const trainable = trainableWithout(queries, excluded);
const bytes = makeWeights(trainable, { seed, recipe, excluded });
try {
  writeFileSync(out, bytes);
} catch {
  stop(`cannot write ${out}`);
}
process.stdout.write(
  `${JSON.stringify({ out, bytes: bytes.length, queries: trainable.length, excluded, seed, recipe, seconds: Math.round((performance.now() - started) / 1000) })}\n`,
);

function readArguments(): {
  out: string;
  excluded: readonly string[];
  seed: number;
  recipe: keyof typeof RECIPES;
} {
  const options = {
    out: { type: "string" },
    "exclude-source": { type: "string", multiple: true, default: [] as string[] },
    seed: { type: "string", default: "2" },
    recipe: { type: "string", default: "blend" },
  } as const;
  let values;
  try {
    ({ values } = parseArgs({ options }));
  } catch (error) {
    stop(error instanceof Error ? error.message : "unknown option");
  }
  if (values.out === undefined) stop("give --out FILE");
  const given = Number(values.seed);
  if (!Number.isInteger(given) || given < 0 || given > 0x7fffffff)
    stop(`--seed ${values.seed} is no whole number from 0 to ${0x7fffffff}`);
  if (!(values.recipe in RECIPES))
    stop(`--recipe ${values.recipe} is unknown; give ${Object.keys(RECIPES).join(" or ")}`);
  return {
    out: values.out,
    excluded: values["exclude-source"],
    seed: given,
    recipe: values.recipe as keyof typeof RECIPES,
  };
}

function stop(problem: string): never {
  process.stderr.write(`train: ${problem}\n`);
  process.exit(1);
}
