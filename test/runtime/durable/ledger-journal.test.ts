// The journal and what is made of it: its bytes, its chain, its snapshots, and what is left when lines are pruned.
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { Book } from "../../../durable/ledger-book.ts";
import { decodeEntry, encodeEntry } from "../../../durable/ledger-codec.ts";
import type { Ledger } from "../../../durable/ledger.ts";
import { Words } from "../../../durable/ledger-words.ts";
import { lineOf } from "../../../policies/ledger/canonical.ts";
import { CHAIN_START, verifyPage } from "../../../policies/ledger/chain.ts";
import { parseLine } from "../../../policies/ledger/parse-line.ts";
import { entries, sha256 } from "../../unit/policies/ledger/entry-samples.ts";
import { stopClockOfEach } from "./a-clock.ts";
import {
  dump,
  entriesOf,
  expectSameAfter,
  holdRequest,
  offer,
  openLedger,
  settlement,
  tokenLimit,
  totalOf,
} from "./ledger-samples.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const SNAPSHOT_EVERY = 2_000;

const clock = stopClockOfEach();

function count(ledger: DurableObjectStub<Ledger>, table: string): Promise<number> {
  return runInDurableObject(ledger, (_, { storage }) =>
    Number(storage.sql.exec(`SELECT count(*) AS rows FROM ${table}`).one()["rows"]),
  );
}

function run(instance: Ledger, from: number, to: number): void {
  for (let index = from; index < to; index++) {
    instance.hold(holdRequest(`c${index}`, { limits: [tokenLimit(1_000_000_000)] }));
    instance.settle(settlement(`c${index}`));
  }
}

describe("an entry", () => {
  it("comes back from its bytes as it was, whatever it is", async () => {
    await runInDurableObject(openLedger("codec"), (_, { storage }) => {
      fc.assert(
        fc.property(entries, (entry) => {
          const body = encodeEntry(entry, new Words(storage.sql));
          // A second set of words knows nothing but the database.
          expect(decodeEntry(body, new Words(storage.sql))).toEqual(entry);
        }),
        { numRuns: 500 },
      );
    });
  });

  it("is read by a version that knows fewer fields, and left out by one that does not know it at all", async () => {
    await runInDurableObject(openLedger("codec-later"), (_, { storage }) => {
      const words = new Words(storage.sql);
      const entry = { op: "release", callId: "a", atMs: 5 } as const;
      const body = new Uint8Array(encodeEntry(entry, words));
      expect(decodeEntry(new Uint8Array([...body, 1, 2, 3]).buffer, words)).toEqual(entry);
      const [head = 0, ...rest] = body;
      expect(decodeEntry(new Uint8Array([head - 8 + 31, ...rest]).buffer, words)).toBeNull();
      expect(decodeEntry(new Uint8Array([head + 32, ...rest]).buffer, words)).toBeNull();
    });
  });
});

describe("the journal", () => {
  it("carries who called, what for and under which policy, with every line canonical", async () => {
    const ledger = openLedger("journal-words");
    await ledger.hold(holdRequest("a", { variant: "treatment" }));
    clock.advance(2_000);
    await ledger.settle(settlement("a"));
    expect(await entriesOf(ledger)).toMatchObject([
      {
        op: "hold",
        callId: "a",
        atMs: clock.nowMs - 2_000,
        path: { zone: "UTC", scopes: [{ scope: "tenant", limits: [] }] },
        prices: { version: "2026-10", cachedInputNanosPerMtok: 1_000_000 },
        words: {
          keyId: "key-1",
          policyVersion: "policy-7",
          variant: "treatment",
          arm: "large/long",
          strategies: ["concise"],
        },
        inputTokens: 100,
        outputTokens: 400,
      },
      { op: "settle", callId: "a", atMs: clock.nowMs, certainty: "exact", ending: "complete" },
    ]);
  });

  it("is read in pages of any size, each chained to the one before, and the same in other sizes", async () => {
    const ledger = openLedger("journal-pages");
    for (const callId of ["a", "b", "c"]) {
      await ledger.hold(holdRequest(callId));
      await ledger.settle(settlement(callId));
    }
    const whole = await ledger.journal(0, 1_000);
    expect(await verifyPage(CHAIN_START, whole, sha256)).toEqual({
      kind: "whole",
      hash: whole.hash,
    });
    for (const size of [1, 2, 4, 5]) {
      const lines: string[] = [];
      let hash = CHAIN_START;
      for (let at = 0; ;) {
        const page = await ledger.journal(at, size);
        if (page.lines.length === 0) {
          expect(page).toEqual({ lines: [], nextSeq: 6, prevHash: whole.hash, hash: whole.hash });
          break;
        }
        expect(await verifyPage(hash, page, sha256)).toMatchObject({ kind: "whole" });
        lines.push(...page.lines);
        ({ hash, nextSeq: at } = page);
      }
      expect(lines).toEqual(whole.lines);
      expect(hash).toBe(whole.hash);
    }
    expect((await ledger.journal(999, 10)).nextSeq).toBe(6);
  });

  it("finds an ended call again as it ended, with what was refunded", async () => {
    const ledger = openLedger("journal-ended");
    await ledger.hold(
      holdRequest("a", { offers: [offer({ outputTokens: 4_000, sliceTokens: 500 })] }),
    );
    await ledger.extend({ callId: "a", outputTokens: 900, seenOutputTokens: 400, ttlMs: 60_000 });
    await ledger.settle(settlement("a"));
    await ledger.refund({ callId: "a", refundId: "r", tokens: 5, nanos: 0 });
    await runInDurableObject(ledger, (_, { storage }) => {
      const found = new Book(storage.sql).ended.find("a");
      expect(found).toMatchObject({
        hold: { callId: "a", heldOutputTokens: 500 },
        end: { op: "settle", charged: { tokens: 290 } },
        refunds: [{ refundId: "r", amounts: { tokens: 5 } }],
      });
    });
  });

  it("writes one row for a hold and two for an ending, and nothing else once words are known", async () => {
    const ledger = openLedger("journal-rows");
    await ledger.hold(holdRequest("a"));
    await ledger.settle(settlement("a"));
    const rows = await runInDurableObject(ledger, (instance, { storage }) => {
      const written: number[] = [];
      const exec = storage.sql.exec.bind(storage.sql);
      vi.spyOn(storage.sql, "exec").mockImplementation((query, ...bindings) => {
        const cursor = exec(query, ...bindings);
        written.push(cursor.rowsWritten);
        return cursor as never;
      });
      const total = (): number => written.splice(0).reduce((sum, one) => sum + one, 0);
      instance.hold(holdRequest("b"));
      const held = total();
      instance.settle(settlement("b"));
      return [held, total()];
    });
    expect(rows).toEqual([1, 2]);
  });

  it("takes at most 200 bytes a request, holds and endings and their ids together", async () => {
    const ledger = openLedger("journal-bytes");
    const perRequest = await runInDurableObject(ledger, (instance, { storage }) => {
      const scopes = ["tenant", "key:key-1", "user:user-1"].map((scope) => ({
        scope,
        limits: [tokenLimit(1_000_000_000), tokenLimit(1_000_000_000, "minute")],
      }));
      const request = (): void => {
        const callId = `${crypto.randomUUID()}:0`;
        instance.hold(holdRequest(callId, { scopes }));
        clock.advance(700);
        instance.settle(settlement(callId));
      };
      for (let index = 0; index < 10; index++) request();
      const before = storage.sql.databaseSize;
      for (let index = 0; index < 10_000; index++) request();
      return (storage.sql.databaseSize - before) / 10_000;
    });
    expect(perRequest).toBeLessThanOrEqual(200);
  });
});

describe("a line of a newer version", () => {
  it("is left out with an alarm in the log, stays, and nothing is made to stand for it", async () => {
    const logged = vi.spyOn(console, "error").mockReturnValue();
    const ledger = openLedger("newer-line");
    await ledger.hold(holdRequest("a"));
    await runInDurableObject(ledger, (_, { storage }) => {
      storage.sql.exec("INSERT INTO journal (seq, body) VALUES (2, x'3f05')");
    });
    await evictDurableObject(ledger);
    expect(await ledger.settle(settlement("a"))).toMatchObject({ kind: "settled" });
    expect(logged).toHaveBeenCalledWith(expect.stringContaining("ledger-lines-of-newer-version"));
    expect(await totalOf(ledger)).toEqual({ spent: 290, held: 0, over: 0 });
    await runInDurableObject(ledger, async (instance) => {
      run(instance, 0, SNAPSHOT_EVERY / 2);
      await instance.alarm();
    });
    clock.advance(80 * DAY_MS);
    await runInDurableObject(ledger, (instance) => instance.alarm());
    expect(await count(ledger, "snapshot")).toBe(0);
    expect(await count(ledger, "journal")).toBe(SNAPSHOT_EVERY + 3);
    const problem = await ledger.journal(0, 10).then(String, String);
    expect(problem).toMatch(/newer version/);
  });
});

describe("a snapshot", () => {
  async function busy(tenantId: string): Promise<DurableObjectStub<Ledger>> {
    const ledger = openLedger(tenantId);
    await runInDurableObject(ledger, (instance) => {
      const limits = [tokenLimit(10_000_000, "day", true), tokenLimit(100_000, "minute")];
      instance.hold(holdRequest("open", { limits, ttlMs: 3_600_000 }));
      instance.hold(holdRequest("suspended", { limits, ttlMs: 1_000 }));
      clock.advance(2_000);
      run(instance, 0, SNAPSHOT_EVERY / 2);
      instance.extend({
        callId: "open",
        outputTokens: 400,
        seenOutputTokens: 10,
        ttlMs: 7_200_000,
      });
    });
    return ledger;
  }

  it("is written by alarm every so many entries, and a start from it knows the same", async () => {
    const ledger = await busy("snapshot");
    expect(await count(ledger, "snapshot")).toBe(0);
    await expectSameAfter(ledger, () => evictDurableObject(ledger));
    expect(await runDurableObjectAlarm(ledger)).toBe(true);
    expect(await count(ledger, "snapshot")).toBe(1);
    await runInDurableObject(ledger, (instance) => run(instance, 5_000, 5_010));
    await expectSameAfter(ledger, () => evictDurableObject(ledger));
    expect(await ledger.settle(settlement("open"))).toMatchObject({ kind: "settled" });
    expect(await ledger.settle(settlement("suspended"))).toMatchObject({ kind: "settled" });
    expect(await ledger.settle(settlement("c5"))).toMatchObject({ kind: "already" });
    await expectSameAfter(ledger, () => evictDurableObject(ledger));
  });

  it("can be deleted: a start costs more and comes to the same", async () => {
    const ledger = await busy("snapshot-deleted");
    await runDurableObjectAlarm(ledger);
    await ledger.settle(settlement("suspended"));
    await ledger.refund({ callId: "c1", refundId: "r", tokens: 5, nanos: 5 });
    await expectSameAfter(ledger, async () => {
      await runInDurableObject(ledger, (_, { storage }) => {
        storage.sql.exec("DELETE FROM snapshot");
      });
      await evictDurableObject(ledger);
    });
  });

  it("that fails to be written costs nothing but another try", async () => {
    const logged = vi.spyOn(console, "error").mockReturnValue();
    const ledger = await busy("snapshot-fails");
    const trigger = (statement: string): Promise<void> =>
      runInDurableObject(ledger, (_, { storage }) => {
        storage.sql.exec(statement);
      });
    await trigger(
      "CREATE TRIGGER full BEFORE INSERT ON snapshot BEGIN SELECT RAISE(ABORT, 'full'); END",
    );
    const before = await totalOf(ledger);
    expect(await runDurableObjectAlarm(ledger)).toBe(true);
    expect(logged).toHaveBeenCalledWith(expect.stringContaining("ledger-alarm-failed"));
    expect(await count(ledger, "snapshot")).toBe(0);
    expect(await totalOf(ledger)).toEqual(before);
    await trigger("DROP TRIGGER full");
    expect(await runDurableObjectAlarm(ledger)).toBe(true);
    expect(await count(ledger, "snapshot")).toBe(1);
  });
});

describe("pruning", () => {
  it("drops lines after seventy days with the ids that ended in them; a snapshot and an anchor stand for both", async () => {
    const ledger = openLedger("prune");
    await ledger.hold(holdRequest("a", { limits: [tokenLimit(10_000, "lifetime")] }));
    await ledger.settle(settlement("a"));
    const old = await ledger.journal(0, 10);
    clock.advance(69 * DAY_MS);
    await runDurableObjectAlarm(ledger);
    expect(await count(ledger, "journal")).toBe(2);
    expect(await ledger.settle(settlement("a"))).toEqual({ kind: "already", state: "settled" });
    await ledger.hold(holdRequest("b"));
    await ledger.settle(settlement("b"));
    clock.advance(2 * DAY_MS);
    expect(await runDurableObjectAlarm(ledger)).toBe(true);
    expect(await ledger.settle(settlement("a"))).toEqual({ kind: "missing" });
    expect(await ledger.settle(settlement("b"))).toEqual({ kind: "already", state: "settled" });
    const page = await ledger.journal(0, 10);
    expect(page.lines.map((line) => parseLine(line))).toMatchObject([
      { value: { seq: 3 } },
      { value: { seq: 4 } },
    ]);
    expect(page.prevHash).toBe(old.hash);
    await expectSameAfter(ledger, () => evictDurableObject(ledger));
    expect(await totalOf(ledger, "tokens", "lifetime")).toEqual({ spent: 290, held: 0, over: 0 });
  });

  it("counts on when every line is gone", async () => {
    const ledger = openLedger("prune-all");
    await ledger.hold(holdRequest("a"));
    await ledger.settle(settlement("a"));
    const { hash } = await ledger.journal(0, 10);
    clock.advance(71 * DAY_MS);
    await runDurableObjectAlarm(ledger);
    expect(await count(ledger, "journal")).toBe(0);
    await evictDurableObject(ledger);
    await ledger.hold(holdRequest("b"));
    const page = await ledger.journal(0, 10);
    expect(page).toMatchObject({ prevHash: hash, nextSeq: 3 });
  });

  it("never drops a line that an open call needs, nor an id that ended within a day", async () => {
    const ledger = openLedger("prune-open");
    const renew = async (): Promise<void> => {
      await ledger.checkpoint({ callId: "a", seenOutputTokens: 1, ttlMs: DAY_MS });
    };
    await ledger.hold(holdRequest("a", { ttlMs: DAY_MS }));
    for (let day = 0; day < 75; day++) {
      clock.advance(DAY_MS - 1_000);
      await renew();
    }
    await runDurableObjectAlarm(ledger);
    expect(await count(ledger, "journal")).toBe(76);
    await ledger.settle(settlement("a"));
    clock.advance(3_600_000);
    await runInDurableObject(ledger, (instance) => instance.alarm());
    expect(await ledger.settle(settlement("a"))).toEqual({ kind: "already", state: "settled" });
    clock.advance(2 * DAY_MS);
    await runInDurableObject(ledger, (instance) => instance.alarm());
    expect(await ledger.settle(settlement("a"))).toEqual({ kind: "missing" });
  });

  it("refuses to start where lines are gone and what stood for them is gone too", async () => {
    const ledger = openLedger("prune-lost");
    await ledger.hold(holdRequest("a"));
    await ledger.settle(settlement("a"));
    clock.advance(71 * DAY_MS);
    await runDurableObjectAlarm(ledger);
    await runInDurableObject(ledger, (_, { storage }) => {
      storage.sql.exec("DELETE FROM snapshot");
    });
    await evictDurableObject(ledger);
    const problem = await openLedger("prune-lost").hold(holdRequest("b")).then(String, String);
    expect(problem).toMatch(/snapshot/);
  });

  it("drops words that no line names any more, and none that one does", async () => {
    const ledger = openLedger("prune-words");
    const of = (user: string) => ({ scopes: [{ scope: `user:${user}`, limits: [] }] });
    const words = () =>
      runInDurableObject(ledger, (_, { storage }) =>
        storage.sql
          .exec<{ text: string }>("SELECT text FROM word")
          .toArray()
          .map(({ text }) => text)
          .join(" "),
      );
    await ledger.hold(holdRequest("a", of("eve@example.com")));
    await ledger.settle(settlement("a"));
    await ledger.hold(holdRequest("b", of("kim@example.com")));
    await ledger.settle(settlement("b"));
    clock.advance(60 * DAY_MS);
    await ledger.hold(holdRequest("c", of("kim@example.com")));
    clock.advance(1_000);
    await ledger.settle(settlement("c"));
    clock.advance(11 * DAY_MS);
    await runInDurableObject(ledger, (instance) => instance.alarm());
    await runInDurableObject(ledger, (instance) => instance.alarm());
    expect(await words()).not.toContain("eve@example.com");
    expect(await words()).toContain("kim@example.com");
    const lines = (await ledger.journal(0, 10)).lines.join("\n");
    expect(lines).toContain("user:kim@example.com");
    expect(lines).not.toContain("eve@example.com");
    // Who comes back is written down anew, and a word that took a number of another is not taken for it.
    await ledger.hold(holdRequest("d", of("eve@example.com")));
    expect(JSON.stringify((await entriesOf(ledger)).at(-1))).toContain("user:eve@example.com");
    await expectSameAfter(ledger, () => evictDurableObject(ledger));
  });

  it("keeps every word while there is a line of a version that does not say which it uses", async () => {
    const ledger = openLedger("prune-words-older");
    await ledger.hold(holdRequest("a", { scopes: [{ scope: "user:eve", limits: [] }] }));
    await ledger.settle(settlement("a"));
    clock.advance(69 * DAY_MS);
    // As it wrote: the words are there already, and nobody marks them.
    await ledger.hold(holdRequest("b", { scopes: [{ scope: "user:eve", limits: [] }] }));
    await ledger.settle(settlement("b"));
    await runInDurableObject(ledger, (_, { storage }) => {
      const rows = storage.sql
        .exec<{ seq: number; body: ArrayBuffer }>("SELECT seq, body FROM journal WHERE seq > 2")
        .toArray();
      storage.sql.exec("DELETE FROM journal WHERE seq > 2");
      for (const { seq, body } of rows)
        storage.sql.exec("INSERT INTO journal (seq, body) VALUES (?, ?)", seq, body);
      storage.sql.exec("UPDATE word SET used_day = 1");
    });
    await evictDurableObject(ledger);
    clock.advance(2 * DAY_MS);
    await runInDurableObject(ledger, (instance) => instance.alarm());
    expect((await ledger.journal(0, 10)).lines.join("\n")).toContain("user:eve");
    clock.advance(70 * DAY_MS);
    await runInDurableObject(ledger, (instance) => instance.alarm());
    await runInDurableObject(ledger, (instance) => instance.alarm());
    expect(await count(ledger, "journal")).toBe(0);
    expect(await count(ledger, "word")).toBe(0);
  });

  it("drops windows a month after their lines, and never one that does not turn", async () => {
    const ledger = openLedger("prune-buckets");
    await ledger.hold(holdRequest("a", { limits: [tokenLimit(10_000, "lifetime")] }));
    await ledger.settle(settlement("a"));
    for (let day = 0; day < 210; day += 35) {
      clock.advance(35 * DAY_MS);
      await ledger.hold(holdRequest(`b${day}`));
      await ledger.settle(settlement(`b${day}`));
      await runInDurableObject(ledger, (instance) => instance.alarm());
    }
    const keys = await runInDurableObject(ledger, (_, { storage }) =>
      storage.sql
        .exec<{ key: string }>("SELECT key FROM bucket ORDER BY key")
        .toArray()
        .map(({ key }) => key),
    );
    expect(keys).not.toContain("2030-05-15");
    expect(keys).toContain("lifetime");
    await evictDurableObject(ledger);
    expect(await totalOf(ledger, "tokens", "lifetime")).toMatchObject({ spent: 290 });
    const before = await dump(ledger);
    expect(before).not.toContain("2030-05-15");
  });
});

describe("canonical lines", () => {
  it("are what the object exports", async () => {
    const ledger = openLedger("canonical");
    await ledger.hold(holdRequest("a"));
    const [line = ""] = (await ledger.journal(0, 1)).lines;
    const parsed = parseLine(line);
    expect(parsed.kind === "parsed" ? lineOf(parsed.value) : parsed).toBe(line);
  });
});
