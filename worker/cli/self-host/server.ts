// The built Worker as a server of one's own: workerd behind an address that can be closed, and an end that lets streams
// finish. What `npm start` puts before the Worker for a developer is not reachable here.
import type { ChildProcess } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Miniflare, MiniflareCoreError } from "miniflare";
import { describeWorker, readDeployment } from "../deployment.ts";
import { StartFailure } from "../failure.ts";
import { openRelay } from "./relay.ts";

const repository = join(import.meta.dirname, "..", "..", "..");
const LOOPBACK = "127.0.0.1";
/** By then workerd has taken what came just before the address closed; told to end, it would leave that in its queue. */
const TAKEN_MS = 100;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface ServerSettings {
  readonly host: string;
  /** 0 lets the system choose one that is free. */
  readonly port: number;
  readonly stateFolder: string;
  readonly bundleFolder: string;
  /** Bindings by name, as `wrangler secret put` would make them. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Called for each line that the Worker logs. */
  readonly log: (line: string) => void;
}

export interface Server {
  /** Without a slash at its end. */
  readonly url: string;
  /** Resolves when the runtime ended without having been told to. */
  readonly broken: Promise<void>;
  /** Accepts nothing new and lets what runs end; what has not ended by then is cut. True when nothing was cut. */
  drain(boundMs: number): Promise<boolean>;
}

export async function startServer(settings: ServerSettings): Promise<Server> {
  const { host, port, stateFolder, bundleFolder, secrets, log } = settings;
  const deployment = await readDeployment(join(repository, "wrangler.toml"));
  const config = await describeWorker(deployment, bundleFolder, secrets);
  const before = SIGNALS.map((signal) => process.listeners(signal));
  const runtime = catchRuntime();
  const miniflare = new Miniflare({
    // Miniflare's own door, with its tools for developers, is one that nobody is sent to; `unsafe` says that the other one
    // has none of them.
    host: LOOPBACK,
    port: 0,
    cf: false,
    telemetry: { enabled: false },
    enableDevRegistry: false,
    handleStructuredLogs: ({ message }) => log(message),
    resourcePersistencePath: join(stateFolder, "storage"),
    workers: [{ config, dev: { unsafeDirectSockets: [{ host: LOOPBACK, port: 0 }] } }],
  });
  // It would end the process at a signal, before anything could drain.
  for (const [index, signal] of SIGNALS.entries()) {
    for (const listener of process.listeners(signal)) {
      if (!before[index]?.includes(listener)) process.removeListener(signal, listener);
    }
  }
  try {
    await miniflare.ready;
    const inner = await miniflare.unsafeGetDirectURL(deployment.name);
    const relay = await openRelay(host, port, Number(inner.port));
    const child = runtime();
    // Twice at once would fail.
    let disposal: Promise<void> | null = null;
    const dispose = (): Promise<void> => (disposal ??= miniflare.dispose());
    const ended = new Promise<void>((resolve) => {
      child.once("exit", () => {
        // Before Miniflare hears of it, which would start another one.
        void dispose();
        resolve();
      });
    });
    return {
      url: relay.url,
      broken: ended,
      drain: async (boundMs) => {
        const delivered = relay.close();
        await Promise.race([ended, sleep(Math.min(TAKEN_MS, boundMs))]);
        // workerd closes its sockets, lets requests end, and exits.
        child.kill("SIGTERM");
        const isDrained = await Promise.race([
          Promise.all([ended, delivered]).then(() => true),
          sleep(boundMs, false, { ref: false }),
        ]);
        await dispose();
        return isDrained;
      },
    };
  } catch (error) {
    // A start that failed makes its end fail again, with the same error.
    await miniflare.dispose().catch(() => {});
    if (!(error instanceof MiniflareCoreError)) throw error;
    throw new StartFailure(`The Worker does not start. ${error.message}`);
  }
}

/** Miniflare keeps its child to itself, but Node tells of every one that is made; answers the one that runs workerd. */
function catchRuntime(): () => ChildProcess {
  const made: ChildProcess[] = [];
  const hear = (message: unknown): void => {
    made.push((message as { readonly process: ChildProcess }).process);
  };
  subscribe("child_process", hear);
  return () => {
    unsubscribe("child_process", hear);
    // What it runs is not said yet when it is made.
    const runtime = made.find(({ spawnfile }) => /workerd(\.exe)?$/.test(spawnfile));
    if (runtime === undefined) throw new Error("Miniflare started no runtime.");
    return runtime;
  };
}
