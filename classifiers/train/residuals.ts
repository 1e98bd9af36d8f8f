// What each recorded model gets right beyond what its level and the question's say: the second task of the networks.
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { DATA_FOLDER } from "./recorded.ts";

/** A model's runs on a source must be this many, and a question's verdicts this many, to say something. */
const RUNS_MIN = 300;
const VERDICTS_MIN = 5;

export interface Residuals {
  /** Model, mode and source together count as one solver. */
  readonly solvers: number;
  /** By query id: solver and residual in turn. */
  readonly of: ReadonlyMap<string, Float32Array>;
}

interface Outcome {
  readonly id: string;
  readonly model: string;
  readonly mode: string;
  readonly correct?: number | null;
}

/**
 * Residual = verdict - mean of the question - mean of the solver on the source. By these a representation tells apart
 * questions that are equally hard but for different models, which is what a router between two of them needs.
 */
export function readResiduals(ids: ReadonlyMap<string, string>): Residuals {
  const file = resolve(DATA_FOLDER, "outcomes.jsonl.gz");
  if (!existsSync(file)) return { solvers: 0, of: new Map() };
  const text = gunzipSync(readFileSync(file)).toString("utf8");
  const runs = new Map<string, { id: string; verdict: number }[]>();
  const questions = new Map<string, { sum: number; count: number }>();
  for (let from = 0; from < text.length;) {
    const to = text.indexOf("\n", from);
    const outcome = JSON.parse(text.slice(from, to)) as Outcome;
    from = to + 1;
    const source = ids.get(outcome.id);
    const verdict = outcome.correct;
    if (source === undefined || verdict === undefined || verdict === null) continue;
    const solver = `${outcome.model} ${outcome.mode} ${source}`;
    const list = runs.get(solver);
    if (list === undefined) runs.set(solver, [{ id: outcome.id, verdict }]);
    else list.push({ id: outcome.id, verdict });
    const question = questions.get(outcome.id) ?? { sum: 0, count: 0 };
    questions.set(outcome.id, { sum: question.sum + verdict, count: question.count + 1 });
  }
  const found = new Map<string, number[]>();
  let solvers = 0;
  for (const list of runs.values()) {
    if (list.length < RUNS_MIN) continue;
    const level = list.reduce((sum, { verdict }) => sum + verdict, 0) / list.length;
    for (const { id, verdict } of list) {
      const { sum, count } = questions.get(id)!;
      if (count < VERDICTS_MIN) continue;
      const pairs = found.get(id) ?? [];
      pairs.push(solvers, verdict - sum / count - level);
      found.set(id, pairs);
    }
    solvers += 1;
  }
  const of = new Map([...found].map(([id, pairs]) => [id, Float32Array.from(pairs)] as const));
  return { solvers, of };
}
