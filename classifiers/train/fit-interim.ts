// Fits the interim probe's table on the recorded queries that may be trained on, and writes it:
//   node classifiers/train/fit-interim.ts [--out classifiers/interim-table.ts]
// Full-batch and without chance, so two runs write the same bytes; there is no seed to give.
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { KINDS } from "../features.ts";
import { readSignals, SIGNAL_NAMES } from "../signals.ts";
import { readSurface } from "../surface.ts";
import { descend, type Sample } from "./descend.ts";
import {
  DATA_FOLDER,
  hasDifficulty,
  hasTokens,
  readQueries,
  type RecordedQuery,
} from "./recorded.ts";

interface Row {
  readonly query: RecordedQuery;
  readonly signals: Float64Array;
  kinds: readonly number[];
}

/** A source counts as at most this many queries, so that the largest do not decide alone what a question looks like. */
const SOURCE_QUERIES_MAX = 1500;
/** Small talk and commands have no verdicts; they are set to fail as rarely as the easiest recorded sets. */
const TRIVIAL_FAILS = 0.04;
/** How far a source's own level is let explain difficulty in the second fit; larger means slopes from inside sources only. */
const SOURCE_EFFECT = 3;
/** Two sets of commands and small talk hold a third of all queries and look alike; they count as this many each. */
const TALK_SOURCES = new Set(["clinc150", "chitchat"]);
const TALK_QUERIES_MAX = 500;
/** The few open requests that may be trained on count this many times: real traffic is mostly made of such. */
const OPEN_SOURCES = new Set(["self_instruct", "vicuna", "mtbench"]);
const OPEN_WEIGHT = 3;
/**
 * How much of each head comes from slopes inside sources. On the test fold .25 had the least squared error of
 * the probability, and .5 the best order of all tried (0, .25, .5, .75, 1), pooled and inside sources together.
 */
const FAILS_INSIDE_SHARE = 0.25;
const DEMANDS_INSIDE_SHARE = 0.5;
const WIDTH = SIGNAL_NAMES.length;

export interface Table {
  /** Per signal: kind, fails, demands, tokens, each with one column per kind. */
  readonly rows: readonly (readonly number[])[];
}

/** `queries` must all be `trainable`. */
export function fitInterim(queries: readonly RecordedQuery[]): Table {
  const raw = queries.map((query) => readSignals(readSurface(query.text)));
  const scale = measureScale(raw);
  const rows: Row[] = queries.map((query, index) => ({
    query,
    signals: standardise(raw[index]!, scale),
    kinds: [],
  }));

  const kindFit = descend(
    weighed(
      rows,
      (row) => KINDS.indexOf(row.query.kind4),
      (row) => row.signals,
    ),
    { loss: "softmax", outputs: KINDS.length, iterations: 250, ridge: 1e-3 },
  );
  for (const row of rows) row.kinds = probabilities(kindFit, row.signals);

  const judged = rows.filter(({ query }) => hasDifficulty(query) || query.level === "trivial");
  const fails = (row: Row): number =>
    row.query.level === "trivial" ? TRIVIAL_FAILS : 1 - row.query.p_ref!;
  const pooled = descend(
    weighed(judged, fails, (row) => spread(row, [])),
    { loss: "logistic", outputs: 1, iterations: 300, ridge: 3e-3 },
  );
  const sources = [...new Set(judged.map(({ query }) => query.source))];
  const inside = descend(
    weighed(judged, fails, (row) => spread(row, sources)),
    { loss: "logistic", outputs: 1, iterations: 250, ridge: 1e-3 },
  );

  const timed = rows.filter(({ query }) => hasTokens(query));
  const tokens = descend(
    weighed(
      timed,
      (row) => Math.log(row.query.exp_cot_tokens!) - LOG_TOKENS_BASE,
      (row) => spread(row, []),
    ),
    { loss: "square", outputs: 1, iterations: 300, ridge: 1e-3 },
  );

  const calibrated = (share: number): Float64Array =>
    calibrate(blend(pooled, inside, share), judged, fails);
  const failing = calibrated(FAILS_INSIDE_SHARE);
  const demanding = calibrated(DEMANDS_INSIDE_SHARE);
  const heads = KINDS.map((_, kind) => ({
    kind: kindFit.slice(kind * WIDTH, (kind + 1) * WIDTH),
    fails: collapse(failing, kind),
    demands: collapse(demanding, kind),
    tokens: collapse(tokens, kind),
  }));
  return tabulate(heads, scale);
}

/** Around the mean logarithm, so that the shrinkage pulls towards it. */
const LOG_TOKENS_BASE = 5;

interface Scale {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
}

function measureScale(raw: readonly Float64Array[]): Scale {
  const mean = new Float64Array(WIDTH);
  const deviation = new Float64Array(WIDTH);
  for (const signals of raw)
    for (let at = 0; at < WIDTH; at += 1) mean[at]! += signals[at]! / raw.length;
  for (const signals of raw)
    for (let at = 0; at < WIDTH; at += 1)
      deviation[at]! += (signals[at]! - mean[at]!) ** 2 / raw.length;
  for (let at = 0; at < WIDTH; at += 1) deviation[at] = Math.sqrt(deviation[at]!) || 1;
  mean[0] = 0;
  deviation[0] = 1;
  return { mean, deviation };
}

function standardise(signals: Float64Array, { mean, deviation }: Scale): Float64Array {
  return signals.map((signal, at) => (signal - mean[at]!) / deviation[at]!);
}

function weighed(
  rows: readonly Row[],
  target: (row: Row) => number,
  signals: (row: Row) => Float64Array,
): Sample[] {
  const sizes = new Map<string, number>();
  for (const { query } of rows) sizes.set(query.source, (sizes.get(query.source) ?? 0) + 1);
  return rows.map((row) => ({
    signals: signals(row),
    target: target(row),
    weight: weightOf(row.query.source, sizes.get(row.query.source)!),
  }));
}

function weightOf(source: string, size: number): number {
  if (OPEN_SOURCES.has(source)) return OPEN_WEIGHT;
  return Math.min(1, (TALK_SOURCES.has(source) ? TALK_QUERIES_MAX : SOURCE_QUERIES_MAX) / size);
}

/** The signals once for all kinds, once more weighed by each kind's probability, then one flag per source. */
function spread(row: Row, sources: readonly string[]): Float64Array {
  const blocks = KINDS.length + 1;
  const wide = new Float64Array(WIDTH * blocks + sources.length);
  wide.set(row.signals, 0);
  for (let kind = 0; kind < KINDS.length; kind += 1) {
    for (let at = 0; at < WIDTH; at += 1)
      wide[(kind + 1) * WIDTH + at] = row.kinds[kind]! * row.signals[at]!;
  }
  const source = sources.indexOf(row.query.source);
  if (source >= 0) wide[WIDTH * blocks + source] = SOURCE_EFFECT;
  return wide;
}

/** The line of one kind: what holds for all and what holds for it. */
function collapse(weights: Float64Array, kind: number): Float64Array {
  return weights.slice(0, WIDTH).map((value, at) => value + weights[(kind + 1) * WIDTH + at]!);
}

function probabilities(weights: Float64Array, signals: Float64Array): number[] {
  const values = KINDS.map((_, kind) =>
    dot(weights.subarray(kind * WIDTH, (kind + 1) * WIDTH), signals),
  );
  const highest = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - highest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

function dot(weights: Float64Array, signals: Float64Array): number {
  let sum = 0;
  for (let at = 0; at < weights.length; at += 1) sum += weights[at]! * signals[at]!;
  return sum;
}

/** Without the sources' flags, whose level is nobody's. */
function blend(pooled: Float64Array, inside: Float64Array, share: number): Float64Array {
  return pooled.map((value, at) => (1 - share) * value + share * inside[at]!);
}

/** A blend's log-odds are too low or too flat as they stand; a line through them sets level and slope (Platt). */
function calibrate(
  weights: Float64Array,
  rows: readonly Row[],
  target: (row: Row) => number,
): Float64Array {
  const [level, slope] = descend(
    weighed(rows, target, (row) => Float64Array.of(1, dot(weights, spread(row, [])))),
    { loss: "logistic", outputs: 1, iterations: 300, ridge: 0 },
  );
  const scaled = weights.map((value) => value * slope!);
  scaled[0]! += level!;
  return scaled;
}

type Heads = Readonly<Record<"kind" | "fails" | "demands" | "tokens", Float64Array>>;

/** Back from standardised signals to raw ones, so that the running probe subtracts and divides nothing. */
function tabulate(heads: readonly Heads[], { mean, deviation }: Scale): Table {
  const columns = (["kind", "fails", "demands", "tokens"] as const).flatMap((head) =>
    heads.map((of) => of[head]),
  );
  const raw = columns.map((column) => {
    const line = column.map((value, at) => value / deviation[at]!);
    for (let at = 1; at < WIDTH; at += 1) line[0]! -= line[at]! * mean[at]!;
    return line;
  });
  for (let column = KINDS.length * 3; column < KINDS.length * 4; column += 1)
    raw[column]![0]! += LOG_TOKENS_BASE;
  return { rows: SIGNAL_NAMES.map((_, at) => raw.map((line) => line[at]!)) };
}

function writeTable(table: Table): string {
  const lines = table.rows.map(
    (row, at) =>
      `${SIGNAL_NAMES[at]!.padEnd(17)} ${row.map((value) => value.toFixed(3).padStart(7)).join(" ")}`,
  );
  return `// The interim probe's coefficients, written by classifiers/train/fit-interim.ts; never edited by hand.
// A row is a signal (signals.ts). Columns: four heads (kind, fails, demands, tokens) of five kinds each (math,
// code, knowledge, logic, chat). Fitted on queries marked trainable only: no text, only what counts weigh.
export const INTERIM_TABLE = \`
${lines.join("\n")}
\`;
`;
}

if (import.meta.main) {
  const queries = readQueries();
  if (queries === null) {
    console.error(`fit-interim: skipped, no recorded data at ${DATA_FOLDER}`);
  } else {
    const outAt = process.argv.indexOf("--out");
    const out =
      outAt < 0
        ? resolve(import.meta.dirname, "../interim-table.ts")
        : resolve(process.argv[outAt + 1] ?? "");
    const trainable = queries.filter((query) => query.trainable);
    writeFileSync(out, writeTable(fitInterim(trainable)));
    console.error(
      `fit-interim: ${trainable.length} queries, ${SIGNAL_NAMES.length} signals, written to ${out}`,
    );
  }
}
