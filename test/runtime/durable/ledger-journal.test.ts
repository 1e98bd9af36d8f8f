// The journal: its bytes, its chain, and its lines as others read them.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { Book } from "../../../durable/ledger-book.ts";
import { decodeEntry, encodeEntry } from "../../../durable/ledger-codec.ts";
import { Words } from "../../../durable/ledger-words.ts";
import { lineOf } from "../../../policies/ledger/canonical.ts";
import { CHAIN_START, verifyPage } from "../../../policies/ledger/chain.ts";
import { parseLine } from "../../../policies/ledger/parse-line.ts";
import { entries, sha256 } from "../../unit/policies/ledger/entry-samples.ts";
import { stopClockOfEach } from "./a-clock.ts";
import {
  countRows,
  entriesOf,
  holdRequest,
  offer,
  openLedger,
  runCalls,
  settlement,
  tokenLimit,
  totalOf,
} from "./ledger-samples.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const SNAPSHOT_EVERY = 2_000;

const clock = stopClockOfEach();

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
      runCalls(instance, 0, SNAPSHOT_EVERY / 2);
      await instance.alarm();
    });
    clock.advance(80 * DAY_MS);
    await runInDurableObject(ledger, (instance) => instance.alarm());
    expect(await countRows(ledger, "snapshot")).toBe(0);
    expect(await countRows(ledger, "journal")).toBe(SNAPSHOT_EVERY + 3);
    const problem = await ledger.journal(0, 10).then(String, String);
    expect(problem).toMatch(/newer version/);
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
