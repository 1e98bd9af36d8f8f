// What passes while a ledger cannot be asked: nothing under a hard limit, and under soft ones never more in a day than the
// allowance that is documented.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NO_USAGE } from "../../../policies/account.ts";
import { Emergency, newEmergencyMemory } from "../../../worker/emergency.ts";
import { limitOf, offerWith, requestOf } from "./memory-ledger.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const SOFT = limitOf({ hard: false, limit: 10_000_000 });

function begin(atMs = 1_700_000_000_000) {
  const clock = { ms: atMs };
  return { clock, emergency: new Emergency(newEmergencyMemory(), () => clock.ms) };
}

const small = (inputTokens = 100, outputTokens = 200) => [
  offerWith({ inputTokens, outputTokens, outputTokensMin: 64 }),
];

describe("the allowance", () => {
  it("lets a little through, whole, because nobody could be asked for more", () => {
    const { emergency } = begin();
    const admitted = emergency.admit("t", requestOf([SOFT], { offers: small() }));
    expect(admitted?.hold).toMatchObject({
      kind: "held",
      outputTokens: 200,
      heldOutputTokens: 200,
      heldTokens: 300,
    });
  });

  it.each([
    ["a hard limit", [SOFT, limitOf({ window: "month" })]],
    ["a limit of nothing", [limitOf({ hard: false, limit: 0 })]],
  ])("is nothing under %s", (_, limits) => {
    const { emergency } = begin();
    expect(emergency.admit("t", requestOf(limits, { offers: small() }))).toBeNull();
  });

  it("is lowered to the cap that it affords, and a request that is larger finds none", () => {
    const { emergency } = begin();
    const large = requestOf([SOFT], { offers: small(100, 32_000) });
    // A thousandth of ten million, half of it at once.
    expect(emergency.admit("t", large)?.hold.outputTokens).toBe(4900);
    const { emergency: other } = begin();
    expect(other.admit("t", requestOf([SOFT], { offers: small(6000) }))).toBeNull();
  });

  it("gets back what a call did not use", () => {
    const { emergency } = begin();
    const large = requestOf([SOFT], { offers: small(100, 4900) });
    const first = emergency.admit("t", large);
    first?.giveBack({ ...NO_USAGE, inputTokens: 100, outputTokens: 50 });
    expect(emergency.admit("t", large)?.hold.outputTokens).toBe(4750);
  });

  it("is each tenant's own, and each isolate's", () => {
    const { emergency } = begin();
    const large = requestOf([SOFT], { offers: small(100, 4900) });
    expect(emergency.admit("a", large)).not.toBeNull();
    expect(emergency.admit("a", large)).toBeNull();
    expect(emergency.admit("b", large)).not.toBeNull();
    expect(begin().emergency.admit("a", large)).not.toBeNull();
  });

  it.each([
    { window: "minute", limit: 60_000, allowed: 86_400 },
    { window: "hour", limit: 600_000, allowed: 14_400 },
    { window: "day", limit: 10_000_000, allowed: 10_000 },
    { window: "month", limit: 310_000_000, allowed: 10_000 },
    { window: "lifetime", limit: 310_000_000, allowed: 10_000 },
    { window: "day", limit: 100_000, allowed: 4096 },
    { window: "day", limit: 1000, allowed: 1000 },
  ] as const)(
    "of $limit tokens per $window is at most $allowed in any day, whoever comes when",
    ({ window, limit, allowed }) => {
      const soft = limitOf({ hard: false, window, limit });
      fc.assert(
        fc.property(
          fc.array(
            fc.record({
              waitMs: fc.oneof(fc.nat(60_000), fc.nat(DAY_MS / 4)),
              input: fc.nat(3000),
              output: fc.integer({ min: 1, max: 6000 }),
              used: fc.double({ min: 0, max: 1, noNaN: true }),
            }),
            { maxLength: 80 },
          ),
          (calls) => {
            const { clock, emergency } = begin();
            const passed: { atMs: number; tokens: number }[] = [];
            for (const { waitMs, input, output, used } of calls) {
              clock.ms += waitMs;
              const offers = [
                offerWith({ inputTokens: input, outputTokens: output, outputTokensMin: 1 }),
              ];
              const admitted = emergency.admit("t", requestOf([soft], { offers }));
              if (admitted === null) continue;
              const outputTokens = Math.floor(admitted.hold.outputTokens * used);
              passed.push({ atMs: clock.ms, tokens: input + outputTokens });
              admitted.giveBack({ ...NO_USAGE, inputTokens: input, outputTokens });
            }
            for (const { atMs } of passed) {
              const day = passed.filter((call) => call.atMs >= atMs && call.atMs < atMs + DAY_MS);
              expect(day.reduce((sum, { tokens }) => sum + tokens, 0)).toBeLessThanOrEqual(allowed);
            }
          },
        ),
        { numRuns: 200 },
      );
    },
  );

  it("holds with any number of users, whose own meters are no reason to forget the tenant's", () => {
    const { clock, emergency } = begin();
    const userLimits = [limitOf({ hard: false, limit: 100_000 })];
    let tokens = 0;
    let passed = 0;
    for (let user = 0; user < 30_000; user += 1) {
      clock.ms += 1;
      const scopes = [
        { scope: "tenant", limits: [limitOf({ hard: false, limit: 10_000_000_000 })] },
        { scope: `user:u${user}`, limits: userLimits },
      ];
      const offers = small(300, 64);
      const admitted = emergency.admit("t", requestOf([], { scopes, offers }));
      if (admitted === null) continue;
      passed += 1;
      tokens += admitted.hold.heldTokens;
    }
    // A thousandth of ten thousand million, half of it at once.
    expect(tokens).toBeLessThanOrEqual(5_010_000);
    expect(passed).toBeGreaterThan(1_000);
    // And one who was let through is still known by what it used.
    const again = (user: string, offers = small(100, 4_000)) => {
      const scopes = [{ scope: `user:${user}`, limits: userLimits }];
      return emergency.admit("t", requestOf([], { scopes, offers }))?.hold.outputTokens;
    };
    expect(again("u0")).toBe(2_048 - 364 - 100);
  });

  it("of a tenant with too many users to count is theirs that were counted, and leaves other tenants theirs", () => {
    const { clock, emergency } = begin();
    const ofUser = (user: number) => ({
      scopes: [{ scope: `user:u${user}`, limits: [limitOf({ hard: false, limit: 100_000 })] }],
      offers: small(),
    });
    const passes = (tenant: string, user: number) =>
      emergency.admit(tenant, requestOf([], ofUser(user))) !== null;
    let passed = 0;
    for (let user = 0; user < 5_000; user += 1) if (passes("t", user)) passed += 1;
    expect(passed).toBe(2_500);
    expect(passes("t", 0)).toBe(true);
    expect(passes("other", 9_999)).toBe(true);
    // What has drained makes room again.
    clock.ms += DAY_MS;
    expect(passes("t", 9_999)).toBe(true);
  });

  it("of money is exact to a thousandth of a cent", () => {
    const { emergency } = begin();
    const soft = limitOf({ hard: false, dimension: "nanos", limit: 100_000_000_000 });
    const offers = [
      offerWith({ inputTokens: 0, outputTokens: 1_000_000, outputNanosPerMtok: 1_000_000_000 }),
    ];
    // A thousandth of $100, half of it at once, at $1 a million tokens.
    expect(emergency.admit("t", requestOf([soft], { offers }))?.hold.outputTokens).toBe(50_000);
  });
});

describe("a tenant that was refused", () => {
  it("by its ledger a moment ago stays refused for five minutes", () => {
    const { clock, emergency } = begin();
    const request = requestOf([SOFT], { offers: small() });
    emergency.deny("t");
    clock.ms += 299_999;
    expect(emergency.admit("t", request)).toBeNull();
    expect(emergency.admit("other", request)).not.toBeNull();
    clock.ms += 1;
    expect(emergency.admit("t", request)).not.toBeNull();
  });

  it("by the allowance stays refused as well", () => {
    const { emergency } = begin();
    expect(emergency.admit("t", requestOf([SOFT], { offers: small(6000) }))).toBeNull();
    expect(emergency.admit("t", requestOf([SOFT], { offers: small() }))).toBeNull();
  });
});

it("a tenant without limits has no budget to keep", () => {
  const { emergency } = begin();
  for (let calls = 0; calls < 100; calls += 1)
    expect(emergency.admit("t", requestOf([], { offers: small(50_000, 32_000) }))).not.toBeNull();
});
