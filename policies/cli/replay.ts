// `npm run -s replay`: routes recorded questions among recorded arms, and reports what that would have scored and cost.
//   node policies/cli/replay.ts --queries q.jsonl[.gz] --outcomes o.jsonl[.gz] --arms arms.json
//     [--weights FILE] [--online] [--seed N]
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { Features } from "../../classifiers/features.ts";
import { seeded, shuffled } from "../replay/random.ts";
import { parseArms, type RecordedArm } from "../replay/recorded-arm.ts";
import { reportOn, sweep } from "../replay/report.ts";
import { predictOffline, predictOnline } from "../replay/route.ts";
import { openProbe } from "../../classifiers/cli/open-probe.ts";
import { endWithReader } from "../../classifiers/cli/reader-gone.ts";
import { BadFile, readRecorded, type Recorded } from "./replay-files.ts";

endWithReader();
const given = readArguments();
const arms = readArms(given.armsFile);
const recorded = read();
const { dropped, unmeasured } = recorded;
if (dropped > 0) note(`${dropped} questions lack an outcome of some arm and are left out`);
if (unmeasured > 0)
  note(
    `${unmeasured} outcomes have neither "out_tokens" nor "out_chars": the probe's expectation stands for them`,
  );

// One generator for the order and the choices, another for the report's resampling.
const draw = seeded(given.seed);
const questions = given.isOnline ? shuffled(recorded.questions, draw) : recorded.questions;
const lambdas = sweep(predictOffline(questions, arms), arms);
const predictions = given.isOnline
  ? predictOnline(questions, arms, lambdas, draw)
  : predictOffline(questions, arms);
// While it learns, the first half is its schooling, and the last is what is reported of everyone.
const from = given.isOnline ? Math.floor(questions.length / 2) : 0;
const report = reportOn(questions.slice(from), predictions.slice(from), arms, lambdas, given.seed);
process.stdout.write(`${JSON.stringify(report)}\n`);

function read(): Recorded {
  try {
    return readRecorded(given.queriesFile, given.outcomesFile, arms, openGiven);
  } catch (error) {
    if (error instanceof BadFile) stop(error.message);
    throw error;
  }
}

function openGiven(): (text: string) => Features {
  const opened = openProbe(given.weightsFile);
  return opened.kind === "opened" ? opened.probe : stop(opened.problem);
}

function readArms(file: string): readonly RecordedArm[] {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    stop(error instanceof SyntaxError ? `${file} is not JSON` : `cannot read ${file}`);
  }
  const parsed = parseArms(value);
  return parsed.kind === "read" ? parsed.arms : stop(`${file}: ${parsed.problem}`);
}

function readArguments(): {
  readonly queriesFile: string;
  readonly outcomesFile: string;
  readonly armsFile: string;
  readonly weightsFile: string | undefined;
  readonly isOnline: boolean;
  readonly seed: number;
} {
  const options = {
    queries: { type: "string" },
    outcomes: { type: "string" },
    arms: { type: "string" },
    weights: { type: "string" },
    online: { type: "boolean", default: false },
    seed: { type: "string", default: "1" },
  } as const;
  let values;
  try {
    ({ values } = parseArgs({ options }));
  } catch (error) {
    // parseArgs names the option that it does not know, which is what a person at a terminal needs.
    stop(error instanceof Error ? error.message : "unknown option");
  }
  const { queries, outcomes, arms: armsFile, weights, online, seed } = values;
  if (queries === undefined || outcomes === undefined || armsFile === undefined)
    stop("give --queries FILE, --outcomes FILE and --arms FILE");
  if (!/^\d{1,9}$/.test(seed)) stop("--seed must be a whole number of at most nine digits");
  return {
    queriesFile: queries,
    outcomesFile: outcomes,
    armsFile,
    weightsFile: weights,
    isOnline: online,
    seed: Number(seed),
  };
}

function note(what: string): void {
  process.stderr.write(`replay: ${what}\n`);
}

function stop(problem: string): never {
  process.stderr.write(`replay: ${problem}\n`);
  process.exit(1);
}
