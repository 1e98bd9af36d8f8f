// The objects that belong to a tenant, as a caller across the network sees them.
import type { Opinion } from "../durable/feedback.ts";
import type { Snapshot } from "../durable/head.ts";
import type {
  Checkpoint,
  CheckpointAnswer,
  ExtendAnswer,
  Extension,
  HoldAnswer,
  HoldRequest,
  ReplenishAnswer,
  SettleAnswer,
  Settlement,
} from "../policies/account.ts";
import type { Decision, Heard, Verdict } from "../policies/head/decision.ts";
import type { Standing } from "../policies/ledger/standing.ts";

/** One tenant's ledger, as a caller across the network sees it. */
export interface LedgerPort {
  hold(request: HoldRequest): Promise<HoldAnswer>;
  extend(extension: Extension): Promise<ExtendAnswer>;
  /** Borrows what a hold lacked that was refused as `unlent`. */
  replenish(request: HoldRequest): Promise<ReplenishAnswer>;
  /** The same for an extension that was refused with `isUnlent`. */
  replenishCall(extension: Extension): Promise<ReplenishAnswer>;
  checkpoint(checkpoint: Checkpoint): Promise<CheckpointAnswer>;
  settle(settlement: Settlement): Promise<SettleAnswer>;
  /** Charges what was used while it could not be asked: no limit refuses it, and the same call twice is one charge. */
  chargeDebt(request: HoldRequest, settlement: Settlement): Promise<SettleAnswer>;
  /** Voids a hold whose call never left. */
  release(callId: string): Promise<unknown>;
  knows(requestId: string): Promise<boolean>;
  /** All scopes when `scopes` is null. */
  usage(zone: string, scopes: readonly string[] | null): Promise<Standing>;
}

/** One tenant's feedback. */
export interface FeedbackPort {
  keep(opinion: Opinion): Promise<unknown>;
}

/** What one tenant's traffic taught under one policy. */
export interface HeadPort {
  record(decisions: readonly Decision[], dropped: number): Promise<unknown>;
  hear(verdicts: readonly Verdict[]): Promise<readonly Heard[]>;
  snapshot(knownRevision: number | null): Promise<Snapshot>;
}
