// The headers of limits: OpenAI's from the tightest limit of each dimension that it knows, ours from the tightest budget.
import { describe, expect, it } from "vitest";
import type { Meter } from "../../../policies/account.ts";
import { limitHeaders } from "../../../worker/limit-headers.ts";

const RESET = Date.UTC(2026, 10, 26);

function meter(
  dimension: Meter["dimension"],
  limit: number,
  remaining: number,
  of: Partial<Meter> = {},
): Meter {
  const window = "day" as const;
  return {
    scope: "tenant",
    dimension,
    window,
    limit,
    remaining,
    resetAtMs: RESET,
    resetInMs: 1,
    ...of,
  };
}

describe("OpenAI's", () => {
  it("are those of the tightest limit of each dimension that its clients know", () => {
    const headers = limitHeaders([
      meter("tokens", 1000, 500, { resetInMs: 60_000 }),
      meter("tokens", 9000, 40, { resetInMs: 86_400_000 }),
      meter("requests", 10, 9, { resetInMs: 500, window: "minute" }),
      meter("nanos", 5, 0),
    ]);
    expect(headers).toMatchObject({
      "x-ratelimit-limit-requests": "10",
      "x-ratelimit-remaining-requests": "9",
      "x-ratelimit-reset-requests": "500ms",
      "x-ratelimit-limit-tokens": "9000",
      "x-ratelimit-remaining-tokens": "40",
      "x-ratelimit-reset-tokens": "24h0m0s",
    });
    expect(headers).not.toHaveProperty("x-ratelimit-limit-nanos");
  });

  it("are none without limits, and never below nothing", () => {
    expect(limitHeaders([])).toEqual({});
    expect(limitHeaders([meter("tokens", 10, -5)])["x-ratelimit-remaining-tokens"]).toBe("0");
  });

  it("say nothing of a reset that never comes", () => {
    const headers = limitHeaders([
      meter("tokens", 10, 5, { window: "lifetime", resetInMs: null, resetAtMs: null }),
    ]);
    expect(headers).toMatchObject({ "x-ratelimit-remaining-tokens": "5" });
    expect(Object.keys(headers).filter((name) => name.includes("reset"))).toEqual([]);
  });

  it.each([
    { ms: 0, text: "0ms" },
    { ms: 999, text: "999ms" },
    { ms: 1000, text: "1s" },
    { ms: 59_001, text: "1m0s" },
    { ms: 360_000, text: "6m0s" },
    { ms: 22_350_000, text: "6h12m30s" },
    { ms: 3_600_000, text: "1h0m0s" },
  ])("write $ms ms as $text", ({ ms, text }) => {
    const headers = limitHeaders([meter("requests", 1, 1, { resetInMs: ms })]);
    expect(headers["x-ratelimit-reset-requests"]).toBe(text);
  });
});

describe("the budget's", () => {
  it("are of the limit of which the least share is left, with its scope, window, unit and reset", () => {
    expect(
      limitHeaders([
        meter("tokens", 1000, 500),
        meter("nanos", 1_000_000, 400_000, { scope: "key:k1", window: "month" }),
        meter("requests", 60, 0, { window: "minute" }),
        meter("concurrency", 4, 0, { window: "lifetime" }),
      ]),
    ).toMatchObject({
      "x-budget-scope": "key:k1",
      "x-budget-window": "month",
      "x-budget-dimension": "nanos",
      "x-budget-remaining": "400000",
      "x-budget-reset": "2026-11-26T00:00:00.000Z",
    });
  });

  it("are none where there is no limit but rates", () => {
    const headers = limitHeaders([meter("requests", 60, 3, { window: "minute" })]);
    expect(Object.keys(headers).filter((name) => name.startsWith("x-budget"))).toEqual([]);
  });

  it("can be sent whatever a client calls its users", () => {
    const headers = limitHeaders([meter("tokens", 9, 1, { scope: "user:\u7248 1\n" })]);
    expect(() => new Headers(headers)).not.toThrow();
  });
});

it("never tells a figure of an organisation, which others spend from as well", () => {
  const shared = { scope: "org:o" };
  expect(limitHeaders([meter("tokens", 10, 1, shared), meter("nanos", 10, 1, shared)])).toEqual({});
  const beside = limitHeaders([meter("tokens", 10, 1, shared), meter("tokens", 100, 50)]);
  expect(beside["x-ratelimit-remaining-tokens"]).toBe("50");
  expect(beside["x-budget-scope"]).toBe("tenant");
});
