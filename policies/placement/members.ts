// The replicas of a pool by name: each one's number in the placement, its room, its health and what it is audited on.
// Callers' copies of the catalog differ for a minute after an edit, so one that a caller leaves out is retired, not
// forgotten, and each call goes only to replicas that its own caller knows.
import { CLOSED, askPermit, handBackProbe, reportOutcome, type Circuit } from "../breaker.ts";
import type { BreakerSettings } from "../catalog.ts";
import { REPLICAS_MAX } from "../pool.ts";
import type { Placement } from "../placement.ts";
import { Audit } from "./audit.ts";
import { isOf, type Judged } from "./isolation.ts";
import { BLOCK_TOKENS, type PoolSettings, type ReplicaSettings } from "./pool.ts";

/** Twice as many as a pool has, so that a catalog may replace all of them at once. */
export const SLOTS_MAX = 2 * REPLICAS_MAX;
/** How long a replica that nobody names keeps its place: far longer than copies of a catalog differ. */
export const RETIRED_MS = 600_000;
/** Asking sooner whether a replica that shares its cache may get calls again helps nobody: an operator has to mend it. */
const SHARED_RETRY_MS = 60_000;

export interface Member {
  readonly id: string;
  /** Its number in the placement. */
  readonly slot: number;
  settings: ReplicaSettings;
  circuit: Circuit;
  /** Calls that are there. */
  running: number;
  readonly audit: Audit;
  retiredMs: number | null;
  /** Where it was before it moved, and when it did. */
  moved: { readonly from: number; readonly atMs: number } | null;
  /** Where what is believed of it was found. */
  address: number | null;
  /** As the placement has it. */
  isDown: boolean;
}

/** A pool as one caller's catalog has it. */
export interface Membership {
  readonly settings: PoolSettings;
  readonly members: readonly Member[];
}

export class Members {
  readonly #placement: Placement;
  readonly #forgotten: (slot: number) => void;
  readonly #byId = new Map<string, Member>();
  readonly #slots: (Member | null)[] = Array.from({ length: SLOTS_MAX }, () => null);
  #newest: { readonly text: string; readonly membership: Membership } | null = null;
  #tokensPerBlock = BLOCK_TOKENS;
  #judged: ReadonlyMap<string, Judged> = new Map();

  /** `forgotten`: the number is given to another replica from now on, or to another engine. */
  constructor(placement: Placement, forgotten: (slot: number) => void) {
    this.#placement = placement;
    this.#forgotten = forgotten;
    for (let slot = 0; slot < SLOTS_MAX; slot++)
      placement.replica(slot, { state: "down" }, -Infinity);
  }

  [Symbol.iterator](): Iterator<Member> {
    return this.#byId.values();
  }

  find(id: string): Member | null {
    return this.#byId.get(id) ?? null;
  }

  at(slot: number): Member {
    return this.#slots[slot]!;
  }

  /** The pool as whoever asked last has it. */
  get newest(): Membership | null {
    return this.#newest?.membership ?? null;
  }

  /**
   * The pool as its caller has it. Where more replicas come and go within minutes than there are numbers for, some get
   * theirs, and calls, later.
   */
  adopt(settings: PoolSettings, nowMs: number): Membership {
    const text = JSON.stringify(settings);
    const { replicas } = settings;
    const isWhole = this.#newest?.membership.members.length === replicas.length;
    if (text === this.#newest?.text && isWhole) return this.#newest.membership;
    const ids = new Set(replicas.map(({ id }) => id));
    for (const member of this.#byId.values()) {
      if (ids.has(member.id)) member.retiredMs = null;
      else member.retiredMs ??= nowMs;
    }
    for (const member of this.#byId.values())
      if (member.retiredMs !== null && nowMs - member.retiredMs > RETIRED_MS)
        this.#drop(member, nowMs);
    const members = replicas
      .map((replica) => this.#member(replica, nowMs))
      .filter((member) => member !== null);
    const membership = { settings, members };
    this.#newest = { text, membership };
    const speeds = replicas.map(({ prefillTokensPerSecond }) => prefillTokensPerSecond);
    this.#placement.setPoolSpeed(speeds.reduce((sum, one) => sum + one, 0) / speeds.length);
    return membership;
  }

  /** A block stands for so many tokens now, so caches hold another number of them. */
  measure(tokensPerBlock: number): void {
    this.#tokensPerBlock = tokensPerBlock;
    for (const member of this.#byId.values()) this.#tell(member, this.#capacityOf(member));
  }

  /** What self-tests found, of all replicas: those that share their cache get no calls from now on. */
  judge(judged: readonly Judged[]): void {
    this.#judged = new Map(judged.map((one) => [one.replica, one]));
  }

  /** Replicas of a caller's that were found to share one tenant's cache with another's. */
  sharedOf({ replicas }: PoolSettings): readonly string[] {
    if (this.#judged.size === 0) return [];
    return replicas
      .map(({ id }) => id)
      .filter((id) => this.#judged.get(id)?.isolation === "shared");
  }

  judgedOf({ id, settings }: Member): Judged | null {
    const judged = this.#judged.get(id);
    return judged !== undefined && isOf(judged, settings) ? judged : null;
  }

  /** Whether it may get a call now, a trial perhaps, and when asking again may help. Takes nothing. */
  permit(
    member: Member,
    { breaker }: PoolSettings,
    nowMs: number,
  ): { permitted: boolean; retryInMs: number } {
    if (this.judgedOf(member)?.isolation === "shared")
      return { permitted: false, retryInMs: SHARED_RETRY_MS };
    return askPermit(member.circuit, breaker, nowMs).permit;
  }

  /** A call goes there. */
  enter(member: Member, { breaker }: PoolSettings, nowMs: number): void {
    member.circuit = askPermit(member.circuit, breaker, nowMs).circuit;
    member.running++;
  }

  /** A call is over there. `isFault` null: nothing is told. True when the replica is down from now on. */
  leave(member: Member, isFault: boolean | null, breaker: BreakerSettings, nowMs: number): boolean {
    member.running--;
    member.circuit =
      isFault === null
        ? handBackProbe(member.circuit, breaker, nowMs)
        : reportOutcome(member.circuit, !isFault, breaker, nowMs);
    const isDown = member.circuit.kind === "open" && isFault === true;
    if (isDown && !member.isDown) {
      member.isDown = true;
      // Whatever is queued there will not be computed: nobody waits for it.
      this.#tell(member, null);
    }
    return isDown;
  }

  /** It may get calls again. */
  raise(member: Member): void {
    if (!member.isDown) return;
    member.isDown = false;
    this.#tell(member, null);
  }

  /** Null: there is no number for it, since calls run on all that could give theirs. */
  #member(settings: ReplicaSettings, nowMs: number): Member | null {
    const known = this.#byId.get(settings.id);
    if (known !== undefined) {
      const before = known.settings;
      known.settings = settings;
      this.#move(known, nowMs);
      if (before.prefillTokensPerSecond !== settings.prefillTokensPerSecond)
        this.#tell(known, null, settings.prefillTokensPerSecond);
      if (before.capacityTokens !== settings.capacityTokens)
        this.#tell(known, this.#capacityOf(known));
      return known;
    }
    if (this.#byId.size >= SLOTS_MAX) this.#dropLongestRetired(nowMs);
    const slot = this.#slots.indexOf(null);
    if (slot < 0) return null;
    const member: Member = {
      id: settings.id,
      slot,
      settings,
      circuit: CLOSED,
      running: 0,
      audit: new Audit(),
      retiredMs: null,
      moved: null,
      address: settings.address ?? null,
      isDown: false,
    };
    this.#slots[slot] = member;
    this.#byId.set(settings.id, member);
    this.#tell(member, this.#capacityOf(member), settings.prefillTokensPerSecond);
    return member;
  }

  /** What another engine cached is not where it is now. A caller whose copy of the catalog is old has not moved it back. */
  #move(member: Member, nowMs: number): void {
    const from = member.address;
    const to = member.settings.address ?? from;
    if (from === to) return;
    const { moved } = member;
    if (moved !== null && moved.from === to && nowMs - moved.atMs < RETIRED_MS) return;
    member.address = to;
    if (from === null) return;
    member.moved = { from, atMs: nowMs };
    member.audit.forget();
    this.#placement.cleared(member.slot, nowMs);
    this.#forgotten(member.slot);
  }

  #capacityOf({ settings }: Member): number {
    return Math.max(1, Math.ceil(settings.capacityTokens / this.#tokensPerBlock));
  }

  #tell(
    { slot, isDown }: Member,
    capacityBlocks: number | null,
    prefillTokensPerSecond?: number,
  ): void {
    const change = {
      state: isDown ? ("down" as const) : ("up" as const),
      ...(capacityBlocks === null ? {} : { capacityBlocks }),
      ...(prefillTokensPerSecond === undefined ? {} : { prefillTokensPerSecond }),
    };
    this.#placement.replica(slot, change, -Infinity);
  }

  #dropLongestRetired(nowMs: number): void {
    let longest: Member | null = null;
    for (const member of this.#byId.values())
      if (member.running === 0 && (member.retiredMs ?? Infinity) < (longest?.retiredMs ?? Infinity))
        longest = member;
    if (longest !== null) this.#drop(longest, nowMs);
  }

  /** Unless a call is there. */
  #drop(member: Member, nowMs: number): void {
    if (member.running > 0) return;
    this.#byId.delete(member.id);
    this.#slots[member.slot] = null;
    this.#placement.replica(member.slot, { state: "down" }, nowMs);
    this.#placement.cleared(member.slot, nowMs);
    this.#forgotten(member.slot);
  }
}
