// From recorded queries to what the networks are fitted on: keys, signals, targets, and how much each counts.
import { KINDS } from "../features.ts";
import { readGrams } from "../grams.ts";
import { readSignals } from "../signals.ts";
import { readSurface } from "../surface.ts";
import { STEPS_MAX, type Made } from "./families.ts";
import { vary } from "./variants.ts";
import { TRAINED_CUES } from "./cue-words.ts";
import { seededChance } from "./chance.ts";
import { hasDifficulty, hasTokens, type RecordedQuery } from "./recorded.ts";

export interface View {
  readonly grams: Int32Array;
  readonly signals: Float64Array;
}

export interface Example {
  readonly id: string;
  readonly source: string;
  readonly topic?: string;
  readonly group: string;
  readonly text: string;
  /** The source's number, for its own level. */
  readonly place: number;
  /** The text as recorded, and other writings of the same question. */
  readonly view: View;
  readonly variants: readonly View[];
  readonly kind: number;
  /** Probability that a mid-sized model fails; null where nobody recorded it. */
  readonly fails: number | null;
  /** The same for the order inside its source; null for talk, which is set to one level. */
  readonly demands: number | null;
  readonly logTokens: number | null;
  /** How much it counts beside others. */
  readonly weight: number;
  /** The share of epochs in which it takes part: the two sets of talk hold a third of all queries. */
  readonly share: number;
}

/** Small talk and commands have no verdicts; they are set to fail as rarely as the easiest recorded sets. */
const TRIVIAL_FAILS = 0.04;
/**
 * A query counts as the root of this number over its source's size, within bounds: a large source says more than a small
 * one, but does not decide alone what a question looks like. Of what was tried (README.md) it moved most.
 */
const EVEN_SOURCE_QUERIES = 3000;
const WEIGHT_MIN = 0.5;
const WEIGHT_MAX = 4;
/** Two sets of commands and small talk look alike; they count as this many each. */
const TALK_SOURCES = new Set(["clinc150", "chitchat"]);
const TALK_QUERIES_MAX = 1500;
/** The few open requests that may be trained on count this many times: real traffic is mostly made of such. */
const OPEN_SOURCES = new Set(["self_instruct", "vicuna", "mtbench"]);
const OPEN_WEIGHT = 3;

export function viewOf(text: string): View {
  const surface = readSurface(text, TRAINED_CUES);
  return {
    grams: Int32Array.from(readGrams(surface.read, surface.stemEnd)),
    signals: readSignals(surface),
  };
}

/** How much one family made by rule counts beside a recorded question. */
const MADE_WEIGHT = 0.5;
/** Log-odds of failing that one more step of a family adds; only the order inside it is taught. */
const ODDS_PER_STEP = 0.4;

/** The recorded first, then those made by rule. */
export function makeExamples(
  queries: readonly RecordedQuery[],
  families: readonly Made[],
  seed: number,
): Example[] {
  const names = [...new Set([...queries, ...families.map(asSource)].map(({ source }) => source))];
  const sizes = new Map<string, number>();
  for (const { source } of queries) sizes.set(source, (sizes.get(source) ?? 0) + 1);
  const chance = seededChance(seed);
  const recorded = queries.map((query): Example => {
    const size = sizes.get(query.source)!;
    const isTalk = TALK_SOURCES.has(query.source);
    const demands = hasDifficulty(query) ? 1 - query.p_ref! : null;
    return {
      ...query,
      place: names.indexOf(query.source),
      view: viewOf(query.text),
      variants: isTalk ? [] : vary(query.text, chance).map(viewOf),
      kind: KINDS.indexOf(query.kind4),
      fails: demands ?? (query.level === "trivial" ? TRIVIAL_FAILS : null),
      demands,
      logTokens: hasTokens(query) ? Math.log(query.exp_cot_tokens!) : null,
      weight: OPEN_SOURCES.has(query.source)
        ? OPEN_WEIGHT
        : isTalk
          ? 1
          : Math.max(WEIGHT_MIN, Math.min(WEIGHT_MAX, Math.sqrt(EVEN_SOURCE_QUERIES / size))),
      share: isTalk ? Math.min(1, TALK_QUERIES_MAX / size) : 1,
    };
  });
  const made = families.map((one, index): Example => {
    const { source } = asSource(one);
    return {
      id: `${source}:${index}`,
      source,
      text: one.text,
      // Apart from each other by text, so that the calibration's division takes some of each family.
      group: index.toString(16).padStart(6, "0"),
      place: names.indexOf(source),
      view: viewOf(one.text),
      variants: [],
      kind: KINDS.indexOf(one.kind),
      fails: null,
      demands:
        one.steps === null
          ? null
          : 1 / (1 + Math.exp(-ODDS_PER_STEP * (one.steps - STEPS_MAX / 2))),
      logTokens: null,
      weight: MADE_WEIGHT,
      share: 1,
    };
  });
  return [...recorded, ...made];
}

function asSource({ family }: Made): { readonly source: string } {
  return { source: `made ${family}` };
}
