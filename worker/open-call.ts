// A call that has begun to answer: its bytes, what they mean, and an end that settles it exactly once.
import { NO_USAGE, type Certainty, type Hold, type Usage } from "../policies/account.ts";
import type { Prices } from "../policies/catalog.ts";
import { findAnomaly, UNSEEN_TOKENS_PER_SECOND } from "../policies/ledger/charge.ts";
import type { Attempt } from "./attempt.ts";
import type { Heard } from "./heard.ts";
import { logError } from "./log.ts";
import type { BudgetEnd, Metering } from "./metering.ts";
import type { Preparation } from "./prepare.ts";
import { reckonUsage, type Reckoning } from "./reckon.ts";
import type { Patience } from "./stream/patience.ts";
import { TIMED_OUT } from "./stream/wait.ts";
import type { Trouble } from "./trouble.ts";
import type { Fidelity, Knob } from "./upstream/engine.ts";

export type Ending =
  | "complete"
  | "client-left"
  | "upstream-broke"
  | "upstream-refused"
  /** By the gateway's own bounds: the deadline, the size, or far more than was held. */
  | "cut-off"
  /** By the budget, cleanly: it had no more for this answer. */
  | "budget"
  | "abandoned"
  | "released";

/** One call as the account shows it. */
export interface CallAccount {
  readonly callId: string;
  readonly purpose: string;
  readonly arm: string;
  readonly upstream: string;
  readonly strategies: readonly string[];
  readonly heldTokens: number;
  readonly heldNanos: number;
  /** The cap that went upstream, over all answers. */
  readonly outputTokensMax: number;
  /** The ledger was offered a better rung, and took this one. */
  readonly isLowered: boolean;
  /** The budget afforded less than the call would have been given. */
  readonly isBudgetFinal: boolean;
  /** No ledger gave its hold. */
  readonly isEmergency: boolean;
  /** The list that the hold pinned; null for a model without prices. */
  readonly prices: Prices | null;
  readonly knobs: readonly { knob: Knob["knob"]; fidelity: Fidelity; reason: string }[];
  /** Which replica of its pool it went to; null where there is no pool, or it went to none. */
  replica: string | null;
  /** What the index expected to come from its cache; null where nobody knew. */
  predictedTokens: number | null;
  usage: Usage | null;
  certainty: Certainty | null;
  ending: Ending | null;
  /** Why the budget ended it; null when it did not. */
  budgetEnd: BudgetEnd | null;
}

export interface Settled {
  readonly usage: Usage;
  readonly certainty: Certainty;
  readonly ending: Ending;
}

export class OpenCall {
  readonly preparation: Preparation;
  readonly hold: Hold;
  readonly account: CallAccount;
  readonly #attempt: Attempt;
  readonly #metering: Metering | null;
  readonly #heldBack: Heard[] = [];
  readonly #settle: (settled: Settled | Promise<Settled>) => void;
  #waitingForRoom: Promise<Heard> | null = null;
  #isEnded = false;
  /** Null once it was called. */
  #onBegin: (() => void) | null;

  constructor(
    attempt: Attempt,
    preparation: Preparation,
    hold: Hold,
    account: CallAccount,
    settle: (settled: Settled | Promise<Settled>) => void,
    metering: Metering | null = null,
    /** The first token was seen: what came before was reading. */
    onBegin: (() => void) | null = null,
  ) {
    this.#attempt = attempt;
    this.#onBegin = onBegin;
    this.#metering = metering;
    metering?.heedSilence(() => attempt.silentMs);
    this.preparation = preparation;
    this.hold = hold;
    this.account = account;
    this.#settle = settle;
  }

  /**
   * The gate: holds back what comes until something real was said, so that until then a failure is still a status and
   * another upstream may be tried. Ends with `ready`, with the failure, or with `waiting` when the time is over.
   */
  async awaitFirst(
    gateMs: number,
    nowMs: () => number,
    patience: Patience,
  ): Promise<Extract<Heard, { kind: "failed" }> | { kind: "ready" | "waiting" }> {
    // A call that does not stream says everything at once, and ends by its own deadline.
    if (gateMs === Infinity) return this.#awaitWhole();
    const endsAtMs = nowMs() + gateMs;
    let heldBackBytes = 0;
    for (;;) {
      const heard = await patience.wait(this.#attempt.peek(), endsAtMs - nowMs());
      if (heard === TIMED_OUT) return { kind: "waiting" };
      this.#attempt.take();
      this.#meter();
      if (heard.kind === "failed") return heard;
      this.#heldBack.push(heard);
      if (heard.kind === "event") heldBackBytes += heard.bytes.byteLength;
      if (heard.kind !== "event" || heard.said.kind === "done") return { kind: "ready" };
      if (heard.said.kind === "deltas" && heard.said.isReal) return { kind: "ready" };
      if (heldBackBytes > HELD_BACK_BYTES_MAX || this.#heldBack.length >= HELD_BACK_EVENTS_MAX)
        return { kind: "ready" };
    }
  }

  async #awaitWhole(): Promise<Extract<Heard, { kind: "failed" }> | { kind: "ready" }> {
    const heard = await this.#attempt.peek();
    this.#attempt.take();
    if (heard.kind === "failed") return heard;
    this.#heldBack.push(heard);
    return { kind: "ready" };
  }

  /** What comes next; asking again before `take` gives the same. */
  peek(): Promise<Heard> {
    const ready = this.ready;
    if (ready !== null) return Promise.resolve(ready);
    const metering = this.#metering;
    if (metering === null) return this.#attempt.peek();
    if (metering.isWaiting) {
      this.#waitingForRoom ??= metering.room().then(() => {
        this.#waitingForRoom = null;
        return this.peek();
      });
      return this.#waitingForRoom;
    }
    return this.#isFinal ? Promise.resolve(this.#final()) : this.#attempt.peek();
  }

  /** What can be had without waiting; null when something has to be waited for. */
  get ready(): Heard | null {
    const heldBack = this.#heldBack[0];
    if (heldBack !== undefined) return heldBack;
    return this.#metering?.isWaiting === true ? null : this.#attempt.ready;
  }

  take(): void {
    if (this.#heldBack.length > 0) {
      this.#heldBack.shift();
      return;
    }
    this.#attempt.take();
    this.#meter();
  }

  /** The first answer's, as its engine says it; null while there is none. */
  get finishReason(): string | null {
    return this.#attempt.reader.finishReason;
  }

  /** Whether the first answer has the form that was asked for; null where none was. */
  get isFormatValid(): boolean | null {
    return this.#attempt.reader.form?.isValid ?? null;
  }

  /** Answers that a stream has begun and not ended. */
  get openAnswers(): readonly number[] {
    return this.#attempt.reader.openAnswers;
  }

  #meter(): void {
    const { reader } = this.#attempt;
    if (this.#onBegin !== null && reader.seenTokens > 0) {
      this.#onBegin();
      this.#onBegin = null;
    }
    // An engine that counts along knows better than what can be counted here, up to its cap and where its count can be.
    const { usage } = reader;
    const told = usage === null || findAnomaly(usage) !== null ? 0 : usage.outputTokens;
    this.#metering?.see(Math.max(reader.seenTokens, Math.min(told, this.hold.outputTokens)));
  }

  /** An answer that has ended needs no more, and is whole. */
  get #isFinal(): boolean {
    return (this.#metering?.end ?? null) !== null && !this.#attempt.reader.isFinished;
  }

  #final(): Heard {
    this.#attempt.cancel();
    this.account.budgetEnd = this.#metering?.end ?? null;
    return { kind: "final" };
  }

  /** What the call has used as far as is known now, and how sure that is. */
  reckon(ending: Ending): Settled {
    const { usage, certainty } = this.#reckon(ending);
    return { usage, certainty, ending };
  }

  #reckon(ending: Ending): Reckoning {
    const { reader, silentMs, isWhole } = this.#attempt;
    const { answers } = this.preparation.draft.ask;
    // All of a whole answer was written in silence, and what was seen is all of it.
    const silent = isWhole ? 0 : Math.ceil((silentMs * UNSEEN_TOKENS_PER_SECOND * answers) / 1000);
    return reckonUsage({
      contextTokens: this.preparation.model.contextTokens,
      answers,
      reported: reader.usage,
      seenTokens: reader.seenTokens,
      seenReasoningTokens: reader.seenReasoningTokens,
      inputTokens: this.preparation.inputTokens,
      heldOutputTokens: this.#metering?.heldTokens ?? this.hold.outputTokens,
      unseenTokens: this.#isBilledWhole(ending) ? Infinity : silent,
      isOver: ending === "complete" || reader.isFinished,
    });
  }

  /** It was stopped here, and its provider writes on and bills what it would have written. */
  #isBilledWhole(ending: Ending): boolean {
    const { upstream } = this.preparation;
    const isStopped = ["client-left", "abandoned", "cut-off"].includes(ending);
    return upstream.billsCancelled === true && isStopped && !this.#attempt.reader.isFinished;
  }

  /** Ends the call for good: the first ending settles, every later one is nothing. */
  end(ending: Ending, isFree = false): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const isHeardOut = !isFree && ending !== "cut-off" && this.#isBilledWhole(ending);
    if (!isHeardOut) this.#attempt.cancel();
    const settled = this.#account(isFree ? FREE : this.#reckon(ending), ending);
    this.#settle(isHeardOut ? this.#hearOut(ending) : settled);
  }

  /** Nobody reads it any more, but what it comes to is billed: only its end says how much that is. */
  async #hearOut(ending: Ending): Promise<Settled> {
    await this.#attempt.hearOut(HEARD_OUT_MS);
    this.#attempt.cancel();
    return this.#account(this.#reckon(ending), ending);
  }

  #account({ usage, certainty, anomaly }: Reckoning, ending: Ending): Settled {
    if (anomaly !== null) {
      // An engine's fault, which a ledger that gets only what can be would never show.
      const { callId } = this.account;
      logError("usage-unsound", { callId, problem: anomaly });
    }
    const settled: Settled = { usage, certainty, ending };
    Object.assign(this.account, settled);
    return settled;
  }

  /** Ends the call as the trouble says: whether it is free, and whether it speaks against the upstream. */
  fail({ isFault, isFree }: Trouble): void {
    this.end(isFault ? "upstream-broke" : isFree ? "upstream-refused" : "cut-off", isFree);
  }
}

/** Comments before the first token, one a second for longer than any gate. */
const HELD_BACK_EVENTS_MAX = 1000;
/** Far above the comments and the role chunk of any engine before it begins. */
const HELD_BACK_BYTES_MAX = 262_144;

/** Cloudflare gives a request whose client has left thirty seconds; a few are left for the settlement. */
const HEARD_OUT_MS = 25_000;

const FREE: Reckoning = { usage: NO_USAGE, certainty: "exact", anomaly: null };
