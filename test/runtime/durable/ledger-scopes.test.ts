// Scopes of a ledger that has more of them than anybody lists at once: page after page names each of them once, those too that
// are in the database alone.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { expect, it } from "vitest";
import type { Ledger } from "../../../durable/ledger.ts";
import { Book } from "../../../durable/ledger-book.ts";
import { newBucket } from "../../../policies/ledger/bucket.ts";
import { NOTHING } from "../../../policies/ledger/amounts.ts";
import { stopClockOfEach } from "./a-clock.ts";
import { holdRequest, openLedger, settlement } from "./ledger-samples.ts";

/** With a day and a month for each, more buckets than one look reads. */
const USERS = 3_000;
const PAGE = 201;

stopClockOfEach();

/** Names of every length and script, some of which a database sorts otherwise than JavaScript does. */
function userOf(index: number): string {
  return `user:${["", "é", "\u{1f600}", "\uffee"][index % 4]}${index}`;
}

/** Buckets as a snapshot leaves them, without the three thousand calls that would make them. */
function fill(ledger: DurableObjectStub<Ledger>): Promise<void> {
  return runInDurableObject(ledger, (_, { storage }) => {
    storage.transactionSync(() => {
      const book = new Book(storage.sql);
      for (let index = 0; index < USERS; index++)
        for (const [window, key] of [
          ["day", "2030-05-15"],
          ["month", "2030-05"],
        ] as const) {
          const bucket = newBucket(userOf(index), window, key);
          const spent = { ...NOTHING, tokens: 1 + index };
          book.state.buckets.set(`${index}|${window}`, { ...bucket, spent });
        }
      const closed = newBucket("user:of yesterday", "day", "2030-05-14");
      book.state.buckets.set("closed", closed);
      book.saveSnapshot();
    });
  });
}

it("every one of thousands of users comes once in pages, from the widest scope to the narrowest", async () => {
  const ledger = openLedger("scopes-many");
  const scopes = ["tenant", "key:k", "user:last"].map((scope) => ({ scope, limits: [] }));
  await ledger.hold(holdRequest("a:1", { scopes }));
  await ledger.settle(settlement("a:1"));
  await fill(ledger);
  await evictDurableObject(ledger);
  // In memory alone.
  await ledger.hold(holdRequest("b:1", { scopes: [{ scope: "tag:t", limits: [] }] }));
  const seen: string[] = [];
  for (let after = ""; ;) {
    const page = await ledger.scopes("UTC", after, PAGE);
    seen.push(...page);
    if (page.length < PAGE) break;
    after = page.at(-1)!;
  }
  expect(seen.slice(0, 3)).toEqual(["tenant", "tag:t", "key:k"]);
  const users = Array.from({ length: USERS }, (_, index) => userOf(index));
  expect(seen.slice(3).toSorted()).toEqual([...users, "user:last"].toSorted());
  for (const index of [0, 1_234, USERS - 1]) {
    const { buckets } = await ledger.usage("UTC", [userOf(index)]);
    expect(buckets.map(({ spent }) => spent.tokens)).toEqual([1 + index, 1 + index]);
  }
});

it("nothing comes after the last, and everything after a name that is none", async () => {
  const ledger = openLedger("scopes-few");
  const scopes = ["tenant", "user:u"].map((scope) => ({ scope, limits: [] }));
  await ledger.hold(holdRequest("a:1", { scopes }));
  expect(await ledger.scopes("UTC", "user:u", PAGE)).toEqual([]);
  expect(await ledger.scopes("UTC", "?", PAGE)).toEqual(["tenant", "user:u"]);
});
