// Ledgers that spend from one budget: an organisation's tenants, and the shards of a busy tenant. What all of them spend
// and hold together never passes the limit, and what rests goes back to its owner.
import { evictDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { DIMENSIONS, NOTHING } from "../../../policies/ledger/amounts.ts";
import { ledgerName, ledgerNames, shardScopes } from "../../../policies/ledger/shard.ts";
import { stopClockOfEach } from "./a-clock.ts";
import { CALL_TOKENS, holdWithLoans, lentOf, orgScope, rest, WHOLE } from "./lease-samples.ts";
import {
  holdRequest,
  offer,
  openLedger,
  settlement,
  tokenLimit,
  totalOf,
  usageOf,
} from "./ledger-samples.ts";

const clock = stopClockOfEach();

describe("an organisation of two tenants", () => {
  const limits = [tokenLimit(20 * CALL_TOKENS, "day", true)];
  const open = (id: string) => ({
    root: openLedger(`org:${id}`),
    tenants: [openLedger(`${id}-a`), openLedger(`${id}-b`)],
  });
  const request = (id: string, callId: string) =>
    holdRequest(callId, {
      scopes: [orgScope(id, limits), { scope: "tenant", limits: [] }],
      offers: WHOLE,
    });

  it("never lets them hold more together than its limit, and wastes none of it", async () => {
    const { root, tenants } = open("two");
    const answers = await Promise.all(
      Array.from({ length: 60 }, async (_, index) =>
        holdWithLoans(tenants[index % 2]!, request("two", `c:${index}`)),
      ),
    );
    expect(answers.filter(({ kind }) => kind === "held")).toHaveLength(20);
    clock.advance(1_000);
    expect(await tenants[0]!.replenish(request("two", "more"))).toEqual({
      kind: "nothing",
      isBusy: true,
    });
    const org = await totalOf(root, "tokens", "day", "org:two");
    expect(org).toEqual({ spent: 0, held: 20 * CALL_TOKENS, over: 0 });
  });

  it("tells at the organisation what is lent, and once it is reported what was spent", async () => {
    const { root, tenants } = open("told");
    const [a, b] = tenants;
    expect(await holdWithLoans(a!, request("told", "a:1"))).toMatchObject({ kind: "held" });
    expect(await holdWithLoans(b!, request("told", "b:1"))).toMatchObject({ kind: "held" });
    const { tokens } = await lentOf(root, "org:told");
    expect(tokens).toBeGreaterThanOrEqual(2 * CALL_TOKENS);
    expect((await totalOf(root, "tokens", "day", "org:told")).held).toBe(tokens);

    await a!.settle(settlement("a:1"));
    await b!.release("b:1");
    await rest([...tenants, root], clock);
    expect(await totalOf(root, "tokens", "day", "org:told")).toEqual({
      spent: 290,
      held: 0,
      over: 0,
    });
    expect(await lentOf(root, "org:told")).toEqual(NOTHING);
    expect((await totalOf(root, "requests", "day", "org:told")).spent).toBe(1);
  });

  it("takes a bill above its hold in, as what went over", async () => {
    const { root, tenants } = open("over");
    const [a] = tenants;
    await holdWithLoans(a!, request("over", "a:1"));
    await a!.settle(settlement("a:1", { usage: usageOf(100, 20 * CALL_TOKENS) }));
    await rest([...tenants, root], clock);
    const org = await totalOf(root, "tokens", "day", "org:over");
    expect(org.spent).toBe(100 + 20 * CALL_TOKENS);
    expect(org.spent + org.held - org.over).toBeLessThanOrEqual(20 * CALL_TOKENS);
    expect(await holdWithLoans(tenants[1]!, request("over", "b:1"))).toMatchObject({
      kind: "refused",
    });
  });

  it("refuses in a tenant what is lent nowhere, and nothing is left behind", async () => {
    const { root, tenants } = open("none");
    const dear = { ...request("none", "a:1"), offers: [offer({ inputTokens: 11_000 })] };
    const answer = await holdWithLoans(tenants[0]!, dear);
    expect(answer).toMatchObject({ kind: "refused", reason: "unlent", scope: "org:none" });
    expect(await totalOf(root, "tokens", "day", "org:none")).toEqual({
      spent: 0,
      held: 0,
      over: 0,
    });
  });

  it("starts from the journal as it was, in tenants and organisation", async () => {
    const { root, tenants } = open("again");
    for (let index = 0; index < 6; index++)
      await holdWithLoans(tenants[index % 2]!, request("again", `c:${index}`));
    await tenants[0]!.settle(settlement("c:0"));
    const before = await Promise.all([root, ...tenants].map((one) => one.usage("UTC", null)));
    for (const ledger of [root, ...tenants]) await evictDurableObject(ledger);
    const after = await Promise.all([root, ...tenants].map((one) => one.usage("UTC", null)));
    expect(after).toEqual(before);
    await rest([...tenants, root], clock);
    const spent = 290;
    const held = (await lentOf(root, "org:again")).tokens;
    expect(held).toBeLessThan(before[0]!.buckets[0]!.held.tokens + 1);
    expect((await totalOf(root, "tokens", "day", "org:again")).spent).toBeLessThanOrEqual(spent);
  });

  it("lends ahead, so that as a rule a request has one hop", async () => {
    const id = "ahead";
    const roomy = [tokenLimit(1_000_000, "day", true)];
    const { tenants } = open(id);
    let waited = 0;
    for (let index = 0; index < 60; index++) {
      const call = { ...request(id, `c:${index}`), scopes: [orgScope(id, roomy)] };
      const first = await tenants[0]!.hold(call);
      if (first.kind === "held") continue;
      waited += 1;
      expect(await holdWithLoans(tenants[0]!, call)).toMatchObject({ kind: "held" });
    }
    expect(waited).toBeLessThanOrEqual(3);
  });
});

describe("a stream", () => {
  const limits = [tokenLimit(50_000, "day", true)];

  it("writes on with what more is lent, until the organisation has no more", async () => {
    const tenant = openLedger("stream-a");
    const long = [offer({ outputTokens: 60_000, outputTokensMin: 64, sliceTokens: 1_000 })];
    const call = holdRequest("a:1", { scopes: [orgScope("stream", limits)], offers: long });
    // What is lent is no cap: more may be lent while the answer is written.
    expect(await holdWithLoans(tenant, call)).toMatchObject({ kind: "held", outputTokens: 60_000 });
    let heldOutputTokens = 1_000;
    for (let round = 0; round < 200; round++) {
      const extension = {
        callId: "a:1",
        outputTokens: heldOutputTokens + 1_000,
        seenOutputTokens: heldOutputTokens,
        ttlMs: 60_000,
      };
      const answer = await tenant.extend(extension);
      if (answer.kind === "extended") {
        expect(answer.isFinal).toBe(false);
        heldOutputTokens = answer.heldOutputTokens;
        continue;
      }
      expect(answer).toMatchObject({ kind: "refused", isUnlent: true });
      clock.advance(1_000);
      if ((await tenant.replenishCall(extension)).kind !== "lent") break;
    }
    // Of the 50,000 that there are, less than the smallest piece is left over.
    expect(heldOutputTokens).toBeGreaterThan(49_900 - 64);
    const org = await totalOf(openLedger("org:stream"), "tokens", "day", "org:stream");
    expect(org.held).toBeGreaterThanOrEqual(100 + heldOutputTokens);
    expect(org.held).toBeLessThanOrEqual(50_000);
  });
});

describe("a tenant of four shards", () => {
  const SHARDS = 4;
  const budget = [tokenLimit(20 * CALL_TOKENS, "day", true)];
  const request = (tenantId: string, keyId: string, callId: string) =>
    holdRequest(callId, {
      keyId,
      scopes: shardScopes(
        [
          { scope: "tenant", limits: budget },
          { scope: `key:${keyId}`, limits: [] },
        ],
        tenantId,
        SHARDS,
      ),
      offers: WHOLE,
    });

  it(
    "holds exactly what fits when 200 come at once for a budget of 20",
    { timeout: 30_000 },
    async () => {
      const answers = await Promise.all(
        Array.from({ length: 200 }, async (_, index) => {
          const keyId = `key-${index}`;
          const ledger = openLedger(ledgerName("busy", keyId, SHARDS));
          return holdWithLoans(ledger, request("busy", keyId, `c:${index}`));
        }),
      );
      expect(answers.filter(({ kind }) => kind === "held")).toHaveLength(20);
      const shards = await Promise.all(
        ledgerNames("busy", SHARDS).map((name) => totalOf(openLedger(name))),
      );
      expect(shards.reduce((sum, { held }) => sum + held, 0)).toBe(20 * CALL_TOKENS);
      const root = await totalOf(openLedger("busy"));
      expect(root).toEqual({ spent: 0, held: 20 * CALL_TOKENS, over: 0 });
    },
  );

  it("takes what a key has used along, however often the number of shards is changed", async () => {
    const keyId = "key-moves";
    // Four calls a day, of which each takes its whole hold; and the shards are changed before any of them rests.
    const limits = [tokenLimit(4 * CALL_TOKENS, "day", true)];
    const outcomes: string[] = [];
    const ledgersMet = new Set<string>();
    for (const [index, shards] of [1, 4, 9, 2, 1, 32].entries()) {
      const name = ledgerName("moves", keyId, shards);
      ledgersMet.add(name);
      const scopes = shardScopes(
        [
          { scope: "tenant", limits: [] },
          { scope: `key:${keyId}`, limits },
        ],
        "moves",
        shards,
      );
      const moved = holdRequest(`c:${index}`, { keyId, scopes, offers: WHOLE });
      const { kind } = await holdWithLoans(openLedger(name), moved);
      outcomes.push(kind);
      const usage = usageOf(100, 400);
      if (kind === "held") await openLedger(name).settle(settlement(`c:${index}`, { usage }));
    }
    expect(ledgersMet.size).toBeGreaterThan(3);
    expect(outcomes).toEqual(["held", "held", "held", "held", "refused", "refused"]);
    await rest([...ledgersMet].map(openLedger), clock);
    expect(await totalOf(openLedger("moves"), "tokens", "day", `key:${keyId}`)).toEqual({
      spent: 4 * CALL_TOKENS,
      held: 0,
      over: 0,
    });
  });

  it("prices a key's own budget, which nobody else spends from, and not what several keys share", async () => {
    const lambdaOf = async (id: string, limited: "tenant" | "key") => {
      const limits = [tokenLimit(40_000)];
      const scopes = shardScopes(
        [
          { scope: "tenant", limits: limited === "tenant" ? limits : [] },
          { scope: "key:k", limits: limited === "key" ? limits : [] },
        ],
        id,
        SHARDS,
      );
      const ledger = openLedger(ledgerName(id, "k", SHARDS));
      let lambda = 0;
      for (let index = 0; index < 60; index++) {
        const answer = await holdWithLoans(ledger, holdRequest(`c${index}`, { scopes }));
        if (answer.kind === "held") ({ lambda } = answer);
        clock.advance(60_000);
        await ledger.settle(settlement(`c${index}`, { usage: usageOf(100, 400) }));
      }
      return lambda;
    };
    expect(await lambdaOf("priced", "key")).toBeGreaterThan(0);
    expect(await lambdaOf("unpriced", "tenant")).toBe(0);
  });

  it("knows in the tenant's own ledger what all have spent", async () => {
    const ledgers = ledgerNames("sum", SHARDS).map(openLedger);
    for (let index = 0; index < 12; index++) {
      const keyId = `key-${index}`;
      const ledger = openLedger(ledgerName("sum", keyId, SHARDS));
      const answer = await holdWithLoans(ledger, request("sum", keyId, `c:${index}`));
      expect(answer.kind).toBe("held");
      await ledger.settle(settlement(`c:${index}`));
    }
    await rest([...ledgers, openLedger("sum")], clock);
    expect(await totalOf(openLedger("sum"))).toEqual({ spent: 12 * 290, held: 0, over: 0 });
    const { buckets } = await openLedger("sum").usage("UTC", null);
    for (const of of DIMENSIONS) expect(buckets[0]!.held[of]).toBe(0);
  });
});
