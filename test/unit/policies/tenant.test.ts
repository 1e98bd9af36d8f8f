// What operators write about budgets: defaults for what they leave out, and a fault with its path and its fix for the rest.
import { describe, expect, it } from "vitest";
import { LIMIT_MAX, LIMITS_MAX, RATE_MAX } from "../../../policies/ledger/limit.ts";
import { parseOrganisation } from "../../../policies/organisation.ts";
import type { Parsed } from "../../../policies/parse.ts";
import { parseKey, parseTenant, writeKey } from "../../../policies/tenant.ts";

const tenant = (changes: object = {}) =>
  parseTenant({ id: "acme", name: "Acme", policy: "plain", ...changes });
const key = (changes: object = {}) => parseKey({ id: "k1", tenant: "acme", ...changes });
const organisation = (changes: object = {}) => parseOrganisation({ id: "holding", ...changes });

function faultsOf(parsed: Parsed<unknown>): string[] {
  return parsed.kind === "parsed"
    ? []
    : parsed.faults.map(({ path, problem }) => `${path} ${problem}`);
}

const day = { dimension: "tokens", window: "day", limit: 1000 };
const minute = { dimension: "requests", window: "minute", limit: 60 };

describe("what is left out", () => {
  it("counts in UTC, in one ledger, without limits", () => {
    expect(tenant()).toMatchObject({
      kind: "parsed",
      value: { zone: "UTC", limits: [], userLimits: [], tags: {}, shards: 1 },
    });
    expect(tenant()).not.toHaveProperty("value.organisation");
    expect(key()).toMatchObject({ kind: "parsed", value: { limits: [] } });
    expect(organisation()).toMatchObject({ kind: "parsed", value: { zone: "UTC", limits: [] } });
  });

  it("is a hard limit where nobody says that it is soft", () => {
    expect(tenant({ limits: [day] })).toMatchObject({ value: { limits: [{ hard: true }] } });
    const soft = { ...day, hard: false };
    expect(tenant({ limits: [soft] })).toMatchObject({ value: { limits: [{ hard: false }] } });
  });

  it("is not written into a key's document again", () => {
    const written = '{"id":"k1","tenant":"acme","limits":[]}';
    const parsed = parseKey(JSON.parse(written));
    if (parsed.kind === "faulty") throw new Error(JSON.stringify(parsed.faults));
    expect(writeKey(parsed.value)).toBe('{"id":"k1","tenant":"acme"}');
    const limited = { ...parsed.value, limits: [{ ...day, hard: true }] };
    expect(JSON.parse(writeKey(limited as never))).toEqual(limited);
  });
});

it("takes limits of every kind, each where it belongs", () => {
  expect(
    faultsOf(
      tenant({
        zone: "America/Argentina/Buenos_Aires",
        organisation: "holding",
        limits: [
          day,
          { dimension: "nanos", window: "month", limit: LIMIT_MAX },
          { ...minute, burst: 32 },
          { dimension: "concurrency", window: "lifetime", limit: 20, hard: false },
          { dimension: "reasoningTokens", window: "session", limit: 0 },
        ],
        userLimits: [{ dimension: "requests", window: "hour", limit: 50 }],
        tags: { "team-a": [day], "v1.2_beta": [] },
        shards: 32,
      }),
    ),
  ).toEqual([]);
  expect(faultsOf(key({ limits: [day, minute] }))).toEqual([]);
  expect(faultsOf(organisation({ zone: "Asia/Tokyo", limits: [day] }))).toEqual([]);
});

describe("a limit that cannot be kept", () => {
  const cases: readonly (readonly [string, object, string, RegExp])[] = [
    ["negative", { ...day, limit: -1 }, "limit", /must be at least 0/],
    ["fractional", { ...day, limit: 0.5 }, "limit", /must be a whole number/],
    [
      "too large to be summed",
      { ...day, limit: LIMIT_MAX + 1 },
      "limit",
      /must be at most 9000000/,
    ],
    ["a text", { ...day, limit: "many" }, "limit", /must be a (whole )?number/],
    ["missing", { dimension: "tokens", window: "day" }, "limit", /is missing/],
    ["of no window", { ...day, window: "week" }, "window", /must be one of minute, hour, day/],
    ["of no dimension", { ...day, dimension: "words" }, "dimension", /must be one of requests/],
    ["with an unknown field", { ...day, action: "warn" }, "", /unknown fields: action/],
    ["a rate of nothing", { ...minute, limit: 0 }, "limit", /must be at least 1 for a minute/],
    [
      "a rate beyond exactness",
      { ...minute, limit: RATE_MAX + 1 },
      "limit",
      /must be at most 1000/,
    ],
    ["a burst of nothing", { ...minute, burst: 0 }, "burst", /must be at least 1/],
    ["a burst of a day", { ...day, burst: 5 }, "burst", /for the window "minute" only/],
    [
      "concurrency a day",
      { dimension: "concurrency", window: "day", limit: 3 },
      "window",
      /must be "lifetime"/,
    ],
  ];
  const places: readonly (readonly [string, string, (limit: object) => Parsed<unknown>])[] = [
    ["a tenant", "limits.0", (limit) => tenant({ limits: [limit] })],
    ["its users", "userLimits.0", (limit) => tenant({ userLimits: [limit] })],
    ["a tag", "tags.team.0", (limit) => tenant({ tags: { team: [limit] } })],
    ["a key", "limits.0", (limit) => key({ limits: [limit] })],
    ["an organisation", "limits.0", (limit) => organisation({ limits: [limit] })],
  ];
  it.each(cases)("%s is refused by its path, wherever it stands", (_, limit, field, problem) => {
    for (const [, place, parse] of places) {
      const [fault = "", ...more] = faultsOf(parse(limit));
      expect(fault.split(" ")[0]).toBe(field === "" ? place : `${place}.${field}`);
      expect(fault).toMatch(problem);
      // What an organisation cannot lend is its own fault besides.
      expect(more.filter((one) => !one.includes("cannot be shared"))).toEqual([]);
    }
  });

  it("stands twice, or is one of too many", () => {
    expect(faultsOf(tenant({ userLimits: [day, { ...day, limit: 5 }] }))).toEqual([
      "userLimits.1 tokens per day stands twice",
    ]);
    const many = Array.from({ length: LIMITS_MAX + 1 }, () => day);
    expect(faultsOf(key({ limits: many }))[0]).toMatch(/^limits must have at most 16 entries/);
  });
});

describe("a tenant", () => {
  it.each([
    ["Mars/Olympus", /^zone "Mars\/Olympus" is no time zone .* as in "Europe\/Berlin", or "UTC"$/],
    ["europe/berlin", /^zone "europe\/berlin" is no time zone/],
    ["+02:00", /^zone .* is no time zone/],
    ["", /^zone must have at least 1 character$/],
  ])("does not count in the zone %j, and is told what to write", (zone, problem) => {
    expect(faultsOf(tenant({ zone }))).toEqual([expect.stringMatching(problem)]);
    expect(faultsOf(organisation({ zone }))).toEqual([expect.stringMatching(problem)]);
  });

  it.each(["", "Team", "a,b", "a b", "-a", "ä", "x".repeat(65)])("has no tag %j", (name) => {
    const [fault, ...more] = faultsOf(tenant({ tags: { [name]: [] } }));
    expect(fault).toContain(`tags.${name} has a name that must match`);
    expect(more).toEqual([]);
  });

  it("has at most 64 tags", () => {
    const tags = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`t${index}`, []]));
    expect(faultsOf(tenant({ tags: tags(64) }))).toEqual([]);
    expect(faultsOf(tenant({ tags: tags(65) }))).toEqual([
      "tags must be at most 64, and there are 65",
    ]);
  });

  it.each([0, 33, 1.5, -1])("has no %d shards", (shards) => {
    expect(faultsOf(tenant({ shards }))).toEqual([expect.stringMatching(/^shards must be/)]);
  });

  it("names an organisation as organisations are named", () => {
    expect(faultsOf(tenant({ organisation: "Holding Inc" }))).toEqual([
      expect.stringMatching(/^organisation must match/),
    ]);
  });
});

it.each(["minute", "session"])(
  "an organisation has no limit a %s, and says who may have it",
  (window) => {
    const limits = [day, { dimension: "requests", window, limit: 5 }];
    expect(faultsOf(organisation({ limits }))).toEqual([
      `limits.1.window "${window}" cannot be shared by tenants; give each of them such a limit`,
    ]);
    expect(faultsOf(tenant({ limits }))).toEqual([]);
  },
);

describe("a rate of a tenant with shards", () => {
  const rate = (dimension: string, most: number, burst?: number) => ({
    dimension,
    window: "minute",
    limit: most,
    ...(burst === undefined ? {} : { burst }),
  });

  it.each([
    ["limits", { limits: [rate("requests", 7)] }, "limits.0.limit"],
    ["limits", { limits: [rate("requests", 60, 7)] }, "limits.0.burst"],
    ["limits", { limits: [rate("tokens", 32_000)] }, "limits.0.burst"],
    ["userLimits", { userLimits: [rate("nanos", 100, 1)] }, "userLimits.0.burst"],
    ["tags", { tags: { blue: [rate("reasoningTokens", 9)] } }, "tags.blue.0.burst"],
  ])("must have a part for each that holds a call: %s %j", (_, changes, path) => {
    expect(tenant({ shards: 8, ...changes })).toMatchObject({ kind: "faulty", faults: [{ path }] });
    expect(tenant(changes)).toMatchObject({ kind: "parsed" });
  });

  it("may be as small as that, and limits of other windows as small as one likes", () => {
    const day = { dimension: "tokens", window: "day", limit: 1 };
    const limits = [rate("requests", 8), rate("tokens", 60_000, 8 * 4_096), day];
    expect(tenant({ shards: 8, limits })).toMatchObject({ kind: "parsed" });
  });
});
