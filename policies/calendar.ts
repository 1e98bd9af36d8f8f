// Calendar windows in UTC: which day or month an instant belongs to, and when that window turns.
import type { Window } from "./tenant.ts";

/** Names the window that holds an instant: `2026-10-23` for a day, `2026-10` for a month. Keys sort as time does. */
export function windowKey(window: Window, atMs: number): string {
  const day = new Date(atMs).toISOString().slice(0, "2026-10-23".length);
  switch (window) {
    case "day":
      return day;
    case "month":
      return day.slice(0, "2026-10".length);
  }
}

/** The first instant that no longer belongs to the window that holds `atMs`. */
export function windowEndMs(window: Window, atMs: number): number {
  const at = new Date(atMs);
  switch (window) {
    case "day":
      // Date.UTC carries an overflowing day or month over, so month ends and leap days need no table.
      return Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate() + 1);
    case "month":
      return Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1);
  }
}
