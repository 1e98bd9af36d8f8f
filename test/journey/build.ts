// Builds the Worker once for all journeys, apart from dist/, so that a run never pulls files from under another.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { buildWorker } from "../../worker/cli/build.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The folder that holds the built Worker: index.js and the modules beside it. */
    readonly bundleFolder: string;
  }
}

export default async function build(project: TestProject): Promise<() => Promise<void>> {
  const bundleFolder = await mkdtemp(join(tmpdir(), "sluice-journey-"));
  const built = await buildWorker(bundleFolder);
  if (built.kind !== "built") {
    await rm(bundleFolder, { recursive: true, force: true });
    throw new Error(
      built.kind === "broken"
        ? `The Worker does not build.\n${built.output}`
        : "The build was stopped.",
    );
  }
  project.provide("bundleFolder", bundleFolder);
  return () => rm(bundleFolder, { recursive: true, force: true });
}
