// The built Worker with a way to the registry that a request can cut for itself: whoever sends the header finds the
// registry unreachable, in the same isolate as everybody else. The registry itself is whole.
import { cp, mkdtemp, rename, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The platform's own words for a connection to an object that broke. */
const ENTRY = `
import worker from "./sluice.js";
export * from "./sluice.js";
const broken = () => Promise.reject(Object.assign(new Error("Network connection lost."), { retryable: true }));
const REGISTRY = { getByName: () => new Proxy({}, { get: () => broken }) };
export default {
  fetch: (request, env, context) =>
    worker.fetch(request, request.headers.has("x-journey-cut") ? { ...env, REGISTRY } : env, context),
};
`;

/** For a request that shall find the registry away. */
export const CUT_OFF = { "x-journey-cut": "1" } as const;

/** A folder of its own, which the caller removes. */
export async function buildCutOff(bundleFolder: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-cut-off-"));
  await cp(bundleFolder, folder, { recursive: true });
  await rename(join(folder, "index.js"), join(folder, "sluice.js"));
  await writeFile(join(folder, "index.js"), ENTRY);
  return folder;
}
