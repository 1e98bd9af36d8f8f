// Prints how the choice spreads over recorded queries, and what that really scored where ARM-7B ran every mode:
//   node policies/cli/report-choice.ts [--seed N]
// The tables in policies/README.md are this program's output.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { openProbe } from "../../classifiers/cli/open-probe.ts";
import type { Features } from "../../classifiers/features.ts";
import { DATA_FOLDER, readQueries, type RecordedQuery } from "../../classifiers/train/recorded.ts";
import { parseCatalog, type Catalog } from "../catalog.ts";
import type { Choice } from "../choice.ts";
import { choose } from "../choose.ts";
import { MODES, type Mode } from "../mode.ts";
import { parsePolicy, type Policy } from "../policy.ts";
import { readRuns, type Run } from "./recorded-runs.ts";

const SEEDS = resolve(import.meta.dirname, "../../kv-seeds");
const QUERIES = 2000;
/** What stands around a query in a request: a system prompt and the message's own frame; assumed. */
const FRAME_TOKENS = 200;
const LAMBDAS = [0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 4, 16];

const seed = Number(process.argv[process.argv.indexOf("--seed") + 1] ?? 1) || 1;
const queries = readQueries();
const opened = openProbe(undefined);
if (opened.kind === "unreadable") throw new Error(opened.problem);
const { probe } = opened;
if (queries === null) console.error(`report-choice: skipped, no recorded data at ${DATA_FOLDER}`);
else {
  reportSpread(draw(queries));
  reportRuns(queries, readRuns("ARM-7B", ["csqa", "svamp"]));
}

/** Sources in turn and queries at random, so that no large set is the whole sample. */
function draw(all: readonly RecordedQuery[]): RecordedQuery[] {
  const sources = [...Map.groupBy(all, ({ source }) => source).values()];
  let state = seed >>> 0;
  return Array.from({ length: QUERIES }, (_, index) => {
    // A linear congruential step (Numerical Recipes); good enough to draw a sample that can be drawn again.
    state = (state * 1_664_525 + 1_013_904_223) >>> 0;
    const source = sources[index % sources.length]!;
    return source[Math.floor((state / 2 ** 32) * source.length)]!;
  });
}

function reportSpread(sample: readonly RecordedQuery[]): void {
  const catalog = accept(parseCatalog(readSeed("catalog.json")));
  const documents = (readSeed("policies.json") as { policies: unknown[] }).policies;
  const features = sample.map(({ text }) => probe(text));
  const inputs = sample.map(({ text }) => FRAME_TOKENS + Math.ceil(text.length / 4));
  console.log(
    `## ${QUERIES} queries over ${new Set(sample.map(({ source }) => source)).size} sources, seed ${seed}`,
  );
  for (const document of documents) {
    const policy = accept(parsePolicy(document));
    const choices = features.map((of, index) =>
      decide(of, policy, catalog, policy.lambda, inputs[index]!),
    );
    const first = choices.map(({ ladder }) => ladder[0]);
    console.log(
      `\n${policy.name}, lambda ${policy.lambda}: ${tally(first.map(({ arm }) => arm.mode ?? "as-sent"))}; reasons ${tally(first.map(({ reason }) => reason.word))}`,
    );
    for (const [kind, members] of Map.groupBy(
      first.map(({ arm }, index) => ({ arm, kind: features[index]!.kind })),
      ({ kind: of }) => of,
    )) {
      console.log(
        `  ${kind.padEnd(9)} ${String(members.length).padStart(4)}  ${tally(members.map(({ arm }) => arm.mode ?? "as-sent"))}`,
      );
    }
    console.log(
      `  under the priors: score ${mean(first.map(({ estimate }) => estimate.score)).toFixed(3)}, ${Math.round(mean(first.map(({ estimate }) => estimate.outputTokens)))} tokens, ${usd(first.map(({ estimate }) => estimate.costNanos))}`,
    );
    for (const mode of MODES) {
      const fixed = choices
        .map(({ weighed }) => weighed.find(({ arm }) => arm.mode === mode)?.estimate)
        .filter((estimate) => estimate !== undefined);
      if (fixed.length > 0)
        console.log(
          `    always ${mode.padEnd(7)} score ${mean(fixed.map(({ score }) => score)).toFixed(3)}, ${Math.round(mean(fixed.map(({ outputTokens }) => outputTokens)))} tokens, ${usd(fixed.map(({ costNanos }) => costNanos))}`,
        );
    }
  }
}

function decide(
  features: Features,
  policy: Policy,
  catalog: Catalog,
  lambda: number,
  inputTokens: number,
): Choice {
  const chosen = choose({
    features,
    policy,
    catalog,
    lambda,
    inputTokens,
    needs: [],
    modelsAllowed: null,
    asked: { mode: null, model: null, effort: null },
    conversation: { previous: null, isToolResult: false, prefixTokens: 0 },
    advice: null,
    chance: null,
  });
  if (chosen.kind !== "chosen") throw new Error(`the policy ${policy.name} has no arm`);
  return chosen.choice;
}

/** One model without prices runs every mode, as ARM-7B did; only the mode is chosen. */
function reportRuns(
  all: readonly RecordedQuery[],
  runs: ReadonlyMap<string, Readonly<Record<Mode, Run>>>,
): void {
  const catalog = accept(
    parseCatalog({
      version: "1",
      upstreams: [{ id: "own", engine: "vllm", baseUrl: "http://127.0.0.1/v1" }],
      models: [
        { id: "own", upstream: "own", name: "own", contextTokens: 32_768, outputTokensMax: 8192 },
      ],
    }),
  );
  const policy = accept(
    parsePolicy({
      name: "own",
      version: "1",
      modes: { direct: "own", short: "own", code: "own", long: "own" },
    }),
  );
  const rows = all.flatMap((query) => {
    const run = runs.get(query.id);
    return run === undefined ? [] : [{ query, run, features: probe(query.text) }];
  });
  for (const source of [null, "csqa", "svamp"]) {
    const members = source === null ? rows : rows.filter(({ query }) => query.source === source);
    console.log(
      `\n## ARM-7B on ${source ?? "csqa and svamp"}, n ${members.length}: accuracy @ mean output tokens`,
    );
    for (const mode of MODES)
      console.log(`always ${mode.padEnd(7)} ${score(members.map(({ run }) => run[mode]))}`);
    console.log(
      `oracle         ${score(members.map(({ run }) => MODES.map((mode) => run[mode]).reduce((best, next) => (next.correct > best.correct ? next : best))))}`,
    );
    for (const lambda of LAMBDAS) {
      const modes = members.map(
        ({ features, query }) =>
          decide(features, policy, catalog, lambda, Math.ceil(query.text.length / 4)).ladder[0].arm
            .mode ?? "short",
      );
      const routed = members.map(({ run }, index) => run[modes[index]!]);
      const byLength = spreadByLength(
        members.map(({ query }) => query.text.length),
        modes,
      );
      const long = members.map(({ run }, index) => run[byLength[index]!]);
      const mixed = members.flatMap(({ run }) => modes.map((mode) => run[mode]));
      console.log(
        `lambda ${String(lambda).padEnd(7)} ${score(routed)}  random of the same mix ${score(mixed, members.length)}  by length ${score(long)}  ${tally(modes)}`,
      );
    }
  }
  console.log("\n## rules that know the family: one mode a family");
  for (const csqa of MODES)
    for (const svamp of MODES)
      console.log(
        `csqa ${csqa.padEnd(7)} svamp ${svamp.padEnd(7)} ${score(rows.map(({ query, run }) => run[query.source === "csqa" ? csqa : svamp]))}`,
      );
}

/** The same modes in the same numbers, the dearest to the longest questions. */
function spreadByLength(lengths: readonly number[], modes: readonly Mode[]): Mode[] {
  const longestFirst = lengths.map((_, index) => index).sort((a, b) => lengths[b]! - lengths[a]!);
  const dearestFirst = modes.toSorted((a, b) => MODES.indexOf(b) - MODES.indexOf(a));
  const spread = new Array<Mode>(modes.length);
  for (const [rank, index] of longestFirst.entries()) spread[index] = dearestFirst[rank]!;
  return spread;
}

/** With the half width of a 95 % interval (normal) for `n` questions. */
function score(runs: readonly Run[], n = runs.length): string {
  const accuracy = mean(runs.map(({ correct }) => correct));
  const half = 1.96 * Math.sqrt((accuracy * (1 - accuracy)) / n);
  return `${accuracy.toFixed(3)} ±${half.toFixed(3)} @ ${mean(runs.map(({ outputTokens }) => outputTokens)).toFixed(0)}`;
}

function tally(words: readonly string[]): string {
  const counts = [...Map.groupBy(words, (word) => word)].map(([word, members]) => ({
    word,
    count: members.length,
  }));
  return counts
    .toSorted((left, right) => right.count - left.count)
    .map(({ word, count }) => `${word} ${count}`)
    .join(", ");
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function usd(costsNanos: readonly number[]): string {
  return `$${(mean(costsNanos) / 1_000_000).toFixed(3)} a thousand requests`;
}

function readSeed(file: string): unknown {
  return JSON.parse(readFileSync(resolve(SEEDS, file), "utf8"));
}

function accept<T>(
  parsed: { kind: "parsed"; value: T } | { kind: "faulty"; faults: readonly unknown[] },
): T {
  if (parsed.kind === "faulty") throw new Error(JSON.stringify(parsed.faults));
  return parsed.value;
}
