// What an edit of the zone leaves behind. A window of the calendar that was in use goes on being checked and charged beside
// the new calendar's, until it has ended and the new calendar has left the window of the same name: so an edit gives nobody
// a fresh budget, and where it puts the wall back, as clocks are put back, what runs twice is one long window.
import type { Window } from "./limit.ts";
import { windowEndMs, windowKey, zoneOf } from "./window.ts";

/** When a hold last came with each zone, the latest last. As a rule there is one. */
export type Zones = Map<string, number>;

/** A window of a calendar before the present one. */
export interface OlderWindow {
  readonly window: Window;
  readonly key: string;
}

/**
 * Zones whose windows are remembered, far more than anybody edits in a month; of more the one that was in use longest ago
 * is forgotten, and what was spent since then stands in the others.
 */
const ZONES_MAX = 16;
/** No two walls are further apart (Kiritimati and Baker Island), so that later none still shows the month that has ended. */
const APART_MS = 26 * 60 * 60 * 1000;
const TURNING = ["hour", "day", "month"] as const;
const NONE: readonly OlderWindow[] = [];

/** The older windows that a call of this zone is checked and charged in at an instant, beside its own. */
export function olderWindows(zones: Zones, zone: string, atMs: number): readonly OlderWindow[] {
  if (zones.size === 0 || (zones.size === 1 && zones.has(zone))) return NONE;
  const older = new Map<string, OlderWindow>();
  for (const [former, usedAtMs] of zones) {
    if (former === zone) continue;
    for (const window of TURNING) {
      const key = windowKey(window, former, usedAtMs);
      // Zones that are called otherwise may have the same windows: UTC and GMT.
      if (key === windowKey(window, zone, atMs)) continue;
      if (atMs < olderEndMs({ window, key }, zone, atMs))
        older.set(`${window}|${key}`, { window, key });
    }
  }
  return [...older.values()];
}

/** When an older window stops counting, as it looks from the present calendar; in the past when it has. */
export function olderEndMs({ window, key }: OlderWindow, zone: string, atMs: number): number {
  if (window !== "hour" && window !== "day" && window !== "month") return 0;
  const former = zoneOf(key);
  const own = windowKey(window, former, atMs) === key ? windowEndMs(window, former, atMs) : 0;
  const isNamedSo = nameOf(key) >= nameOf(windowKey(window, zone, atMs));
  return Math.max(own ?? 0, isNamedSo ? (windowEndMs(window, zone, atMs) ?? 0) : 0);
}

/** A hold came with a zone. Forgets those of which nothing can count any more. */
export function noteZone(zones: Zones, zone: string, atMs: number): void {
  zones.delete(zone);
  zones.set(zone, atMs);
  if (zones.size === 1) return;
  for (const [former, usedAtMs] of zones) {
    if (former === zone) continue;
    const endMs = windowEndMs("month", former, usedAtMs) ?? 0;
    if (zones.size > ZONES_MAX || atMs >= endMs + APART_MS) zones.delete(former);
  }
}

function nameOf(key: string): string {
  return key.split("@")[0] ?? key;
}
