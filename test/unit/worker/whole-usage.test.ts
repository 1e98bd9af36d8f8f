// Several ledgers are asked a few at a time, and what one of them keeps to itself is named and never guessed.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { NOTHING } from "../../../policies/ledger/amounts.ts";
import type { Limit } from "../../../policies/ledger/limit.ts";
import type { Standing, StandingBucket } from "../../../policies/ledger/standing.ts";
import { askEach } from "../../../worker/ask-each.ts";
import { TenantLedgers } from "../../../worker/tenant-ledgers.ts";
import { usageBody } from "../../../worker/usage-body.ts";
import { readWhole } from "../../../worker/whole-usage.ts";

const AT_MS = Date.UTC(2026, 10, 25, 12);
const NAMES = ["acme", "acme#0", "acme#1"];
const LIMIT: Limit = { dimension: "tokens", window: "day", limit: 1_000, hard: true };
const RATE: Limit = { dimension: "tokens", window: "minute", limit: 600, burst: 600, hard: true };

beforeEach(() => {
  vi.spyOn(console, "error").mockImplementation(() => undefined);
});
afterEach(() => {
  vi.restoreAllMocks();
});

const tokens = (count: number) => ({ ...NOTHING, tokens: count });

function standing(part: Partial<StandingBucket>, level = 0): Standing {
  return {
    atMs: AT_MS,
    openHolds: 1,
    suspendedHolds: 0,
    buckets: [
      {
        scope: "tenant",
        window: "day",
        key: "2026-11-25",
        spent: NOTHING,
        held: NOTHING,
        over: NOTHING,
        resetAtMs: AT_MS + 1,
        ...part,
      },
    ],
    rates: [{ scope: "tenant", dimension: "tokens", level, atMs: AT_MS - 30_000 }],
    lambda: 0,
  };
}

const STANDINGS: Readonly<Record<string, Standing>> = {
  acme: standing({
    spent: tokens(300),
    held: tokens(200),
    lent: tokens(200),
    returned: { spent: tokens(300), over: NOTHING },
  }),
  "acme#0": standing({ spent: tokens(250), held: tokens(20), unreported: tokens(30) }, 200),
  "acme#1": standing({ spent: tokens(100), held: tokens(40), unreported: tokens(20) }, 290),
};

async function read(away: readonly string[]) {
  const usage = await readWhole(NAMES, "UTC", async (name) => {
    if (away.includes(name)) throw new Error(`${name} is away`);
    return STANDINGS[name] ?? standing({});
  });
  const scopes = [{ scope: "tenant", limits: [LIMIT, RATE] }];
  const body = usageBody({ ...usage, of: { tenant: "acme" }, zone: "UTC", shards: 2, scopes });
  const row = body.windows.find(
    (one) => Reflect.get(one, "window") === "day" && Reflect.get(one, "dimension") === "tokens",
  );
  return { body, row };
}

describe("a tenant's ledgers read as one", () => {
  it("count each token once, whether it was reported or not", async () => {
    const { body, row } = await read([]);
    const lent = 200 - 30 - 20 - 20 - 40;
    expect(row).toMatchObject({ spent: 350, held: 60, lent, remaining: 1_000 - 350 - 60 - lent });
    expect(body).toMatchObject({ open_holds: 3, missing: [] });
    expect(body.ledgers).toEqual(
      NAMES.map((ledger) => ({ ledger, read_at: "2026-11-25T12:00:00.000Z" })),
    );
  });

  it("drain each shard's part of a rate by itself", async () => {
    const { body } = await read([]);
    // Half a minute of 300 a minute is 150 of each.
    expect(body.rates).toEqual([
      expect.objectContaining({
        level: 50 + 140,
        limit: 600,
        remaining: 600 - 190,
        resets_at: "2026-11-25T12:00:28.000Z",
      }),
    ]);
  });

  it("name a shard that does not answer, and tell of it what the owner knows", async () => {
    const { body, row } = await read(["acme#1"]);
    const lent = 200 - 30 - 20;
    // 300 were reported, of which 80 by the shard that is away.
    expect(row).toMatchObject({ spent: 330, held: 20, lent, remaining: 1_000 - 330 - 20 - lent });
    expect(body.missing).toEqual(["acme#1"]);
    expect(body.ledgers.map(({ ledger }) => ledger)).toEqual(["acme", "acme#0"]);
  });

  it("do not say what is left or lent while the owner does not answer", async () => {
    const { body, row } = await read(["acme"]);
    expect(row).toMatchObject({ spent: 350, held: 60, lent: 0, remaining: null });
    expect(body.missing).toEqual(["acme"]);
  });

  it("are unreachable when none of them answers", async () => {
    await expect(read(NAMES)).rejects.toThrow("acme is away");
  });
});

describe("askEach", () => {
  it("has at most six answers outstanding, and hears all in the order of the names", async () => {
    const names = Array.from({ length: 33 }, (_, index) => `n${index}`);
    let [running, most] = [0, 0];
    const heard = await askEach(names, async (name) => {
      running += 1;
      most = Math.max(most, running);
      await Promise.resolve();
      running -= 1;
      if (name === "n7") throw new Error("away");
      return name;
    });
    expect(most).toBe(6);
    expect(heard.map(({ name }) => name)).toEqual(names);
    expect(heard.filter(({ kind }) => kind === "failed").map(({ name }) => name)).toEqual(["n7"]);
    expect(await askEach([], async () => 1)).toEqual([]);
  });
});

describe("which ledgers a tenant ever had", () => {
  it("is asked once a minute, and is never less than its document says", async () => {
    let nowMs = 0;
    const ask = vi.fn(async () => ["acme", "acme#0", "acme#1", "acme#2"]);
    const ledgers = new TenantLedgers(ask, new Map(), () => nowMs);
    expect(await ledgers.namesOf({ id: "acme", shards: 1 })).toHaveLength(4);
    expect(await ledgers.namesOf({ id: "acme", shards: 5 })).toEqual([
      "acme",
      ...Array.from({ length: 5 }, (_, shard) => `acme#${shard}`),
    ]);
    expect(ask).toHaveBeenCalledTimes(1);
    nowMs = 60_000;
    await ledgers.namesOf({ id: "acme", shards: 1 });
    expect(ask).toHaveBeenCalledTimes(2);
  });

  it("is what is known of while the registry is away, which is then asked again sooner", async () => {
    let nowMs = 0;
    let isAway = true;
    const ask = vi.fn(async () => {
      if (isAway) throw new Error("away");
      return ["acme", "acme#0", "acme#1"];
    });
    const ledgers = new TenantLedgers(ask, new Map(), () => nowMs);
    expect(await ledgers.namesOf({ id: "acme", shards: 1 })).toEqual(["acme"]);
    expect(await ledgers.namesOf({ id: "acme", shards: 1 })).toEqual(["acme"]);
    expect(ask).toHaveBeenCalledTimes(1);
    isAway = false;
    nowMs = 5_000;
    expect(await ledgers.namesOf({ id: "acme", shards: 1 })).toHaveLength(3);
    isAway = true;
    nowMs += 60_000;
    expect(await ledgers.namesOf({ id: "acme", shards: 1 })).toHaveLength(3);
  });
});
