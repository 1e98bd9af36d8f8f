// Calendar windows at the edges where they go wrong: clocks put forward and back, odd offsets, days that a zone left out.
// A failing property prints its seed.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  INSTANT_MAX,
  isZone,
  windowEndMs,
  windowKey,
  ZONES_CACHED_MAX,
  type CalendarWindow,
} from "../../../../policies/ledger/window.ts";

const UNITS = ["hour", "day", "month"] as const;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const ODD_ZONES = [
  "UTC",
  "Europe/Berlin",
  "America/New_York",
  "America/St_Johns",
  "America/Sao_Paulo",
  "America/Havana",
  "Australia/Lord_Howe",
  "Asia/Kolkata",
  "Asia/Kathmandu",
  "Pacific/Chatham",
  "Pacific/Apia",
  "Pacific/Kiritimati",
  "Antarctica/Troll",
  "Antarctica/Casey",
  "Africa/Casablanca",
  "Africa/Monrovia",
] as const;

const at = (text: string): number => Date.parse(text);
const end = (window: CalendarWindow, zone: string, atMs: number): number =>
  windowEndMs(window, zone, atMs) ?? Number.NaN;

describe("windowKey and windowEndMs", () => {
  it.each([
    // Plain days, month ends and leap days.
    ["UTC", "hour", "2026-10-23T14:59:59.999Z", "2026-10-23T14", "2026-10-23T15:00:00Z"],
    ["UTC", "day", "2026-12-31T23:59:59.999Z", "2026-12-31", "2027-01-01T00:00:00Z"],
    ["UTC", "day", "2026-10-23T00:00:00.000Z", "2026-10-23", "2026-10-24T00:00:00Z"],
    ["UTC", "day", "2027-02-28T10:00:00Z", "2027-02-28", "2027-03-01T00:00:00Z"],
    ["UTC", "day", "2028-02-28T10:00:00Z", "2028-02-28", "2028-02-29T00:00:00Z"],
    ["UTC", "month", "2026-12-01T00:00:00Z", "2026-12", "2027-01-01T00:00:00Z"],
    ["UTC", "month", "2028-02-29T10:00:00Z", "2028-02", "2028-03-01T00:00:00Z"],
    ["UTC", "month", "2100-02-28T23:59:59Z", "2100-02", "2100-03-01T00:00:00Z"],
    ["Etc/UTC", "day", "2026-10-23T12:00:00Z", "2026-10-23", "2026-10-24T00:00:00Z"],
    // Berlin leaves out 02 in spring and runs it twice in autumn.
    ["Europe/Berlin", "hour", "2026-03-29T00:59:59Z", "2026-03-29T01", "2026-03-29T01:00:00Z"],
    ["Europe/Berlin", "hour", "2026-03-29T01:00:00Z", "2026-03-29T03", "2026-03-29T02:00:00Z"],
    ["Europe/Berlin", "day", "2026-03-29T12:00:00Z", "2026-03-29", "2026-03-29T22:00:00Z"],
    ["Europe/Berlin", "hour", "2026-10-25T00:30:00Z", "2026-10-25T02", "2026-10-25T02:00:00Z"],
    ["Europe/Berlin", "hour", "2026-10-25T01:30:00Z", "2026-10-25T02", "2026-10-25T02:00:00Z"],
    ["Europe/Berlin", "day", "2026-10-25T12:00:00Z", "2026-10-25", "2026-10-25T23:00:00Z"],
    ["Europe/Berlin", "month", "2026-10-31T22:59:59.999Z", "2026-10", "2026-10-31T23:00:00Z"],
    ["Europe/Berlin", "month", "2026-10-31T23:00:00Z", "2026-11", "2026-11-30T23:00:00Z"],
    ["Europe/Berlin", "day", "2028-02-29T22:59:59Z", "2028-02-29", "2028-02-29T23:00:00Z"],
    // New York does so a few hours later by UTC.
    ["America/New_York", "hour", "2026-03-08T07:00:00Z", "2026-03-08T03", "2026-03-08T08:00:00Z"],
    ["America/New_York", "hour", "2026-11-01T05:00:00Z", "2026-11-01T01", "2026-11-01T07:00:00Z"],
    ["America/New_York", "day", "2026-11-01T04:00:00Z", "2026-11-01", "2026-11-02T05:00:00Z"],
    // Lord Howe moves by half an hour: its 02 is short in spring, its 01 long in autumn.
    [
      "Australia/Lord_Howe",
      "hour",
      "2026-10-03T15:30:00Z",
      "2026-10-04T02",
      "2026-10-03T16:00:00Z",
    ],
    [
      "Australia/Lord_Howe",
      "hour",
      "2026-04-04T14:00:00Z",
      "2026-04-05T01",
      "2026-04-04T15:30:00Z",
    ],
    // Offsets of half and three quarters of an hour.
    ["Asia/Kolkata", "hour", "2026-10-23T18:29:59Z", "2026-10-23T23", "2026-10-23T18:30:00Z"],
    ["Asia/Kolkata", "day", "2026-10-23T18:30:00Z", "2026-10-24", "2026-10-24T18:30:00Z"],
    ["Asia/Kathmandu", "hour", "2026-10-23T18:15:00Z", "2026-10-24T00", "2026-10-23T19:15:00Z"],
    ["Asia/Kathmandu", "month", "2026-10-31T18:14:59.999Z", "2026-10", "2026-10-31T18:15:00Z"],
    // Apia had no 30th of December 2011.
    ["Pacific/Apia", "day", "2011-12-30T09:59:59.999Z", "2011-12-29", "2011-12-30T10:00:00Z"],
    ["Pacific/Apia", "day", "2011-12-30T10:00:00Z", "2011-12-31", "2011-12-31T10:00:00Z"],
    ["Pacific/Apia", "hour", "2011-12-30T09:59:59.999Z", "2011-12-29T23", "2011-12-30T10:00:00Z"],
    // Sao Paulo had no midnight in spring; in autumn its Saturday lasted 25 hours.
    ["America/Sao_Paulo", "day", "2018-11-04T03:00:00Z", "2018-11-04", "2018-11-05T02:00:00Z"],
    ["America/Sao_Paulo", "day", "2018-02-17T02:00:00Z", "2018-02-17", "2018-02-18T03:00:00Z"],
    // St John's showed one minute of Sunday before it went back to Saturday: from then on it is Sunday.
    ["America/St_Johns", "day", "2010-11-07T02:29:59Z", "2010-11-06", "2010-11-07T02:30:00Z"],
    ["America/St_Johns", "day", "2010-11-07T02:45:00Z", "2010-11-07", "2010-11-08T03:30:00Z"],
    ["America/St_Johns", "hour", "2010-11-07T03:00:00Z", "2010-11-07T00", "2010-11-07T04:30:00Z"],
  ] as const)("in %s the %s at %s is %s and turns at %s", (zone, window, text, key, turn) => {
    const suffix = zone === "UTC" || zone === "Etc/UTC" ? "" : `@${zone}`;
    expect(windowKey(window, zone, at(text))).toBe(key + suffix);
    expect(end(window, zone, at(text))).toBe(at(turn));
  });

  it("a lifetime is one window that never turns", () => {
    expect(windowKey("lifetime", "Europe/Berlin", 0)).toBe("lifetime");
    expect(windowEndMs("lifetime", "Europe/Berlin", 0)).toBe(null);
  });

  it.each([
    ["Europe/Berlin", "2026-03-28T20:00:00Z"],
    ["Europe/Berlin", "2026-10-24T20:00:00Z"],
    ["America/New_York", "2026-11-01T00:00:00Z"],
    ["Australia/Lord_Howe", "2026-04-04T08:00:00Z"],
    ["Australia/Lord_Howe", "2026-10-03T08:00:00Z"],
    ["Pacific/Apia", "2011-12-30T00:00:00Z"],
    ["America/St_Johns", "2010-11-06T20:00:00Z"],
    ["America/Sao_Paulo", "2018-02-17T18:00:00Z"],
    ["Antarctica/Troll", "2026-10-24T20:00:00Z"],
    ["Asia/Kathmandu", "1985-12-31T10:00:00Z"],
  ])("in %s after %s each minute is in the latest window that the wall has shown", (zone, text) => {
    const wall = new Intl.DateTimeFormat("sv-SE", {
      timeZone: zone,
      dateStyle: "short",
      timeStyle: "short",
    });
    const shown = { hour: "", day: "", month: "" };
    const from = at(text);
    for (let atMs = from; atMs < from + DAY_MS; atMs += MINUTE_MS) {
      const now = wall.format(atMs).replace(" ", "T");
      for (const [unit, length] of [
        ["hour", 13],
        ["day", 10],
        ["month", 7],
      ] as const) {
        if (now.slice(0, length) > shown[unit]) shown[unit] = now.slice(0, length);
        expect(windowKey(unit, zone, atMs)).toBe(`${shown[unit]}@${zone}`);
      }
    }
  });
});

describe("for any instant in any zone", () => {
  const instant = fc.oneof(
    fc.integer({ min: 0, max: at("2100-01-01T00:00:00Z") }),
    // About the hours in which clocks are put forward and back.
    fc
      .tuple(fc.integer({ min: 1970, max: 2099 }), fc.constantFrom(2, 3, 8, 9, 10), fc.nat(30 * 24))
      .chain(([year, month, hours]) =>
        fc.nat(3_599_999).map((rest) => Date.UTC(year, month, 1, hours) + rest),
      ),
  );
  const zone = fc.oneof(
    fc.constantFrom<string>(...ODD_ZONES),
    fc.constantFrom(...Intl.supportedValuesOf("timeZone")),
  );
  const unit = fc.constantFrom(...UNITS);

  it("its window holds it, ends after it, and the next one has a later name", () => {
    fc.assert(
      fc.property(unit, zone, instant, (window, name, atMs) => {
        const key = windowKey(window, name, atMs);
        const endMs = end(window, name, atMs);
        expect(endMs).toBeGreaterThan(atMs);
        expect(windowKey(window, name, endMs - 1)).toBe(key);
        expect(end(window, name, endMs - 1)).toBe(endMs);
        expect(windowKey(window, name, endMs) > key).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it("of two instants the later has the later name or the same window", () => {
    const apart = fc.oneof(fc.nat(3 * 3_600_000), fc.nat(40 * DAY_MS));
    fc.assert(
      fc.property(unit, zone, instant, apart, (window, name, atMs, afterMs) => {
        const [early, late] = [atMs, atMs + afterMs].map((ms) => windowKey(window, name, ms));
        const isSame = end(window, name, atMs) === end(window, name, atMs + afterMs);
        expect(early === late).toBe(isSame);
        expect(early! <= late!).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it("UTC's days and months are those of ISO dates, and end where Date.UTC says", () => {
    fc.assert(
      fc.property(instant, (atMs) => {
        const date = new Date(atMs);
        const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
        expect(windowKey("day", "UTC", atMs)).toBe(date.toISOString().slice(0, 10));
        expect(windowKey("month", "UTC", atMs)).toBe(date.toISOString().slice(0, 7));
        expect(end("day", "UTC", atMs)).toBe(Date.UTC(year, month, day + 1));
        expect(end("month", "UTC", atMs)).toBe(Date.UTC(year, month + 1, 1));
      }),
    );
  });

  it("what was asked before does not change an answer, also past the zones that are remembered", () => {
    const zones = Intl.supportedValuesOf("timeZone").slice(0, ZONES_CACHED_MAX + 40);
    expect(zones.length).toBeGreaterThan(ZONES_CACHED_MAX);
    const text = (name: string, atMs: number): string =>
      UNITS.map((window) => windowKey(window, name, atMs) + end(window, name, atMs)).join();
    const atMs = at("2026-10-25T00:30:00Z");
    const first = zones.map((name) => text(name, atMs));
    for (const name of zones) text(name, atMs + 5 * DAY_MS);
    expect(zones.map((name) => text(name, atMs))).toEqual(first);
  });
});

describe("isZone", () => {
  it("knows every zone of the engine", () => {
    expect(Intl.supportedValuesOf("timeZone").filter((name) => !isZone(name))).toEqual([]);
  });

  it.each([
    "UTC",
    "Etc/UTC",
    "Asia/Kolkata",
    "Asia/Calcutta",
    "America/Argentina/Buenos_Aires",
    "Etc/GMT+5",
    "US/Pacific",
    "GB-Eire",
  ])("takes %s", (name) => {
    expect(isZone(name)).toBe(true);
  });

  it.each([
    "",
    "Z",
    "utc",
    "europe/berlin",
    "US/pacific",
    "Asia/calcutta",
    "Gb-Eire",
    "Europe/Atlantis",
    "Europe/",
    "+05:30",
    " UTC",
    "Europe/Berlin@x",
    "A|B",
  ])("denies %j", (name) => {
    expect(isZone(name)).toBe(false);
  });

  it("says the same again, also past the zones that are remembered and once windows were asked for", () => {
    const zones = Intl.supportedValuesOf("timeZone").slice(0, ZONES_CACHED_MAX + 40);
    const names = [...zones, ...zones.map((name) => name.toUpperCase()), "Europe/Atlantis"];
    const first = names.map(isZone);
    expect(first.slice(0, zones.length)).not.toContain(false);
    expect(first.at(-1)).toBe(false);
    expect(isZone("EUROPE/BERLIN")).toBe(false);
    windowKey("day", "EUROPE/BERLIN", 0);
    expect(isZone("EUROPE/BERLIN")).toBe(false);
    expect(names.map(isZone)).toEqual(first);
  });
});

describe("a bug of the caller throws and is no window", () => {
  it.each([Number.NaN, -1, Number.POSITIVE_INFINITY, INSTANT_MAX])("the instant %s", (atMs) => {
    for (const name of ["UTC", "Europe/Berlin"])
      expect(() => windowKey("day", name, atMs)).toThrow(RangeError);
  });

  it("a zone that is none", () => {
    expect(() => windowKey("day", "Europe/Atlantis", 0)).toThrow(RangeError);
  });

  it("the last instant has a window", () => {
    expect(windowKey("month", "UTC", INSTANT_MAX - 1)).toBe("9998-12");
  });
});
