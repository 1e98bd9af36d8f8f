// Calendar windows in UTC, at the edges where they go wrong.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { windowEndMs, windowKey } from "../../../policies/calendar.ts";
import { WINDOWS } from "../../../policies/tenant.ts";

const at = (text: string): number => Date.parse(text);

describe("windowKey and windowEndMs", () => {
  it.each([
    ["day", "2026-10-23T12:00:00Z", "2026-10-23", "2026-10-24T00:00:00Z"],
    ["day", "2026-10-23T00:00:00.000Z", "2026-10-23", "2026-10-24T00:00:00Z"],
    ["day", "2026-10-23T23:59:59.999Z", "2026-10-23", "2026-10-24T00:00:00Z"],
    ["day", "2026-12-31T23:59:59.999Z", "2026-12-31", "2027-01-01T00:00:00Z"],
    ["day", "2028-02-28T10:00:00Z", "2028-02-28", "2028-02-29T00:00:00Z"],
    ["day", "2027-02-28T10:00:00Z", "2027-02-28", "2027-03-01T00:00:00Z"],
    ["month", "2026-10-31T23:59:59.999Z", "2026-10", "2026-11-01T00:00:00Z"],
    ["month", "2026-12-01T00:00:00Z", "2026-12", "2027-01-01T00:00:00Z"],
    ["month", "2028-02-29T10:00:00Z", "2028-02", "2028-03-01T00:00:00Z"],
    ["month", "2026-01-31T10:00:00Z", "2026-01", "2026-02-01T00:00:00Z"],
  ] as const)("a %s at %s is %s and turns at %s", (window, text, key, end) => {
    expect(windowKey(window, at(text))).toBe(key);
    expect(windowEndMs(window, at(text))).toBe(at(end));
  });

  it("a window holds every instant before its end and none from its end on", () => {
    const instant = fc.integer({ min: 0, max: at("2100-01-01T00:00:00Z") });
    fc.assert(
      fc.property(instant, fc.constantFrom(...WINDOWS), (nowMs, window) => {
        const endMs = windowEndMs(window, nowMs);
        expect(endMs).toBeGreaterThan(nowMs);
        expect(windowKey(window, endMs - 1)).toBe(windowKey(window, nowMs));
        expect(windowKey(window, endMs) > windowKey(window, nowMs)).toBe(true);
      }),
    );
  });
});
