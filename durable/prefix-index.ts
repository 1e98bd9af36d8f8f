// The prefix index of one pool: the one serial point that says which replica a call goes to, by what each caches, has yet to
// compute and has room for. What it knows lies in memory, where each operation is one synchronous turn; a snapshot now and
// then lets it sleep, and without one it is as right, and knows less.
import { DurableObject } from "cloudflare:workers";
import { Dispatch } from "../policies/placement/dispatch.ts";
import { EarlyEnds } from "../policies/placement/early-ends.ts";
import { judge, type Finding, type Judged } from "../policies/placement/isolation.ts";
import {
  BLOCKS_MAX,
  type EndedCall,
  type IngestAnswer,
  type PlaceAnswer,
  type PlaceRequest,
  type PoolReport,
  type PoolSettings,
} from "../policies/placement/pool.ts";
import { reportOf } from "../policies/placement/report.ts";
import { keysOf, type KvBatch } from "../policies/prefix/kv-events.ts";
import { logError } from "./log.ts";
import { migrate } from "./migrate.ts";
import {
  checkBatch,
  checkCallId,
  checkEnded,
  checkFindings,
  checkKeys,
  checkPlace,
  checkSettings,
} from "./prefix-index-request.ts";
import { IsolationBook } from "./prefix-index-isolation.ts";
import { SlotBook, STEPS } from "./prefix-index-rows.ts";
import { readSnapshot, snapshotTakenAtMs, writeSnapshot } from "./prefix-index-snapshot.ts";

/** From the first change on: an object that nobody calls is put to sleep some minutes later. */
const SNAPSHOT_AFTER_MS = 60_000;
/** Where much changed: a snapshot of a full index takes some 100 ms in which nobody is placed. */
const SNAPSHOT_SOON_MS = 15_000;
/** Blocks that are much. */
const BLOCKS_SOON = 100_000;
/** A timer of those who wait comes at least so often, whatever the clock does meanwhile. */
const TIMER_MS_MAX = 10_000;

interface Waiter {
  readonly promise: Promise<PlaceAnswer>;
  resolve(answer: PlaceAnswer): void;
}

export class PrefixIndex extends DurableObject<Env> {
  readonly #clockMs: () => number;
  readonly #slots: SlotBook;
  readonly #isolation: IsolationBook;
  /** Null until somebody tells the pool's settings. */
  #dispatch: Dispatch | null = null;
  readonly #early = new EarlyEnds();
  readonly #waiters = new Map<string, Waiter>();
  /** Calls of pools with a cap, which are stored. */
  readonly #stored = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  #changedBlocks = 0;
  #alarmMs: number | null = null;

  /** `clockMs`: the object's own clock, in milliseconds since 1970; a subclass in a test gives another. */
  constructor(ctx: DurableObjectState, env: Env, clockMs: () => number = () => Date.now()) {
    super(ctx, env);
    this.#clockMs = clockMs;
    migrate(ctx.storage, STEPS);
    this.#slots = new SlotBook(ctx.storage.sql);
    this.#isolation = new IsolationBook(ctx.storage.sql);
  }

  /** Answers when the call has a replica or is refused, at most the pool's `waitMsMax` later. */
  place(settings: PoolSettings, request: PlaceRequest): Promise<PlaceAnswer> {
    checkSettings(settings);
    checkPlace(request);
    const answer = this.#turn((nowMs) => {
      this.#changedBlocks += request.blocks.length;
      return this.#wake(settings, nowMs).ask(settings, request, nowMs);
    });
    if (answer !== null) return Promise.resolve(answer);
    const waiter = this.#waiters.get(request.callId) ?? newWaiter();
    this.#waiters.set(request.callId, waiter);
    this.#setTimer();
    return waiter.promise;
  }

  /** Its prompt is computed. */
  firstToken(callId: string): void {
    checkCallId(callId);
    this.#turn((nowMs) => this.#dispatch?.firstToken(callId, nowMs));
  }

  /** Once a call; `isKnown` is false the second time, and for one that expired. */
  ended(callId: string, call: EndedCall): { readonly isKnown: boolean } {
    checkCallId(callId);
    checkEnded(call);
    return this.#turn((nowMs) => {
      if (this.#dispatch !== null) return { isKnown: this.#dispatch.end(callId, call, nowMs) };
      // It slept, and nobody asked since; or the call's own question is still under way.
      this.#slots.drop(callId);
      this.#early.add(callId, nowMs);
      return { isKnown: false };
    });
  }

  /** A batch of what an engine says of its cache, each once by epoch and sequence. */
  ingest(settings: PoolSettings, batch: KvBatch): IngestAnswer {
    checkSettings(settings);
    checkBatch(batch);
    return this.#turn((nowMs) => {
      const dispatch = this.#wake(settings, nowMs);
      for (const operation of batch.operations) this.#changedBlocks += keysOf(operation).length;
      const answer = dispatch.ingest(settings, batch, nowMs);
      return answer === null ? { kind: "unknown-replica" } : { kind: "heard", ...answer };
    });
  }

  /** Keys of one prompt in both domains, so that events in tokens tell of prefixes in units. */
  alias(unitKeys: Float64Array, tokenKeys: Float64Array): void {
    checkKeys("unitKeys", unitKeys, BLOCKS_MAX);
    checkKeys("tokenKeys", tokenKeys, BLOCKS_MAX);
    this.#turn(() => this.#dispatch?.hearing.alias(unitKeys, tokenKeys));
  }

  /** What self-tests found of replicas, and what stands then. One that shares its cache gets no calls from now on; those that wait for it go elsewhere. */
  judge(
    settings: PoolSettings,
    findings: readonly Finding[],
    actor: string,
    isDryRun: boolean,
  ): readonly Judged[] {
    checkSettings(settings);
    checkFindings(findings, actor);
    return this.#turn((nowMs) => {
      const dispatch = this.#wake(settings, nowMs);
      const judged = judge(this.#isolation.read(), findings, settings.replicas, actor, nowMs);
      if (isDryRun) return judged;
      this.#isolation.write(judged);
      dispatch.members.judge(judged);
      dispatch.passTime(nowMs);
      return judged;
    });
  }

  report(settings: PoolSettings): PoolReport {
    checkSettings(settings);
    return this.#turn((nowMs) => {
      const dispatch = this.#wake(settings, nowMs);
      return reportOf(dispatch, settings, snapshotTakenAtMs(this.ctx.storage.sql), nowMs);
    });
  }

  /** At least once, and perhaps late or in an object that knows nothing yet, which must not write over what was known. */
  override async alarm(): Promise<void> {
    this.#alarmMs = null;
    if (this.#dispatch === null || this.#changedBlocks === 0) return;
    try {
      writeSnapshot(this.ctx.storage, this.#dispatch, this.#clockMs());
      this.#changedBlocks = 0;
    } catch (error) {
      logError("snapshot-failed", { problem: String(error) });
      this.#setAlarm(this.#clockMs() + SNAPSHOT_AFTER_MS);
    }
  }

  /** Its memory, from what it knew before it slept. */
  #wake(settings: PoolSettings, nowMs: number): Dispatch {
    if (this.#dispatch !== null) return this.#dispatch;
    const dispatch = new Dispatch(this.#early);
    dispatch.members.adopt(settings, nowMs);
    dispatch.members.judge(this.#isolation.read());
    readSnapshot(this.ctx.storage.sql, dispatch, nowMs);
    const calls = this.#slots.read(nowMs);
    for (const { callId } of calls) this.#stored.add(callId);
    dispatch.readmit(calls);
    this.#dispatch = dispatch;
    return dispatch;
  }

  /**
   * One synchronous turn: an await in it would let two calls have the last slot. What throws in here is a bug, and memory may
   * be half-way, so the object ends itself and the next call finds one that begins from the snapshot.
   */
  #turn<Answer>(act: (nowMs: number) => Answer): Answer {
    try {
      const answer = act(this.#clockMs());
      this.#handOn();
      return answer;
    } catch (error) {
      logError("prefix-index-turn-failed", { pool: this.ctx.id.name, problem: String(error) });
      this.ctx.abort(`The index's turn failed: ${String(error)}`);
      throw error;
    }
  }

  /** Tells those who waited, stores which calls have slots, and sees to it that nothing is forgotten. */
  #handOn(): void {
    if (this.#dispatch === null) return;
    const { decided, opened, ended } = this.#dispatch.takeChanges();
    for (const { callId, member, expiresAtMs, settings } of opened) {
      if (!hasCap(settings)) continue;
      this.#slots.add({ callId, replica: member.id, expiresAtMs });
      this.#stored.add(callId);
    }
    for (const callId of ended) if (this.#stored.delete(callId)) this.#slots.drop(callId);
    for (const [callId, answer] of decided) {
      this.#waiters.get(callId)?.resolve(answer);
      this.#waiters.delete(callId);
    }
    if (this.#changedBlocks > 0)
      this.#setAlarm(
        this.#clockMs() +
          (this.#changedBlocks >= BLOCKS_SOON ? SNAPSHOT_SOON_MS : SNAPSHOT_AFTER_MS),
      );
    this.#setTimer();
  }

  /** Unless it comes as early. */
  #setAlarm(atMs: number): void {
    // One that is overdue for so long was lost.
    const isSet = this.#alarmMs !== null && this.#alarmMs > this.#clockMs() - SNAPSHOT_AFTER_MS;
    if (isSet && this.#alarmMs! <= atMs) return;
    this.#alarmMs = atMs;
    // Not awaited: an answer that waits for it would gain nothing.
    this.ctx.storage.setAlarm(atMs, { allowUnconfirmed: true }).catch(() => {
      this.#alarmMs = null;
    });
  }

  /** While somebody waits there is a request, so the object stays and the timer comes. */
  #setTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#waiters.size === 0 || this.#dispatch === null) return;
    const dueMs = this.#dispatch.dueMs();
    const inMs = Math.min(TIMER_MS_MAX, Math.max(1, Math.ceil(dueMs - this.#dispatch.nowMs)));
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#turn((nowMs) => this.#dispatch?.passTime(nowMs));
    }, inMs);
  }
}

function newWaiter(): Waiter {
  const { promise, resolve } = Promise.withResolvers<PlaceAnswer>();
  return { promise, resolve };
}

function hasCap({ concurrencyMax, replicas }: PoolSettings): boolean {
  return concurrencyMax !== null || replicas.some((replica) => replica.concurrencyMax !== null);
}
