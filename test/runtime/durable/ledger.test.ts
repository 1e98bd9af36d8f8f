// The ledger inside workerd as a whole: whom it knows, what it asks for a budget, and that no two tenants meet.
import { evictDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { stopClockOfEach } from "./a-clock.ts";
import {
  entriesOf,
  holdRequest,
  openLedger,
  settlement,
  tokenLimit,
  usageOf,
} from "./ledger-samples.ts";

const clock = stopClockOfEach();

describe("knows", () => {
  it.each([
    ["a uuid", "0a1b2c3d-0000-4000-8000-0123456789ab", "0a1b2c3d-0000-4000-8000-0123456789ac"],
    ["another text", "request", "request2"],
  ])(
    "finds the calls of a request by %s, open and ended, and of no other",
    async (name, id, other) => {
      const ledger = openLedger(`knows-${name}`);
      expect(await ledger.knows(id)).toBe(false);
      await ledger.hold(holdRequest(`${id}:127`));
      expect(await ledger.knows(id)).toBe(true);
      await ledger.settle(settlement(`${id}:127`));
      await ledger.hold(holdRequest(`${other}:0`));
      await ledger.release(`${other}:0`);
      await evictDurableObject(ledger);
      expect(await ledger.knows(id)).toBe(true);
      expect(await ledger.knows(id.slice(0, -1))).toBe(false);
      expect(await ledger.knows(`${id}x`)).toBe(false);
    },
  );
});

describe("the budget's price", () => {
  it("rises while a limit is spent faster than its window lasts, and survives a sleep", async () => {
    const ledger = openLedger("price");
    const limits = [tokenLimit(40_000)];
    let lambda = 0;
    for (let index = 0; index < 60; index++) {
      const answer = await ledger.hold(holdRequest(`c${index}`, { limits }));
      if (answer.kind === "held") ({ lambda } = answer);
      clock.advance(60_000);
      await ledger.settle(settlement(`c${index}`, { usage: usageOf(100, 400) }));
    }
    expect(lambda).toBeGreaterThan(0);
    const standing = await ledger.usage("UTC", null);
    expect(standing.lambda).toBeGreaterThan(0);
    await evictDurableObject(ledger);
    expect((await ledger.usage("UTC", null)).lambda).toBe(standing.lambda);
  });

  it("is nothing while the budget lasts", async () => {
    const ledger = openLedger("price-none");
    const limits = [tokenLimit(100_000_000)];
    for (let index = 0; index < 20; index++) {
      expect(await ledger.hold(holdRequest(`c${index}`, { limits }))).toMatchObject({ lambda: 0 });
      clock.advance(60_000);
      await ledger.settle(settlement(`c${index}`));
    }
  });
});

describe("two tenants", () => {
  it("never see each other's holds, calls or journal", async () => {
    const [one, other] = [openLedger("tenant-one"), openLedger("tenant-two")];
    const limits = [tokenLimit(500)];
    expect(await one.hold(holdRequest("a", { limits }))).toMatchObject({ kind: "held" });
    expect(await other.settle(settlement("a"))).toEqual({ kind: "missing" });
    expect(await other.hold(holdRequest("a", { limits, keyId: "another" }))).toMatchObject({
      kind: "held",
    });
    expect(await entriesOf(other)).toMatchObject([{ words: { keyId: "another" } }]);
    expect(await entriesOf(one)).toMatchObject([{ words: { keyId: "key-1" } }]);
  });
});
