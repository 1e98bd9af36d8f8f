// Starts what the bench compares on the runtime: a bare Worker, the gateway with a ledger in its isolate, the gateway as
// it ships. Each runs in a process whose CPU time can be read, and may have an inspector that profiles it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Miniflare, type MiniflareOptions } from "miniflare";
import { moduleType } from "../../worker/cli/deployment.ts";
import { runWrangler } from "../../worker/cli/build.ts";
import { startGateway } from "../../worker/cli/gateway.ts";
import { SECRET, type BenchDocuments } from "./documents.ts";
import type { Target } from "./load.ts";
import { end, withRuntimePid } from "./processes.ts";

const FOLDER = import.meta.dirname;
export const HOST = "127.0.0.1";

export interface Started extends Target {
  close(): Promise<void>;
}

export interface Inspected extends Started {
  /** Where its inspector lists what can be attached to; null when it was started without one. */
  readonly inspectorUrl: string | null;
}

export interface Real extends Started {
  /** Puts a document into KV, as the registry publishes one. */
  write(key: string, document: object): Promise<void>;
}

interface WorkerSettings {
  readonly hasInspector?: boolean;
  /** The platform's compatibility flags. */
  readonly flags?: readonly string[];
}

type Manifest = NonNullable<MiniflareOptions["workers"][number]["config"]["manifest"]>;

export async function startUpstream(): Promise<{
  readonly baseUrl: string;
  close(): Promise<void>;
}> {
  const child = spawn(process.execPath, [join(FOLDER, "upstream.ts")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [port] = (await once(child.stdout, "data")) as [Buffer];
  return {
    baseUrl: `http://${HOST}:${port.toString().trim()}/v1`,
    close: () => end(child, "SIGTERM"),
  };
}

/** Bundles one of the bench's own Workers as a deploy would; readable for a profile, which changes nothing else. */
export async function buildTarget(
  entry: string,
  folder: string,
  isReadable = false,
): Promise<string> {
  const bundle = join(folder, isReadable ? `${entry}-readable` : entry);
  const targets = join(FOLDER, "targets");
  const words = isReadable ? [] : ["--minify"];
  await bundleWorker(join(targets, `${entry}.ts`), join(targets, "wrangler.toml"), bundle, words);
  return bundle;
}

export async function bundleWorker(
  script: string,
  config: string,
  bundle: string,
  words: readonly string[],
): Promise<void> {
  const { code, output } = await runWrangler(
    ["deploy", script, "--config", config, "--dry-run", ...words, "--outdir", bundle],
    undefined,
  );
  if (code !== 0) throw new Error(`${script} does not build: ${output}`);
}

/** What a bundle holds, as Miniflare wants it: its one script, and the data that it imports. */
export async function readBundle(bundle: string): Promise<Manifest> {
  const modules: Manifest["modules"] = {};
  for (const file of await readdir(bundle)) {
    const type = moduleType(file);
    if (type === null) continue;
    const contents = await readFile(join(bundle, file));
    modules[type === "esm" ? "index.js" : file] = { type, contents };
  }
  if (modules["index.js"] === undefined) throw new Error(`${bundle} holds no script.`);
  return { mainModule: "index.js", modules };
}

/** One of those, running. */
export async function startWorker(
  name: string,
  bundle: string,
  env: Readonly<Record<string, string>>,
  { hasInspector = false, flags = ["enable_request_signal"] }: WorkerSettings = {},
): Promise<Inspected> {
  const manifest = await readBundle(bundle);
  const [miniflare, pid] = await withRuntimePid(async () => {
    const started = new Miniflare({
      host: HOST,
      port: 0,
      cf: false,
      telemetry: { enabled: false },
      enableDevRegistry: false,
      handleStructuredLogs: () => undefined,
      ...(hasInspector ? { inspectorPort: 0 } : {}),
      workers: [
        {
          config: {
            name: "bench",
            compatibilityDate: "2026-10-20",
            compatibilityFlags: [...flags],
            manifest,
            env: Object.fromEntries(
              Object.entries(env).map(([key, value]) => [key, { type: "text" as const, value }]),
            ),
          },
        },
      ],
    });
    await started.ready;
    return started;
  });
  const { origin } = await miniflare.ready;
  return {
    name,
    url: `${origin}/v1/chat/completions`,
    headers: { authorization: `Bearer ${SECRET}` },
    model: "auto:short",
    pid,
    inspectorUrl: hasInspector ? (await miniflare.getInspectorURL()).href : null,
    close: () => miniflare.dispose(),
  };
}

export async function startReal(
  bundleFolder: string,
  { catalog, policy, tenant }: BenchDocuments,
  stateFolder: string | null = null,
): Promise<Real> {
  const [gateway, pid] = await withRuntimePid(() =>
    startGateway({
      port: 0,
      stateFolder,
      bundleFolder,
      documents: {
        catalog,
        policies: [policy],
        organisations: [],
        tenants: [tenant],
        keys: [{ secret: SECRET, document: { id: "bench", tenant: "bench" } }],
      },
      secrets: { ADMIN_SECRET: "bench-".repeat(8) },
      log: () => undefined,
    }),
  );
  return {
    name: "sluice",
    url: `${gateway.url}/v1/chat/completions`,
    headers: { authorization: `Bearer ${SECRET}` },
    model: "auto:short",
    pid,
    write: (key, document) => gateway.write(key, document),
    close: () => gateway.dispose(),
  };
}
