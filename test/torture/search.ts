// Searches a core for a broken promise with every kind of history in turn, and counts what that took.
import fc from "fast-check";
import type { Core } from "./core.ts";
import { historyOf, KIND_NAMES, type KindName } from "./generators.ts";
import { runHistory, type History } from "./history.ts";
import { Promises, type Broken } from "./promises.ts";

export interface Found extends Broken {
  readonly kind: KindName;
  readonly step: number;
  readonly history: History;
}

export interface Search {
  readonly runs: number;
  readonly ops: number;
  readonly found: Found | null;
  readonly promises: Promises;
}

/** A round gives each kind so many histories, so that a fault which only one kind finds is not found last. */
const ROUND_RUNS = 50;

/** `isShort`: the smallest history that still breaks is looked for. */
export function search(
  core: Core,
  seed: number,
  runsMax: number,
  isShort = false,
  kinds: readonly KindName[] = KIND_NAMES,
): Search {
  const promises = new Promises();
  let [runs, ops] = [0, 0];
  for (let round = 0; runs < runsMax; round += 1) {
    for (const kind of kinds) {
      const numRuns = Math.min(ROUND_RUNS, runsMax - runs);
      if (numRuns <= 0) break;
      const isKept = (history: History): boolean => {
        const verdict = runHistory(core, history, promises);
        ops += verdict.ops;
        return verdict.broken === null;
      };
      const result = fc.check(fc.property(historyOf(kind), isKept), {
        seed: seed + round,
        numRuns,
        endOnFailure: !isShort,
      });
      runs += result.numRuns;
      const history = result.counterexample?.[0];
      if (history === undefined) continue;
      const { broken } = runHistory(core, history);
      if (broken === null) throw new Error("A history broke once and not again: chance came in.");
      return { runs, ops, found: { kind, history, ...broken }, promises };
    }
  }
  return { runs, ops, found: null, promises };
}
