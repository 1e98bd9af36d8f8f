// Recorded questions beside what some predictor says of them, by row number, so that resamples are lists of rows.
import { TRAINED_CUES } from "../cue-words.ts";
import { classify } from "../../classify.ts";
import { KINDS } from "../../features.ts";
import { readSurface } from "../../surface.ts";
import type { Weights } from "../../weights.ts";
import { hasDifficulty, hasTokens, type RecordedQuery } from "../recorded.ts";

/** NaN where nothing was recorded. */
export interface Truth {
  readonly queries: readonly RecordedQuery[];
  readonly fails: Float64Array;
  readonly tokens: Float64Array;
}

/** One predictor's numbers, a row a question. `novelty` and `confidence` are the probe's alone. */
export interface Said {
  readonly hard: Float64Array;
  readonly difficulty: Float64Array;
  readonly tokens: Float64Array;
  readonly isKindRight: Float64Array;
  readonly confidence: Float64Array;
  readonly novelty: Float64Array;
}

export function truthOf(queries: readonly RecordedQuery[]): Truth {
  return {
    queries,
    fails: Float64Array.from(queries, (query) => (hasDifficulty(query) ? 1 - query.p_ref! : NaN)),
    tokens: Float64Array.from(queries, (query) => (hasTokens(query) ? query.exp_cot_tokens! : NaN)),
  };
}

function empty(rows: number): Said {
  const column = (): Float64Array => new Float64Array(rows);
  return {
    hard: column(),
    difficulty: column(),
    tokens: column(),
    isKindRight: column(),
    confidence: column(),
    novelty: column(),
  };
}

export function saidByProbe({ queries }: Truth, weights: Weights): Said {
  const said = empty(queries.length);
  for (const [row, query] of queries.entries()) {
    const features = classify(query.text, weights);
    said.hard[row] = features.hard;
    said.difficulty[row] = features.difficulty;
    said.tokens[row] = features.expectedTokens.short;
    said.isKindRight[row] = features.kind === query.kind4 ? 1 : 0;
    said.confidence[row] = features.confidence;
    said.novelty[row] = features.novelty;
  }
  return said;
}

/** The number of units before the options, for everything; and the commonest kind. */
export function saidByLength({ queries }: Truth): Said {
  const said = empty(queries.length);
  const kind = commonestKind(queries);
  for (const [row, query] of queries.entries()) {
    const chars = readSurface(query.text, TRAINED_CUES).stemChars;
    said.hard[row] = said.difficulty[row] = said.tokens[row] = chars;
    said.isKindRight[row] = query.kind4 === kind ? 1 : 0;
  }
  return said;
}

/** The mean of the source's recorded questions in `known` (fold train), which no gateway has: the level and nothing else. */
export function saidBySource({ queries }: Truth, known: readonly RecordedQuery[]): Said {
  const said = empty(queries.length);
  const truth = truthOf(known);
  const fails = meansBySource(known, truth.fails);
  const tokens = meansBySource(known, truth.tokens);
  for (const [row, { source }] of queries.entries()) {
    said.hard[row] = said.difficulty[row] = fails(source);
    said.tokens[row] = tokens(source);
    said.isKindRight[row] = NaN;
  }
  return said;
}

function meansBySource(
  queries: readonly RecordedQuery[],
  values: Float64Array,
): (source: string) => number {
  const sums = new Map<string, { sum: number; count: number }>();
  const all = { sum: 0, count: 0 };
  for (const [row, { source }] of queries.entries()) {
    const value = values[row]!;
    if (Number.isNaN(value)) continue;
    const held = sums.get(source) ?? { sum: 0, count: 0 };
    sums.set(source, { sum: held.sum + value, count: held.count + 1 });
    all.sum += value;
    all.count += 1;
  }
  return (source) => {
    const { sum, count } = sums.get(source) ?? all;
    return sum / count;
  };
}

function commonestKind(queries: readonly RecordedQuery[]): string {
  const counts = KINDS.map((kind) => queries.filter(({ kind4 }) => kind4 === kind).length);
  return KINDS[counts.indexOf(Math.max(...counts))]!;
}
