// A limit without room, told so that clients behave: which limit it is, when there is more, and whether to ask again.
import { describe, expect, it } from "vitest";
import { DIMENSIONS } from "../../../policies/ledger/amounts.ts";
import { WINDOWS } from "../../../policies/ledger/limit.ts";
import type { BudgetExceeded } from "../../../worker/failure.ts";
import { translateBudget } from "../../../worker/translate-budget.ts";

const REFUSED: BudgetExceeded = {
  kind: "budget-exceeded",
  reason: "quota",
  scope: "tenant",
  dimension: "tokens",
  window: "day",
  limit: 1000,
  remaining: 10,
  resetInMs: 3_600_000,
  resetAtMs: Date.UTC(2026, 10, 2),
  affordableTokens: 0,
};

function told(of: Partial<BudgetExceeded>) {
  return translateBudget({ ...REFUSED, ...of });
}

describe("a rate", () => {
  it("is waited for as long as it takes, to the millisecond", () => {
    const rate = told({ reason: "rate", window: "minute", limit: 60, resetInMs: 4200 });
    expect(rate).toMatchObject({ type: "rate_limit_error", code: "rate_limit_exceeded" });
    expect(rate.headers).toEqual({ "retry-after": "5", "retry-after-ms": "4200" });
    expect(rate.message).toContain("60 tokens per minute");
    expect(rate.message).toContain("in 5 s");
  });

  it("that takes longer than SDKs wait is not asked for again", () => {
    const { headers } = told({ reason: "rate", window: "minute", resetInMs: 61_000 });
    expect(headers).toEqual({ "retry-after": "61", "x-should-retry": "false" });
  });
});

describe("a used-up budget", () => {
  it.each([
    { scope: "tenant", window: "day", code: "project_spend_limit_exceeded" },
    { scope: "key:k", window: "month", code: "project_spend_limit_exceeded" },
    { scope: "org:o", window: "month", code: "organization_spend_limit_exceeded" },
    { scope: "tenant", window: "lifetime", code: "credit_balance_exhausted" },
  ] as const)("of $scope per $window is $code", ({ scope, window, code }) => {
    const quota = told({ scope, window });
    expect(quota).toMatchObject({ status: 429, type: "insufficient_quota", code, param: null });
    expect(quota.headers["x-should-retry"]).toBe("false");
  });

  it("names whose it is", () => {
    expect(told({ scope: "tenant" }).message).toContain(
      "The tenant's limit of 1000 tokens per day",
    );
    expect(told({ scope: "key:k" }).message).toContain("This key's limit");
    expect(told({ scope: "user:ann@example" }).message).toContain("The user `ann@example`'s limit");
    expect(told({ scope: "tag:beta" }).message).toContain("The tag `beta`'s limit");
  });

  it("says when there is more, or that there is none", () => {
    expect(told({}).message).toContain("It resets at 2026-11-02T00:00:00.000Z.");
    const never = told({ window: "lifetime", resetAtMs: null, resetInMs: null });
    expect(never.message).toContain("It does not reset.");
    expect(never.headers).toEqual({ "x-should-retry": "false" });
    expect(told({ window: "session", resetAtMs: null, resetInMs: null }).message).toContain(
      "another one begins anew",
    );
  });

  it("is no credit that ran out where nobody may make a call, and not asked again", () => {
    const stopped = {
      dimension: "concurrency",
      window: "lifetime",
      limit: 0,
      remaining: 0,
    } as const;
    const refusal = told({ ...stopped, resetAtMs: null, resetInMs: null });
    expect(refusal).toMatchObject({ code: "project_spend_limit_exceeded" });
    expect(refusal.headers).toEqual({ "x-should-retry": "false" });
  });

  it("of an organisation tells no figure, since others spend from it as well", () => {
    for (const reason of ["quota", "unfit", "busy"] as const) {
      const { message } = told({ scope: "org:o", reason, limit: 77_777, remaining: 33_333 });
      expect(message).toMatch(/organisation's limit of tokens per day/i);
      expect(message).not.toMatch(/77777|33333/);
    }
  });
});

describe("a request that does not fit", () => {
  it("is told what would, under the name that its API has for it", () => {
    const unfit = told({ reason: "unfit", affordableTokens: 77 });
    expect(unfit).toMatchObject({ type: "insufficient_quota", param: "{output-bound}" });
    expect(unfit.message).toContain("at most 77 would fit");
    expect(unfit.headers).toEqual({ "x-should-retry": "false" });
  });

  it("is told to shorten its input where no answer would help", () => {
    const unfit = told({ reason: "unfit", affordableTokens: 0 });
    expect(unfit.message).toContain("shorten the messages");
  });

  it("even into an empty meter is a matter of rate, and no use to repeat", () => {
    const unfit = told({ reason: "unfit", window: "minute", affordableTokens: 5 });
    expect(unfit).toMatchObject({ type: "rate_limit_error", code: "rate_limit_exceeded" });
    expect(unfit.headers).toEqual({ "x-should-retry": "false" });
  });
});

describe("what calls in flight take", () => {
  it.each([
    { reason: "busy", code: "budget_busy" },
    { reason: "unlent", code: "budget_busy" },
    { reason: "concurrency", code: "concurrency_limit_exceeded" },
  ] as const)("is free again soon: $reason", ({ reason, code }) => {
    const busy = told({ reason, dimension: "concurrency", window: "lifetime", limit: 4 });
    expect(busy).toMatchObject({ status: 429, type: "rate_limit_error", code });
    expect(busy.headers).toEqual({ "retry-after": "2", "retry-after-ms": "2000" });
    expect(busy.message).toContain("4 requests at once");
  });
});

const REASONS = ["rate", "quota", "unfit", "busy", "concurrency", "unlent"] as const;

it.each(REASONS.flatMap((reason) => WINDOWS.map((window) => ({ reason, window }))))(
  "$reason per $window is told in whole sentences, and asked again for at most a minute",
  ({ reason, window }) => {
    for (const dimension of DIMENSIONS) {
      const { status, message, headers } = told({ reason, window, dimension });
      expect(status).toBe(429);
      expect(message).toMatch(/^[A-Z].*\.$/);
      expect(message).not.toMatch(/undefined|null|NaN/);
      const isHeeded = Number(headers["retry-after"] ?? 0) <= 60;
      expect(isHeeded || headers["x-should-retry"] === "false").toBe(true);
    }
  },
);
