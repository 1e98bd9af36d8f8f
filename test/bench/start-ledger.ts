// Starts the Worker that holds the ledger's object alone, with its state in memory and an inspector that can be asked how
// large its heap is.
import { Miniflare } from "miniflare";
import { withRuntimePid } from "./processes.ts";
import { HOST, readBundle } from "./start-targets.ts";

export interface LedgerWorker {
  /** Without a slash at its end. */
  readonly url: string;
  readonly pid: number;
  readonly inspectorUrl: string;
  close(): Promise<void>;
}

export async function startLedger(bundle: string, stateFolder: string): Promise<LedgerWorker> {
  const manifest = await readBundle(bundle);
  const object = (exportName: string) =>
    ({ type: "durable-object", worker: "bench", exportName }) as const;
  const storage = { type: "durable-object", storage: "sqlite" } as const;
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
            exports: { BenchLedger: storage, Plain: storage },
            env: { LEDGER: object("BenchLedger"), PLAIN: object("Plain") },
          },
        },
      ],
    });
    await started.ready;
    return started;
  });
  const { origin } = await miniflare.ready;
  return {
    url: origin,
    pid,
    inspectorUrl: (await miniflare.getInspectorURL()).href,
    close: () => miniflare.dispose(),
  };
}
