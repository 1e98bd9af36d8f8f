// Keeps the hold of a running stream ahead of what it writes: grows it slice by slice, renews it, and says when the budget
// has no more. An event costs a comparison here: the clock is looked at by the request's own timer, and the ledger asked
// meanwhile, so that bytes wait only when all that is held was seen.
import type { Extension, Hold } from "../policies/account.ts";
import type { Dimension } from "../policies/ledger/amounts.ts";
import { UNSEEN_TOKENS_PER_SECOND } from "../policies/ledger/charge.ts";
import type { Window } from "../policies/ledger/limit.ts";
import { askLedger } from "./ask-ledger.ts";
import { logError } from "./log.ts";
import type { LedgerPort } from "./ports.ts";
import { extendsAt, nextHeld } from "./slice.ts";
import type { Patience } from "./stream/patience.ts";

/** A hold lives so long without being renewed: what a dead Worker pins, and several checkpoints may be lost before. */
export const STREAM_TTL_MS = 90_000;
/** How old the ledger's knowledge of a stream may be: of a Worker that dies, no more than this is charged by guess. */
const CHECKPOINT_MS = 10_000;
const CHECKPOINT_TOKENS = 2000;
/**
 * How long bytes wait for a ledger that cannot be reached. Then a stream under a hard limit ends: longer, a client takes
 * the silence for a fault, and a ledger that was moved is back within a second or two.
 */
const AWAY_MS_MAX = 5000;
const RETRY_PAUSE_MS = 500;

/** Why the budget ended a stream. `lost`: the ledger could not be asked, or knows the hold no more. */
export type BudgetEnd =
  | {
      readonly kind: "refused";
      readonly scope: string;
      readonly dimension: Dimension;
      readonly window: Window;
    }
  | { readonly kind: "lost" };

export interface MeteringOf {
  readonly hold: Hold;
  /** How many answers share the cap. */
  readonly answers: number;
  /** One of its limits is hard: without the ledger it may not go on. */
  readonly isHard: boolean;
  readonly reach: () => LedgerPort;
  readonly patience: Patience;
  readonly now: () => number;
}

export class Metering {
  readonly #of: MeteringOf;
  readonly #unwatch: () => void;
  #heldTokens: number;
  #seenTokens = 0;
  /** What has to be seen before anything is done about it. */
  #actsAtTokens = 0;
  #checkedTokens = 0;
  #checkedAtMs: number;
  #awaySinceMs: number | null = null;
  #asking: Promise<void> | null = null;
  #refused: BudgetEnd | null = null;
  #end: BudgetEnd | null = null;
  #isStopped = false;
  #silentMs: () => number = () => 0;

  constructor(of: MeteringOf) {
    this.#of = of;
    this.#heldTokens = of.hold.heldOutputTokens;
    this.#checkedAtMs = of.now();
    this.#plan();
    this.#unwatch = of.patience.watch(() => this.#look());
  }

  /** How long the upstream has been silent, all told: it may have written meanwhile, out of sight. */
  heedSilence(silentMs: () => number): void {
    this.#silentMs = silentMs;
  }

  get heldTokens(): number {
    return this.#heldTokens;
  }

  /** Null while the budget lets the stream go on. */
  get end(): BudgetEnd | null {
    return this.#end;
  }

  /** So much output was seen until now. */
  see(seenTokens: number): void {
    if (seenTokens <= this.#seenTokens) return;
    this.#seenTokens = seenTokens;
    if (seenTokens >= this.#actsAtTokens) this.#act();
  }

  /** All that is held was seen, and the ledger has not said yet whether there is more. */
  get isWaiting(): boolean {
    return this.#isBeyond && this.#end === null && !this.#isStopped;
  }

  /** Resolves when the stream need not wait any more; `end` says whether it may go on. */
  async room(): Promise<void> {
    while (this.isWaiting) {
      this.#act();
      await this.#asking;
    }
  }

  /** Asks no more. Resolves when the ledger has heard what was being said to it. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#unwatch();
    await this.#asking;
  }

  get #isBeyond(): boolean {
    return this.#seenTokens > this.#heldTokens && this.#heldTokens < this.#of.hold.outputTokens;
  }

  #act(): void {
    if (this.#asking !== null || this.#isStopped || this.#end !== null) return;
    const asksFrom = this.#refused === null ? extendsAt(this.#heldTokens) : this.#heldTokens + 1;
    const isShort = this.#seenTokens >= asksFrom && this.#heldTokens < this.#of.hold.outputTokens;
    this.#ask(isShort ? () => this.#extend(this.#seenTokens) : () => this.#checkpoint());
  }

  /** Also in silence, when no event comes: a hidden thinker's hold grows by what it may have written. */
  #look(): void {
    if (this.#asking !== null || this.#isStopped || this.#end !== null) return;
    if (this.#of.now() - this.#checkedAtMs < CHECKPOINT_MS) return;
    const { hold, answers } = this.#of;
    const unseen = Math.ceil((this.#silentMs() * UNSEEN_TOKENS_PER_SECOND * answers) / 1000);
    const written = Math.min(hold.outputTokens, this.#seenTokens + unseen);
    // What was refused is asked for again only when it is needed for sure; a guess ends no stream.
    const isShort = written >= extendsAt(this.#heldTokens) && this.#heldTokens < hold.outputTokens;
    const isExtended = isShort && this.#refused === null;
    this.#ask(isExtended ? () => this.#extend(written) : () => this.#checkpoint());
  }

  #ask(work: () => Promise<void>): void {
    this.#asking = work().finally(() => {
      this.#asking = null;
    });
  }

  async #extend(writtenTokens: number): Promise<void> {
    const { hold, answers } = this.#of;
    const wished = nextHeld(this.#heldTokens, writtenTokens, answers);
    const seenOutputTokens = this.#seenTokens;
    const extension: Extension = {
      callId: hold.callId,
      outputTokens: Math.min(hold.outputTokens, wished),
      seenOutputTokens,
      ttlMs: STREAM_TTL_MS,
    };
    let answer = await this.#tell((ledger) => ledger.extend(extension));
    // Where another ledger lends the budget, it may have more.
    if (answer?.kind === "refused" && answer.isUnlent === true) {
      const lent = await this.#tell((ledger) => ledger.replenishCall(extension));
      if (lent?.kind === "lent") answer = await this.#tell((ledger) => ledger.extend(extension));
    }
    switch (answer?.kind) {
      case undefined:
        return;
      case "extended":
        this.#heldTokens = Math.max(this.#heldTokens, answer.heldOutputTokens);
        // What was given short is all there is now; the rest is asked for when it is needed.
        this.#refused = null;
        this.#checked(seenOutputTokens);
        return;
      case "refused": {
        const { scope, dimension, window } = answer;
        const refused: BudgetEnd = { kind: "refused", scope, dimension, window };
        // What is held may still be written, and by then others may have given back.
        if (seenOutputTokens > this.#heldTokens) this.#end = refused;
        this.#refused = refused;
        this.#plan();
        return;
      }
      case "already":
      case "missing":
        this.#goOnWithout();
    }
  }

  async #checkpoint(): Promise<void> {
    const seenOutputTokens = this.#seenTokens;
    const answer = await this.#tell((ledger) =>
      ledger.checkpoint({
        callId: this.#of.hold.callId,
        seenOutputTokens,
        ttlMs: STREAM_TTL_MS,
      }),
    );
    if (answer?.kind === "kept") this.#checked(seenOutputTokens);
    else if (answer !== null) this.#goOnWithout();
  }

  #checked(seenTokens: number): void {
    this.#checkedTokens = seenTokens;
    this.#checkedAtMs = this.#of.now();
    this.#plan();
  }

  #plan(): void {
    const cap = this.#of.hold.outputTokens;
    const asksAt =
      this.#heldTokens >= cap
        ? Infinity
        : this.#refused === null
          ? extendsAt(this.#heldTokens)
          : this.#heldTokens + 1;
    this.#actsAtTokens = Math.min(asksAt, this.#checkedTokens + CHECKPOINT_TOKENS);
  }

  /** The ledger's answer; null when it gave none, after a pause. */
  async #tell<T>(operation: (ledger: LedgerPort) => Promise<T>): Promise<T | null> {
    const { reach, patience, now, hold } = this.#of;
    this.#awaySinceMs ??= now();
    const asked = await askLedger(reach, operation, patience, now);
    if (asked.kind === "answered") {
      this.#awaySinceMs = null;
      return asked.answer;
    }
    const { problem } = asked;
    if (asked.kind === "faulted") {
      const event = "ledger-faulted";
      this.#awaySinceMs = null;
      logError(event, { callId: hold.callId, problem, mid: "stream" });
      // A bug is no outage, in which soft limits would let it go on: what is held is all that it has.
      if (this.#isBeyond) this.#end = { kind: "lost" };
      else if (!this.#isStopped) await this.#pause();
      return null;
    }
    asked.late?.catch(() => undefined);
    logError("ledger-unreachable", { callId: hold.callId, problem, mid: "stream" });
    const isLong = now() - this.#awaySinceMs >= AWAY_MS_MAX;
    if (this.#isBeyond && (isLong || !this.#of.isHard)) this.#goOnWithout();
    else if (!this.#isStopped) await this.#pause();
    return null;
  }

  async #pause(): Promise<void> {
    await this.#of.patience.wait(new Promise(() => undefined), RETRY_PAUSE_MS);
  }

  /** Nobody can say whether there is more: under a hard limit there is not, under soft ones up to the call's own cap. */
  #goOnWithout(): void {
    if (this.#of.isHard) this.#end = { kind: "lost" };
    else this.#heldTokens = this.#of.hold.outputTokens;
    this.#plan();
  }
}
