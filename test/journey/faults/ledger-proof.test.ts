// The proofs of `npm run proof:ledger` on a small scale: a crowd against a budget that fits a tenth of it, and a runtime that
// is killed under load. Its part on leaving clients and bad upstreams is in client-leaves and misbehaviours.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { proveCrowd } from "../../torture/proof/crowd.ts";
import { proveKills } from "../../torture/proof/kills.ts";

let stateFolder: string;

beforeAll(async () => {
  stateFolder = await mkdtemp(join(tmpdir(), "sluice-proof-"));
});

afterAll(() => rm(stateFolder, { recursive: true, force: true }));

test("streams that come together never take more than their budget, and nobody is refused who fits", async () => {
  const { figures, violations } = await proveCrowd({
    bundleFolder: inject("bundleFolder"),
    stateFolder: join(stateFolder, "crowd"),
    streams: 50,
    fits: 5,
  });

  expect(violations).toEqual([]);
  // Otherwise nothing was tried.
  expect(figures["served"]).toBeGreaterThan(5);
  expect(figures["refusedSpent"]).toBeGreaterThan(0);
});

test("a runtime that is killed under load forgets no hold that it told of, and stands where its journal does", async () => {
  const { figures, violations } = await proveKills({
    bundleFolder: inject("bundleFolder"),
    stateFolder: join(stateFolder, "kills"),
    rounds: 2,
    seed: 1,
    awaitsExpiry: false,
  });

  expect(violations).toEqual([]);
  expect(figures["acknowledged"]).toBeGreaterThan(0);
  expect(figures["openAfterAKillMost"]).toBeGreaterThan(0);
});
