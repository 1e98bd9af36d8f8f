// Reads what wrangler.toml deploys and what wrangler built, and says it in Miniflare's words, so that
// a local run has the bindings, classes and date of a deploy without repeating them.
import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import type { MiniflareOptions } from "miniflare";
import { parse } from "smol-toml";
import * as z from "zod/mini";
import { parseWith } from "../../policies/parse.ts";
import { StartFailure } from "./failure.ts";

type WorkerConfig = MiniflareOptions["workers"][number]["config"];
type Bindings = NonNullable<WorkerConfig["env"]>;
type Modules = NonNullable<WorkerConfig["manifest"]>["modules"];

const kvNamespace = z.object({ binding: z.string(), id: z.string() });
const objectBinding = z.object({ name: z.string(), class_name: z.string() });
const dataset = z.object({ binding: z.string(), dataset: z.string() });
const objectExport = z.object({ type: z.literal("durable-object"), storage: z.literal("sqlite") });
const rateLimit = z.object({
  name: z.string(),
  namespace_id: z.string(),
  simple: z.object({ limit: z.number(), period: z.literal([10, 60]) }),
});
/** Read by a deploy or by the build, and without a counterpart in a local run. */
const elsewhere = z.optional(z.unknown());

/** Strict, so that a binding which a local run would lack stops the start and not a request. */
const deployment = z.strictObject({
  name: z.string(),
  main: elsewhere,
  keep_names: elsewhere,
  compatibility_date: z.string(),
  compatibility_flags: z._default(z.array(z.string()), []),
  kv_namespaces: z._default(z.array(kvNamespace), []),
  durable_objects: z._default(z.object({ bindings: z.array(objectBinding) }), { bindings: [] }),
  ratelimits: z._default(z.array(rateLimit), []),
  analytics_engine_datasets: z._default(z.array(dataset), []),
  exports: z._default(z.record(z.string(), objectExport), {}),
  vars: z._default(z.record(z.string(), z.string()), {}),
  rules: elsewhere,
  observability: elsewhere,
  dependencies_instrumentation: elsewhere,
  limits: elsewhere,
  placement: elsewhere,
  secrets: elsewhere,
  workers_dev: elsewhere,
  preview_urls: elsewhere,
});
type Deployment = z.infer<typeof deployment>;

export async function readDeployment(file: string): Promise<Deployment> {
  const parsed = parseWith<Deployment>(deployment, parse(await readFile(file, "utf8")));
  if (parsed.kind === "parsed") return parsed.value;
  const faults = parsed.faults.map(({ path, problem }) => `${path} ${problem}`.trim());
  throw new StartFailure(`${file} cannot run locally: ${faults.join("; ")}.`);
}

/** The Worker that Miniflare runs. `secrets` become bindings, as `wrangler secret put` would make them. */
export async function describeWorker(
  of: Deployment,
  bundleFolder: string,
  secrets: Readonly<Record<string, string>>,
): Promise<WorkerConfig> {
  const env: Bindings = {};
  for (const { binding, id } of of.kv_namespaces) env[binding] = { type: "kv", id };
  for (const { name, class_name } of of.durable_objects.bindings) {
    env[name] = { type: "durable-object", worker: of.name, exportName: class_name };
  }
  for (const { name, namespace_id: namespace, simple } of of.ratelimits) {
    env[name] = { type: "rate-limit", namespace, simple };
  }
  for (const { binding, dataset: name } of of.analytics_engine_datasets) {
    env[binding] = { type: "analytics-engine-dataset", name };
  }
  for (const [name, value] of Object.entries({ ...of.vars, ...secrets })) {
    env[name] = { type: "text", value };
  }
  return {
    name: of.name,
    compatibilityDate: of.compatibility_date,
    compatibilityFlags: of.compatibility_flags,
    exports: of.exports,
    manifest: { mainModule: "index.js", modules: await readModules(bundleFolder) },
    env,
  };
}

/** Every file that the build put beside index.js and that the Worker can import. */
async function readModules(folder: string): Promise<Modules> {
  const modules: Modules = {};
  for (const name of await readdir(folder)) {
    const type = moduleType(name);
    if (type !== null) modules[name] = { type, contents: await readFile(join(folder, name)) };
  }
  if (modules["index.js"] === undefined) {
    throw new StartFailure(`${folder} holds no index.js; build the Worker first.`);
  }
  return modules;
}

/** What a file of a build is to the runtime; null for what the Worker does not import. */
export function moduleType(name: string): Modules[string]["type"] | null {
  switch (extname(name)) {
    case ".js":
      return "esm";
    case ".bin":
      return "data";
    case ".wasm":
      return "wasm";
    case ".html":
    case ".sql":
    case ".txt":
      return "text";
    default:
      // Source maps and the note that wrangler leaves.
      return null;
  }
}
