// What is left of each limit that a call is checked against, now.
import type { Meter } from "../account.ts";
import { NOTHING, type Amounts, type Dimension } from "./amounts.ts";
import { bucketName } from "./bucket.ts";
import type { Path } from "./entry.ts";
import type { Limit, Window } from "./limit.ts";
import { freeOf, isLeased } from "./loan.ts";
import { rateName } from "./contribution.ts";
import { emptyInMs, emptyRate, roomIn, waitMs } from "./rate.ts";
import { pinnedKey, type LedgerState } from "./state.ts";
import { windowEndMs } from "./window.ts";
import { olderEndMs, type OlderWindow } from "./zones.ts";

/** One limit with what is left of it now. `remaining` is negative after an overrun. */
export interface Room {
  readonly scope: string;
  readonly dimension: Dimension;
  readonly window: Window;
  readonly limit: number;
  /** At most this may come at once: the burst of a rate, the limit of everything else. */
  readonly atOnce: number;
  readonly remaining: number;
  /** What calls in flight hold of it; most of that comes back when they settle. */
  readonly held: number;
  /** Another ledger owns the budget; it may lend more. */
  readonly isLent: boolean;
  /** When there is more: the window's end, or for a rate when its meter is empty. Null: never by itself. */
  readonly resetAtMs: number | null;
  /** How long until so many units fit: for a rate, from its meter; null where only the window's end helps. */
  readonly waitMs: ((units: number) => number | null) | null;
  /** Of a rate: when its meter is empty once so many units more were taken now. Elsewhere taking moves no window's end. */
  readonly emptyAtMs?: (units: number) => number;
}

/**
 * `pinnedAtMs`: when the call was held, which says what windows it belongs to; `older`: which of a calendar before. A limit
 * has a room for each of its windows.
 */
export function roomsFor(
  state: LedgerState,
  { zone, scopes }: Path,
  session: string | null,
  older: readonly OlderWindow[],
  pinnedAtMs: number,
  nowMs: number,
): Room[] {
  return scopes.flatMap(({ scope, limits, lender }) =>
    limits.flatMap((limit) => {
      if (limit.window === "minute") return [rateRoom(state, scope, limit, nowMs)];
      const key = pinnedKey(limit.window, zone, session, pinnedAtMs);
      // A limit per conversation has nothing to say of a call that belongs to none.
      if (key === null) return [];
      const room = bucketRoom(state, scope, limit, key, zone, pinnedAtMs);
      if (lender !== undefined) return [isLeased(limit.window) ? lentRoom(state, room, key) : room];
      const before = older
        .filter(({ window }) => window === limit.window)
        .map((of) => olderRoom(state, scope, limit, of, zone, pinnedAtMs));
      return [room, ...before];
    }),
  );
}

function rateRoom(state: LedgerState, scope: string, limit: Limit, nowMs: number): Room {
  const { dimension, window, limit: perMinute, burst = perMinute } = limit;
  // Looking makes no meter: a refusal leaves nothing behind.
  const rate = state.rates.get(rateName(scope, dimension)) ?? emptyRate();
  const remaining = roomIn(rate, perMinute, burst, nowMs);
  const emptyAtMs = (units: number) => nowMs + emptyInMs(rate, perMinute, units, nowMs);
  return {
    scope,
    dimension,
    window,
    limit: perMinute,
    atOnce: burst,
    isLent: false,
    remaining,
    held: 0,
    resetAtMs: emptyAtMs(0),
    waitMs: (units) => waitMs(rate, perMinute, burst, units, nowMs),
    emptyAtMs,
  };
}

function bucketRoom(
  state: LedgerState,
  scope: string,
  { dimension, window, limit }: Limit,
  key: string,
  zone: string,
  pinnedAtMs: number,
): Room {
  const bucket = state.buckets.get(bucketName(scope, window, key));
  const spent = bucket?.spent[dimension] ?? 0;
  const held = bucket?.held[dimension] ?? 0;
  return {
    scope,
    dimension,
    window,
    limit,
    atOnce: limit,
    isLent: false,
    remaining: limit - spent - held,
    held,
    resetAtMs: windowTurnsAtMs(window, zone, pinnedAtMs),
    waitMs: null,
  };
}

/** What is left of a limit in a window of the calendar before an edit of the zone. */
function olderRoom(
  state: LedgerState,
  scope: string,
  limit: Limit,
  older: OlderWindow,
  zone: string,
  pinnedAtMs: number,
): Room {
  const room = bucketRoom(state, scope, limit, older.key, zone, pinnedAtMs);
  return { ...room, resetAtMs: olderEndMs(older, zone, pinnedAtMs) };
}

/** Of a budget that another ledger owns, here only what it has lent may be spent, and no more than a lowered limit. */
function lentRoom(state: LedgerState, room: Room, key: string): Room {
  const { scope, window, dimension } = room;
  const bucket = state.buckets.get(bucketName(scope, window, key));
  const free = freeOf(state.leases, { scope, window, key }, bucket)[dimension];
  return { ...room, isLent: true, remaining: Math.min(room.remaining, free) };
}

/** Null: never. */
function windowTurnsAtMs(window: Window, zone: string, atMs: number): number | null {
  return window === "session" || window === "minute" ? null : windowEndMs(window, zone, atMs);
}

export function meterOf(room: Room, taken: Amounts, nowMs: number): Meter {
  const { scope, dimension, window, limit } = room;
  const resetAtMs = room.emptyAtMs?.(taken[dimension]) ?? room.resetAtMs;
  return {
    scope,
    dimension,
    window,
    limit,
    remaining: Math.max(0, room.remaining - taken[dimension]),
    resetAtMs,
    resetInMs: resetAtMs === null ? null : resetAtMs - nowMs,
  };
}

export function metersOf(rooms: readonly Room[], nowMs: number, taken: Amounts = NOTHING): Meter[] {
  // Of a limit with several windows the one that leaves least.
  const isTightest = (room: Room, index: number): boolean =>
    rooms.every(
      (other, at) =>
        !isSameLimit(room, other) ||
        room.remaining < other.remaining ||
        (room.remaining === other.remaining && index <= at),
    );
  return rooms.filter(isTightest).map((room) => meterOf(room, taken, nowMs));
}

function isSameLimit(left: Room, right: Room): boolean {
  return (
    left.scope === right.scope && left.dimension === right.dimension && left.window === right.window
  );
}
