// The agents' workload on the ledger's object itself, inside the runtime.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Workload, WorkloadResult } from "./agent-workload.ts";
import { makeMemoryFolder } from "./memory-folder.ts";
import { startLedger } from "./start-ledger.ts";
import { buildTarget } from "./start-targets.ts";
import type { WorkloadOrder } from "./targets/workload.ts";

export interface WorkloadObjects {
  /** Each run has an object that nothing was spent in. */
  run(seed: number, sliceTokens: number | null, workload: Workload): Promise<WorkloadResult>;
  close(): Promise<void>;
}

export async function startWorkloadObjects(): Promise<WorkloadObjects> {
  const folder = await makeMemoryFolder("sluice-workload-");
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const bundle = await buildTarget("workload", folder);
    const worker = await startLedger(bundle, join(folder, "state"), { LEDGER: "ClockedLedger" });
    return {
      run: async (seed, sliceTokens, workload) => {
        const name = `${sliceTokens ?? "predicted"}-${seed}`;
        const order: WorkloadOrder = { name, seed, sliceTokens, workload };
        const response = await fetch(worker.url, { method: "POST", body: JSON.stringify(order) });
        if (response.status !== 200) throw new Error(`It answered ${await response.text()}`);
        return (await response.json()) as WorkloadResult;
      },
      close: async () => {
        await worker.close();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
