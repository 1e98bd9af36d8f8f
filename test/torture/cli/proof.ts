// Proves on the real runtime what the ledger promises: `npm run -s proof:ledger`. One JSON object with the figures; exit 1 on
// any violation. `--part NAME` (again for each) of crowd, kill, faults; `--rounds N` of kills; `--repeats N` of each fault;
// `--streams N` and `--fits N` for the crowd; `--seed N`.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildWorker } from "../../../worker/cli/build.ts";
import { makeMemoryFolder } from "../../bench/memory-folder.ts";
import { chosen, wholeNumber } from "../../bench/options.ts";
import { proveCrowd } from "../proof/crowd.ts";
import { proveFaults } from "../proof/faults.ts";
import type { Proved } from "../proof/findings.ts";
import { proveKills } from "../proof/kills.ts";

const PARTS = ["crowd", "kill", "faults"] as const;

const { values } = parseArgs({
  options: {
    part: { type: "string", multiple: true, default: [...PARTS] },
    rounds: { type: "string", default: "20" },
    repeats: { type: "string", default: "5" },
    streams: { type: "string", default: "200" },
    fits: { type: "string", default: "20" },
    seed: { type: "string", default: "1" },
  },
});
const parts = chosen("part", values.part, PARTS);
const rounds = wholeNumber("rounds", values.rounds, 1);
const repeats = wholeNumber("repeats", values.repeats, 1);
const streams = wholeNumber("streams", values.streams, 1);
const fits = wholeNumber("fits", values.fits, 1);
const seed = wholeNumber("seed", values.seed);

const folder = await makeMemoryFolder("sluice-proof-");
try {
  const bundleFolder = join(folder, "bundle");
  const built = await buildWorker(bundleFolder);
  if (built.kind !== "built") throw new Error("The Worker does not build.");
  const found: Record<string, Proved> = {};
  for (const part of parts) {
    console.error(`Proving: ${part}.`);
    found[part] = await prove(part, bundleFolder, join(folder, part));
  }
  console.log(JSON.stringify({ seed, ...found }));
  if (Object.values(found).some(({ violationCount }) => violationCount > 0)) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}

function prove(
  part: (typeof PARTS)[number],
  bundleFolder: string,
  stateFolder: string,
): Promise<Proved> {
  const where = { bundleFolder, stateFolder };
  switch (part) {
    case "crowd":
      return proveCrowd({ ...where, streams, fits });
    case "kill":
      return proveKills({ ...where, rounds, seed, awaitsExpiry: true });
    case "faults":
      return proveFaults({ ...where, repeats });
  }
}
