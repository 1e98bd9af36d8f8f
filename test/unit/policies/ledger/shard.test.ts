// Shards: where a key's calls go, and what each shard holds of the tenant's limits.
import { describe, expect, it } from "vitest";
import type { Limit } from "../../../../policies/ledger/limit.ts";
import {
  ledgerName,
  ledgerNames,
  shardOf,
  shardScopes,
} from "../../../../policies/ledger/shard.ts";

const KEYS = Array.from({ length: 8_000 }, (_, index) => `key_${index.toString(36)}`);

describe("shardOf", () => {
  it("names the same shard for a key each time, one of those that there are", () => {
    for (const key of KEYS.slice(0, 200))
      for (const shards of [1, 2, 7, 32]) {
        const shard = shardOf(key, shards);
        expect(shardOf(key, shards)).toBe(shard);
        expect(Number.isInteger(shard) && shard >= 0 && shard < shards).toBe(true);
      }
  });

  it("stays as it is: a key that moved would begin its rates and conversations anew", () => {
    expect(["a", "key_1", "nutzer-ä", ""].map((key) => shardOf(key, 8))).toEqual([4, 5, 0, 0]);
  });

  it("spreads keys evenly, within a fifth of the mean", () => {
    for (const shards of [2, 4, 8, 32]) {
      const counts = Array.from({ length: shards }, () => 0);
      for (const key of KEYS) counts[shardOf(key, shards)]! += 1;
      const mean = KEYS.length / shards;
      expect(Math.min(...counts)).toBeGreaterThan(0.8 * mean);
      expect(Math.max(...counts)).toBeLessThan(1.2 * mean);
    }
  });

  it("moves keys only to the shard that comes new", () => {
    const moved = KEYS.filter((key) => shardOf(key, 4) !== shardOf(key, 5));
    expect(moved.every((key) => shardOf(key, 5) === 4)).toBe(true);
    expect(moved.length).toBeLessThan(0.25 * KEYS.length);
  });
});

it("names one ledger for a tenant without shards, and a shard's for one with them", () => {
  expect(ledgerName("acme", "k", 1)).toBe("acme");
  expect(ledgerName("acme", "k", 4)).toBe(`acme#${shardOf("k", 4)}`);
  expect(ledgerNames("acme", 1)).toEqual(["acme"]);
  expect(ledgerNames("acme", 2)).toEqual(["acme#0", "acme#1"]);
});

describe("shardScopes", () => {
  const daily: Limit = { dimension: "tokens", window: "day", limit: 100, hard: true };
  const rate: Limit = { dimension: "requests", window: "minute", limit: 10, burst: 3, hard: true };
  const scopes = [
    { scope: "org:o", limits: [daily], lender: "org:o" },
    { scope: "tenant", limits: [daily, rate] },
    { scope: "key:k", limits: [daily, rate] },
    { scope: "user:u", limits: [daily] },
  ];

  it("leaves everything as it is where there is one ledger", () => {
    expect(shardScopes(scopes, "acme", 1)).toEqual(scopes);
  });

  it("has the tenant's ledger lend all that is not an organisation's, and parts the rates that keys share", () => {
    const part = { ...rate, limit: 2, burst: 1 };
    expect(shardScopes(scopes, "acme", 4)).toEqual([
      { scope: "org:o", limits: [daily], lender: "org:o" },
      { scope: "tenant", limits: [daily, part], lender: "acme" },
      { scope: "key:k", limits: [daily, rate], lender: "acme" },
      { scope: "user:u", limits: [daily], lender: "acme" },
    ]);
  });
});
