// Starts what the bench compares: the upstream, a bare Worker, the gateway with a ledger in its isolate, the gateway as
// it ships, and Portkey's gateway where it is installed. Each runs in a process whose CPU time can be read.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Miniflare } from "miniflare";
import { runWrangler } from "../../worker/cli/build.ts";
import { startGateway } from "../../worker/cli/gateway.ts";
import type { Target } from "./load.ts";

const FOLDER = import.meta.dirname;
const HOST = "127.0.0.1";
const SECRET = "sk-sluice-bench";
const START_MS_MAX = 15_000;

export interface Started extends Target {
  close(): Promise<void>;
}

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

/** Bundles one of the bench's own Workers. */
export async function buildTarget(entry: string, folder: string): Promise<string> {
  const bundle = join(folder, entry);
  const { code, output } = await runWrangler(
    [
      "deploy",
      join(FOLDER, "targets", `${entry}.ts`),
      "--config",
      join(FOLDER, "targets", "wrangler.toml"),
      "--dry-run",
      "--minify",
      "--outdir",
      bundle,
    ],
    undefined,
  );
  if (code !== 0) throw new Error(`${entry} does not build: ${output}`);
  return bundle;
}

/** One of those, running. */
export async function startWorker(
  name: string,
  bundle: string,
  env: Readonly<Record<string, string>>,
): Promise<Started> {
  const [entry] = (await readdir(bundle)).filter((file) => file.endsWith(".js"));
  if (entry === undefined) throw new Error(`${bundle} holds no script.`);
  const before = await childrenOf(process.pid);
  const miniflare = new Miniflare({
    host: HOST,
    port: 0,
    cf: false,
    telemetry: { enabled: false },
    enableDevRegistry: false,
    handleStructuredLogs: () => undefined,
    workers: [
      {
        config: {
          name: "bench",
          compatibilityDate: "2026-10-20",
          compatibilityFlags: ["enable_request_signal"],
          manifest: {
            mainModule: "index.js",
            modules: { "index.js": { type: "esm", contents: await readFile(join(bundle, entry)) } },
          },
          env: Object.fromEntries(
            Object.entries(env).map(([key, value]) => [key, { type: "text" as const, value }]),
          ),
        },
      },
    ],
  });
  const { origin } = await miniflare.ready;
  return {
    name,
    url: `${origin}/v1/chat/completions`,
    headers: { authorization: `Bearer ${SECRET}` },
    model: "auto:short",
    pid: await newChild(before),
    close: () => miniflare.dispose(),
  };
}

export interface BenchDocuments {
  readonly catalog: object;
  readonly policy: object;
  readonly tenant: object;
}

/** The documents that every form of the gateway gets: one model at the upstream, no limit that bites. */
export function benchDocuments(baseUrl: string): BenchDocuments {
  return {
    catalog: {
      version: "bench",
      upstreams: [{ id: "bench", engine: "vllm", baseUrl }],
      models: [
        {
          id: "bench",
          upstream: "bench",
          name: "bench",
          contextTokens: 131_072,
          outputTokensMax: 32_768,
          capabilities: ["thinking-switch", "temperature", "stream-usage", "cache-salt", "tools"],
        },
      ],
    },
    policy: {
      name: "bench",
      version: "1",
      modes: { direct: "bench", short: "bench", code: "bench", long: "bench" },
    },
    tenant: {
      id: "bench",
      name: "Bench",
      policy: "bench",
      limits: [{ dimension: "tokens", window: "day", limit: 9_000_000_000_000 }],
    },
  };
}

export async function startReal(
  bundleFolder: string,
  { catalog, policy, tenant }: BenchDocuments,
): Promise<Started> {
  const before = await childrenOf(process.pid);
  const gateway = await startGateway({
    port: 0,
    stateFolder: null,
    bundleFolder,
    documents: {
      catalog,
      policies: [policy],
      tenants: [tenant],
      keys: [{ secret: SECRET, document: { id: "bench", tenant: "bench" } }],
    },
    secrets: { ADMIN_SECRET: "bench-".repeat(8) },
    log: () => undefined,
  });
  return {
    name: "sluice",
    url: `${gateway.url}/v1/chat/completions`,
    headers: { authorization: `Bearer ${SECRET}` },
    model: "auto:short",
    pid: await newChild(before),
    close: () => gateway.dispose(),
  };
}

/** Portkey's gateway from a folder where npm put it (gateways.md 6.1); it is never installed into this repository. */
export async function startPortkey(folder: string, baseUrl: string): Promise<Started> {
  const port = 20_000 + Math.floor(Math.random() * 20_000);
  const script = join(folder, "node_modules/@portkey-ai/gateway/build/start-server.js");
  // It listens everywhere unless it is told where; a bench must not open a port to the network.
  const preload = `data:text/javascript,import net from "node:net";const l=net.Server.prototype.listen;net.Server.prototype.listen=function(p,...r){return typeof p==="number"?l.call(this,p,"${HOST}",...r.filter((x)=>typeof x==="function")):l.call(this,{...p,host:"${HOST}"},...r)}`;
  const child = spawn(
    process.execPath,
    ["--import", preload, script, `--port=${port}`, "--headless"],
    {
      cwd: folder,
      env: { ...process.env, NODE_ENV: "production", TRUSTED_CUSTOM_HOSTS: HOST },
      stdio: ["ignore", "ignore", "inherit"],
    },
  );
  if (child.pid === undefined) throw new Error("Portkey did not start.");
  const url = `http://${HOST}:${port}/v1/chat/completions`;
  await until(async () => (await fetch(`http://${HOST}:${port}/`)).status < 500);
  return {
    name: "portkey (Node)",
    url,
    headers: {
      authorization: "Bearer any",
      "x-portkey-provider": "openai",
      "x-portkey-custom-host": baseUrl,
    },
    model: "bench",
    pid: child.pid,
    close: () => end(child, "SIGKILL"),
  };
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const endsAtMs = Date.now() + START_MS_MAX;
  for (;;) {
    if (await holds().catch(() => false)) return;
    if (Date.now() > endsAtMs) throw new Error("A target did not start.");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const ended = once(child, "exit");
  child.kill(signal);
  await ended;
}

/** The runtime that has come since: Miniflare does not tell its process. */
async function newChild(before: ReadonlySet<number>): Promise<number> {
  for (const pid of await childrenOf(process.pid)) {
    if (before.has(pid)) continue;
    const command = await readFile(`/proc/${pid}/comm`, "utf8");
    if (command.startsWith("workerd")) return pid;
  }
  throw new Error("The runtime's process was not found; this bench needs Linux.");
}

async function childrenOf(parent: number): Promise<Set<number>> {
  const children = new Set<number>();
  for (const entry of await readdir("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (Number(fields[1]) === parent) children.add(pid);
  }
  return children;
}
