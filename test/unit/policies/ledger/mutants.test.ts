// The search finds the faults that it should. These are the eleven that the model of the bound was tried with; all of them
// and those that gateways in the field had are `npm run -s mutants`.
import { describe, expect, it } from "vitest";
import { loadCore } from "../../../torture/core.ts";
import { MUTANTS } from "../../../torture/mutants.ts";
import { withMutant } from "../../../torture/mutate.ts";
import { search } from "../../../torture/search.ts";

const SEED = 1;
const RUNS = 400;

describe("the search", () => {
  it.each(MUTANTS.filter(({ of }) => of.startsWith("1.7")))("finds $name ($of)", async (mutant) => {
    const { found } = await withMutant(mutant, (core) => search(core, SEED, RUNS));
    expect(found).not.toBeNull();
  });

  it("finds nothing in the ledger itself", async () => {
    const { found, runs } = search(await loadCore(), SEED, RUNS);
    expect(found).toBeNull();
    expect(runs).toBe(RUNS);
  });

  it("says when a fault cannot be put into the code any more", async () => {
    const [mutant] = MUTANTS;
    if (mutant === undefined) throw new Error("There are no mutants.");
    const stale = { ...mutant, find: "what stands nowhere" };
    await expect(withMutant(stale, () => null)).rejects.toThrow(/noDedupe does not apply/);
  });
});

it("has a name and a patch of its own for each fault", () => {
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  expect(new Set(MUTANTS.map(({ replace, file }) => file + replace)).size).toBe(MUTANTS.length);
});
