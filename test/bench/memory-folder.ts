// A folder of its own for a run, in memory where the system has such folders, so that no disk is measured or waited for.
import { mkdtemp, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const IN_MEMORY = "/dev/shm";

/** Whoever makes it removes it. */
export async function makeMemoryFolder(prefix: string): Promise<string> {
  const isThere = await stat(IN_MEMORY).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isThere) console.error("There is no folder in memory here, so a disk takes part in this.");
  return mkdtemp(join(isThere ? IN_MEMORY : tmpdir(), prefix));
}
