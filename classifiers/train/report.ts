// `npm run -s report`: the probe's report card in Markdown, from the recorded questions beside the repository.
//   node classifiers/train/report.ts [--folder F] [--seeds 1,2,3] [--left-out-seeds 2]
// Weights that are not yet in the folder are trained into it, about a minute each. What the outcome files are needed for
// (routing between recorded models) is policies/cli/report-replay.ts.
import { readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { openWeights, type Weights } from "../weights.ts";
import { DATA_FOLDER, readQueries } from "./recorded.ts";
import { mean } from "./rank.ts";
import { calibrationTable, reliabilityTable, trustTable, type Fold } from "./report/calibration.ts";
import { BOOTSTRAP_SEED, RESAMPLES } from "./report/interval.ts";
import { saidByLength, saidByProbe, saidBySource, truthOf } from "./report/judged.ts";
import { leftOutTable, testOf, type LeftOut } from "./report/left-out.ts";
import { reachTable, sourcesTable } from "./report/reach.ts";
import { robustnessTable, SAMPLE_SEED, sampleOf, statementsTable } from "./report/robustness.ts";
import { speedTable } from "./report/speed.ts";
import { FAMILIES, weightsOf } from "./report/weights-files.ts";

const SHIPPED_FILE = resolve(import.meta.dirname, "../weights.bin");

const { folder, seeds, leftOutSeeds } = readArguments();
const queries = readQueries() ?? stop(`no recorded data at ${DATA_FOLDER}`);
const shippedBytes = readFileSync(SHIPPED_FILE);
const shipped = openShipped();
const say = (...lines: readonly string[]): void => {
  process.stdout.write(`${lines.join("\n\n")}\n\n`);
};

const test = truthOf(queries.filter(({ fold }) => fold === "test"));
const all = test.queries.map((_, row) => row);
const seen = new Set(queries.filter(({ trainable }) => trainable).map(({ source }) => source));
const inSeen = all.filter((row) => seen.has(test.queries[row]!.source));
const inUnseen = all.filter((row) => !seen.has(test.queries[row]!.source));
const trained = queries.filter(({ fold }) => fold === "train");

const contestants = {
  blend: seeds.map((seed) =>
    saidByProbe(test, weightsOf({ recipe: "blend", seed, without: null }, folder)),
  ),
  linear: seeds.map((seed) =>
    saidByProbe(test, weightsOf({ recipe: "linear", seed, without: null }, folder)),
  ),
  length: saidByLength(test),
  source: saidBySource(test, trained),
};
const known = test.fails.filter((value) => !Number.isNaN(value)).length;
say(
  `Seeds ${seeds.join(", ")}; ${test.queries.length} questions of fold test, ${known} with recorded verdicts. Intervals: 95 %, ${RESAMPLES} resamples inside each source, seed ${BOOTSTRAP_SEED}. Shipped: seed ${String(shipped.header.made["seed"])}, ${statSync(SHIPPED_FILE).size} bytes.`,
  "### The fold test",
  reachTable(test, all, contestants),
  "The same on sources that were trained on:",
  reachTable(test, inSeen, contestants),
  "and on sources that no training saw:",
  reachTable(test, inUnseen, contestants),
  "### Source by source: Spearman of difficulty",
  sourcesTable(test, all, contestants, seen),
);

const leftOut = Object.entries(FAMILIES).map(([family, sources]): LeftOut => {
  const truth = testOf(queries, sources);
  const saidOf = (recipe: "blend" | "linear", seed: number) =>
    saidByProbe(truth, weightsOf({ recipe, seed, without: family }, folder));
  return {
    family,
    truth,
    rows: truth.queries.map((_, row) => row),
    blend: leftOutSeeds.map((seed) => saidOf("blend", seed)),
    linear: leftOutSeeds.slice(0, 1).map((seed) => saidOf("linear", seed)),
  };
});
say(
  "### Families left out of the training",
  `Seeds ${leftOutSeeds.join(", ")}; linear: ${leftOutSeeds[0]}. Fold test, sources with 40 questions and more.`,
  leftOutTable(leftOut),
);

const said = saidByProbe(test, shipped);
const folds: Fold[] = [
  { name: "test, sources trained on", truth: test, rows: inSeen, said },
  { name: "test, sources never seen", truth: test, rows: inUnseen, said },
  ...leftOut.map(({ family, truth, rows, blend }) => ({
    name: `left out: ${family}`,
    truth,
    rows,
    said: blend[0]!,
  })),
];
const level = mean([...truthOf(trained).fails].filter((value) => !Number.isNaN(value)));
const whole: Fold = { name: "test", truth: test, rows: all, said };
say(
  "### Calibration of `hard`",
  calibrationTable([whole, ...folds], level),
  reliabilityTable([whole, folds[0]!, folds[1]!]),
  "### What confidence and novelty are worth",
  trustTable(whole, "confidence"),
  trustTable(whole, "novelty"),
);

const sample = sampleOf(queries);
say(
  "### Robustness",
  `${sample.length} questions of fold test, seed ${SAMPLE_SEED}, at most 30 of a source; the shipped weights.`,
  robustnessTable(sample, shipped),
  statementsTable(shipped),
  "### Time",
  speedTable(shipped, shippedBytes),
);

function openShipped(): Weights {
  const opened = openWeights(shippedBytes);
  return opened.kind === "opened" ? opened.weights : stop(`${SHIPPED_FILE} ${opened.problem}`);
}

function readArguments(): { folder: string; seeds: number[]; leftOutSeeds: number[] } {
  const options = {
    folder: { type: "string", default: join(tmpdir(), "sluice-report") },
    seeds: { type: "string", default: "1,2,3" },
    "left-out-seeds": { type: "string", default: "1,2,3" },
  } as const;
  try {
    const { values } = parseArgs({ options });
    return {
      folder: values.folder,
      seeds: readSeeds(values.seeds),
      leftOutSeeds: readSeeds(values["left-out-seeds"]),
    };
  } catch (error) {
    stop(error instanceof Error ? error.message : "unknown option");
  }
}

function readSeeds(list: string): number[] {
  const read = list.split(",").map(Number);
  return read.every((seed) => Number.isInteger(seed) && seed >= 0)
    ? read
    : stop(`${list} is no list of whole numbers`);
}

function stop(problem: string): never {
  process.stderr.write(`report: ${problem}\n`);
  process.exit(1);
}
