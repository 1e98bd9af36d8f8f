// What lies idle at one ledger and is missed at another comes back: slots of calls in flight, the last of a budget, and what
// users without number have left behind.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { NOTHING } from "../../../policies/ledger/amounts.ts";
import type { Limit } from "../../../policies/ledger/limit.ts";
import { ledgerNames } from "../../../policies/ledger/shard.ts";
import { stopClockOfEach } from "./a-clock.ts";
import { alarms, CALL_TOKENS, holdWithLoans, rest, WHOLE } from "./lease-samples.ts";
import {
  holdRequest,
  openLedger,
  settlement,
  tokenLimit,
  totalOf,
  usageOf,
} from "./ledger-samples.ts";

const clock = stopClockOfEach();

function shardsOf(id: string, limits: readonly Limit[], count = 8) {
  const shards = ledgerNames(id, count).map(openLedger);
  const request = (callId: string) =>
    holdRequest(callId, { scopes: [{ scope: "tenant", limits, lender: id }], offers: WHOLE });
  return { shards, request, root: openLedger(id) };
}

describe("a tenant of eight shards", () => {
  const slots: Limit = { dimension: "concurrency", window: "lifetime", limit: 4, hard: true };

  it("refuses no call for its concurrency while none is in flight, whichever shard it comes to", async () => {
    const { shards, request } = shardsOf("slots", [slots]);
    for (let call = 0; call < 32; call++) {
      const shard = shards[(call * 5) % 8]!;
      expect(await holdWithLoans(shard, request(`c:${call}`)), `call ${call}`).toMatchObject({
        kind: "held",
      });
      await shard.settle(settlement(`c:${call}`));
    }
  });

  it("lets as many run at once as it may, and no more", async () => {
    const { shards, request, root } = shardsOf("crowd", [slots]);
    const answers = await Promise.all(
      Array.from({ length: 24 }, (_, call) =>
        holdWithLoans(shards[call % 8]!, request(`c:${call}`)),
      ),
    );
    expect(answers.filter(({ kind }) => kind === "held")).toHaveLength(4);
    const held = await Promise.all(
      shards.map((shard) => totalOf(shard, "concurrency", "lifetime")),
    );
    expect(held.reduce((sum, one) => sum + one.held, 0)).toBe(4);
    expect((await totalOf(root, "concurrency", "lifetime")).held).toBe(4);
  });

  it("spends the last of its budget although other shards have some that lies idle", async () => {
    const { shards, request, root } = shardsOf("last", [tokenLimit(20 * CALL_TOKENS, "day", true)]);
    for (let call = 0; call < 8; call++) {
      await holdWithLoans(shards[call]!, request(`a:${call}`));
      await shards[call]!.release(`a:${call}`);
    }
    for (let call = 0; call < 20; call++)
      expect(await holdWithLoans(shards[0]!, request(`b:${call}`)), `call ${call}`).toMatchObject({
        kind: "held",
      });
    expect(await totalOf(root)).toMatchObject({ held: 20 * CALL_TOKENS, spent: 0 });
    expect(await holdWithLoans(shards[1]!, request("c"))).toMatchObject({ reason: "unlent" });
  });

  it("tells what is used up from what is only held, also of what it has not reported", async () => {
    const { shards, request } = shardsOf("told", [tokenLimit(8 * CALL_TOKENS, "day", true)], 2);
    const usage = usageOf(100, CALL_TOKENS - 100);
    const [a, b] = shards as [(typeof shards)[number], (typeof shards)[number]];
    for (let call = 0; call < 8; call++) {
      const shard = call % 2 === 0 ? a : b;
      expect(await holdWithLoans(shard, request(`c:${call}`))).toMatchObject({ kind: "held" });
      if (call < 7) await shard.settle(settlement(`c:${call}`, { usage }));
    }
    clock.advance(1_000);
    expect(await a.replenish(request("d"))).toEqual({ kind: "nothing", isBusy: true });
    await b.settle(settlement("c:7", { usage }));
    clock.advance(1_000);
    for (const shard of [a, b])
      expect(await shard.replenish(request("e"))).toEqual({ kind: "nothing" });
  });

  it("asks nobody twice when nothing lies idle, and is told what was given back though it fell asleep", async () => {
    const { shards, request, root } = shardsOf("asleep", [slots]);
    for (let call = 0; call < 4; call++) {
      await holdWithLoans(shards[call]!, request(`a:${call}`));
      await shards[call]!.settle(settlement(`a:${call}`));
    }
    for (const shard of shards.slice(0, 4)) await evictDurableObject(shard);
    await evictDurableObject(root);
    expect(await holdWithLoans(shards[7]!, request("b"))).toMatchObject({ kind: "held" });
    await shards[7]!.settle(settlement("b"));
    await rest([...shards, root], clock);
    expect(await totalOf(root, "concurrency", "lifetime")).toMatchObject({ held: 0 });
    expect((await totalOf(root)).spent).toBe(0);
    expect((await totalOf(root, "tokens", "lifetime")).spent).toBe(5 * 290);
  });
});

describe("users without number", () => {
  const USERS = 500;

  it("leave nothing lent once they rest, however many they were", { timeout: 60_000 }, async () => {
    const [root, shard] = [openLedger("many"), openLedger("many#0")];
    const limits = [tokenLimit(1_000_000, "day", true)];
    const request = (user: number) =>
      holdRequest(`c:${user}`, {
        scopes: [{ scope: `user:${user}`, limits, lender: "many" }],
        offers: WHOLE,
      });
    await runInDurableObject(shard, async (instance) => {
      for (let user = 0; user < USERS; user++) {
        const call = request(user);
        if (instance.hold(call).kind === "refused") await instance.replenish(call);
        expect(instance.hold(call)).toMatchObject({ kind: "held" });
        instance.settle(settlement(call.callId));
      }
    });
    for (let look = 0; look < 3; look++) {
      clock.advance(10_000);
      await alarms([shard, root]);
    }
    const { buckets } = await root.usage("UTC", null);
    const lent = buckets.filter((bucket) => (bucket.lent ?? NOTHING).tokens > 0);
    expect(lent).toEqual([]);
    const days = buckets.filter(({ window }) => window === "day");
    expect(days.reduce((sum, { spent }) => sum + spent.tokens, 0)).toBe(USERS * 290);
  });
});

describe("what a ledger has borrowed and does not use", () => {
  it("goes back although the ledger sleeps between each two alarms", async () => {
    const { shards, request, root } = shardsOf("sleeper", [tokenLimit(1_000_000, "day", true)], 2);
    const [shard] = shards as [(typeof shards)[number]];
    await holdWithLoans(shard, request("c:1"));
    await shard.settle(settlement("c:1"));
    expect((await totalOf(root)).held).toBeGreaterThan(0);
    for (let look = 0; look < 3; look++) {
      await evictDurableObject(shard);
      clock.advance(15_000);
      await alarms([shard]);
    }
    expect(await totalOf(root)).toEqual({ spent: 290, held: 0, over: 0 });
  });

  it("stays while it was used within ten seconds", async () => {
    const { shards, request, root } = shardsOf("waker", [tokenLimit(1_000_000, "day", true)], 2);
    const [shard] = shards as [(typeof shards)[number]];
    for (let call = 0; call < 4; call++) {
      await holdWithLoans(shard, request(`c:${call}`));
      await shard.settle(settlement(`c:${call}`));
      await evictDurableObject(shard);
      clock.advance(9_000);
      await alarms([shard]);
      expect((await totalOf(root)).held).toBeGreaterThan(0);
    }
  });
});
