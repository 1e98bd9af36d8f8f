// The table of what the probe is held to, beside the linear recipe, length, the source's mean, and chance.
import type { Said, Truth } from "./judged.ts";
import { intervalOf } from "./interval.ts";
import { figure, table, withInterval } from "./markdown.ts";
import {
  bySource,
  hardArea,
  kindAccuracy,
  pooled,
  tokensRanked,
  withinSources,
  type Measure,
  type Rows,
} from "./measures.ts";
import { mean } from "../rank.ts";

interface Row {
  readonly name: string;
  readonly measure: Measure;
  readonly must: string;
  readonly reach: string;
  readonly atChance: string;
}

const ROWS: readonly Row[] = [
  { name: "hard against not, AUC", measure: hardArea, must: ".76", reach: ".79", atChance: ".500" },
  {
    name: "difficulty, pooled Spearman",
    measure: pooled,
    must: ".53",
    reach: ".57",
    atChance: ".000",
  },
  {
    name: "difficulty, Spearman within a source, mean",
    measure: withinSources,
    must: ".30",
    reach: ".36",
    atChance: ".000",
  },
  { name: "kind, accuracy", measure: kindAccuracy, must: ".92", reach: ".95", atChance: ".200" },
  {
    name: "expected tokens, Spearman",
    measure: tokensRanked,
    must: ".60",
    reach: ".65",
    atChance: ".000",
  },
];

export interface Contestants {
  /** The same recipe from several seeds. */
  readonly blend: readonly Said[];
  readonly linear: readonly Said[];
  readonly length: Said;
  readonly source: Said;
}

export function reachTable(
  truth: Truth,
  rows: Rows,
  { blend, linear, length, source }: Contestants,
): string {
  const sourceOf = (row: number): string => truth.queries[row]!.source;
  const meanOf = (measure: Measure, seeds: readonly Said[]) => (drawn: Rows) =>
    mean(seeds.map((said) => measure(drawn, said, truth)));
  const head = [
    "measure",
    "must",
    "reach",
    "probe, mean of seeds",
    "by seed",
    "linear recipe",
    "length alone",
    "source's mean",
    "chance",
  ];
  return table(
    head,
    ROWS.map(({ name, measure, must, reach, atChance }) => [
      name,
      must,
      reach,
      `**${withInterval(intervalOf(rows, sourceOf, meanOf(measure, blend)))}**`,
      blend.map((said) => figure(measure(rows, said, truth))).join(" "),
      withInterval(intervalOf(rows, sourceOf, meanOf(measure, linear))),
      withInterval(intervalOf(rows, sourceOf, meanOf(measure, [length]))),
      figure(measure(rows, source, truth)),
      atChance,
    ]),
  );
}

/** Source by source, the mean of the seeds: where the probe orders and where it does not. */
export function sourcesTable(
  truth: Truth,
  rows: Rows,
  { blend, linear, length }: Contestants,
  seen: ReadonlySet<string>,
): string {
  const found = blend.map((said) => bySource(rows, said, truth));
  const linearly = linear.map((said) => bySource(rows, said, truth));
  const byLength = bySource(rows, length, truth);
  const sources = [...byLength.keys()].toSorted(
    (one, two) => Number(seen.has(two)) - Number(seen.has(one)) || one.localeCompare(two),
  );
  return table(
    ["source", "trained on", "questions", "probe", "linear", "length"],
    sources.map((source) => [
      source,
      seen.has(source) ? "yes" : "no",
      String(
        rows.filter(
          (row) => truth.queries[row]!.source === source && !Number.isNaN(truth.fails[row]!),
        ).length,
      ),
      figure(mean(found.map((of) => of.get(source)!))),
      figure(mean(linearly.map((of) => of.get(source)!))),
      figure(byLength.get(source)!),
    ]),
  );
}
