// The calls of a pool that have a slot: each has exactly one until it ends or expires, and its end teaches once what the
// replica really cached, whether it is well, and what a block of text stands for.
import type { Placement } from "../placement.ts";
import {
  calibrated,
  tokensPerBlock,
  UNCALIBRATED,
  type Calibration,
} from "../prefix/calibration.ts";
import { BLOCK_UNITS } from "../prefix/keyed-hash.ts";
import type { Ticket } from "./contract.ts";
import type { Member, Members } from "./members.ts";
import { PendingKeys } from "./pending-keys.ts";
import { BLOCK_TOKENS, type EndedCall, type PlaceAnswer, type PoolSettings } from "./pool.ts";

/** How far what a block stands for may move before caches are measured anew. */
const REMEASURED_AT = 0.2;
/**
 * Caches are taken to hold a fifth fewer blocks at most, and that once in so long. Some dozens of one tenant's prompts in
 * dense text say within a minute that blocks are four times as large, and what others hold would make room for it; a cache
 * that is guessed too large for a while costs little.
 */
const SHRINK_EVERY_MS = 600_000;
const SHRINK_MAX = 1.25;
/** A prediction of less is no evidence that a cache was lost. */
const EVIDENCE_TOKENS = 128;
/** Until slots that came free tell how often they do. */
const FIRST_GAP_MS = 1_000;
/** Ends over which the time between them is averaged, as a mean age. */
const MEMORY_ENDS = 16;
const NO_BLOCKS = new Float64Array(0);

export interface Call {
  readonly callId: string;
  readonly tenant: string;
  readonly member: Member;
  readonly expiresAtMs: number;
  readonly answer: PlaceAnswer;
  readonly settings: PoolSettings;
  /** Null: from before the index slept; of it only its slot is known. */
  readonly ticket: Ticket | null;
  readonly blockCount: number;
  /** There was no room for its keys, so nothing was predicted. */
  readonly isKeyless: boolean;
  /** The first after faults. */
  readonly isTrial: boolean;
}

/** What is stored of a call while a cap holds. */
export interface StoredCall {
  readonly callId: string;
  readonly replica: string;
  readonly expiresAtMs: number;
}

export class OpenCalls {
  readonly #placement: Placement;
  readonly #members: Members;
  readonly #calls = new Map<string, Call>();
  /** Of those that wait for a slot as well. */
  readonly pending = new PendingKeys();
  #dueMs = Infinity;
  #calibration: Calibration = UNCALIBRATED;
  #measured = BLOCK_TOKENS;
  #shrunkMs: number | null = null;
  #gapMs = FIRST_GAP_MS;
  #lastEndMs: number | null = null;
  #ended: string[] = [];

  constructor(placement: Placement, members: Members) {
    this.#placement = placement;
    this.#members = members;
  }

  get size(): number {
    return this.#calls.size;
  }
  /** At most this much early. */
  get dueMs(): number {
    return this.#dueMs;
  }
  /** Between two slots that come free. */
  get gapMs(): number {
    return this.#gapMs;
  }
  get tokensPerBlock(): number {
    return tokensPerBlock(this.#calibration);
  }
  get calibration(): Calibration {
    return this.#calibration;
  }
  /** By which caches are measured: what a block stands for, when it grows later. */
  get measuredTokens(): number {
    return this.#measured;
  }

  find(callId: string): Call | null {
    return this.#calls.get(callId) ?? null;
  }

  open(call: Call): void {
    this.#calls.set(call.callId, call);
    this.#dueMs = Math.min(this.#dueMs, call.expiresAtMs);
    this.pending.add(call.tenant, call.ticket?.blocks.length ?? 0);
  }

  firstToken(callId: string, nowMs: number): void {
    const call = this.#calls.get(callId);
    if (call === undefined || call.ticket === null) return;
    this.#placement.prefillEnded(call.ticket, nowMs);
    // Answers take minutes; nobody needs their prompts' keys any more.
    this.pending.take(call.tenant, call.ticket.blocks.length);
    this.#calls.set(callId, { ...call, ticket: { ...call.ticket, blocks: NO_BLOCKS } });
  }

  /** False: it is not known, or not any more. */
  end(callId: string, ended: EndedCall, nowMs: number): boolean {
    const call = this.#calls.get(callId);
    if (call === undefined) return false;
    this.#learn(call, ended, nowMs);
    this.#close(call, ended.isFault, nowMs);
    const gapMs = this.#lastEndMs === null ? FIRST_GAP_MS : nowMs - this.#lastEndMs;
    this.#gapMs += (gapMs - this.#gapMs) / MEMORY_ENDS;
    this.#lastEndMs = nowMs;
    return true;
  }

  /** Ends those whose time is over: whoever should have ended them died. */
  expire(nowMs: number): void {
    if (nowMs < this.#dueMs) return;
    this.#dueMs = Infinity;
    for (const call of this.#calls.values())
      if (call.expiresAtMs <= nowMs) this.#close(call, null, nowMs);
      else this.#dueMs = Math.min(this.#dueMs, call.expiresAtMs);
  }

  /** What was learned before the index slept. */
  recall(calibration: Calibration, measuredTokens = tokensPerBlock(calibration)): void {
    if (!Number.isFinite(tokensPerBlock(calibration)) || !(measuredTokens > 0)) return;
    this.#calibration = calibration;
    this.#measured = measuredTokens;
    this.#members.measure(measuredTokens);
  }

  /** Ids of calls that ended since it was last asked. */
  takeEnded(): readonly string[] {
    const ended = this.#ended;
    if (ended.length > 0) this.#ended = [];
    return ended;
  }

  #learn(call: Call, { inputTokens, cachedTokens, isFault }: EndedCall, nowMs: number): void {
    const { ticket, member, blockCount } = call;
    if (ticket === null || isFault === true) return;
    if (inputTokens !== null) {
      // Half a block stands behind the last whole one, on average.
      const units = (blockCount + 0.5) * BLOCK_UNITS;
      this.#calibration = calibrated(this.#calibration, inputTokens, units);
      this.#measure(nowMs);
    }
    if (call.isKeyless) return;
    const actual = inputTokens === null || inputTokens <= 0 ? ticket.inputTokens : inputTokens;
    // In the engine's own tokens, whatever the question was taken to have.
    const scale = ticket.inputTokens === 0 ? 1 : actual / ticket.inputTokens;
    const predicted = Math.min(actual, ticket.matchedBlocks * ticket.blockTokens * scale);
    if (cachedTokens !== null) this.#placement.cachedTokens(ticket, cachedTokens / scale);
    if (isFault === false) member.audit.learn(predicted, cachedTokens);
    // It answers again and has nothing of what it had: it began anew.
    if (call.isTrial && cachedTokens === 0 && predicted >= EVIDENCE_TOKENS)
      this.#placement.cleared(member.slot, nowMs);
  }

  #close(call: Call, isFault: boolean | null, nowMs: number): void {
    this.#calls.delete(call.callId);
    this.#ended.push(call.callId);
    if (call.ticket !== null) {
      this.pending.take(call.tenant, call.ticket.blocks.length);
      this.#placement.ended(call.ticket, nowMs, isFault === false);
    }
    this.#members.leave(call.member, isFault, call.settings.breaker, nowMs);
  }

  #measure(nowMs: number): void {
    this.#shrunkMs ??= nowMs;
    const now = this.tokensPerBlock;
    if (Math.abs(now / this.#measured - 1) < REMEASURED_AT) return;
    if (now > this.#measured) {
      if (nowMs - this.#shrunkMs < SHRINK_EVERY_MS) return;
      this.#shrunkMs = nowMs;
    }
    this.#measured = Math.min(now, this.#measured * SHRINK_MAX);
    this.#members.measure(this.#measured);
  }
}
