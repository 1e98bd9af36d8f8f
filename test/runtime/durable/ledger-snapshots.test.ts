// Snapshots of the journal, and what is left when the lines that they stand for are pruned.
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import type { Ledger } from "../../../durable/ledger.ts";
import { parseLine } from "../../../policies/ledger/parse-line.ts";
import { stopClockOfEach } from "./a-clock.ts";
import {
  countRows,
  dump,
  entriesOf,
  expectSameAfter,
  holdRequest,
  openLedger,
  runCalls,
  settlement,
  tokenLimit,
  totalOf,
} from "./ledger-samples.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const SNAPSHOT_EVERY = 2_000;

const clock = stopClockOfEach();

describe("a snapshot", () => {
  async function busy(tenantId: string): Promise<DurableObjectStub<Ledger>> {
    const ledger = openLedger(tenantId);
    await runInDurableObject(ledger, (instance) => {
      const limits = [tokenLimit(10_000_000, "day", true), tokenLimit(100_000, "minute")];
      instance.hold(holdRequest("open", { limits, ttlMs: 3_600_000 }));
      instance.hold(holdRequest("suspended", { limits, ttlMs: 1_000 }));
      clock.advance(2_000);
      runCalls(instance, 0, SNAPSHOT_EVERY / 2);
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
    expect(await countRows(ledger, "snapshot")).toBe(0);
    await expectSameAfter(ledger, () => evictDurableObject(ledger));
    expect(await runDurableObjectAlarm(ledger)).toBe(true);
    expect(await countRows(ledger, "snapshot")).toBe(1);
    await runInDurableObject(ledger, (instance) => runCalls(instance, 5_000, 5_010));
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
    expect(await countRows(ledger, "snapshot")).toBe(0);
    expect(await totalOf(ledger)).toEqual(before);
    await trigger("DROP TRIGGER full");
    expect(await runDurableObjectAlarm(ledger)).toBe(true);
    expect(await countRows(ledger, "snapshot")).toBe(1);
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
    expect(await countRows(ledger, "journal")).toBe(2);
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
    expect(await countRows(ledger, "journal")).toBe(0);
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
    expect(await countRows(ledger, "journal")).toBe(76);
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
    expect(await countRows(ledger, "journal")).toBe(0);
    expect(await countRows(ledger, "word")).toBe(0);
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
