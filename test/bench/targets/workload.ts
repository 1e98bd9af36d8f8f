// Agents on a budget (agent-workload.ts) inside the runtime: each run asks an object of its own, whose clock is the workload's.
import { Ledger } from "../../../durable/ledger.ts";
import type {
  ExtendAnswer,
  Extension,
  HoldAnswer,
  HoldRequest,
  SettleAnswer,
  Settlement,
} from "../../../policies/account.ts";
import { runAgentWorkload, type Workload, type WorkloadLedger } from "../agent-workload.ts";

interface Bindings {
  readonly LEDGER: DurableObjectNamespace<ClockedLedger>;
}

export interface WorkloadOrder {
  readonly name: string;
  readonly seed: number;
  readonly sliceTokens: number | null;
  readonly workload: Workload;
}

/** Whole days, so that windows turn as they would: real alarms must not come while the workload's clock stands. */
const AHEAD_MS = 3650 * 24 * 60 * 60 * 1000;

export class ClockedLedger extends Ledger {
  readonly #clock: { nowMs: number };

  constructor(ctx: DurableObjectState, env: Env) {
    const clock = { nowMs: AHEAD_MS };
    super(ctx, env, () => clock.nowMs);
    this.#clock = clock;
  }

  holdAt(nowMs: number, request: HoldRequest): HoldAnswer {
    this.#clock.nowMs = nowMs + AHEAD_MS;
    return this.hold(request);
  }

  extendAt(nowMs: number, extension: Extension): ExtendAnswer {
    this.#clock.nowMs = nowMs + AHEAD_MS;
    return this.extend(extension);
  }

  settleAt(nowMs: number, settlement: Settlement): SettleAnswer {
    this.#clock.nowMs = nowMs + AHEAD_MS;
    return this.settle(settlement);
  }
}

export default {
  async fetch(request: Request, { LEDGER }: Bindings): Promise<Response> {
    const { name, seed, sliceTokens, workload } = await request.json<WorkloadOrder>();
    const object = LEDGER.getByName(name);
    const ledger: WorkloadLedger = {
      hold: (asked, nowMs) => object.holdAt(nowMs, asked),
      extend: (asked, nowMs) => object.extendAt(nowMs, asked),
      settle: (asked, nowMs) => object.settleAt(nowMs, asked),
    };
    return Response.json(await runAgentWorkload(ledger, seed, sliceTokens, workload));
  },
};
