// Calls that wait for a slot of a full pool, and in which order they get one. What a call would gain by going first is
// counted against how long it waits (ageing), so nobody is overtaken by one that came much later, and each leaves in time.
import type { Order } from "../pool.ts";

/** Calls that wait in one pool: more would be refused later anyway, and each keeps a client's connection open. */
export const LINE_MAX = 4096;
/** The part of them that may be one tenant's, so that others can wait too. */
export const TENANT_SHARE = 0.5;
/**
 * The part of its longest wait by which a call that would gain nothing may be overtaken: the other half is left to get
 * its turn in.
 */
const OVERTAKEN_SHARE = 0.5;

export interface Waiting {
  readonly callId: string;
  readonly tenant: string;
  readonly joinedMs: number;
  /** It leaves then at the latest. */
  readonly untilMs: number;
  /** The part of its prompt that was cached when it came, 0..1. */
  readonly hitShare: number;
  /** What it would have to compute when it came, in seconds. */
  readonly uncachedSeconds: number;
}

interface Place<Entry> {
  readonly entry: Entry;
  /** As if it had come then. It never changes, so neither does the order of two that wait. */
  readonly rankMs: number;
  readonly number: number;
}

export class Line<Entry extends Waiting> {
  readonly #places: Place<Entry>[] = [];
  readonly #byId = new Map<string, Place<Entry>>();
  /** How many of each tenant's wait. */
  readonly #byTenant = new Map<string, number>();
  #number = 0;
  /** At most this much early: nobody who waits leaves before. */
  #dueMs = Infinity;

  get length(): number {
    return this.#places.length;
  }

  /** The one whose turn it is. */
  get first(): Entry | null {
    return this.#places[0]?.entry ?? null;
  }

  /** Until then nobody leaves by itself. */
  get dueMs(): number {
    return this.#dueMs;
  }

  find(callId: string): Entry | null {
    return this.#byId.get(callId)?.entry ?? null;
  }

  /** Those who wait, in their order. Whoever looks may take the one that it sees. */
  *[Symbol.iterator](): Generator<Entry> {
    for (const { entry } of this.#places.slice()) yield entry;
  }

  /** False: too many wait, or too many of the tenant's. */
  join(entry: Entry, order: Order): boolean {
    if (this.#places.length >= LINE_MAX || this.#byId.has(entry.callId)) return false;
    const own = this.#byTenant.get(entry.tenant) ?? 0;
    if (own >= LINE_MAX * TENANT_SHARE) return false;
    this.#byTenant.set(entry.tenant, own + 1);
    const place = { entry, rankMs: entry.joinedMs + delayMs(entry, order), number: this.#number++ };
    this.#places.splice(this.#where(place), 0, place);
    this.#byId.set(entry.callId, place);
    this.#dueMs = Math.min(this.#dueMs, entry.untilMs);
    return true;
  }

  /** It has a slot, or it left. */
  take(callId: string): Entry | null {
    const place = this.#byId.get(callId);
    if (place === undefined) return null;
    this.#byId.delete(callId);
    const { tenant } = place.entry;
    const left = this.#byTenant.get(tenant)! - 1;
    if (left > 0) this.#byTenant.set(tenant, left);
    else this.#byTenant.delete(tenant);
    this.#places.splice(this.#where(place), 1);
    if (this.#places.length === 0) this.#dueMs = Infinity;
    return place.entry;
  }

  /** Takes those whose time is over. */
  takeDue(nowMs: number): Entry[] {
    if (nowMs < this.#dueMs) return [];
    const due = this.#places.map(({ entry }) => entry).filter(({ untilMs }) => untilMs <= nowMs);
    for (const { callId } of due) this.take(callId);
    this.#dueMs = Infinity;
    for (const { entry } of this.#places) this.#dueMs = Math.min(this.#dueMs, entry.untilMs);
    return due;
  }

  /** How long the one that came first waits. */
  longestMs(nowMs: number): number {
    let longest = 0;
    for (const { entry } of this.#places) longest = Math.max(longest, nowMs - entry.joinedMs);
    return longest;
  }

  /** The first place that does not come before this one. */
  #where(place: Place<Entry>): number {
    let low = 0;
    let high = this.#places.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#places[middle]!;
      const isBefore =
        other.rankMs < place.rankMs ||
        (other.rankMs === place.rankMs && other.number < place.number);
      if (isBefore) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** By how much later it counts as having come. */
function delayMs({ joinedMs, untilMs, hitShare, uncachedSeconds }: Waiting, order: Order): number {
  const mostMs = OVERTAKEN_SHARE * (untilMs - joinedMs);
  switch (order) {
    case "arrival":
      return 0;
    case "hit-rate":
      return mostMs * (1 - Math.min(1, Math.max(0, hitShare)));
    case "shortest-uncached":
      return Math.min(mostMs, Math.max(0, uncachedSeconds) * 1000);
  }
}
