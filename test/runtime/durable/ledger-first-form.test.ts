// A ledger whose database was written by the first form starts in the present one.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { STEPS } from "../../../durable/ledger-schema.ts";
import { FIRST_FORM_ROWS } from "./ledger-first-form-rows.ts";
import type { Ledger } from "../../../durable/ledger.ts";
import {
  dump,
  entriesOf,
  expectSameAfter,
  holdRequest,
  openHolds,
  openLedger,
  settlement,
  stopClock,
  tokenLimit,
  totalOf,
  usageOf,
  type Clock,
} from "./ledger-samples.ts";

const OPEN_CALL = "0a1b2c3d-0000-4000-8000-0123456789ab:0";

let clock: Clock;
beforeEach(() => {
  // A while after the rows were written.
  clock = stopClock("2030-05-15T01:30:00Z");
});
afterEach(() => {
  vi.restoreAllMocks();
});

async function openStored(tenantId: string): Promise<DurableObjectStub<Ledger>> {
  const ledger = openLedger(tenantId);
  await runInDurableObject(ledger, (_, { storage: { sql } }) => {
    const tables = sql
      .exec<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table'")
      .toArray()
      .map(({ name }) => name)
      .filter((name) => !/^(?:_cf|sqlite)_/.test(name));
    for (const name of tables) sql.exec(`DROP TABLE ${name}`);
    sql.exec("CREATE TABLE schema (id INTEGER PRIMARY KEY, version INTEGER NOT NULL) STRICT");
    for (const step of STEPS.slice(0, 2)) sql.exec(step);
    sql.exec(FIRST_FORM_ROWS);
  });
  await evictDurableObject(ledger);
  return ledger;
}

describe("a ledger of the first form", () => {
  it("keeps what its days and months had spent, and charges open holds as expiry would", async () => {
    const ledger = await openStored("first-form");
    // 300 were spent; 100 of input and 2 s at 100 tokens/s are charged for the open hold.
    expect(await totalOf(ledger)).toEqual({ spent: 300 + 300, held: 0, over: 0 });
    expect(await totalOf(ledger, "nanos")).toMatchObject({ spent: 780 + 1_000 });
    expect(await totalOf(ledger, "requests")).toMatchObject({ spent: 2 + 1 });
    expect(await totalOf(ledger, "tokens", "month")).toEqual({ spent: 1_990, held: 0, over: 600 });
    expect(await totalOf(ledger, "nanos", "month")).toEqual({
      spent: 5_960 + 1_000,
      held: 0,
      over: 2_400,
    });
    expect(await openHolds(ledger)).toBe(0);
    expect((await entriesOf(ledger)).map(({ op }) => op)).toEqual([
      "hold",
      "settle",
      "hold",
      "settle",
      "hold",
      "expire",
    ]);
    expect((await ledger.usage("UTC", [])).atMs).toBe(clock.nowMs);
  });

  it("goes on: limits hold, the late truth of its open hold counts once, and revoked keys stay so", async () => {
    const ledger = await openStored("first-form-goes-on");
    const limits = [tokenLimit(2_000, "month")];
    expect(await ledger.hold(holdRequest("new", { limits }))).toMatchObject({
      kind: "refused",
      remaining: 10,
    });
    const exact = settlement(OPEN_CALL, { usage: usageOf(100, 20) });
    expect(await ledger.settle(exact)).toMatchObject({ kind: "settled", chargedTokens: 120 });
    expect(await ledger.settle(exact)).toEqual({ kind: "already", state: "settled" });
    expect(await totalOf(ledger, "tokens", "month")).toMatchObject({ spent: 1_990 - 180 });
    expect(await ledger.knows(OPEN_CALL.slice(0, -2))).toBe(true);
    expect(await ledger.hold(holdRequest("x", { keyId: "key-9" }))).toMatchObject({
      kind: "revoked",
    });
  });

  it("is carried over once, also when it starts again", async () => {
    const ledger = await openStored("first-form-again");
    await openHolds(ledger);
    const before = await dump(ledger);
    await expectSameAfter(ledger, () => evictDurableObject(ledger));
    expect(await dump(ledger)).toBe(before);
    await runInDurableObject(ledger, (_, { storage }) => {
      const left = storage.sql
        .exec("SELECT name FROM sqlite_schema WHERE name LIKE 'first_form%' OR name = 'call'")
        .toArray();
      expect(left).toEqual([]);
    });
  });

  it("is carried over when the start was cut between the schema and the rows", async () => {
    const ledger = await openStored("first-form-cut");
    await runInDurableObject(ledger, (_, { storage: { sql } }) => {
      // As the second form's schema leaves it.
      for (const table of ["journal", "ended", "bucket", "snapshot"])
        sql.exec(`DELETE FROM ${table}`);
      sql.exec("DROP TABLE IF EXISTS first_form_call");
      const [call = "", ,] = STEPS[0]?.split("-- One row a window") ?? [];
      sql.exec(call.replaceAll("journal", "unused"));
      sql.exec("ALTER TABLE call RENAME TO first_form_call");
      sql.exec(
        `CREATE TABLE first_form_balance (window, key, spent_requests, spent_tokens, spent_nanos, held_requests,
           held_tokens, held_nanos, over_tokens, over_nanos)`,
      );
      sql.exec(
        "INSERT INTO first_form_balance VALUES ('day', '2030-05-15', 1, 70, 80, 0, 0, 0, 0, 0)",
      );
    });
    await evictDurableObject(ledger);
    expect(await totalOf(ledger, "tokens", "month")).toEqual({ spent: 70, held: 0, over: 0 });
  });
});
