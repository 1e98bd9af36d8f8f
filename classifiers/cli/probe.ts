// `npm run -s probe`: JSON Lines {id, text} in, one line of features each out.
//   node classifiers/cli/probe.ts [FILE ...] < queries.jsonl
import { classify } from "../classify.ts";
import { readQueries } from "./query-lines.ts";

const files: string[] = [];
for (const argument of process.argv.slice(2)) {
  if (argument.startsWith("--weights"))
    stop("--weights is not supported yet: the interim probe has no trained weights to replace");
  if (argument.startsWith("-"))
    stop(`unknown option ${argument}; give files of JSON Lines, or nothing to read standard input`);
  files.push(argument);
}

const read = readQueries(files);
if (read.kind === "faulty") stop(read.problem);
const lines = read.queries.map(({ id, text }) => {
  const { difficulty, hard, kind, expectedTokens, confidence } = classify(text);
  return `${JSON.stringify({ id, difficulty, hard, kind, expectedTokens, confidence })}\n`;
});
process.stdout.write(lines.join(""));

function stop(problem: string): never {
  process.stderr.write(`probe: ${problem}\n`);
  process.exit(1);
}
