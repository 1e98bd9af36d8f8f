// The short form of the search that test/bench/cli/fuzz.ts runs for longer. A case that fails names its seed and index.
import { describe, expect, it } from "vitest";
import { fuzzBody, fuzzOrder } from "./fuzz-bodies.ts";
import { chanceOfCase } from "./fuzz-chance.ts";
import { fuzzStream, streamProblem } from "./fuzz-streams.ts";
import { bodyProblem } from "./wire-promises.ts";

const SEED = 20_261_101;
const CASES = 10_000;

describe(`fuzzing from seed ${SEED}`, () => {
  it("refuses a body in words or sends it on changed only where it must be", () => {
    const failures: unknown[] = [];
    for (let index = 0; index < CASES; index += 1) {
      const chance = chanceOfCase(SEED, index);
      const body = fuzzBody(chance);
      const problem = bodyProblem(body, fuzzOrder(chance));
      if (problem !== null) failures.push({ seed: SEED, index, problem, body });
    }
    expect(failures.slice(0, 3)).toEqual([]);
  });

  it("reads bodies of both kinds: enough are sent on, and enough are refused", () => {
    let sent = 0;
    for (let index = 0; index < 1000; index += 1) {
      const body = fuzzBody(chanceOfCase(SEED, index));
      try {
        JSON.parse(body);
        sent += 1;
      } catch {
        // Torn on purpose.
      }
    }
    expect(sent).toBeGreaterThan(500);
    expect(sent).toBeLessThan(950);
  });

  it("lets a stream's bytes through whole, however it is cut and whatever it says", () => {
    const failures: unknown[] = [];
    for (let index = 0; index < CASES; index += 1) {
      const chance = chanceOfCase(SEED, index);
      const bytes = fuzzStream(chance);
      const problem = streamProblem(bytes, chance);
      if (problem !== null)
        failures.push({
          seed: SEED,
          index,
          problem,
          stream: Buffer.from(bytes).toString("latin1"),
        });
    }
    expect(failures.slice(0, 3)).toEqual([]);
  });
});
