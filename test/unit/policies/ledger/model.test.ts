// The ledger's promises over histories by chance, of every kind. A failing property prints its seed and the shortest history
// that still breaks; `npm run -s torture` searches for longer.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadCore } from "../../../torture/core.ts";
import { historyOf, KIND_NAMES } from "../../../torture/generators.ts";
import { runHistory } from "../../../torture/history.ts";
import { Promises, PROMISES, type PromiseName } from "../../../torture/promises.ts";
import { simulate } from "../../../torture/simulation.ts";

const HISTORIES = 300;
const DAYS = 100;

const core = await loadCore();
const promises = new Promises();

describe("histories", () => {
  it.each(KIND_NAMES)("keep every promise when they are of the kind %s", (kind) => {
    fc.assert(
      fc.property(historyOf(kind), (history) => {
        expect(runHistory(core, history, promises).broken).toBeNull();
      }),
      { numRuns: HISTORIES },
    );
  });
});

describe("simulated days", () => {
  it("keep every promise, whatever befalls the workers, the network, the object and its clock", () => {
    const broken = Array.from({ length: DAYS }, (_, index) => ({
      seed: index + 1,
      broken: simulate(core, index + 1, promises).broken,
    })).filter((day) => day.broken !== null);
    expect(broken).toEqual([]);
  });

  it("are the same day again from the same seed, and another from another", () => {
    const day = (seed: number): object => {
      const tried = new Promises();
      return { ...simulate(core, seed, tried), ...tried.tried };
    };
    expect(day(7)).toEqual(day(7));
    expect(day(7)).not.toEqual(day(8));
  });
});

describe("promises", () => {
  // That nothing throws is tried by everything.
  const names = (Object.keys(PROMISES) as PromiseName[]).filter((name) => name !== "thrown");
  it.each(names)("were tried: %s", (name) => {
    expect(promises.tried[name]).toBeGreaterThan(DAYS - 1);
  });
});
