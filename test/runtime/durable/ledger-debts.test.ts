// What was used while a ledger could not be asked, and what an owner believes of its borrowers: nobody is lent more because of
// either than a budget has.
import { describe, expect, it } from "vitest";
import type { HoldRequest } from "../../../policies/account.ts";
import { NOTHING } from "../../../policies/ledger/amounts.ts";
import { stopClockOfEach } from "./a-clock.ts";
import { CALL_TOKENS, holdWithLoans, lentOf, orgScope, rest, WHOLE } from "./lease-samples.ts";
import {
  entriesOf,
  expectSameAfter,
  holdRequest,
  openHolds,
  openLedger,
  settlement,
  tokenLimit,
  totalOf,
  usageOf,
} from "./ledger-samples.ts";
import { evictDurableObject } from "cloudflare:test";

const clock = stopClockOfEach();

/** The settlement's usage is 290 tokens. */
const OWED = 290;

describe("a debt", () => {
  it("is charged once beyond every limit, as over, and holds nothing", async () => {
    const ledger = openLedger("debt-plain");
    const limits = [tokenLimit(300), { ...tokenLimit(1), window: "minute" as const }];
    const debt = (id: string): [HoldRequest, ReturnType<typeof settlement>] => [
      holdRequest(id, { limits }),
      settlement(id),
    ];
    expect(await ledger.chargeDebt(...debt("d:1"))).toMatchObject({
      kind: "settled",
      chargedTokens: OWED,
      overTokens: OWED,
    });
    expect(await ledger.chargeDebt(...debt("d:2"))).toMatchObject({ kind: "settled" });
    expect(await ledger.chargeDebt(...debt("d:2"))).toEqual({ kind: "already", state: "settled" });
    expect(await totalOf(ledger)).toEqual({ spent: 2 * OWED, held: 0, over: 2 * OWED });
    expect((await totalOf(ledger, "requests")).spent).toBe(2);
    expect(await openHolds(ledger)).toBe(0);
    expect((await ledger.usage("UTC", null)).rates).toEqual([]);
    expect(await ledger.hold(holdRequest("c:1", { limits: [tokenLimit(300)] }))).toMatchObject({
      kind: "refused",
      reason: "quota",
    });
    expect((await entriesOf(ledger)).map(({ op }) => op)).toEqual([
      "hold",
      "settle",
      "hold",
      "settle",
    ]);
    await expectSameAfter(ledger, () => evictDurableObject(ledger));
  });

  it("of a key that was revoked since is charged, and an absurd usage is an anomaly", async () => {
    const ledger = openLedger("debt-revoked");
    await ledger.revoke("key-1");
    const usage = usageOf(-1, 7.5);
    const answer = await ledger.chargeDebt(holdRequest("d:1"), settlement("d:1", { usage }));
    expect(answer).toMatchObject({ kind: "settled", chargedTokens: 100 });
    const [, posted] = await entriesOf(ledger);
    expect(posted).toMatchObject({ op: "settle", certainty: "unknown" });
    expect(posted).toHaveProperty("anomaly", expect.stringContaining("-1"));
    await expect(
      Promise.resolve(ledger.chargeDebt(holdRequest("d:2"), settlement("d:3"))),
    ).rejects.toThrow("of one call");
  });

  it("borrows nothing of an organisation, which hears of it without a further call", async () => {
    const limit = 40 * CALL_TOKENS;
    const limits = [tokenLimit(limit, "day", false)];
    const [root, tenant] = [openLedger("org:owing"), openLedger("owing-a")];
    const request = (id: string): HoldRequest =>
      holdRequest(id, { scopes: [orgScope("owing", limits)], offers: WHOLE });
    for (let call = 0; call < 5; call++)
      await tenant.chargeDebt(request(`d:${call}`), settlement(`d:${call}`));
    expect(await lentOf(root, "org:owing")).toEqual(NOTHING);
    await rest([tenant, root], clock);
    expect(await totalOf(root, "tokens", "day", "org:owing")).toEqual({
      spent: 5 * OWED,
      held: 0,
      over: 5 * OWED,
    });
    // What is left is lent as before, and no more.
    expect(await holdWithLoans(tenant, request("c:1"))).toMatchObject({ kind: "held" });
    expect((await lentOf(root, "org:owing")).tokens).toBeLessThanOrEqual(limit / 8);
  });
});

describe("an owner that is told a false limit", () => {
  const HALF = 10 * CALL_TOKENS;
  const limits = [tokenLimit(2 * HALF, "day", true)];
  const untrue = [tokenLimit(9e15, "day", true)];
  const request = (id: string, of: string, told: typeof limits): HoldRequest =>
    holdRequest(id, { scopes: [orgScope(of, told)], offers: WHOLE });

  it("goes by the least that it heard of late, so that nobody spends more than that", async () => {
    const [a, b] = [openLedger("false-a"), openLedger("false-b")];
    for (let call = 0; call < 10; call++)
      expect(await holdWithLoans(a, request(`a:${call}`, "false", limits))).toMatchObject({
        kind: "held",
      });
    const answers = [];
    for (let call = 0; call < 20; call++)
      answers.push(await holdWithLoans(b, request(`b:${call}`, "false", untrue)));
    expect(answers.filter(({ kind }) => kind === "held")).toHaveLength(10);
  });

  it("believes a raised one once the old one was not heard for two minutes", async () => {
    const a = openLedger("raised-a");
    const most = 2 * HALF;
    const raised = [tokenLimit(2 * most, "day", true)];
    for (let call = 0; call < 20; call++)
      await holdWithLoans(a, request(`a:${call}`, "raised", limits));
    expect(await holdWithLoans(a, request("b", "raised", raised))).toMatchObject({
      reason: "unlent",
    });
    clock.advance(10_000);
    await holdWithLoans(a, request("c", "raised", limits));
    clock.advance(121_000);
    expect(await holdWithLoans(a, request("d", "raised", raised))).toMatchObject({ kind: "held" });
  });

  it("and that never spoke to it before lends what 64 requests take at most", async () => {
    const a = openLedger("first-a");
    expect(await holdWithLoans(a, request("a:1", "first", untrue))).toMatchObject({ kind: "held" });
    expect((await lentOf(openLedger("org:first"), "org:first")).tokens).toBe(64 * CALL_TOKENS);
  });
});
