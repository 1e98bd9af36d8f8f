// Calls back after the sources changed, once for a burst of changes and never twice at a time.
import { watch } from "node:fs";
import { join, sep } from "node:path";

const FOLDERS = ["worker", "durable", "classifiers", "policies", "kv-seeds"] as const;
/** Editors write a file in several steps, and a checkout writes many files. */
const SETTLE_MS = 200;

export function watchSources(
  repository: string,
  stop: AbortSignal,
  changed: () => Promise<void>,
): void {
  let timer: NodeJS.Timeout | undefined;
  let isRunning = false;
  let isStale = false;

  const run = async (): Promise<void> => {
    if (isRunning) {
      isStale = true;
      return;
    }
    isRunning = true;
    try {
      do {
        isStale = false;
        await changed();
      } while (isStale && !stop.aborted);
    } catch (error) {
      // A faulty document or a half-written file: said, and the next change tries again.
      console.error(error instanceof Error ? error.message : error);
    } finally {
      isRunning = false;
    }
  };

  for (const folder of FOLDERS) {
    watch(join(repository, folder), { recursive: true, signal: stop }, (_, name) => {
      // What runs this process cannot be exchanged under it.
      if (name?.split(sep)[0] === "cli") return;
      clearTimeout(timer);
      timer = setTimeout(() => void run(), SETTLE_MS);
    });
  }
}
