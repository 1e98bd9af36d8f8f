// Makes a copy of the core that has a fault, and loads it.
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadCore, type Core } from "./core.ts";
import type { Mutant } from "./mutants.ts";

const REPOSITORY = join(import.meta.dirname, "../..");
/** What the core is, and what it imports. */
const PARTS = ["ledger", "account.ts", "fields.ts", "parse.ts"];

/** Loads the core with one fault, and gives it to `use`; what was copied is gone afterwards. */
export async function withMutant<T>(mutant: Mutant, use: (core: Core) => T): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-mutant-"));
  try {
    const policies = join(folder, "policies");
    await mkdir(policies);
    await symlink(join(REPOSITORY, "node_modules"), join(folder, "node_modules"));
    await writeFile(join(folder, "package.json"), '{ "type": "module" }');
    for (const part of PARTS)
      await cp(join(REPOSITORY, "policies", part), join(policies, part), { recursive: true });
    await patch(join(policies, "ledger", mutant.file), mutant);
    return use(await loadCore(policies));
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function patch(path: string, { name, file, find, replace }: Mutant): Promise<void> {
  const text = await readFile(path, "utf8");
  const places = text.split(find).length - 1;
  if (places !== 1)
    throw new Error(
      `The mutant ${name} does not apply: ${file} has what it replaces ${places} times. Adapt it to the code.`,
    );
  await writeFile(
    path,
    text.replace(find, () => replace),
  );
}
