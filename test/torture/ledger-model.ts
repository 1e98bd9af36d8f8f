// A ledger as its object runs it, without the object: each operation sweeps, decides, journals and applies in one turn, and
// whatever is in memory can be built anew from the journal.
import type {
  Checkpoint,
  CheckpointAnswer,
  ExtendAnswer,
  Extension,
  HoldAnswer,
  HoldRequest,
  Refund,
  RefundAnswer,
  ReleaseAnswer,
  SettleAnswer,
  Settlement,
} from "../../policies/account.ts";
import type { CallEntry, EndEntry, ExpireEntry, HoldEntry } from "../../policies/ledger/entry.ts";
import type { EndedCall, EndedCalls, LedgerState } from "../../policies/ledger/state.ts";
import { hash } from "../simulator/chance.ts";
import type { Core } from "./core.ts";

export type Act =
  | { readonly op: "hold"; readonly request: HoldRequest }
  | { readonly op: "extend"; readonly request: Extension }
  | { readonly op: "checkpoint"; readonly request: Checkpoint }
  | { readonly op: "settle"; readonly request: Settlement }
  | { readonly op: "release"; readonly callId: string }
  | { readonly op: "refund"; readonly request: Refund }
  | { readonly op: "sweep" };

export type Answer =
  | HoldAnswer
  | ExtendAnswer
  | CheckpointAnswer
  | SettleAnswer
  | ReleaseAnswer
  | RefundAnswer
  | { readonly kind: "swept" };

export interface Turn {
  readonly nowMs: number;
  /** Holds that were due. */
  readonly swept: readonly (CallEntry & { readonly op: "expire" | "lapse" })[];
  readonly answer: Answer;
  readonly entry: CallEntry | null;
}

/** Few, so that more holds are due than one turn ends. */
export const SWEEP_MAX = 4;

/** What the journal says of calls that have ended. */
class Ended implements EndedCalls {
  readonly #calls = new Map<string, EndedCall>();
  readonly #held = new Map<string, HoldEntry>();
  readonly #expiries = new Map<string, ExpireEntry>();

  find(callId: string): EndedCall | null {
    return this.#calls.get(callId) ?? null;
  }

  note(entry: CallEntry): void {
    const { callId } = entry;
    switch (entry.op) {
      case "hold":
        this.#held.set(callId, entry);
        return;
      case "extend":
      case "checkpoint":
        return;
      case "expire":
        if (entry.suspendedUntilMs === null) this.#end(entry);
        else this.#expiries.set(callId, entry);
        return;
      case "lapse": {
        const expiry = this.#expiries.get(callId);
        if (expiry !== undefined) this.#end(expiry);
        return;
      }
      case "settle":
      case "adjust":
      case "release":
        this.#end(entry);
        return;
      case "refund": {
        const call = this.#calls.get(callId);
        if (call === undefined) return;
        const { refundId, amounts } = entry;
        this.#calls.set(callId, { ...call, refunds: [...call.refunds, { refundId, amounts }] });
      }
    }
  }

  #end(end: EndEntry): void {
    const hold = this.#held.get(end.callId);
    if (hold === undefined) return;
    const refunds = this.#calls.get(end.callId)?.refunds ?? [];
    this.#calls.set(end.callId, { hold, end, refunds });
  }
}

export interface Snapshot {
  readonly state: LedgerState;
  readonly lines: number;
}

export class LedgerModel {
  readonly core: Core;
  readonly journal: CallEntry[] = [];
  state: LedgerState;
  #ended = new Ended();

  constructor(core: Core) {
    this.core = core;
    this.state = core.newState();
  }

  /** One turn of the object. The clock never goes back, whatever `clockMs` does. */
  turn(act: Act, clockMs: number): Turn {
    const nowMs = Math.max(clockMs, this.state.atMs);
    const swept = this.core.decideSweep(this.state, nowMs, SWEEP_MAX);
    for (const entry of swept) this.#commit(entry);
    if (swept.length < SWEEP_MAX && this.state.nextDueMs <= nowMs)
      this.state.nextDueMs = this.core.nextDueMs(this.state);
    const { answer, entry } = this.#decide(act, nowMs);
    if (entry !== null) this.#commit(entry);
    return { nowMs, swept, answer, entry };
  }

  snapshot(): Snapshot {
    return { state: structuredClone(this.state), lines: this.journal.length };
  }

  /** Loses the memory and builds it anew, from the journal alone or on a snapshot of it. */
  rebuild(snapshot: Snapshot | null): void {
    const ended = new Ended();
    const state = snapshot === null ? this.core.newState() : structuredClone(snapshot.state);
    this.journal.forEach((entry, index) => {
      if (index >= (snapshot?.lines ?? 0)) this.core.apply(state, entry, ended);
      ended.note(entry);
    });
    this.state = state;
    this.#ended = ended;
  }

  #commit(entry: CallEntry): void {
    this.journal.push(entry);
    this.core.apply(this.state, entry, this.#ended);
    this.#ended.note(entry);
  }

  #decide(act: Act, nowMs: number): { answer: Answer; entry: CallEntry | null } {
    const { core, state } = this;
    const ended = this.#ended;
    switch (act.op) {
      case "hold":
        return core.decideHold(state, ended, act.request, fingerprint(act.request), 0, nowMs);
      case "extend":
        return core.decideExtension(state, ended, act.request, nowMs);
      case "checkpoint":
        return core.decideCheckpoint(state, ended, act.request, nowMs);
      case "settle":
        return core.decideSettlement(state, ended, act.request, nowMs);
      case "release":
        return core.decideRelease(state, ended, act.callId, nowMs);
      case "refund":
        return core.decideRefund(state, ended, act.request, nowMs);
      case "sweep":
        return { answer: { kind: "swept" }, entry: null };
    }
  }
}

/** Limits are the configuration's, so that an edit between two tries does not make them another request. */
function fingerprint({ scopes, ...rest }: HoldRequest): number {
  return hash(JSON.stringify({ ...rest, scopes: scopes.map(({ scope }) => scope) }));
}
