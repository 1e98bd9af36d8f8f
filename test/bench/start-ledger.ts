// Starts a Worker that has the ledger's object and little else, with its state in memory and an inspector that can be asked how
// large its heap is.
import { Miniflare } from "miniflare";
import { withRuntimePid } from "./processes.ts";
import { HOST, readBundle } from "./start-targets.ts";

/** Miniflare reads from here which flags V8 gets; a heap is weighed after a collection, which the Worker asks for. */
const V8_FLAGS = "MINIFLARE_WORKERD_V8_FLAGS";
const COLLECTABLE = "--expose-gc";

export interface LedgerWorker {
  /** Without a slash at its end. */
  readonly url: string;
  readonly pid: number;
  readonly inspectorUrl: string;
  close(): Promise<void>;
}

/** `objects`: the Worker's classes by the names of their bindings. */
export async function startLedger(
  bundle: string,
  stateFolder: string,
  objects: Readonly<Record<string, string>> = { LEDGER: "BenchLedger", PLAIN: "Plain" },
): Promise<LedgerWorker> {
  const manifest = await readBundle(bundle);
  const exports = Object.values(objects).map(
    (name) => [name, { type: "durable-object", storage: "sqlite" }] as const,
  );
  const env = Object.entries(objects).map(
    ([name, exportName]) =>
      [name, { type: "durable-object", worker: "bench", exportName }] as const,
  );
  process.env[V8_FLAGS] = COLLECTABLE;
  const [miniflare, pid] = await withRuntimePid(async () => {
    const started = new Miniflare({
      host: HOST,
      port: 0,
      cf: false,
      telemetry: { enabled: false },
      enableDevRegistry: false,
      handleStructuredLogs: () => undefined,
      inspectorPort: 0,
      resourcePersistencePath: stateFolder,
      workers: [
        {
          config: {
            name: "bench",
            compatibilityDate: "2026-10-20",
            compatibilityFlags: ["enable_request_signal"],
            manifest,
            exports: Object.fromEntries(exports),
            env: Object.fromEntries(env),
          },
        },
      ],
    });
    await started.ready;
    return started;
  }).finally(() => {
    delete process.env[V8_FLAGS];
  });
  const { origin } = await miniflare.ready;
  return {
    url: origin,
    pid,
    inspectorUrl: (await miniflare.getInspectorURL()).href,
    close: () => miniflare.dispose(),
  };
}
