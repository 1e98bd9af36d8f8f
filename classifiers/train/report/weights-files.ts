// The weights that the report judges: opened from a folder, or trained into it first.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { openWeights, type Weights } from "../../weights.ts";

const TRAIN = resolve(import.meta.dirname, "../train.ts");

/** What no training saw, by name: sources that ask alike leave together. */
export const FAMILIES: Readonly<Record<string, readonly string[]>> = {
  mmlu: ["mmlu", "mmlu_pro"],
  reasoning_gym: ["reasoning_gym"],
  math: ["math", "minerva", "gaokao2023en", "aqua"],
  svamp: ["svamp"],
  code: ["mbpp", "humaneval"],
  cruxeval: ["cruxeval"],
  simpleqa: ["simpleqa"],
  zebra: ["zebra"],
};

export interface Wanted {
  readonly recipe: "blend" | "linear";
  readonly seed: number;
  /** A name of `FAMILIES`, or null for none. */
  readonly without: string | null;
}

/** One training takes about a minute; its own line goes to standard error. Throws when it fails: there is no report without. */
export function weightsOf(wanted: Wanted, folder: string): Weights {
  mkdirSync(folder, { recursive: true });
  const { recipe, seed, without } = wanted;
  const name = `${recipe}${without === null ? "" : `-without-${without}`}-${seed}.bin`;
  const file = join(folder, name);
  if (!existsSync(file)) {
    const excluded = without === null ? [] : FAMILIES[without]!;
    const options = excluded.flatMap((source) => ["--exclude-source", source]);
    process.stderr.write(`report: training ${name}\n`);
    execFileSync(
      process.execPath,
      [TRAIN, "--out", file, "--seed", String(seed), "--recipe", recipe, ...options],
      { stdio: ["ignore", "ignore", "inherit"] },
    );
  }
  const opened = openWeights(readFileSync(file));
  if (opened.kind === "unreadable") throw new Error(`The weights ${file} ${opened.problem}.`);
  const { made } = opened.weights.header;
  if (made["seed"] !== seed || made["recipe"] !== recipe)
    throw new Error(`The weights ${file} were made with another seed or recipe; remove them.`);
  return opened.weights;
}
