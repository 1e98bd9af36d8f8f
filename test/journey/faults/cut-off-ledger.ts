// The built Worker with a way to its ledgers that a request can cut for itself: whoever sends the header finds the methods
// that it names failing, silent, or told what only a bug would tell them, in the same isolate as everybody else. The ledgers
// themselves are whole.
import { cp, mkdtemp, rename, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The platform's own words for a connection to an object that broke. */
const ENTRY = `
import worker from "./sluice.js";
export * from "./sluice.js";
const broken = () => Promise.reject(new Error("Network connection lost."));
const silent = () => new Promise(() => undefined);
const cutOff = (namespace, cut, how) => ({
  getByName: (name) => new Proxy({}, {
    get: (_, method) => (...given) => {
      const ledger = namespace.getByName(name);
      if (!cut.includes(method)) return ledger[method](...given);
      if (how === "broken") return broken();
      return how === "silent" ? silent() : ledger[method]({ ...given[0], callId: "" });
    },
  }),
});
export default {
  fetch: (request, env, context) => {
    const cut = request.headers.get("x-journey-cut");
    if (cut === null) return worker.fetch(request, env, context);
    const [how, ...methods] = cut.split(" ");
    const LEDGER = cutOff(env.LEDGER, methods, how);
    return worker.fetch(request, { ...env, LEDGER }, context);
  },
};
`;

/** For a request that shall find these methods of its ledger away. */
export function cut(how: "broken" | "silent" | "misled", ...methods: readonly string[]) {
  return { "x-journey-cut": [how, ...methods].join(" ") };
}

/** A folder of its own, which the caller removes. */
export async function buildCutOff(bundleFolder: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-cut-off-"));
  await cp(bundleFolder, folder, { recursive: true });
  await rename(join(folder, "index.js"), join(folder, "sluice.js"));
  await writeFile(join(folder, "index.js"), ENTRY);
  return folder;
}
