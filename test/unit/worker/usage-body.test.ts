// What usage says of a standing: each limit beside what was used of it, also where nothing was, and nobody else's figures.
import { describe, expect, it } from "vitest";
import { NOTHING, type Amounts } from "../../../policies/ledger/amounts.ts";
import type { Limit } from "../../../policies/ledger/limit.ts";
import type { Standing, StandingBucket } from "../../../policies/ledger/standing.ts";
import { wholeOf } from "../../../policies/ledger/whole.ts";
import { usageBody } from "../../../worker/usage-body.ts";

const AT_MS = Date.UTC(2026, 10, 25, 23, 30);

const limit = (
  dimension: Limit["dimension"],
  window: Limit["window"],
  most: number,
  burst?: number,
): Limit => ({
  dimension,
  window,
  limit: most,
  hard: true,
  ...(burst === undefined ? {} : { burst }),
});

const bucket = (
  scope: string,
  window: Limit["window"],
  key: string,
  spent: Partial<Amounts>,
  held: Partial<Amounts> = {},
): StandingBucket => ({
  scope,
  window,
  key,
  spent: { ...NOTHING, ...spent },
  held: { ...NOTHING, ...held },
  over: NOTHING,
  resetAtMs: window === "lifetime" || window === "session" ? null : AT_MS + 1,
});

const standing = (changes: Partial<Standing> = {}): Standing => ({
  atMs: AT_MS,
  openHolds: 2,
  suspendedHolds: 1,
  buckets: [],
  rates: [],
  lambda: 0.25,
  ...changes,
});

const body = (
  scopes: readonly { scope: string; limits: readonly Limit[]; lender?: string }[],
  of: Standing,
) =>
  usageBody({
    of: { tenant: "acme" },
    zone: "Europe/Berlin",
    shards: 1,
    scopes,
    whole: wholeOf(of, [], true, "Europe/Berlin"),
    ledgers: [{ name: "acme", atMs: AT_MS }],
    missing: [],
    isOwnerHeard: true,
  });

describe("usageBody", () => {
  it("tells what is open, and the budget's own price", () => {
    expect(body([], standing())).toEqual({
      object: "usage",
      tenant: "acme",
      at: "2026-11-25T23:30:00.000Z",
      zone: "Europe/Berlin",
      ledgers: [{ ledger: "acme", read_at: "2026-11-25T23:30:00.000Z" }],
      missing: [],
      open_holds: 2,
      suspended_holds: 1,
      lambda: 0.25,
      windows: [],
      rates: [],
    });
  });

  it("shows a limit that nothing was used of, in the tenant's calendar", () => {
    const { windows } = body(
      [{ scope: "tenant", limits: [limit("reasoningTokens", "hour", 50)] }],
      standing(),
    );
    const row = {
      scope: "tenant",
      spent: 0,
      held: 0,
      lent: 0,
      over: 0,
      limit: null,
      remaining: null,
    };
    const hour = {
      window: "hour",
      key: "2026-11-26T00@Europe/Berlin",
      resets_at: "2026-11-26T00:00:00.000Z",
    };
    const day = {
      window: "day",
      key: "2026-11-26@Europe/Berlin",
      resets_at: "2026-11-26T23:00:00.000Z",
    };
    const month = {
      window: "month",
      key: "2026-11@Europe/Berlin",
      resets_at: "2026-11-30T23:00:00.000Z",
    };
    expect(windows).toEqual([
      ...["requests", "tokens", "nanos"].map((dimension) => ({ ...row, ...hour, dimension })),
      { ...row, ...hour, dimension: "reasoningTokens", limit: 50, remaining: 50 },
      ...[day, month].flatMap((window) =>
        ["requests", "tokens", "nanos"].map((dimension) => ({ ...row, ...window, dimension })),
      ),
    ]);
  });

  it("takes what is held from what remains, and never tells less than nothing", () => {
    const limits = [limit("tokens", "day", 100), limit("concurrency", "lifetime", 4)];
    const buckets = [
      bucket(
        "tenant",
        "day",
        "2026-11-26@Europe/Berlin",
        { tokens: 70, cacheWriteTokens: 3 },
        { tokens: 20 },
      ),
      bucket("tenant", "lifetime", "lifetime", {}, { concurrency: 3 }),
      bucket("key:k", "day", "2026-11-26@Europe/Berlin", { tokens: 70 }, { tokens: 20 }),
    ];
    const { windows } = body(
      [
        { scope: "tenant", limits },
        { scope: "key:k", limits: [limit("tokens", "day", 80)] },
      ],
      standing({ buckets }),
    );
    const find = (scope: string, dimension: string, window = "day") =>
      windows.filter(
        (row) =>
          "scope" in row &&
          Reflect.get(row, "scope") === scope &&
          Reflect.get(row, "dimension") === dimension &&
          Reflect.get(row, "window") === window,
      );
    expect(find("tenant", "tokens")).toMatchObject([
      { spent: 70, held: 20, limit: 100, remaining: 10 },
    ]);
    expect(find("tenant", "cacheWriteTokens")).toMatchObject([{ spent: 3, limit: null }]);
    expect(find("tenant", "visibleOutputTokens")).toEqual([]);
    expect(find("tenant", "concurrency", "lifetime")).toMatchObject([
      { held: 3, remaining: 1, resets_at: null },
    ]);
    expect(find("key:k", "tokens")).toMatchObject([{ limit: 80, remaining: 0 }]);
  });

  it("shows no scope that it was not given", () => {
    const buckets = ["tenant", "key:mine", "key:other", "user:eve"].map((scope) =>
      bucket(scope, "day", "2026-11-26@Europe/Berlin", { tokens: 5 }),
    );
    const rates = [{ scope: "user:eve", dimension: "tokens" as const, level: 9, atMs: AT_MS }];
    const text = JSON.stringify(
      body([{ scope: "key:mine", limits: [] }], standing({ buckets, rates })),
    );
    expect(text).toContain("key:mine");
    expect(text).not.toMatch(/key:other|user:eve|"tenant","window/);
  });

  it("does not say what is left of a budget that others spend from as well", () => {
    const scope = { scope: "org:h", limits: [limit("tokens", "day", 100)], lender: "org:h" };
    const buckets = [bucket("org:h", "day", "2026-11-26@Europe/Berlin", { tokens: 5 })];
    expect(body([scope], standing({ buckets })).windows).toContainEqual(
      expect.objectContaining({ dimension: "tokens", spent: 5, limit: 100, remaining: null }),
    );
  });

  it("shows the conversations that spent most, and so many at most", () => {
    const buckets = Array.from({ length: 60 }, (_, index) =>
      bucket("tenant", "session", `c${index}`, { tokens: index }),
    );
    const limits = [limit("tokens", "session", 59)];
    const shown = body([{ scope: "tenant", limits }], standing({ buckets })).windows.filter(
      (row) =>
        Reflect.get(row, "window") === "session" && Reflect.get(row, "dimension") === "tokens",
    );
    expect(shown).toHaveLength(50);
    expect(shown[0]).toMatchObject({ key: "c59", remaining: 0, resets_at: null });
    expect(shown.at(-1)).toMatchObject({ key: "c10", remaining: 49 });
  });

  it("shows a rate with what has not drained since it was last used, and when that will have drained", () => {
    const limits = [limit("tokens", "minute", 600, 100), limit("requests", "minute", 60)];
    const rates = [
      { scope: "tenant", dimension: "tokens" as const, level: 100, atMs: AT_MS - 1_000 },
      { scope: "tenant", dimension: "requests" as const, level: 30, atMs: AT_MS - 60_000 },
    ];
    expect(body([{ scope: "tenant", limits }], standing({ rates })).rates).toEqual([
      {
        scope: "tenant",
        dimension: "tokens",
        limit: 600,
        burst: 100,
        level: 90,
        remaining: 10,
        resets_at: "2026-11-25T23:30:09.000Z",
      },
      {
        scope: "tenant",
        dimension: "requests",
        limit: 60,
        burst: 60,
        level: 0,
        remaining: 60,
        resets_at: "2026-11-25T23:30:00.000Z",
      },
    ]);
  });
});
