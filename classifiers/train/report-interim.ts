// Prints how good the interim probe is on the recorded queries, beside their length alone:
//   node classifiers/train/report-interim.ts
// The table in classifiers/README.md is this program's output.
import { classify } from "../classify.ts";
import { KINDS, type Features } from "../features.ts";
import { areaUnderCurve, mean, median, spearman } from "./rank.ts";
import {
  DATA_FOLDER,
  hasDifficulty,
  hasTokens,
  readQueries,
  type RecordedQuery,
} from "./recorded.ts";

interface Judged {
  readonly query: RecordedQuery;
  readonly features: Features;
}

/** A source with fewer judged queries says nothing of the order inside it. */
const SOURCE_QUERIES_MIN = 50;
/** A recorded probability under this counts as hard, as in the data's own three classes. */
const HARD_BELOW = 0.5;

const queries = readQueries();
if (queries === null) console.error(`report-interim: skipped, no recorded data at ${DATA_FOLDER}`);
else {
  const judged = queries.map((query) => ({ query, features: classify(query.text) }));
  const test = judged.filter(({ query }) => query.fold === "test");
  const fitted = new Set(queries.filter(({ trainable }) => trainable).map(({ source }) => source));
  report("test", test);
  report(
    "test, sources the fit never saw",
    test.filter(({ query }) => !fitted.has(query.source)),
  );
  report(
    "train (the fit's own rows)",
    judged.filter(({ query }) => query.trainable),
  );
  reportSources(test);
  reportConfidence(test);
}

function report(title: string, rows: readonly Judged[]): void {
  const judged = rows.filter(({ query }) => hasDifficulty(query));
  const fails = judged.map(({ query }) => 1 - query.p_ref!);
  const isHard = fails.map((fail) => fail > 1 - HARD_BELOW);
  const readers = {
    difficulty: ({ features }: Judged) => features.difficulty,
    hard: ({ features }: Judged) => features.hard,
    length: ({ query }: Judged) => query.text.length,
  };
  console.log(`\n## ${title}\n${rows.length} queries, ${judged.length} with difficulty`);
  for (const [name, read] of Object.entries(readers)) {
    const values = judged.map(read);
    const inside = insideSources(judged, read).map(({ value }) => value);
    console.log(
      `${name.padEnd(10)} Spearman ${spearman(values, fails).toFixed(3)}  AUC hard ${areaUnderCurve(values, isHard).toFixed(3)}  within sources ${mean(inside).toFixed(3)} (${inside.length})`,
    );
  }
  const squared = mean(judged.map(({ features }, index) => (features.hard - fails[index]!) ** 2));
  console.log(
    `hard: mean ${mean(judged.map(({ features }) => features.hard)).toFixed(3)} against ${mean(fails).toFixed(3)} recorded, squared error ${squared.toFixed(3)} (constant: ${mean(fails.map((fail) => (fail - mean(fails)) ** 2)).toFixed(3)})`,
  );
  reportKinds(rows);
  const timed = rows.filter(({ query }) => hasTokens(query));
  const factor = (predict: (row: Judged) => number): string =>
    median(
      timed.map((row) => Math.exp(Math.abs(Math.log(predict(row) / row.query.exp_cot_tokens!)))),
    ).toFixed(2);
  const middle = median(timed.map(({ query }) => query.exp_cot_tokens!));
  console.log(
    `short tokens (${timed.length}): Spearman ${spearman(
      timed.map(({ features }) => features.expectedTokens.short),
      timed.map(({ query }) => query.exp_cot_tokens!),
    ).toFixed(
      3,
    )}, median factor ${factor(({ features }) => features.expectedTokens.short)} (always ${middle}: ${factor(() => middle)}); length Spearman ${spearman(
      timed.map(({ query }) => query.text.length),
      timed.map(({ query }) => query.exp_cot_tokens!),
    ).toFixed(3)}`,
  );
}

function insideSources(
  rows: readonly Judged[],
  read: (row: Judged) => number,
): { source: string; value: number; count: number }[] {
  const found = [];
  for (const [source, members] of Map.groupBy(rows, ({ query }) => query.source)) {
    if (members.length < SOURCE_QUERIES_MIN) continue;
    found.push({
      source,
      count: members.length,
      value: spearman(
        members.map(read),
        members.map(({ query }) => 1 - query.p_ref!),
      ),
    });
  }
  return found;
}

function reportKinds(rows: readonly Judged[]): void {
  const scores = KINDS.map((kind) => {
    const hits = rows.filter(
      ({ query, features }) => query.kind4 === kind && features.kind === kind,
    ).length;
    return (
      (2 * hits) /
      (rows.filter(({ query }) => query.kind4 === kind).length +
        rows.filter(({ features }) => features.kind === kind).length)
    );
  });
  const right = rows.filter(({ query, features }) => query.kind4 === features.kind).length;
  console.log(
    `kind: accuracy ${(right / rows.length).toFixed(3)}, macro-F1 ${mean(scores).toFixed(3)} (${KINDS.map((kind, index) => `${kind} ${scores[index]!.toFixed(2)}`).join(", ")})`,
  );
}

function reportSources(rows: readonly Judged[]): void {
  console.log("\n## within each source, test: Spearman of difficulty (length)");
  const judged = rows.filter(({ query }) => hasDifficulty(query));
  const lengths = insideSources(judged, ({ query }) => query.text.length);
  console.log(
    insideSources(judged, ({ features }) => features.difficulty)
      .map(
        ({ source, value, count }, index) =>
          `${source} ${value.toFixed(2)} (${lengths[index]!.value.toFixed(2)}; n ${count})`,
      )
      .join(", "),
  );
}

function reportConfidence(rows: readonly Judged[]): void {
  console.log("\n## by confidence, test: share of queries, kind accuracy, squared error of hard");
  const borders = [0, 0.35, 0.6, 0.8, 0.95, 1.01];
  for (const [index, low] of borders.slice(0, -1).entries()) {
    const members = rows.filter(
      ({ features }) => features.confidence >= low && features.confidence < borders[index + 1]!,
    );
    const judged = members.filter(({ query }) => hasDifficulty(query));
    console.log(
      `${low.toFixed(2)}+  ${(members.length / rows.length).toFixed(3)}  ${(members.filter(({ query, features }) => query.kind4 === features.kind).length / members.length).toFixed(3)}  ${mean(judged.map(({ query, features }) => (features.hard - 1 + query.p_ref!) ** 2)).toFixed(3)}`,
    );
  }
}
