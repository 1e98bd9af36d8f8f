// What an answer says of its budget when all goes well, and what it says of being less than it would have been.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ask, readEvents, readJson, turn } from "../support/chat.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";

const HARD_QUESTION =
  "Prove that the square root of 2 is irrational, then that there are infinitely many primes, step by step.";
/** The least that `deep` is worth calling for is far above this. */
const MODEST_NANOS = 150_000;

const TENANTS: Readonly<Record<string, readonly object[]>> = {
  plain: [
    { dimension: "requests", window: "minute", limit: 600 },
    { dimension: "tokens", window: "day", limit: 1_000_000 },
    { dimension: "nanos", window: "month", limit: 9_000_000_000 },
  ],
  rich: [],
  modest: [{ dimension: "nanos", window: "day", limit: MODEST_NANOS }],
  "modest-strict": [{ dimension: "nanos", window: "day", limit: MODEST_NANOS }],
  short: [{ dimension: "tokens", window: "day", limit: 1_000 }],
  // More than the stand-in of `guarded` needs for the hard question, and less than its own model does at its least.
  lean: [{ dimension: "nanos", window: "day", limit: 1_200_000 }],
  ample: [],
};

/** The best answer at any price, whatever the probe makes of the question. */
const LAVISH = {
  name: "lavish",
  version: "1",
  lambda: 0,
  modes: { direct: "small", long: "deep" },
  safeMode: "long",
};

/** A stand-in that is cheaper than what it stands in for, as in every policy that is seeded. */
const GUARDED = {
  name: "guarded",
  version: "1",
  lambda: 0.0001,
  modes: { long: "deep" },
  fallback: ["small"],
  safeMode: "long",
};

const POLICIES: Readonly<Record<string, string>> = {
  rich: "lavish",
  modest: "lavish",
  "modest-strict": "lavish",
  lean: "guarded",
  ample: "guarded",
};

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest({
    tenants: Object.entries(TENANTS).map(([id, limits]) => ({
      id,
      name: id,
      policy: POLICIES[id] ?? "balanced",
      limits,
    })),
    policies: [LAVISH, GUARDED],
    keys: Object.keys(TENANTS).map((id) => ({
      secret: secretOf(id),
      document: { id, tenant: id },
    })),
  });
});
afterAll(() => gateway.dispose());

function secretOf(tenant: string): string {
  return `sk-sluice-journey-${tenant}`;
}

interface Explained {
  readonly sluice?: {
    readonly ended: string | null;
    readonly budget: { readonly lambda: number; readonly undegraded_arm: string };
    readonly calls: readonly { readonly held: { readonly budget_final: boolean } }[];
  };
}

describe.each([
  { form: "streamed", stream: true },
  { form: "whole", stream: false },
])("an answer that is $form", ({ stream }) => {
  test("tells the tightest limits as OpenAI does, and the tightest budget", async () => {
    const { status, headers } = await ask(gateway, turn("Hello!", { stream }), {
      secret: secretOf("plain"),
    });
    expect(status).toBe(200);
    expect(headers.get("x-ratelimit-limit-requests")).toBe("600");
    expect(headers.get("x-ratelimit-remaining-requests")).toMatch(/^59\d$/);
    expect(headers.get("x-ratelimit-reset-requests")).toMatch(/^([1-9]\d*ms|1s)$/);
    expect(headers.get("x-ratelimit-limit-tokens")).toBe("1000000");
    expect(headers.get("x-ratelimit-reset-tokens")).toMatch(/^\d+h\d+m\d+s|\d+m\d+s$/);
    expect(headers.get("x-budget-scope")).toBe("tenant");
    expect(headers.get("x-budget-window")).toMatch(/^(day|month)$/);
    expect(Number(headers.get("x-budget-remaining"))).toBeGreaterThan(0);
    expect(Date.parse(headers.get("x-budget-reset") ?? "")).toBeGreaterThan(Date.now());
    expect(headers.get("x-sluice-degraded")).toBeNull();
    expect(headers.get("x-sluice-budget-final")).toBeNull();
  });

  test("whose bound the budget lowered says so, in a header and to who asked why", async () => {
    const response = await ask(gateway, turn("Hello!", { stream, max_completion_tokens: 995 }), {
      secret: secretOf("short"),
      headers: { "x-sluice-explain": "1" },
    });
    expect(response.status).toBe(200);
    expect(response.headers.get("x-sluice-budget-final")).toBe("true");
    const body = stream
      ? (JSON.parse((await readEvents(response)).at(-2) ?? "") as Explained)
      : await readJson<Explained>(response);
    expect(body.sluice?.ended).toBeNull();
    expect(body.sluice?.calls[0]?.held.budget_final).toBe(true);
    await gateway.untilSettled("short");
  });
});

const hard = turn(HARD_QUESTION, { max_completion_tokens: 2_000 });
const wish = { "x-sluice-mode": "auto" };

describe("a budget that does not reach for the chosen arm", () => {
  test("is answered by a cheaper one, which says what it is instead of", async () => {
    const rich = await ask(gateway, hard, { secret: secretOf("rich"), headers: wish });
    const modest = await ask(gateway, hard, { secret: secretOf("modest"), headers: wish });
    await Promise.all([rich.text(), modest.text()]);
    const from = rich.headers.get("x-sluice-mode");
    expect(rich.headers.get("x-sluice-degraded")).toBeNull();
    expect(modest.status).toBe(200);
    expect(modest.headers.get("x-sluice-degraded")).toBe(
      `${from}->${modest.headers.get("x-sluice-mode")}; reason=budget`,
    );
    const record = gateway.logged.find((line) => line.includes(`"degraded":"${from}->`));
    expect(record).toContain('"tenant":"modest"');
  });

  test("is refused to who would rather have that, and nothing is held", async () => {
    const strict = { ...wish, "x-sluice-budget": "strict" };
    const secret = secretOf("modest-strict");
    const refused = await ask(gateway, hard, { secret, headers: strict });
    expect(refused.status).toBe(429);
    expect(refused.headers.get("x-should-retry")).toBe("false");
    expect(await gateway.ledgerJournal("modest-strict")).toEqual([]);
    const degraded = await ask(gateway, hard, {
      secret,
      headers: { ...wish, "x-sluice-budget": "degrade" },
    });
    expect(degraded.status).toBe(200);
    await degraded.text();
  });

  test("is refused to a strict caller also where a stand-in is cheaper, which is for failures alone", async () => {
    const strict = { "x-sluice-budget": "strict" };
    const lean = { secret: secretOf("lean") };
    const refused = await ask(gateway, hard, { ...lean, headers: strict });
    expect(refused.status).toBe(429);
    expect(refused.headers.get("x-should-retry")).toBe("false");
    expect(await gateway.ledgerJournal("lean")).toEqual([]);
    const degraded = await ask(gateway, hard, lean);
    await degraded.text();
    expect(degraded.headers.get("x-sluice-model")).toBe("small");
    expect(degraded.headers.get("x-sluice-degraded")).toBe("deep/long->small/long; reason=budget");

    const ample = { secret: secretOf("ample"), headers: strict };
    const own = await ask(gateway, hard, ample);
    await own.text();
    expect(own.headers.get("x-sluice-model")).toBe("deep");
    const failing = turn(`${HARD_QUESTION} [[sim:sim-large=error-500]]`, {
      max_completion_tokens: 2_000,
    });
    const stoodIn = await ask(gateway, failing, ample);
    await stoodIn.text();
    expect([stoodIn.status, stoodIn.headers.get("x-sluice-model")]).toEqual([200, "small"]);
    expect(stoodIn.headers.get("x-sluice-degraded")).toBeNull();
  });

  test("is asked about in words that are known", async () => {
    const refused = await ask(gateway, hard, { headers: { "x-sluice-budget": "loose" } });
    expect(refused.status).toBe(400);
    expect(await refused.text()).toContain("x-sluice-budget");
  });
});
