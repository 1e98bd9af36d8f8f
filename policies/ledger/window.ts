// Calendar windows in any zone: which hour, day or month an instant belongs to, and when that window turns.
//
// One rule makes them whole everywhere: a zone's calendar shows the latest wall time that it has shown so far. So
// windows never come back, follow each other without a hole, and their names rise. Where clocks are put back, the hour
// that runs twice is one long window (two hours in Berlin, 90 minutes in Lord Howe): a limit per hour then holds for what
// people call that hour, and is never met twice. Where they are put forward, an hour is short or has no window at all,
// and so has the day that Apia left out.

import { ZONE_ALIASES } from "./zone-aliases.ts";

export type CalendarWindow = "hour" | "day" | "month" | "lifetime";
type Unit = Exclude<CalendarWindow, "lifetime">;

/** Instants from 1970 on whose year has four digits, so that names sort as time does. */
export const INSTANT_MAX = Date.UTC(9999, 0, 1);

/** A formatter takes some 40 us to make and tens of kilobytes; few isolates serve more zones than this. */
export const ZONES_CACHED_MAX = 128;

const SECOND_MS = 1000;
const HOUR_MS = 3_600_000;
/** No zone was ever further from UTC (Manila and Juneau, before 1870: less than 16 hours). */
const OFFSET_MAX_MS = 16 * HOUR_MS;

/** Names that mean UTC in every engine; engines differ in what they resolve them to. */
const UTC_NAMES: ReadonlySet<string> = new Set(["UTC", "Etc/UTC", "GMT", "Etc/GMT"]);

interface Span {
  readonly key: string;
  readonly startMs: number;
  readonly endMs: number;
}

interface Calendar {
  /** Null: UTC, which needs none. */
  readonly format: Intl.DateTimeFormat | null;
  /** Ends the names of its windows. */
  readonly suffix: string;
  /**
   * The two windows of each unit that were asked for last. Two, because calls that were held just before a window
   * turned ask for the old one while new calls ask for the new one.
   */
  readonly spans: Record<Unit, [latest: Span, before: Span]>;
}

const NO_SPAN: Span = { key: "", startMs: 0, endMs: 0 };

/** By the zone's name, oldest first. What it holds is computed from its key alone, so it never changes an answer. */
const calendars = new Map<string, Calendar>();

/** Names that `isZone` took, oldest first: every hold asks. What it denied is not kept, for that could be of any length. */
const zones = new Set<string>();

/** Whether a name is a zone's, in its own spelling: another spelling would count in windows of its own. */
export function isZone(zone: string): boolean {
  if (zones.has(zone)) return true;
  if (!isNamedByPlatform(zone)) return false;
  if (zones.size >= ZONES_CACHED_MAX) dropOldest(zones);
  zones.add(zone);
  return true;
}

function isNamedByPlatform(zone: string): boolean {
  if (!ZONE_ALIASES.has(zone) && !Intl.supportedValuesOf("timeZone").includes(zone)) return false;
  try {
    formatFor(zone);
    return true;
  } catch {
    return false;
  }
}

function dropOldest(cached: Map<string, unknown> | Set<string>): void {
  for (const oldest of cached.keys()) {
    cached.delete(oldest);
    return;
  }
}

/**
 * Names the window that holds an instant: `2026-10-23T14`, `2026-10-23`, `2026-10`, with `@Europe/Berlin` behind it in
 * zones other than UTC; `lifetime`. Of one zone and unit, names sort as time does.
 * @throws RangeError on an instant outside 0 to `INSTANT_MAX` and on a zone that `isZone` denies: bugs of the caller.
 */
export function windowKey(window: CalendarWindow, zone: string, atMs: number): string {
  return window === "lifetime" ? "lifetime" : spanAt(window, zone, atMs).key;
}

/** The first instant that no longer belongs to the window that holds `atMs`; null: it never turns. Throws as `windowKey`. */
export function windowEndMs(window: CalendarWindow, zone: string, atMs: number): number | null {
  return window === "lifetime" ? null : spanAt(window, zone, atMs).endMs;
}

/** The zone of a window, from its name; UTC's windows do not say theirs, nor do those that never turn. */
export function zoneOf(key: string): string {
  return key.split("@")[1] ?? "UTC";
}

function spanAt(unit: Unit, zone: string, atMs: number): Span {
  const calendar = calendars.get(zone) ?? calendarOf(zone);
  const spans = calendar.spans[unit];
  const [latest, before] = spans;
  if (atMs >= latest.startMs && atMs < latest.endMs) return latest;
  if (atMs >= before.startMs && atMs < before.endMs) return before;
  const span = findSpan(calendar, unit, atMs);
  spans[1] = latest;
  spans[0] = span;
  return span;
}

function calendarOf(zone: string): Calendar {
  const isUtc = UTC_NAMES.has(zone);
  const calendar: Calendar = {
    format: isUtc ? null : formatFor(zone),
    suffix: isUtc ? "" : `@${zone}`,
    spans: { hour: [NO_SPAN, NO_SPAN], day: [NO_SPAN, NO_SPAN], month: [NO_SPAN, NO_SPAN] },
  };
  if (calendars.size >= ZONES_CACHED_MAX) dropOldest(calendars);
  calendars.set(zone, calendar);
  return calendar;
}

function formatFor(zone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    calendar: "gregory",
    numberingSystem: "latn",
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
}

function findSpan(calendar: Calendar, unit: Unit, atMs: number): Span {
  if (!(atMs >= 0 && atMs < INSTANT_MAX))
    throw new RangeError(`No window holds the instant ${atMs}.`);
  let wallMs = floorTo(unit, atMs + offsetAt(calendar.format, atMs));
  let startMs = firstShown(calendar.format, wallMs);
  // The wall may have shown later units already, before it was put back or by leaving some out.
  for (;;) {
    const nextMs = after(unit, wallMs);
    const endMs = firstShown(calendar.format, nextMs);
    if (endMs > atMs) return { key: nameOf(unit, wallMs) + calendar.suffix, startMs, endMs };
    wallMs = nextMs;
    startMs = endMs;
  }
}

/**
 * The first instant at which the wall shows `wallMs` (a wall time, written as if it were UTC) or a later time. Within the
 * 32 hours about it a zone changes its offset once at most: since 1970 no two changes of one zone came within six days.
 */
function firstShown(format: Intl.DateTimeFormat | null, wallMs: number): number {
  if (format === null) return wallMs;
  const fromMs = wallMs - OFFSET_MAX_MS;
  const toMs = wallMs + OFFSET_MAX_MS;
  const offsetMs = offsetAt(format, fromMs);
  const nextOffsetMs = offsetAt(format, toMs);
  if (nextOffsetMs === offsetMs) return wallMs - offsetMs;
  const turnMs = findTurn(format, fromMs, toMs, offsetMs);
  return wallMs - offsetMs < turnMs ? wallMs - offsetMs : Math.max(turnMs, wallMs - nextOffsetMs);
}

/** The first whole second after `fromMs` at which the offset is not `offsetMs` any more. */
function findTurn(
  format: Intl.DateTimeFormat,
  fromMs: number,
  toMs: number,
  offsetMs: number,
): number {
  let low = fromMs;
  let high = toMs;
  while (high - low > SECOND_MS) {
    const middle = low + Math.floor((high - low) / 2 / SECOND_MS) * SECOND_MS;
    if (offsetAt(format, middle) === offsetMs) low = middle;
    else high = middle;
  }
  return high;
}

function offsetAt(format: Intl.DateTimeFormat | null, atMs: number): number {
  if (format === null) return 0;
  let [year, month, day, hour, minute, second] = [0, 0, 0, 0, 0, 0];
  for (const { type, value } of format.formatToParts(atMs)) {
    if (type === "year") year = Number(value);
    else if (type === "month") month = Number(value);
    else if (type === "day") day = Number(value);
    else if (type === "hour") hour = Number(value);
    else if (type === "minute") minute = Number(value);
    else if (type === "second") second = Number(value);
  }
  const wallMs = Date.UTC(year, month - 1, day, hour, minute, second);
  return wallMs - Math.floor(atMs / SECOND_MS) * SECOND_MS;
}

function floorTo(unit: Unit, wallMs: number): number {
  const wall = new Date(wallMs);
  const [year, month] = [wall.getUTCFullYear(), wall.getUTCMonth()];
  switch (unit) {
    case "hour":
      return Date.UTC(year, month, wall.getUTCDate(), wall.getUTCHours());
    case "day":
      return Date.UTC(year, month, wall.getUTCDate());
    case "month":
      return Date.UTC(year, month, 1);
  }
}

/** Date.UTC carries what overflows, so month ends and leap days need no table. */
function after(unit: Unit, wallMs: number): number {
  switch (unit) {
    case "hour":
      return wallMs + HOUR_MS;
    case "day":
      return wallMs + 24 * HOUR_MS;
    case "month": {
      const wall = new Date(wallMs);
      return Date.UTC(wall.getUTCFullYear(), wall.getUTCMonth() + 1, 1);
    }
  }
}

function nameOf(unit: Unit, wallMs: number): string {
  const text = new Date(wallMs).toISOString();
  switch (unit) {
    case "hour":
      return text.slice(0, "2026-10-23T14".length);
    case "day":
      return text.slice(0, "2026-10-23".length);
    case "month":
      return text.slice(0, "2026-10".length);
  }
}
