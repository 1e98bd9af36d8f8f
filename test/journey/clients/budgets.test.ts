// A budget as a client meets it: it bounds what is spent however many ask at once, it refuses nobody who fits, and a
// refusal says what would fit and when there is more.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Dimension } from "../../../policies/ledger/amounts.ts";
import { ask, readError, readEvents, readJson, turn, type UsageFields } from "../support/chat.ts";
import {
  standsAt,
  startGatewayUnderTest,
  type GatewayUnderTest,
} from "../support/gateway-under-test.ts";

const CROWD = 60;
/** Each of the crowd holds its input and this much; the budget fits a third of them at once. */
const CAP_TOKENS = 400;
const CROWD_LIMIT = 9_000;
/** The least that `deep` is worth calling for is 64 output tokens at 2,400 nano-dollars each. */
const MODEST_NANOS = 150_000;

const TENANTS: Readonly<Record<string, readonly object[]>> = {
  crowd: [{ dimension: "tokens", window: "day", limit: CROWD_LIMIT }],
  short: [{ dimension: "tokens", window: "day", limit: 1_000 }],
  modest: [{ dimension: "nanos", window: "day", limit: MODEST_NANOS }],
  month: [
    { dimension: "requests", window: "day", limit: 50 },
    { dimension: "requests", window: "month", limit: 1 },
  ],
  closed: [{ dimension: "tokens", window: "day", limit: 0 }],
};

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest({
    simulator: { firstByteMs: 50 },
    tenants: Object.entries(TENANTS).map(([id, limits]) => ({
      id,
      name: id,
      policy: "balanced",
      limits,
    })),
    keys: Object.keys(TENANTS).map((id) => ({
      secret: secretOf(id),
      document: { id, tenant: id },
    })),
  });
});
afterAll(() => gateway.dispose());

test("a crowd that streams at once never spends more than its budget, and is served as far as it reaches", async () => {
  const answers = await Promise.all(
    Array.from({ length: CROWD }, async (_, index) => {
      const response = await ask(
        gateway,
        turn(`What is ${index} + 17?`, {
          stream: true,
          stream_options: { include_usage: true },
          max_completion_tokens: CAP_TOKENS,
        }),
        { secret: secretOf("crowd") },
      );
      if (response.status !== 200)
        return { status: response.status, code: (await readError(response)).code, tokens: 0 };
      const usages = (await readEvents(response)).flatMap((data) =>
        data === "[DONE]" ? [] : ((JSON.parse(data) as { usage?: UsageFields | null }).usage ?? []),
      );
      return { status: 200, code: null, tokens: usages[0]?.total_tokens ?? 0 };
    }),
  );
  await gateway.untilSettled("crowd");
  const served = answers.filter(({ status }) => status === 200);
  const refused = answers.filter(({ status }) => status !== 200);
  let standing = 0;
  let highest = 0;
  for (const { held, spent } of await gateway.ledgerJournal("crowd")) {
    standing += held.tokens + spent.tokens;
    highest = Math.max(highest, standing);
  }

  expect(highest).toBeLessThanOrEqual(CROWD_LIMIT);
  // What stands at the end is what the answers said they used: nothing is left held, nothing was lost.
  expect(await spent("crowd", "tokens")).toBe(served.reduce((sum, { tokens }) => sum + tokens, 0));
  expect(served.length).toBeGreaterThanOrEqual(Math.floor(CROWD_LIMIT / 2 / CAP_TOKENS));
  // Some found the rest held by others, some found it spent.
  const codes = ["project_spend_limit_exceeded", "budget_busy"];
  expect(refused.every(({ status, code }) => status === 429 && codes.includes(code ?? ""))).toBe(
    true,
  );
});

test("once the crowd has settled, what is left serves the next", async () => {
  const response = await ask(
    gateway,
    turn("What is 2 + 2?", { max_completion_tokens: CAP_TOKENS }),
    { secret: secretOf("crowd") },
  );

  expect(response.status).toBe(200);
});

test.each([
  { bound: {} },
  { bound: { max_tokens: 32_000 } },
  { bound: { max_completion_tokens: 32_000 } },
])(
  "a wish for more than the budget holds is served with what it holds: $bound",
  async ({ bound }) => {
    const before = await spent("short", "tokens");
    const response = await ask(gateway, turn("What is 2 + 2?", bound), {
      secret: secretOf("short"),
    });
    const sent = gateway.simulator.requests.at(-1)?.json as Readonly<Record<string, number>>;
    await response.text();

    expect(response.status).toBe(200);
    expect(sent["max_tokens"] ?? sent["max_completion_tokens"]).toBeLessThan(1_000 - before);
    expect(Number(response.headers.get("x-sluice-held"))).toBeLessThanOrEqual(1_000 - before);
  },
);

test("where money does not reach for the chosen arm, a cheaper one answers and says so", async () => {
  const hard = turn(
    "Prove that the square root of 2 is irrational, then that there are infinitely many primes, step by step.",
    {
      max_completion_tokens: 2_000,
      reasoning_effort: "high",
    },
  );
  const rich = await ask(gateway, hard);
  const modest = await ask(gateway, hard, { secret: secretOf("modest") });
  await Promise.all([rich.text(), modest.text()]);

  expect(rich.headers.get("x-sluice-model")).toBe("deep");
  expect(modest.status).toBe(200);
  expect(modest.headers.get("x-sluice-reason")).toBe("cheaper");
  expect(modest.headers.get("x-sluice-model")).not.toBe("deep");
  expect(await spent("modest", "nanos")).toBeLessThanOrEqual(MODEST_NANOS);
});

test("of two windows the tighter one is shown, and refuses", async () => {
  const first = await ask(gateway, turn("Hello!"), { secret: secretOf("month") });
  await first.text();
  const second = await ask(gateway, turn("Hello!"), { secret: secretOf("month") });
  const error = await readError(second);

  expect(first.headers.get("x-ratelimit-limit-requests")).toBe("1");
  expect(first.headers.get("x-ratelimit-remaining-requests")).toBe("0");
  expect(second.status).toBe(429);
  expect(error.message).toContain("1 requests per month");
  // The month's end, not the day's.
  expect(new Date(/resets at (\S+)\.$/.exec(error.message)?.[1] ?? "").getUTCDate()).toBe(1);
  expect(second.headers.get("x-should-retry")).toBe("false");
});

test("a refusal shows the limits and the choice, holds nothing and reaches no engine", async () => {
  const before = gateway.simulator.requests.length;
  const response = await ask(gateway, turn("Hello!", { stream: true }), {
    secret: secretOf("closed"),
  });

  expect(response.status).toBe(429);
  expect(response.headers.get("content-type")).toBe("application/json");
  expect(response.headers.get("x-ratelimit-limit-tokens")).toBe("0");
  expect(response.headers.get("x-ratelimit-remaining-tokens")).toBe("0");
  expect(response.headers.get("x-sluice-mode")).toMatch(/^(direct|short|code|long)$/);
  expect(await readJson(response)).toMatchObject({
    error: { type: "insufficient_quota", code: "project_spend_limit_exceeded" },
  });
  expect(gateway.simulator.requests).toHaveLength(before);
  expect(await gateway.ledgerJournal("closed")).toEqual([]);
});

function secretOf(tenantId: string): string {
  return `sk-sluice-journey-${tenantId}`;
}

async function spent(tenantId: string, dimension: Dimension): Promise<number> {
  return standsAt(await gateway.untilSettled(tenantId), dimension);
}
