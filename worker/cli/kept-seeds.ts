// Remembers what the last start seeded, beside the state that it went into.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Composed } from "./documents.ts";
import { StartFailure } from "./failure.ts";

const FILE = "seeds.json";

/** Null when nothing was kept: then all that stands counts as an operator's. */
export async function readKeptSeeds(stateFolder: string): Promise<Composed | null> {
  const file = join(stateFolder, FILE);
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw new StartFailure(`${file} cannot be read (${error.code ?? "unknown"}).`);
  });
  if (text === null) return null;
  try {
    return JSON.parse(text) as Composed;
  } catch {
    throw new StartFailure(
      `${file} is not JSON; delete it, and what stands counts as an operator's.`,
    );
  }
}

export async function keepSeeds(stateFolder: string, seeds: Composed): Promise<void> {
  await writeFile(join(stateFolder, FILE), JSON.stringify(seeds), { mode: 0o600 });
}
