// Runs the built Worker on this machine: Miniflare on a loopback port, its registry seeded, its state in one folder.
// `npm start`, `npm run dev` and the journeys all stand on it.
import { join } from "node:path";
import { Miniflare, MiniflareCoreError, type MiniflareOptions } from "miniflare";
import { describeWorker, readDeployment } from "./deployment.ts";
import { composeConfiguration, type Composed, type Documents } from "./documents.ts";
import { StartFailure } from "./failure.ts";
import { keepSeeds, readKeptSeeds } from "./kept-seeds.ts";
import { seedRegistry, type SeedableRegistry } from "./seed-registry.ts";

const repository = join(import.meta.dirname, "..", "..");
/** Only this machine: the demo key is printed, and nothing here speaks TLS. */
export const HOST = "127.0.0.1";
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface GatewaySettings {
  /** 0 lets the system choose one that is free. */
  readonly port: number;
  /** Where KV and the objects live; null keeps them for this run only. */
  readonly stateFolder: string | null;
  readonly bundleFolder: string;
  readonly documents: Documents;
  /** Bindings by name, as `wrangler secret put` would make them. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Called for each line that the Worker logs; without it they are dropped. */
  readonly log?: (line: string) => void;
}

export interface Gateway {
  /** Without a slash at its end: `http://127.0.0.1:8787`. */
  readonly url: string;
  /** The document under a key of CONFIGURATION; null when there is none. */
  read(key: string): Promise<unknown>;
  write(key: string, document: unknown): Promise<void>;
  remove(key: string): Promise<void>;
  /** The Worker's own `env`, for tests that look behind the HTTP answers: objects answer their methods. */
  bindings<Env>(): Promise<Env>;
  /** Takes another bundle or other documents on the same port; requests in flight are cut. */
  reload(changed: Pick<GatewaySettings, "bundleFolder" | "documents">): Promise<void>;
  dispose(): Promise<void>;
}

export async function startGateway(settings: GatewaySettings): Promise<Gateway> {
  // Checked before anything runs: a faulty document must not leave a half-seeded gateway behind.
  const brought = composeConfiguration(settings.documents);
  const options = await describeInstance(settings, settings.port);
  const miniflare = withoutSignalHandlers(() => new Miniflare(options));
  let url: string;
  try {
    url = (await miniflare.ready).origin;
    await seed(miniflare, brought, settings.stateFolder);
  } catch (error) {
    // A start that failed makes its end fail again, with the same error.
    await miniflare.dispose().catch(() => {});
    throw explain(error, settings.port);
  }
  const port = Number(new URL(url).port);

  return {
    url,
    read: async (key) => (await configuration(miniflare)).get(key, "json"),
    write: async (key, document) =>
      (await configuration(miniflare)).put(key, JSON.stringify(document)),
    remove: async (key) => (await configuration(miniflare)).delete(key),
    bindings: <Env>() => miniflare.getBindings<Env>(),
    reload: async (changed) => {
      const broughtNow = composeConfiguration(changed.documents);
      await miniflare.setOptions(await describeInstance({ ...settings, ...changed }, port));
      await seed(miniflare, broughtNow, settings.stateFolder);
    },
    dispose: () => miniflare.dispose(),
  };
}

async function describeInstance(
  { stateFolder, bundleFolder, secrets, log }: GatewaySettings,
  port: number,
): Promise<MiniflareOptions> {
  const deployment = await readDeployment(join(repository, "wrangler.toml"));
  return {
    host: HOST,
    port,
    // Otherwise Miniflare asks the network where it is.
    cf: false,
    telemetry: { enabled: false },
    enableDevRegistry: false,
    handleStructuredLogs: ({ message }) => log?.(message),
    ...(stateFolder === null ? {} : { resourcePersistencePath: join(stateFolder, "storage") }),
    workers: [{ config: await describeWorker(deployment, bundleFolder, secrets) }],
  };
}

function configuration(miniflare: Miniflare) {
  return miniflare.getKVNamespace("CONFIGURATION");
}

/** What was brought last is kept beside the state that it went into: what differs from it now is an operator's. */
async function seed(miniflare: Miniflare, brought: Composed, stateFolder: string | null) {
  const { REGISTRY } = await miniflare.getBindings<{
    readonly REGISTRY: { getByName(name: string): SeedableRegistry };
  }>();
  const last = stateFolder === null ? null : await readKeptSeeds(stateFolder);
  await seedRegistry(REGISTRY.getByName("registry"), brought, last);
  if (stateFolder !== null) await keepSeeds(stateFolder, brought);
}

/**
 * Miniflare ends the process at a signal by itself, with a code of its own and before anybody else could
 * close what they opened. Whoever started the gateway decides that; its hook at "exit" stays.
 */
function withoutSignalHandlers<T>(make: () => T): T {
  const before = SIGNALS.map((signal) => process.listeners(signal));
  const made = make();
  for (const [index, signal] of SIGNALS.entries()) {
    for (const listener of process.listeners(signal)) {
      if (!before[index]?.includes(listener)) process.removeListener(signal, listener);
    }
  }
  return made;
}

/** What the runtime says of a start that failed, without the stack of the program that asked it. */
function explain(error: unknown, port: number): unknown {
  if (!(error instanceof MiniflareCoreError)) return error;
  if (error.code === "ERR_ADDRESS_IN_USE") return portTaken(port);
  return new StartFailure(`The Worker does not start. ${error.message}`);
}

export function portTaken(port: number): StartFailure {
  return new StartFailure(
    `Port ${port} on ${HOST} is taken; stop what listens there, or set PORT to another.`,
  );
}
