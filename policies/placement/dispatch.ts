// Each call of a pool from its question to its end: a replica with room, or a place in the line until there is some, or a
// refusal in time. Pure: time is an argument, and whoever asks hands answers on to those who waited.
import { createPlacement } from "../placement.ts";
import type { KvAnswer, KvBatch } from "../prefix/kv-events.ts";
import { NO_REPLICA } from "./contract.ts";
import { Hearing } from "./hearing.ts";
import { Line, type Waiting } from "./line.ts";
import { Members, SLOTS_MAX, type Membership } from "./members.ts";
import { OpenCalls, type Call, type StoredCall } from "./open-calls.ts";
import {
  BLOCK_TOKENS,
  type EndedCall,
  type PlaceAnswer,
  type PlaceRequest,
  type PoolSettings,
} from "./pool.ts";
import { isAtCap, RETRY_MS_MAX, RETRY_MS_MIN, Room } from "./room.ts";
import { Spaces } from "./spaces.ts";
import { WorkingSet } from "./working-set.ts";

/** Blocks that are remembered: 60 MB, of the 128 MB that an object has for everything. */
export const ENTRIES_MAX = 1_000_000;
/** Calls in flight in one pool: what one serial decision point feeds. */
const CALLS_MAX = 16_384;
/** Keys of prompts that wait or are not computed yet, all calls together: 16 MB. */
const PENDING_BLOCKS_MAX = 2_097_152;
/** Half of a replica: a tenant alone has all of it, and two that flood it leave each other as much. */
const QUOTA_SHARE = 0.5;

interface Entry extends Waiting {
  readonly request: PlaceRequest;
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
  readonly hearing = new Hearing(this.placement, SLOTS_MAX);
  readonly members = new Members(this.placement, (slot) => {
    this.hearing.forget(slot);
  });
  readonly calls = new OpenCalls(this.placement, this.members);
  readonly spaces = new Spaces((space) => this.heldBy(space) > 0);
  readonly line = new Line<Entry>();
  readonly workingSet = new WorkingSet();
  readonly waits = { placed: 0, refused: 0, totalMs: 0 };
  #lost: readonly StoredCall[] = [];
  readonly #room = new Room(this.members);
  #nowMs = 0;
  #heardMs: number | null = null;
  #waitingBlocks = 0;
  #decided = new Map<string, PlaceAnswer>();
  #opened: Call[] = [];

  /** Null: it waits, and its answer will be among the changes. The same call id gets the same answer while it runs. */
  ask(settings: PoolSettings, request: PlaceRequest, nowMs: number): PlaceAnswer | null {
    const atMs = this.passTime(nowMs);
    const { callId, blocks, expiresInMs } = request;
    const known = this.calls.find(callId)?.answer ?? this.#decided.get(callId);
    if (known !== undefined) return known;
    if (this.line.find(callId) !== null) return null;
    const membership = this.members.adopt(settings, atMs);
    this.#readmitLost(membership);
    const look = this.#room.look(request, membership, this.calls.size, atMs);
    if (look.possible === 0)
      return this.#answer(settings, { kind: "none-up", retryAfterMs: look.retryInMs });
    const isTooMuch =
      this.calls.size >= CALLS_MAX ||
      this.#waitingBlocks + this.calls.blocks + blocks.length > PENDING_BLOCKS_MAX;
    const waitMs = Math.min(settings.waitMsMax, request.waitMsMax ?? Infinity, expiresInMs);
    const isFree = this.line.length === 0 && look.open > 0;
    if (isTooMuch || (!isFree && waitMs === 0)) return this.#refuse(settings);
    const entry: Entry = {
      callId,
      joinedMs: atMs,
      untilMs: atMs + waitMs,
      ...(isFree ? NOTHING_GAINED : this.#gain(request, settings)),
      request,
      membership,
      expiresAtMs: atMs + expiresInMs,
    };
    if (isFree) return this.#grant(entry, atMs);
    if (!this.line.join(entry, settings.order)) return this.#refuse(settings);
    this.#waitingBlocks += blocks.length;
    this.#pump(atMs);
    const answer = this.#decided.get(callId) ?? null;
    this.#decided.delete(callId);
    return answer;
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
    const isKnown = waiting !== null || this.calls.end(callId, ended, atMs);
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

  /** What an engine says of its cache; the replica must be one of the pool's. */
  ingest(settings: PoolSettings, batch: KvBatch, nowMs: number): KvAnswer {
    const atMs = this.passTime(nowMs);
    const { members } = this.members.adopt(settings, atMs);
    const member = members.find(({ id }) => id === batch.replica);
    if (member === undefined) throw new RangeError("replica: one of the pool's");
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
    for (const member of members) {
      const { retryInMs } = this.members.permit(member, settings, this.#nowMs);
      if (retryInMs > 0) dueMs = Math.min(dueMs, this.#nowMs + retryInMs);
    }
    return dueMs;
  }

  takeChanges(): Changes {
    const changes = {
      decided: this.#decided,
      opened: this.#opened,
      ended: this.calls.takeEnded(),
    };
    if (this.#decided.size > 0) this.#decided = new Map();
    if (this.#opened.length > 0) this.#opened = [];
    return changes;
  }

  /** Calls that had a slot before the index slept: they have it until they end or expire. */
  readmit(calls: readonly StoredCall[]): void {
    this.#lost = calls;
  }

  /** Blocks of one tenant on all replicas. */
  heldBy(space: number): number {
    let held = 0;
    for (const { slot } of this.members) held += this.placement.heldBy(slot, space);
    return held;
  }

  #readmitLost({ members, settings }: Membership): void {
    for (const { callId, replica, expiresAtMs } of this.#lost) {
      const member = members.find(({ id }) => id === replica);
      if (member === undefined || expiresAtMs <= this.#nowMs) continue;
      member.running++;
      const answer = { kind: "placed", replica, ...UNKNOWN_MATCH } as const;
      const rest = { answer, settings, ticket: null, blockCount: 0, isTrial: false };
      this.calls.open({ callId, member, expiresAtMs, ...rest });
    }
    this.#lost = [];
  }

  /** What a call would find cached at best, and what it would have to compute. */
  #gain(request: PlaceRequest, { order, replicas }: PoolSettings) {
    if (order === "arrival" || request.blocks.length === 0) return NOTHING_GAINED;
    const { tokens, blockTokens } = this.#measure(request);
    // Wherever there is room or not: it waits.
    const depth = this.placement.depth({ blocks: request.blocks, inputTokens: tokens });
    const speed = Math.max(...replicas.map((one) => one.prefillTokensPerSecond));
    const uncachedSeconds = Math.max(0, tokens - depth * blockTokens) / speed;
    return { hitShare: depth / request.blocks.length, uncachedSeconds };
  }

  /** Gives slots to those who wait, in their order; one that cannot go where there is room lets others pass. */
  #pump(nowMs: number): void {
    let stuck: Membership | null = null;
    if (this.line.length === 0) return;
    for (const entry of this.line) {
      const { request, membership } = entry;
      if (isAtCap(this.calls.size, membership.settings.concurrencyMax)) return;
      const isPlain = request.pin === undefined && request.avoid === undefined;
      if (isPlain && membership === stuck) continue;
      const look = this.#room.look(request, membership, this.calls.size, nowMs);
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

  #leaveLine(entry: Entry, answer: PlaceAnswer): void {
    this.#waitingBlocks -= entry.request.blocks.length;
    this.#decided.set(entry.callId, answer);
  }

  /** The last look says where there is room. */
  #grant({ request, membership, joinedMs, expiresAtMs }: Entry, nowMs: number): PlaceAnswer {
    const { callId, blocks, tenant } = request;
    const { settings } = membership;
    const { tokens, blockTokens } = this.#measure(request);
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
    const rest = { answer, settings, ticket, blockCount: blocks.length, isTrial };
    const call = { callId, member, expiresAtMs, ...rest };
    this.calls.open(call);
    this.#opened.push(call);
    this.waits.placed++;
    this.waits.totalMs += waitedMs;
    return answer;
  }

  #measure({ blocks, inputTokens }: PlaceRequest): { tokens: number; blockTokens: number } {
    const perBlock = this.calls.tokensPerBlock;
    const tokens = Math.min(inputTokens, (blocks.length + 1) * perBlock);
    return { tokens, blockTokens: Math.min(perBlock, tokens / Math.max(1, blocks.length)) };
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

const NOTHING_GAINED = { hitShare: 0, uncachedSeconds: 0 };
const UNKNOWN_MATCH = { matchedBlocks: 0, cachedTokens: 0, waitedMs: 0 };
