// What the seeded policies cost and score on the simulator, beside one mode for everything:
//   node test/bench/cli/policies.ts [--questions N] [--seed N]
// The table in policies/README.md is this program's output. It needs the recorded questions beside the repository.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { MODES } from "../../../policies/mode.ts";
import { buildWorker } from "../../../worker/cli/build.ts";
import { startPolicyRuns, type Outcome } from "../policy-runs.ts";
import { drawQuestions } from "../real-questions.ts";

/** The policy whose arms the fixed modes run on. */
const FIXED_POLICY = "balanced";
/** Of a normal distribution, for 95 %. */
const Z = 1.96;

const { values } = parseArgs({
  options: {
    questions: { type: "string", default: "800" },
    seed: { type: "string", default: "1" },
  },
});
const seed = Number(values.seed);
const drawn = drawQuestions(Number(values.questions), seed);
if (drawn === null) {
  console.error("policies: skipped, ../shared/data/queries.jsonl.gz is absent");
} else {
  await report(drawn);
}

async function report({ any, solvable }: NonNullable<typeof drawn>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-policies-"));
  try {
    const built = await buildWorker(folder);
    if (built.kind !== "built") throw new Error("The Worker does not build.");
    const runs = await startPolicyRuns(folder, seed);
    try {
      const rows = [
        ...runs.policies.map((policy) => ({ name: policy, policy, model: "auto" })),
        ...MODES.map((mode) => ({
          name: `${FIXED_POLICY}, always ${mode}`,
          policy: FIXED_POLICY,
          model: `auto:${mode}`,
        })),
      ];
      console.log(
        `${any.length} real questions of every source, ${solvable.length} that the simulator can solve, seed ${seed}\n`,
      );
      console.log(
        `| policy | ${MODES.join(" | ")} | output tokens | $ per 1,000 requests | solvable: right | output tokens | $ per 1,000 |`,
      );
      console.log(`| --- |${" --- |".repeat(MODES.length + 5)}`);
      for (const { name, policy, model } of rows) {
        const all = await runs.run(policy, model, any);
        const solved = await runs.run(policy, model, solvable);
        console.log(
          `| ${[name, ...MODES.map((mode) => share(all, mode)), ...spent(all), right(solved), ...spent(solved)].join(" | ")} |`,
        );
      }
    } finally {
      await runs.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function share(outcomes: readonly Outcome[], mode: string): string {
  const count = outcomes.filter((outcome) => outcome.mode === mode).length;
  return `${Math.round((100 * count) / outcomes.length)} %`;
}

function spent(outcomes: readonly Outcome[]): [tokens: string, usd: string] {
  return [
    interval(
      outcomes.map(({ outputTokens }) => outputTokens),
      0,
    ),
    // A nano-dollar a request is a millionth of a dollar for a thousand.
    interval(
      outcomes.map(({ costNanos }) => costNanos / 1e6),
      3,
    ),
  ];
}

function right(outcomes: readonly Outcome[]): string {
  return interval(
    outcomes.map(({ isRight }) => (isRight === true ? 1 : 0)),
    3,
  );
}

/** The mean, with half of its 95 % interval. */
function interval(figures: readonly number[], digits: number): string {
  const mean = figures.reduce((sum, figure) => sum + figure, 0) / figures.length;
  const squares = figures.reduce((sum, figure) => sum + (figure - mean) ** 2, 0);
  const half = Z * Math.sqrt(squares / Math.max(1, figures.length - 1) / figures.length);
  return `${mean.toFixed(digits)} ±${half.toFixed(digits)}`;
}
