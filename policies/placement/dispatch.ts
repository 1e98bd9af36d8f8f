// Each call of a pool from its question to its end: a replica with room, or a place in the line until there is some, or a
// refusal in time. Pure: time is an argument, and whoever asks hands answers on to those who waited.
import { createPlacement } from "../placement.ts";
import type { KvAnswer, KvBatch } from "../prefix/kv-events.ts";
import { NO_REPLICA } from "./contract.ts";
import { EarlyEnds } from "./early-ends.ts";
import { Hearing } from "./hearing.ts";
import { Line, type Waiting } from "./line.ts";
import { LostCalls } from "./lost-calls.ts";
import { Members, SLOTS_MAX, type Membership } from "./members.ts";
import { OpenCalls, type Call, type StoredCall } from "./open-calls.ts";
import {
  BLOCK_TOKENS,
  type EndedCall,
  type PlaceAnswer,
  type PlaceRequest,
  type PoolSettings,
} from "./pool.ts";
import { gainOf, NOTHING_GAINED, sizeOf, type PromptSize } from "./prompt-size.ts";
import { isAtCap, RETRY_MS_MAX, RETRY_MS_MIN, Room } from "./room.ts";
import { Spaces } from "./spaces.ts";
import { WorkingSet } from "./working-set.ts";

/** Blocks that are remembered: 60 MB, of the 128 MB that an object has for everything. */
export const ENTRIES_MAX = 1_000_000;
/** Calls in flight in one pool: what one serial decision point feeds. */
const CALLS_MAX = 16_384;
/** Half of a replica: a tenant alone has all of it, and two that flood it leave each other as much. */
const QUOTA_SHARE = 0.5;

interface Entry extends Waiting {
  /** Without its keys where there was no room for them: it goes where there is least to do. */
  readonly request: PlaceRequest;
  readonly blockCount: number;
  readonly membership: Membership;
  readonly expiresAtMs: number;
}

/** What became of calls since it was last asked. */
export interface Changes {
  /** Answers to those who waited. */
  readonly decided: ReadonlyMap<string, PlaceAnswer>;
  readonly opened: readonly Call[];
  readonly ended: readonly string[];
}

export class Dispatch {
  readonly placement = createPlacement({
    replicas: SLOTS_MAX,
    blockTokens: BLOCK_TOKENS,
    prefillTokensPerSecond: 10_000,
    capacityBlocks: 1,
    events: true,
    blocksMax: ENTRIES_MAX,
    quotaShare: QUOTA_SHARE,
  });
  readonly hearing = new Hearing(this.placement, SLOTS_MAX, () => this.calls.tokensPerBlock);
  readonly members = new Members(this.placement, (slot) => {
    this.hearing.forget(slot);
  });
  readonly calls = new OpenCalls(this.placement, this.members);
  readonly spaces = new Spaces((space) => this.heldBy(space) > 0);
  readonly line = new Line<Entry>();
  readonly workingSet = new WorkingSet();
  readonly waits = { placed: 0, refused: 0, totalMs: 0 };
  readonly #lost = new LostCalls(this.members, this.calls);
  readonly #early: EarlyEnds;
  readonly #room = new Room(this.members);
  #nowMs = 0;
  #heardMs: number | null = null;
  #decided = new Map<string, PlaceAnswer>();
  #opened: Call[] = [];
  #endedUnseen: string[] = [];

  /** `early`: ends that were told before there was a dispatch. */
  constructor(early = new EarlyEnds()) {
    this.#early = early;
  }

  /** Null: it waits, and its answer will be among the changes. The same call id gets the same answer while it runs. */
  ask(settings: PoolSettings, request: PlaceRequest, nowMs: number): PlaceAnswer | null {
    const atMs = this.passTime(nowMs);
    const { callId, tenant, blocks, inputTokens, expiresInMs } = request;
    const known = this.calls.find(callId)?.answer ?? this.#decided.get(callId);
    if (known !== undefined) return known;
    if (this.line.find(callId) !== null) return null;
    if (this.#early.take(callId, atMs)) return this.#answer(settings, { kind: "left" });
    const membership = this.adopt(settings, atMs);
    const look = this.#room.look(request, membership, this.#isFull, atMs);
    if (look.possible === 0)
      return this.#answer(settings, { kind: "none-up", retryAfterMs: look.retryInMs });
    const waitMs = Math.min(settings.waitMsMax, request.waitMsMax ?? Infinity, expiresInMs);
    // What is open now, nobody in the line could take: it would have it already.
    const isFree = look.open > 0;
    if (this.calls.size >= CALLS_MAX || (!isFree && waitMs === 0)) return this.#refuse(settings);
    const size = this.#sizeOf(blocks.length, inputTokens);
    const { pending } = this.calls;
    const entry: Entry = {
      callId,
      tenant,
      joinedMs: atMs,
      untilMs: atMs + waitMs,
      ...(isFree ? NOTHING_GAINED : gainOf(this.placement, blocks, size, settings)),
      request: pending.fits(tenant, blocks.length) ? request : { ...request, blocks: NO_KEYS },
      blockCount: blocks.length,
      membership,
      expiresAtMs: atMs + expiresInMs,
    };
    if (isFree) return this.#grant(entry, atMs);
    if (!this.line.join(entry, settings.order)) return this.#refuse(settings);
    pending.add(tenant, entry.request.blocks.length);
    return null;
  }

  /** The pool as its caller has it. */
  adopt(settings: PoolSettings, atMs: number): Membership {
    const { newest } = this.members;
    const membership = this.members.adopt(settings, atMs);
    this.#lost.readmit();
    // Another cap may have made room, and other replicas may be there.
    if (membership !== newest) this.#pump(atMs);
    return membership;
  }

  firstToken(callId: string, nowMs: number): void {
    this.calls.firstToken(callId, this.passTime(nowMs));
  }

  /** False: it is not known, or not any more. */
  end(callId: string, ended: EndedCall, nowMs: number): boolean {
    const atMs = this.passTime(nowMs);
    const waiting = this.line.take(callId);
    if (waiting !== null)
      this.#leaveLine(waiting, this.#answer(waiting.membership.settings, { kind: "left" }));
    const isLost = this.#lost.end(callId);
    if (isLost) this.#endedUnseen.push(callId);
    const isKnown = waiting !== null || isLost || this.calls.end(callId, ended, atMs);
    if (!isKnown) this.#early.add(callId, atMs);
    this.#pump(atMs);
    return isKnown;
  }

  /**
   * Ends what is due, and gives away what came free. Answers what time it is here: a clock that goes back goes on from where
   * it was, since one that stood still until it is caught up would let nobody's time pass.
   */
  passTime(nowMs: number): number {
    this.#nowMs += this.#heardMs === null ? nowMs : Math.max(0, nowMs - this.#heardMs);
    this.#heardMs = nowMs;
    for (const entry of this.line.takeDue(this.#nowMs))
      this.#leaveLine(entry, this.#refuse(entry.membership.settings));
    this.calls.expire(this.#nowMs);
    this.#pump(this.#nowMs);
    return this.#nowMs;
  }

  /** What an engine says of its cache; null: its replica is none of the pool's. */
  ingest(settings: PoolSettings, batch: KvBatch, nowMs: number): KvAnswer | null {
    const atMs = this.passTime(nowMs);
    const { members } = this.adopt(settings, atMs);
    const member = members.find(({ id }) => id === batch.replica);
    if (member === undefined) return null;
    const { epoch } = this.hearing.of(member.slot);
    const isDoubted = member.audit.isOverPredicted;
    const answer = this.hearing.ingest(member.slot, batch, isDoubted, atMs);
    if (this.hearing.of(member.slot).epoch !== epoch) member.audit.forget();
    return answer;
  }

  /** As it is here. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** When one who waits may get an answer though nobody asks; Infinity: nobody waits. */
  dueMs(): number {
    const first = this.line.first;
    if (first === null) return Infinity;
    const { members, settings } = first.membership;
    let dueMs = Math.min(this.line.dueMs, this.calls.dueMs);
    for (const { id } of members) {
      const member = this.members.find(id);
      if (member === null) continue;
      const { retryInMs } = this.members.permit(member, settings, this.#nowMs);
      if (retryInMs > 0) dueMs = Math.min(dueMs, this.#nowMs + retryInMs);
    }
    return dueMs;
  }

  takeChanges(): Changes {
    const changes = {
      decided: this.#decided,
      opened: this.#opened,
      ended: [...this.calls.takeEnded(), ...this.#endedUnseen],
    };
    if (this.#endedUnseen.length > 0) this.#endedUnseen = [];
    if (this.#decided.size > 0) this.#decided = new Map();
    if (this.#opened.length > 0) this.#opened = [];
    return changes;
  }

  /** Calls that had a slot before the index slept. */
  readmit(calls: readonly StoredCall[]): void {
    this.#lost.add(calls);
  }

  /** Blocks of one tenant on all replicas. */
  heldBy(space: number): number {
    let held = 0;
    for (const { slot } of this.members) held += this.placement.heldBy(slot, space);
    return held;
  }

  /** By the newest settings, whoever waits with older ones. */
  get #isFull(): boolean {
    const { newest } = this.members;
    return newest !== null && isAtCap(this.calls.size, newest.settings.concurrencyMax);
  }

  /** Gives slots to those who wait, in their order; one that cannot go where there is room lets others pass. */
  #pump(nowMs: number): void {
    let stuck: Membership | null = null;
    if (this.line.length === 0) return;
    for (const entry of this.line) {
      const { request, membership } = entry;
      if (this.#isFull) return;
      const isPlain = request.pin === undefined && (request.avoid ?? []).length === 0;
      if (isPlain && membership === stuck) continue;
      const look = this.#room.look(request, membership, false, nowMs);
      if (look.possible > 0 && look.open === 0) {
        if (isPlain) stuck = membership;
        continue;
      }
      this.line.take(entry.callId);
      const noneUp = { kind: "none-up", retryAfterMs: look.retryInMs } as const;
      this.#leaveLine(
        entry,
        look.possible === 0 ? this.#answer(membership.settings, noneUp) : this.#grant(entry, nowMs),
      );
    }
  }

  #leaveLine({ callId, tenant, request }: Entry, answer: PlaceAnswer): void {
    this.calls.pending.take(tenant, request.blocks.length);
    this.#decided.set(callId, answer);
  }

  /** The last look says where there is room. */
  #grant(entry: Entry, nowMs: number): PlaceAnswer {
    const { request, blockCount, membership, joinedMs, expiresAtMs } = entry;
    const { callId, blocks, tenant, inputTokens } = request;
    const { settings } = membership;
    const { tokens, blockTokens } = this.#sizeOf(blockCount, inputTokens);
    const space = this.spaces.of(tenant);
    const question = { blocks, inputTokens: tokens, blockTokens, space, closed: this.#room.closed };
    this.workingSet.use(blocks, nowMs);
    const { replica, matchedBlocks, ticket } = this.placement.choose(question, nowMs);
    if (replica === NO_REPLICA) throw new Error("There was room, and no replica was chosen.");
    const member = this.members.at(replica);
    const isTrial = member.circuit.kind !== "closed";
    this.members.enter(member, settings, nowMs);
    const waitedMs = nowMs - joinedMs;
    const cachedTokens = Math.round(Math.min(tokens, matchedBlocks * blockTokens));
    const answer = this.#answer(settings, {
      kind: "placed",
      replica: member.id,
      matchedBlocks,
      cachedTokens,
      waitedMs,
    });
    const isKeyless = blocks.length < blockCount;
    const rest = { tenant, answer, settings, ticket, blockCount, isKeyless, isTrial };
    const call = { callId, member, expiresAtMs, ...rest };
    this.calls.open(call);
    this.#opened.push(call);
    this.waits.placed++;
    this.waits.totalMs += waitedMs;
    return answer;
  }

  #sizeOf(blocks: number, inputTokens: number): PromptSize {
    return sizeOf(blocks, inputTokens, this.calls.tokensPerBlock);
  }

  #refuse(settings: PoolSettings): PlaceAnswer {
    this.waits.refused++;
    const waitMs = Math.round(this.calls.gapMs * (this.line.length + 1));
    const retryAfterMs = Math.min(RETRY_MS_MAX, Math.max(RETRY_MS_MIN, waitMs));
    return this.#answer(settings, { kind: "full", retryAfterMs });
  }

  /** Whatever it says, the caller learns which replicas get no calls: it decides alone when the index is away. */
  #answer(settings: PoolSettings, answer: PlaceAnswer): PlaceAnswer {
    const shared = this.members.sharedOf(settings);
    return shared.length === 0 ? answer : { ...answer, shared };
  }
}

const NO_KEYS = new Float64Array(0);
