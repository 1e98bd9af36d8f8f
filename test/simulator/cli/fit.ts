// Fits the curves that the simulator errs by to recorded aggregates, and writes parameters.json:
//   node test/simulator/cli/fit.ts [--data ../shared/data] [--out test/simulator/parameters.json]
// Slopes come from whole sets, placed on the difficulty scale by how often ARM-7B's four formats
// err on them. Intercepts and token means are then set so that the stated mixture of generated
// items (`items/mix.ts`) reproduces the published mix. Only numbers leave this program.
import { createReadStream, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { createGunzip } from "node:zlib";
import { logistic } from "../chance.ts";
import { judge } from "../judge.ts";
import { generateMixItem } from "../items/mix.ts";
import { modes, type Mode } from "../mode.ts";
import type { Curve, Parameters } from "../parameters.ts";
import { accuracyOf, fitLine, fitLogistic, solveIncreasing } from "./fit-curves.ts";
import {
  assumed,
  foreignSets,
  mixSets,
  publishedMix,
  publishedSets,
  type Aggregate,
  type SetName,
} from "./published.ts";

type Aggregates = Readonly<Record<Mode, Readonly<Partial<Record<SetName, Aggregate>>>>>;

const { values: options } = parseArgs({
  options: {
    data: { type: "string", default: "../shared/data" },
    out: { type: "string", default: "test/simulator/parameters.json" },
  },
});

/** Enough items that the mixture's mean moves by less than .001 when it is drawn again. */
const mixItems = 6_000;
const difficulties = Array.from(
  { length: mixItems },
  (_, index) => generateMixItem(7, index).difficulty,
);

const recordedModels = {
  "ARM-3B": "sim-small",
  "ARM-7B": "sim-mid",
  "ARM-14B": "sim-large",
} as const;
type RecordedModel = keyof typeof recordedModels;
const modeByRecordedName = {
  direct: "direct",
  cot: "short",
  code: "code",
  long_cot: "long",
} as const;

const recorded = readMenu(join(options.data, "mode_menu.tsv"));
const sigmas = await readSigmas(join(options.data, "outcomes.jsonl.gz"));
const setDifficulty = placeSets(aggregatesOf("ARM-7B"));

const small = fitModel("ARM-3B");
const mid = fitModel("ARM-7B");
const large = fitModel("ARM-14B");
const coder = {
  ...mid,
  code: { ...mid.code, intercept: round(mid.code.intercept + assumed.coderLogit) },
};
const curves: Parameters["curves"] = {
  "sim-small": small,
  "sim-mid": mid,
  "sim-large": large,
  "sim-coder": coder,
};
const itemShare = fitItemShare(mid);

const parameters: Parameters = { curves, itemShare, ...assumed.parameters };
writeFileSync(options.out, `${JSON.stringify(parameters, null, 2)}\n`);
console.log(JSON.stringify({ setDifficulty, itemShare, curves }, null, 2));

function fitModel(recordedModel: RecordedModel): Record<Mode, Curve> {
  const aggregates = aggregatesOf(recordedModel);
  const targets = mixTargets(recordedModel, aggregates);
  const fitted = modes.map((mode): [Mode, Curve] => {
    const sets = Object.entries(aggregates[mode]).map(([name, set]) => ({
      difficulty: setDifficulty[name as SetName],
      ...set,
    }));
    const { slope } = fitLogistic(
      sets.map(({ difficulty, accuracy }) => ({ difficulty, accuracy })),
    );
    const { slope: growth } = fitLine(
      sets.map(({ difficulty, tokens }) => ({ x: difficulty, y: Math.log(tokens) })),
    );
    const tokensSigma = round(sigmas[recordedModel][mode]);
    const target = targets[mode];
    const intercept = solveIncreasing(
      (value) => accuracyOf({ intercept: value, slope }, difficulties),
      target.accuracy,
    );
    const unscaled = mean(
      difficulties.map((difficulty) => Math.exp(growth * difficulty + tokensSigma ** 2 / 2)),
    );
    return [
      mode,
      {
        intercept: round(intercept),
        slope: round(slope),
        tokensMu: round(Math.log(target.tokens / unscaled)),
        tokensGrowth: round(growth),
        tokensSigma,
      },
    ];
  });
  return Object.fromEntries(fitted) as Record<Mode, Curve>;
}

/** A set that was not recorded for a model is ARM-7B's, moved by how the two differ where both are recorded. */
function aggregatesOf(model: RecordedModel): Aggregates {
  const build = (mode: Mode): Partial<Record<SetName, Aggregate>> => {
    const own = recorded[model][mode];
    const mid7 = recorded["ARM-7B"][mode];
    const both = (["csqa", "svamp"] as const).map((name) => ({
      ours: need(own[name]),
      theirs: need(mid7[name]),
    }));
    const logitOffset = mean(
      both.map(({ ours, theirs }) => logit(ours.accuracy) - logit(theirs.accuracy)),
    );
    const tokensRatio = Math.exp(
      mean(both.map(({ ours, theirs }) => Math.log(ours.tokens / theirs.tokens))),
    );
    const rest = foreignSets.map((name): [SetName, Aggregate] => {
      const published = publishedSets[mode][name];
      return [
        name,
        {
          accuracy: logistic(logit(published.accuracy) + logitOffset),
          tokens: published.tokens * tokensRatio,
        },
      ];
    });
    return { ...own, ...Object.fromEntries(rest) };
  };
  return {
    direct: build("direct"),
    short: build("short"),
    code: build("code"),
    long: build("long"),
  };
}

function mixTargets(model: RecordedModel, aggregates: Aggregates): Record<Mode, Aggregate> {
  if (model !== "ARM-3B") return publishedMix[model];
  const total = mean(mixSets.map(({ count }) => count)) * mixSets.length;
  const weigh = (mode: Mode, pick: (set: Aggregate) => number): number =>
    mixSets.reduce(
      (sum, { name, count }) => sum + (count / total) * pick(need(aggregates[mode][name])),
      0,
    );
  const of = (mode: Mode): Aggregate => ({
    accuracy: weigh(mode, (set) => set.accuracy),
    tokens: weigh(mode, (set) => set.tokens),
  });
  return { direct: of("direct"), short: of("short"), code: of("code"), long: of("long") };
}

function placeSets(aggregates: Aggregates): Record<SetName, number> {
  const names = Object.keys(aggregates.direct) as SetName[];
  const placed = names.map((name): [SetName, number] => [
    name,
    round(1 - mean(modes.map((mode) => need(aggregates[mode][name]).accuracy))),
  ]);
  return Object.fromEntries(placed) as Record<SetName, number>;
}

/** The share of luck that all formats have in common, from how often at least one of the four is right. */
function fitItemShare(curve: Record<Mode, Curve>): number {
  const items = Array.from({ length: mixItems }, (_, index) => generateMixItem(11, index));
  const oracleAt = (itemShare: number): number => {
    const solved = items.filter((item) =>
      modes.some((mode) =>
        judge({
          seed: 1,
          model: "sim-mid",
          mode,
          item,
          sample: "",
          effects: [],
          limitTokens: null,
          curve: curve[mode],
          itemShare,
          capLogitDrop: 0,
          candidateNoise: 0,
          lengthWish: assumed.parameters.lengthWish,
        }).isRightAt(1),
      ),
    );
    return solved.length / items.length;
  };
  return round(solveIncreasing((share) => -oracleAt(share), -assumed.oracleAccuracy, 0, 1));
}

function readMenu(
  path: string,
): Record<RecordedModel, Record<Mode, Partial<Record<SetName, Aggregate>>>> {
  const empty = (): Record<Mode, Partial<Record<SetName, Aggregate>>> => ({
    direct: {},
    short: {},
    code: {},
    long: {},
  });
  const menu = { "ARM-3B": empty(), "ARM-7B": empty(), "ARM-14B": empty() };
  for (const line of readFileSync(path, "utf8").trim().split("\n").slice(1)) {
    const [source, model, mode, , , accuracy, tokens] = line.split("\t");
    if (!isRecordedModel(model) || !isRecordedMode(mode)) continue;
    menu[model][modeByRecordedName[mode]][source as SetName] = {
      accuracy: Number(accuracy),
      tokens: Number(tokens),
    };
  }
  return menu;
}

/** The spread of ln(tokens) within a set, pooled over the sets that are recorded question by question. */
async function readSigmas(path: string): Promise<Record<RecordedModel, Record<Mode, number>>> {
  const groups = new Map<string, number[]>();
  for await (const line of createInterface({
    input: createReadStream(path).pipe(createGunzip()),
  })) {
    if (!line.includes('"ARM-')) continue;
    const row = JSON.parse(line) as {
      id: string;
      model: string;
      mode: string;
      out_tokens?: number;
    };
    if (!isRecordedModel(row.model) || !isRecordedMode(row.mode) || !row.out_tokens) continue;
    const key = `${row.model}|${modeByRecordedName[row.mode]}|${row.id.split(":")[0]}`;
    const logs = groups.get(key) ?? [];
    logs.push(Math.log(row.out_tokens));
    groups.set(key, logs);
  }
  const pooled = (model: RecordedModel, mode: Mode): number => {
    const parts = [...groups]
      .filter(([key]) => key.startsWith(`${model}|${mode}|`))
      .map(([, logs]) => logs);
    const squares = parts.map((logs) =>
      logs.reduce((sum, log) => sum + (log - mean(logs)) ** 2, 0),
    );
    return Math.sqrt(
      squares.reduce((sum, square) => sum + square, 0) /
        parts.reduce((sum, logs) => sum + logs.length, 0),
    );
  };
  const of = (model: RecordedModel): Record<Mode, number> => ({
    direct: pooled(model, "direct"),
    short: pooled(model, "short"),
    code: pooled(model, "code"),
    long: pooled(model, "long"),
  });
  return { "ARM-3B": of("ARM-3B"), "ARM-7B": of("ARM-7B"), "ARM-14B": of("ARM-14B") };
}

function isRecordedModel(name: string | undefined): name is RecordedModel {
  return name !== undefined && name in recordedModels;
}

function isRecordedMode(name: string | undefined): name is keyof typeof modeByRecordedName {
  return name !== undefined && name in modeByRecordedName;
}

function need<Value>(value: Value | undefined): Value {
  if (value === undefined)
    throw new Error("an aggregate that the fit needs is missing from the data");
  return value;
}

function logit(probability: number): number {
  return Math.log(probability / (1 - probability));
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
}

function round(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
