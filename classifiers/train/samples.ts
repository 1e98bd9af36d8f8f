// What all examples of a fit share: the rows of their words, the signals' scale, the topics that are told apart.
import type { Standard } from "../network.ts";
import type { Vocabulary } from "../vocabulary.ts";
import type { Example } from "./examples.ts";

/** A topic with fewer questions teaches a network nothing that it could use elsewhere. */
const TOPIC_QUERIES_MIN = 20;
/** Sources whose topics are subjects or kinds of task; those of the others name where a text came from. */
const TOPIC_SOURCES = new Set(["mmlu", "mmlu_pro", "math", "minerva", "reasoning_gym"]);

export function rowsOf(grams: Int32Array, vocabulary: Vocabulary): Int32Array {
  return Int32Array.from(
    [...grams].map((gram) => vocabulary.rowOf(gram)).filter((row) => row >= 0),
  );
}

export function standardOf(examples: readonly Example[]): Standard {
  const width = examples[0]!.view.signals.length;
  const mean = new Float64Array(width);
  const deviation = new Float64Array(width);
  for (const { view } of examples)
    for (let at = 0; at < width; at += 1) mean[at]! += view.signals[at]! / examples.length;
  for (const { view } of examples)
    for (let at = 0; at < width; at += 1)
      deviation[at]! += (view.signals[at]! - mean[at]!) ** 2 / examples.length;
  // The first signal is always 1 and stays so: it is the level.
  mean[0] = 0;
  deviation[0] = 1;
  return {
    mean: Float32Array.from(mean),
    deviation: Float32Array.from(deviation, (square, at) =>
      at === 0 ? 1 : Math.sqrt(square) || 1,
    ),
  };
}

export interface Topics {
  readonly count: number;
  /** -1 for an example without a topic that is told apart. */
  of(example: Example): number;
}

export function topicsOf(examples: readonly Example[]): Topics {
  const counts = new Map<string, number>();
  for (const { source, topic } of examples) {
    if (topic === undefined || !TOPIC_SOURCES.has(source)) continue;
    const name = `${source}/${topic}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const names = [...counts].filter(([, count]) => count >= TOPIC_QUERIES_MIN).map(([name]) => name);
  const places = new Map(names.map((name, place) => [name, place] as const));
  return {
    count: names.length,
    of: ({ source, topic }) => places.get(`${source}/${topic ?? ""}`) ?? -1,
  };
}
