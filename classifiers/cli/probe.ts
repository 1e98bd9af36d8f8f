// `npm run -s probe`: JSON Lines {id, text} in, one line of features each out.
//   node classifiers/cli/probe.ts [--weights FILE] [FILE ...] < queries.jsonl
import { parseArgs } from "node:util";
import { openProbe } from "./open-probe.ts";
import { readQueries } from "./query-lines.ts";
import { endWithReader } from "./reader-gone.ts";

endWithReader();
const { weightsFile, files } = readArguments();
const opened = openProbe(weightsFile);
if (opened.kind === "unreadable") stop(opened.problem);
const read = readQueries(files);
if (read.kind === "faulty") stop(read.problem);
for (const { id, text } of read.queries) {
  const { difficulty, hard, kind, expectedTokens, confidence } = opened.probe(text);
  const line = { id, difficulty, hard, kind, expectedTokens, confidence };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function readArguments(): { weightsFile: string | undefined; files: string[] } {
  try {
    const options = { weights: { type: "string" } } as const;
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    return { weightsFile: values.weights, files: positionals };
  } catch (error) {
    // parseArgs names the option that it does not know, which is what a person at a terminal needs.
    stop(error instanceof Error ? error.message : "unknown option");
  }
}

function stop(problem: string): never {
  process.stderr.write(`probe: ${problem}\n`);
  process.exit(1);
}
