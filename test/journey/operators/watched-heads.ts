// The built Worker with its heads watched: whatever is told to one is logged first, and a request can find all of them silent
// or broken by sending a header, in the same isolate as everybody else. The heads themselves are whole.
import { cp, mkdtemp, rename, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The platform's own words for a connection to an object that broke. */
const ENTRY = `
import worker from "./sluice.js";
export * from "./sluice.js";
const broken = () => Promise.reject(new Error("Network connection lost."));
const silent = () => new Promise(() => undefined);
const watched = (namespace, cut) => ({
  getByName: (name) => new Proxy({}, {
    get: (_, method) => (...given) => {
      console.log(JSON.stringify({ event: "head-told", head: name, method, given }));
      if (cut !== null) return cut === "silent" ? silent() : broken();
      return namespace.getByName(name)[method](...given);
    },
  }),
});
export default {
  fetch: (request, env, context) => {
    const HEAD = watched(env.HEAD, request.headers.get("x-journey-heads"));
    return worker.fetch(request, { ...env, HEAD }, context);
  },
};
`;

/** A folder of its own, which the caller removes. */
export async function buildWatched(bundleFolder: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-watched-"));
  await cp(bundleFolder, folder, { recursive: true });
  await rename(join(folder, "index.js"), join(folder, "sluice.js"));
  await writeFile(join(folder, "index.js"), ENTRY);
  return folder;
}
