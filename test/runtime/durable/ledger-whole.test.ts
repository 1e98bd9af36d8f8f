// A tenant's ledgers inside workerd, read as one: what its calls used and hold, each once, before and after reports, snapshots
// and sleeps.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { expect, it } from "vitest";
import { Book } from "../../../durable/ledger-book.ts";
import { everyLedgerName, ledgerName, shardScopes } from "../../../policies/ledger/shard.ts";
import { wholeOf } from "../../../policies/ledger/whole.ts";
import { stopClockOfEach } from "./a-clock.ts";
import { CALL_TOKENS, holdWithLoans, rest, WHOLE, type Stub } from "./lease-samples.ts";
import { holdRequest, openLedger, settlement, tokenLimit, usageOf } from "./ledger-samples.ts";

const SHARDS = 4;
const LIMIT = 100 * CALL_TOKENS;

const clock = stopClockOfEach();

const request = (tenantId: string, keyId: string, callId: string) =>
  holdRequest(callId, {
    keyId,
    scopes: shardScopes(
      [{ scope: "tenant", limits: [tokenLimit(LIMIT, "day", true)] }],
      tenantId,
      SHARDS,
    ),
    offers: WHOLE,
  });

function ledgersOf(tenantId: string): Stub[] {
  return everyLedgerName(tenantId, SHARDS).map(openLedger);
}

async function tokensIn(ledgers: readonly Stub[], window: string) {
  const [own, ...shards] = await Promise.all(ledgers.map((one) => one.usage("UTC", ["tenant"])));
  const { buckets } = wholeOf(own ?? null, shards, true, "UTC");
  const bucket = buckets.find((one) => one.window === window);
  const of = (name: "spent" | "held" | "lent") => bucket?.[name].tokens ?? 0;
  return { spent: of("spent"), held: of("held"), lent: of("lent") };
}

it("have spent what all calls used, in windows with and without a limit, whatever was reported", async () => {
  const ledgers = ledgersOf("whole");
  let used = 0;
  for (let index = 0; index < 40; index++) {
    const keyId = `key-${index % 7}`;
    const ledger = openLedger(ledgerName("whole", keyId, SHARDS));
    const callId = `c:${index}`;
    expect(await holdWithLoans(ledger, request("whole", keyId, callId))).toMatchObject({
      kind: "held",
    });
    const { spent, held, lent } = await tokensIn(ledgers, "day");
    expect([spent, held]).toEqual([used, CALL_TOKENS]);
    expect(spent + held + lent).toBeLessThanOrEqual(LIMIT);
    const usage = usageOf(90, 10 * (index % 30));
    await ledger.settle(settlement(callId, { usage }));
    used += usage.inputTokens + usage.outputTokens;
    if (index % 10 === 9) await rest([...ledgers].toReversed(), clock);
    expect(await tokensIn(ledgers, "day")).toMatchObject({ spent: used, held: 0 });
    expect(await tokensIn(ledgers, "month")).toEqual({ spent: used, held: 0, lent: 0 });
  }
  expect((await openLedger("whole").usage("UTC", null)).buckets[0]?.returned).toBeDefined();
  await rest([...ledgers].toReversed(), clock);
  expect(await tokensIn(ledgers, "day")).toEqual({ spent: used, held: 0, lent: 0 });

  // What was returned survives a snapshot, which alone is read at the next start.
  for (const ledger of ledgers) {
    await runInDurableObject(ledger, (_, { storage }) => {
      storage.transactionSync(() => new Book(storage.sql).saveSnapshot());
    });
    await evictDurableObject(ledger);
  }
  expect(await tokensIn(ledgers, "day")).toEqual({ spent: used, held: 0, lent: 0 });
});

it(
  "pass no limit while 200 calls come at once for a budget of 100, and lend nothing that is held",
  { timeout: 30_000 },
  async () => {
    const ledgers = ledgersOf("rush");
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => {
        const keyId = `key-${index}`;
        const ledger = openLedger(ledgerName("rush", keyId, SHARDS));
        return holdWithLoans(ledger, request("rush", keyId, `c:${index}`));
      }),
    );
    const count = answers.filter(({ kind }) => kind === "held").length;
    const { spent, held, lent } = await tokensIn(ledgers, "day");
    expect([spent, held]).toEqual([0, count * CALL_TOKENS]);
    expect(held + lent).toBeLessThanOrEqual(LIMIT);
    expect(count).toBeGreaterThan(50);
  },
);

it("name their scopes page by page, from the widest to the narrowest", async () => {
  const ledger = openLedger("named-scopes");
  for (const user of ["b", "a", "c"])
    await ledger.hold(
      holdRequest(`${user}:1`, {
        scopes: [
          { scope: "tenant", limits: [] },
          { scope: "key:k", limits: [tokenLimit(60_000, "minute")] },
          { scope: `user:${user}`, limits: [] },
        ],
      }),
    );
  expect(await ledger.scopes("UTC", "", 3)).toEqual(["tenant", "key:k", "user:a"]);
  expect(await ledger.scopes("UTC", "user:a", 10)).toEqual(["user:b", "user:c"]);
  expect(await ledger.scopes("UTC", "user:c", 10)).toEqual([]);
});
