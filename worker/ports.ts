// The objects that belong to a tenant, as a caller across the network sees them.
import type { Opinion } from "../durable/feedback.ts";
import type { Standing } from "../durable/ledger.ts";
import type { HoldAnswer, HoldRequest, SettleAnswer, Settlement } from "../policies/account.ts";

/** One tenant's ledger, as a caller across the network sees it. */
export interface LedgerPort {
  hold(request: HoldRequest): Promise<HoldAnswer>;
  settle(settlement: Settlement): Promise<SettleAnswer>;
  /** Voids a hold whose call never left. */
  release(callId: string): Promise<unknown>;
  knows(requestId: string): Promise<boolean>;
  usage(): Promise<Standing>;
}

/** One tenant's feedback. */
export interface FeedbackPort {
  keep(opinion: Opinion): Promise<unknown>;
}
