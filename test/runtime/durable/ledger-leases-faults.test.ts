// Leases between real ledgers that sleep, lose each other, and forget: the limit holds, and in the end nothing is missing.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import type { Ledger } from "../../../durable/ledger.ts";
import { NOTHING } from "../../../policies/ledger/amounts.ts";
import type { Limit } from "../../../policies/ledger/limit.ts";
import { stopClockOfEach } from "./a-clock.ts";
import {
  alarms,
  CALL_TOKENS,
  holdWithLoans,
  lentOf,
  orgScope,
  rest,
  WHOLE,
  type Stub,
} from "./lease-samples.ts";
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

/** Two cores are shared; nothing here waits. */
const TIMEOUT_MS = 60_000;

describe("an organisation of three tenants in a random history", { timeout: TIMEOUT_MS }, () => {
  const SEEDS = [1, 2, 3];
  const STEPS = 150;
  const MOST = 8_000;
  const SLOTS = 5;
  const limits = [
    tokenLimit(MOST, "day", true),
    { dimension: "concurrency", window: "lifetime", limit: SLOTS, hard: true },
  ] as const satisfies readonly Limit[];

  it.each(SEEDS)(
    "keeps its limit through sleeps, and in the end knows all, seed %i",
    async (seed) => {
      const id = `random-${seed}`;
      const root = openLedger(`org:${id}`);
      const tenants = [0, 1, 2].map((index) => openLedger(`${id}-${index}`));
      const chance = chanceOf(seed);
      const open: { tenant: Stub; callId: string }[] = [];
      let spent = 0;
      let refused = 0;
      for (let step = 0; step < STEPS; step++) {
        const tenant = tenants[Math.floor(chance() * 3)]!;
        const kind = chance();
        if (kind < 0.5) {
          const callId = `c:${step}`;
          const offers = [
            offer({ inputTokens: 50, outputTokens: 100 + Math.floor(chance() * 600) }),
          ];
          const scopes = [orgScope(id, limits)];
          const call = holdRequest(callId, { scopes, offers, ttlMs: 3_600_000 });
          if ((await holdWithLoans(tenant, call)).kind === "held") open.push({ tenant, callId });
          else refused += 1;
        } else if (kind < 0.85 && open.length > 0) {
          const [{ tenant: own, callId }] = open.splice(Math.floor(chance() * open.length), 1) as [
            { tenant: Stub; callId: string },
          ];
          const usage = usageOf(50, Math.floor(chance() * 100));
          await own.settle(settlement(callId, { usage }));
          spent += usage.inputTokens + usage.outputTokens;
        } else if (kind < 0.93) {
          clock.advance(5_000);
          await alarms([tenant, root]);
        } else await evictDurableObject(chance() < 0.3 ? root : tenant);
        const org = await totalOf(root, "tokens", "day", `org:${id}`);
        expect(org.spent + org.held).toBeLessThanOrEqual(MOST);
        const parts = await Promise.all(
          tenants.map((one) => totalOf(one, "concurrency", "lifetime", `org:${id}`)),
        );
        expect(parts.reduce((sum, { held }) => sum + held, 0)).toBeLessThanOrEqual(SLOTS);
      }
      expect(refused).toBeGreaterThan(0);
      for (const { tenant, callId } of open) await tenant.release(callId);
      await rest([...tenants, root], clock);
      await rest([...tenants, root], clock);
      expect(await totalOf(root, "tokens", "day", `org:${id}`)).toEqual({
        spent,
        held: 0,
        over: 0,
      });
      expect(await lentOf(root, `org:${id}`)).toEqual(NOTHING);
    },
  );
});

/** Numbers in [0, 1) that are the same for a seed. */
function chanceOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 0x1_0000_0000;
  };
}

describe("a lender that cannot be reached", () => {
  const limits = [tokenLimit(20 * CALL_TOKENS, "day", true)];

  async function namespaceOf(ledger: Stub): Promise<DurableObjectNamespace<Ledger>> {
    return runInDurableObject(
      ledger,
      (instance) => (instance as unknown as { env: Env }).env.LEDGER,
    );
  }

  it("lends nothing, and once it is back everything goes on, without a trace", async () => {
    const tenant = openLedger("cut-a");
    const root = openLedger("org:cut");
    const call = holdRequest("a:1", { scopes: [orgScope("cut", limits)], offers: WHOLE });
    const away = { lend: () => Promise.reject(new Error("The lender is away")) };
    const broken = vi
      .spyOn(await namespaceOf(tenant), "getByName")
      .mockReturnValue(away as unknown as Stub);
    expect(await tenant.hold(call)).toMatchObject({ kind: "refused", reason: "unlent" });
    expect(await tenant.replenish(call)).toEqual({ kind: "unreachable" });
    broken.mockRestore();

    expect(await holdWithLoans(tenant, call)).toMatchObject({ kind: "held" });
    await tenant.release("a:1");
    await rest([tenant, root], clock);
    expect(await totalOf(root, "tokens", "day", "org:cut")).toEqual({
      spent: 0,
      held: 0,
      over: 0,
    });
  });

  it("may have lent although its answer was lost: the alarm asks again and finds the lease", async () => {
    const tenant = openLedger("lost-a");
    const root = openLedger("org:lost");
    const call = holdRequest("a:1", { scopes: [orgScope("lost", limits)], offers: WHOLE });
    const namespace = await namespaceOf(tenant);
    const reach = namespace.getByName.bind(namespace);
    const broken = vi.spyOn(namespace, "getByName").mockImplementation((name) => {
      const lender = reach(name);
      const lend = async (...of: Parameters<Ledger["lend"]>) => {
        await lender.lend(...of);
        throw new Error("The answer was lost");
      };
      return { lend } as unknown as Stub;
    });
    expect(await tenant.replenish(call)).toEqual({ kind: "unreachable" });
    broken.mockRestore();
    expect((await lentOf(root, "org:lost")).tokens).toBeGreaterThan(0);

    await evictDurableObject(tenant);
    clock.advance(10_000);
    await alarms([tenant]);
    expect(await tenant.hold(call)).toMatchObject({ kind: "held" });
  });

  it("takes back a lease that its borrower knows nothing of, and no other", async () => {
    const tenant = openLedger("orphan-a");
    const root = openLedger("org:orphan");
    const call = holdRequest("a:1", { scopes: [orgScope("orphan", limits)], offers: WHOLE });
    await holdWithLoans(tenant, call);
    const { tokens: known } = await lentOf(root, "org:orphan");
    const amounts = { ...NOTHING, tokens: 700 };
    await root.lend(
      {
        op: "ask",
        leaseId: `00000000-0000-4000-8000-000000000000:${Math.floor(clock.nowMs / 60_000)}`,
        atMs: clock.nowMs,
        lender: "org:orphan",
        scope: "org:orphan",
        window: "day",
        key: new Date(clock.nowMs).toISOString().slice(0, 10),
        amounts,
      },
      "orphan-a",
      limits,
      "need",
    );
    expect((await lentOf(root, "org:orphan")).tokens).toBe(known + 700);
    clock.advance(1_300_000);
    await alarms([root]);
    expect((await lentOf(root, "org:orphan")).tokens).toBe(known);
  });
});
