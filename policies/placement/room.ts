// Which replicas of a pool may get a call, and which of these have room for it now.
import { SLOTS_MAX, type Member, type Members, type Membership } from "./members.ts";
import type { PlaceRequest } from "./pool.ts";

/** Where nothing says sooner. */
export const RETRY_MS_MAX = 60_000;
export const RETRY_MS_MIN = 1_000;

export interface Look {
  /** Replicas that may get it. */
  readonly possible: number;
  /** Those of them that have room. */
  readonly open: number;
  /** When one that rests may be tried again. */
  readonly retryInMs: number;
}

export class Room {
  readonly #members: Members;
  /** After a look, 1 for each replica that may not get the call or has no room. */
  readonly closed = new Uint8Array(SLOTS_MAX);

  constructor(members: Members) {
    this.#members = members;
  }

  /**
   * `isFull`: the pool is at its cap. What a call avoids is passed over where nothing else may get it: one that failed may
   * do better the second time, and no replica at all does not.
   */
  look(request: PlaceRequest, membership: Membership, isFull: boolean, nowMs: number): Look {
    const look = this.#look(request, membership, isFull, nowMs);
    const { avoid = [] } = request;
    if (look.possible > 0 || avoid.length === 0) return look;
    return this.#look({ ...request, avoid: [] }, membership, isFull, nowMs);
  }

  #look(
    { pin, avoid = [] }: PlaceRequest,
    { members, settings }: Membership,
    isFull: boolean,
    nowMs: number,
  ): Look {
    this.closed.fill(1);
    // A call that waits may know replicas that are gone meanwhile.
    const isKnown = ({ id }: Member): boolean => id === pin && !avoid.includes(id);
    const pinned = members.some(isKnown) ? this.#members.find(pin!) : null;
    const isPinned = pinned !== null && this.#members.permit(pinned, settings, nowMs).permitted;
    let possible = 0;
    let open = 0;
    let retryInMs = RETRY_MS_MAX;
    for (const { id } of isPinned ? [pinned] : members) {
      const member = this.#members.find(id);
      if (member === null || avoid.includes(id)) continue;
      const permit = this.#members.permit(member, settings, nowMs);
      if (!permit.permitted) {
        retryInMs = Math.min(retryInMs, permit.retryInMs);
        continue;
      }
      possible++;
      this.#members.raise(member);
      if (isFull || isAtCap(member.running, member.settings.concurrencyMax)) continue;
      this.closed[member.slot] = 0;
      open++;
    }
    return { possible, open, retryInMs: Math.max(RETRY_MS_MIN, retryInMs) };
  }
}

export function isAtCap(count: number, max: number | null): boolean {
  return max !== null && count >= max;
}
