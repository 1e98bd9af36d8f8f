// The functions of the ledger's pure core under search: the repository's own, or those of a copy that has a fault.
import { pathToFileURL } from "node:url";
import { join } from "node:path";
import type { decideCheckpoint, decideExtension } from "../../policies/ledger/extend.ts";
import type { decideHold } from "../../policies/ledger/hold.ts";
import type {
  decideRefund,
  decideRelease,
  decideSettlement,
} from "../../policies/ledger/settle.ts";
import type { apply, newState } from "../../policies/ledger/state.ts";
import type { decideSweep, nextDueMs } from "../../policies/ledger/sweep.ts";

export interface Core {
  readonly newState: typeof newState;
  readonly apply: typeof apply;
  readonly decideHold: typeof decideHold;
  readonly decideExtension: typeof decideExtension;
  readonly decideCheckpoint: typeof decideCheckpoint;
  readonly decideSettlement: typeof decideSettlement;
  readonly decideRelease: typeof decideRelease;
  readonly decideRefund: typeof decideRefund;
  readonly decideSweep: typeof decideSweep;
  readonly nextDueMs: typeof nextDueMs;
}

const FILES = ["state", "hold", "extend", "settle", "sweep"];

/** `policies`: the folder that the core lies in, ours when left out. */
export async function loadCore(
  policies = join(import.meta.dirname, "../../policies"),
): Promise<Core> {
  const parts = await Promise.all(
    FILES.map(
      (file): Promise<object> =>
        import(/* @vite-ignore */ pathToFileURL(join(policies, "ledger", `${file}.ts`)).href),
    ),
  );
  // The files are the core's own, whose exports the types above are taken from.
  return Object.assign({}, ...parts) as Core;
}
