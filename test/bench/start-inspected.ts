// The gateway as it ships, with an inspector that profiles it: what worker/cli/gateway.ts starts, which has none.
import { join } from "node:path";
import { Miniflare } from "miniflare";
import { describeWorker, readDeployment } from "../../worker/cli/deployment.ts";
import { composeConfiguration } from "../../worker/cli/documents.ts";
import { seedRegistry, type SeedableRegistry } from "../../worker/cli/seed-registry.ts";
import { SECRET, type BenchDocuments } from "./documents.ts";
import { withRuntimePid } from "./processes.ts";
import { bundleWorker, HOST, type Inspected } from "./start-targets.ts";

const REPOSITORY = join(import.meta.dirname, "..", "..");
const CONFIG = join(REPOSITORY, "wrangler.toml");

/** Bundles it with readable names. */
export async function buildReadable(folder: string): Promise<string> {
  const bundle = join(folder, "real-readable");
  await bundleWorker(join(REPOSITORY, "worker", "index.ts"), CONFIG, bundle, []);
  return bundle;
}

export async function startInspected(
  bundle: string,
  { catalog, policy, tenant }: BenchDocuments,
): Promise<Inspected> {
  const config = await describeWorker(await readDeployment(CONFIG), bundle, {});
  const [miniflare, pid] = await withRuntimePid(async () => {
    const started = new Miniflare({
      host: HOST,
      port: 0,
      cf: false,
      telemetry: { enabled: false },
      enableDevRegistry: false,
      handleStructuredLogs: () => undefined,
      inspectorPort: 0,
      workers: [{ config }],
    });
    await started.ready;
    return started;
  });
  const { REGISTRY } = await miniflare.getBindings<{
    readonly REGISTRY: { getByName(name: string): SeedableRegistry };
  }>();
  const documents = {
    catalog,
    policies: [policy],
    organisations: [],
    tenants: [tenant],
    keys: [{ secret: SECRET, document: { id: "bench", tenant: "bench" } }],
  };
  await seedRegistry(REGISTRY.getByName("registry"), composeConfiguration(documents), null);
  const { origin } = await miniflare.ready;
  return {
    name: "sluice",
    url: `${origin}/v1/chat/completions`,
    headers: { authorization: `Bearer ${SECRET}` },
    model: "auto:short",
    pid,
    inspectorUrl: (await miniflare.getInspectorURL()).href,
    close: () => miniflare.dispose(),
  };
}
