// Whole families that no training saw: each is left out in turn, and its questions are judged by the weights without it.
import { saidByLength, truthOf, type Said, type Truth } from "./judged.ts";
import { intervalOf, type Interval } from "./interval.ts";
import { figure, table, withInterval } from "./markdown.ts";
import { bySource, withinSources, type Rows } from "./measures.ts";
import { mean } from "../rank.ts";
import type { RecordedQuery } from "../recorded.ts";

export interface LeftOut {
  readonly family: string;
  readonly truth: Truth;
  readonly rows: Rows;
  /** One a seed. */
  readonly blend: readonly Said[];
  readonly linear: readonly Said[];
}

/** The fold test of one family's sources. */
export function testOf(queries: readonly RecordedQuery[], sources: readonly string[]): Truth {
  return truthOf(
    queries.filter((query) => query.fold === "test" && sources.includes(query.source)),
  );
}

export function leftOutTable(families: readonly LeftOut[]): string {
  const lines = families.flatMap(({ truth, rows, blend, linear }) => {
    const length = bySource(rows, saidByLength(truth), truth);
    const found = blend.map((said) => bySource(rows, said, truth));
    const linearly = linear.map((said) => bySource(rows, said, truth));
    return [...length].map(([source, byLength]) => [
      source,
      figure(mean(found.map((of) => of.get(source)!))),
      found.map((of) => figure(of.get(source)!)).join(" "),
      linearly.length === 0 ? "-" : figure(mean(linearly.map((of) => of.get(source)!))),
      figure(byLength),
    ]);
  });
  const total = [
    "**mean of sources (must .20, reach .28)**",
    `**${withInterval(overall(families, ({ blend }) => blend))}**`,
    families[0]!.blend
      .map((_, seed) => figure(overall(families, ({ blend }) => [blend[seed]!]).value))
      .join(" "),
    families[0]!.linear.length === 0
      ? "-"
      : withInterval(overall(families, ({ linear }) => linear)),
    withInterval(overall(families, ({ truth }) => [saidByLength(truth)])),
  ];
  return table(
    ["source", "probe, mean of seeds", "by seed", "linear recipe", "length alone"],
    [...lines, total],
  );
}

/** Over all sources of all families, each counting once; questions are drawn again inside each. */
function overall(
  families: readonly LeftOut[],
  saidOf: (family: LeftOut) => readonly Said[],
): Interval {
  const said = families.map(saidOf);
  // Rows of all families behind one another, so that one resample draws from each.
  const starts: number[] = [];
  let count = 0;
  for (const { rows } of families) {
    starts.push(count);
    count += rows.length;
  }
  const familyOf = (row: number): number => starts.findLastIndex((start) => start <= row);
  const rows = Array.from({ length: count }, (_, row) => row);
  return intervalOf(
    rows,
    (row) => {
      const family = familyOf(row);
      return families[family]!.truth.queries[row - starts[family]!]!.source;
    },
    (drawn) => {
      const byFamily = Map.groupBy(drawn, familyOf);
      const sums = [...byFamily].flatMap(([family, own]) => {
        const { truth } = families[family]!;
        const back = own.map((row) => row - starts[family]!);
        const sources = bySource(back, said[family]![0]!, truth).size;
        const value = mean(said[family]!.map((one) => withinSources(back, one, truth)));
        return sources === 0 ? [] : [{ sources, value }];
      });
      const sources = sums.reduce((sum, one) => sum + one.sources, 0);
      return sums.reduce((sum, one) => sum + one.sources * one.value, 0) / sources;
    },
  );
}
