// The objects that requests ask, as a caller across the network sees them.
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
import type {
  EndedCall,
  IngestAnswer,
  PlaceAnswer,
  PlaceRequest,
  PoolReport,
  PoolSettings,
} from "../policies/placement/pool.ts";
import type { ModelFinding } from "../policies/prefix/findings.ts";
import type { KvBatch } from "../policies/prefix/kv-events.ts";

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
  /** All that one isolate has found of the tenant's prompts, in place of what it told before. */
  keepFindings(isolate: string, findings: readonly ModelFinding[]): Promise<unknown>;
}

/** What one tenant's traffic taught under one policy. */
export interface HeadPort {
  record(decisions: readonly Decision[], dropped: number): Promise<unknown>;
  hear(verdicts: readonly Verdict[]): Promise<readonly Heard[]>;
  snapshot(knownRevision: number | null): Promise<Snapshot>;
}

/** The prefix index of one pool, which belongs to no tenant. */
export interface PoolPort {
  /** Answers when the call has a replica or is refused, at most the pool's `waitMsMax` later. The same call id is placed once. */
  place(settings: PoolSettings, request: PlaceRequest): Promise<PlaceAnswer>;
  firstToken(callId: string): Promise<unknown>;
  /** Gives the slot back; of a call that waits, its place in the line. A call whose end is never told gives it back when it expires. */
  ended(callId: string, call: EndedCall): Promise<unknown>;
  ingest(settings: PoolSettings, batch: KvBatch): Promise<IngestAnswer>;
  /** Keys of one prompt in both domains, so that events in tokens tell of prefixes in units. */
  alias(unitKeys: Float64Array, tokenKeys: Float64Array): Promise<unknown>;
  report(settings: PoolSettings): Promise<PoolReport>;
}
