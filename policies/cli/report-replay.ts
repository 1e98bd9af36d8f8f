// Prints what the router recovers between pairs of recorded arms, offline and learning, over several orders of the questions:
//   node policies/cli/report-replay.ts [--weights FILE] [--seeds N]
// The table in policies/README.md is this program's output. For RouteLLM's MMLU give weights that never saw it:
// npm run -s train -- --exclude-source mmlu --out FILE
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { DATA_FOLDER, readQueries, type RecordedQuery } from "../../classifiers/train/recorded.ts";
import { rank, recover } from "../replay/apgr.ts";
import type { Predictions, RecordedQuestion } from "../replay/question.ts";
import { seeded, shuffled } from "../replay/random.ts";
import { parseArms } from "../replay/recorded-arm.ts";
import { sweep } from "../replay/report.ts";
import { predictOffline, predictOnline } from "../replay/route.ts";
import { openProbe } from "../../classifiers/cli/open-probe.ts";
import { readRecorded } from "./replay-files.ts";

/** Source, then model and mode of the weak and of the strong arm. */
const PAIRS = {
  "RouteLLM MMLU": [
    "mmlu",
    ["mistralai/Mixtral-8x7B-Instruct-v0.1", "direct_5shot"],
    ["gpt-4-1106-preview", "direct_5shot"],
  ],
  "MMLU-Pro": [
    "mmlu_pro",
    ["Mixtral-8x7B-Instruct-v0.1", "cot_5shot"],
    ["gpt-4o-2024-05-13", "cot_5shot"],
  ],
  "reasoning-gym, Llama 3.3 and o3-mini": [
    "reasoning_gym",
    ["llama-3.3-70b-instruct", "cot"],
    ["o3-mini", "cot"],
  ],
  "reasoning-gym, Mistral Small and Sonnet": [
    "reasoning_gym",
    ["mistral-small-3.1-24b-instruct", "cot"],
    ["claude-3.5-sonnet", "cot"],
  ],
  "BIG-bench Hard, direct and CoT": [
    "bbh",
    ["code-davinci-002", "direct_3shot"],
    ["code-davinci-002", "cot_3shot"],
  ],
  CRUXEval: ["cruxeval", ["gpt-3.5-turbo-0125", "cot"], ["gpt-4o-2024-08-06", "cot"]],
} as const;
/** RouteLLM's strong model cost about ten times the weak one. */
const STRONG_PRICE = 10;

const { values } = parseArgs({
  options: { weights: { type: "string" }, seeds: { type: "string", default: "5" } },
});
const opened = openProbe(values.weights);
const queries = readQueries();
if (queries === null) console.error(`report-replay: skipped, no recorded data at ${DATA_FOLDER}`);
else if (opened.kind === "unreadable") {
  console.error(`report-replay: ${opened.problem}`);
  process.exitCode = 1;
} else {
  console.log(
    "| pair | n | length | offline | online, last half |\n| --- | --- | --- | --- | --- |",
  );
  for (const [name, [source, weak, strong]] of Object.entries(PAIRS)) {
    const arms = [weak, strong].map(([model, mode], index) => {
      const arm = index === 0 ? "weak" : "strong";
      return { arm, model, mode, price: index === 0 ? 1 : STRONG_PRICE };
    });
    console.log(`| ${name} | ${report(queries, source, arms, opened.probe)} |`);
  }
}

function report(
  all: readonly RecordedQuery[],
  source: string,
  document: unknown,
  probe: Extract<typeof opened, { kind: "opened" }>["probe"],
): string {
  const parsed = parseArms(document);
  if (parsed.kind === "faulty") throw new Error(parsed.problem);
  const { arms } = parsed;
  const isScored = ({ routellm_eval: scored }: { routellm_eval?: number }): boolean =>
    source !== "mmlu" || scored === 1;
  const members = all.filter((query) => query.source === source && isScored(query as object));
  const { questions } = recorded(members, arms, probe);
  const lengths = apgrOf(
    questions,
    questions.map(({ chars }) => chars),
  );
  const offline = predictOffline(questions, arms);
  const lambdas = sweep(offline, arms);
  const online = Array.from({ length: Number(values.seeds) }, (_, index) => {
    const draw = seeded(index + 1);
    const order = shuffled(questions, draw);
    const predictions = predictOnline(order, arms, lambdas, draw);
    const half = Math.floor(order.length / 2);
    return apgrOf(order.slice(half), gainsOf(predictions.slice(half)));
  });
  const mean = online.reduce((sum, apgr) => sum + apgr, 0) / online.length;
  const span = `${Math.min(...online).toFixed(3)}-${Math.max(...online).toFixed(3)}`;
  return `${questions.length} | ${lengths.toFixed(3)} | ${apgrOf(questions, gainsOf(offline)).toFixed(3)} | ${mean.toFixed(3)} (${span})`;
}

function recorded(
  members: readonly RecordedQuery[],
  arms: Parameters<typeof readRecorded>[2],
  probe: Extract<typeof opened, { kind: "opened" }>["probe"],
): ReturnType<typeof readRecorded> {
  const folder = mkdtempSync(join(tmpdir(), "report-replay-"));
  try {
    const file = join(folder, "queries.jsonl");
    writeFileSync(
      file,
      members.map(({ id, text }) => `${JSON.stringify({ id, text })}\n`).join(""),
    );
    return readRecorded(file, resolve(DATA_FOLDER, "outcomes.jsonl.gz"), arms, () => probe);
  } finally {
    if (existsSync(folder)) rmSync(folder, { recursive: true });
  }
}

function gainsOf(predictions: readonly Predictions[]): number[] {
  return predictions.map((of) => of[1]!.score - of[0]!.score);
}

function apgrOf(questions: readonly RecordedQuestion[], scores: readonly number[]): number {
  const correct = (arm: number): number[] => questions.map(({ runs }) => runs[arm]!.correct);
  const ranked = rank(scores, correct(0), correct(1));
  return recover(ranked, new Uint8Array(scores.length).fill(1)).apgr ?? Number.NaN;
}
