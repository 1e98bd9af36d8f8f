// Real questions from beside the repository: some of every source, for what routing costs, and those that the simulator
// can solve, for how often it is then right. No text of them is kept or printed.
import { readQueries } from "../../classifiers/train/recorded.ts";
import { drawUniform } from "../simulator/chance.ts";
import { recogniseItem } from "../simulator/items/recognise.ts";

export interface RealQuestion {
  readonly text: string;
  /** The right answer, where the simulator knows it. */
  readonly answer: string | null;
}

/** Longer ones are mostly documents, and their number would decide what a run costs. */
const CHARS_MAX = 8000;

/** `any`: the same number of each source, as far as there are so many. `solvable`: at most so many, of all sources. */
export function drawQuestions(
  count: number,
  seed: number,
): { readonly any: readonly RealQuestion[]; readonly solvable: readonly RealQuestion[] } | null {
  const queries = readQueries();
  if (queries === null) return null;
  const ranked = queries
    .filter(({ text }) => text.trim() !== "" && text.length <= CHARS_MAX)
    .map(({ id, source, text }) => ({ source, text, rank: drawUniform(`${seed}|${id}`) }))
    .toSorted((left, right) => left.rank - right.rank);
  const sources = [...Map.groupBy(ranked, ({ source }) => source).values()];
  const rounds = Math.max(...sources.map((of) => of.length));
  const inTurn = Array.from({ length: rounds }, (_, round) =>
    sources.flatMap((of) => of.slice(round, round + 1)),
  ).flat();
  return {
    any: inTurn.slice(0, count).map(({ text }) => ({ text, answer: null })),
    solvable: ranked
      .flatMap(({ text }) => {
        const item = recogniseItem(text);
        return item === null ? [] : [{ text, answer: item.answer }];
      })
      .slice(0, count),
  };
}
