// Usage that lies or is missing: what was reported is posted even above the hold, and what was not is never nothing.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { standsAt } from "../support/gateway-under-test.ts";
import { only, secretOf, startFaultGateway, type FaultGateway } from "./fault-gateway.ts";
import { startScriptedUpstream, type Script, type ScriptedUpstream } from "./scripted-upstream.ts";
import { chunk, done, finish, role, sse, usageChunk } from "./wire-samples.ts";

const LIMIT = 2_500;
const CAPPED = { max_completion_tokens: 100 };
const FORMS = [
  { form: "streamed", isStream: true, tenant: "thrifty-stream" },
  { form: "whole", isStream: false, tenant: "thrifty-whole" },
];

let gateway: FaultGateway;
let scripted: ScriptedUpstream;
let script: Script;

beforeAll(async () => {
  scripted = await startScriptedUpstream(() => script);
  gateway = await startFaultGateway({
    upstreams: { scripted: { baseUrl: scripted.baseUrl } },
    policies: [only("scripted")],
    tenants: FORMS.map(({ tenant }) => ({
      id: tenant,
      name: tenant,
      policy: "alone",
      limits: [{ dimension: "tokens", window: "day", limit: LIMIT }],
    })),
  });
});

afterAll(async () => {
  await gateway.dispose();
  await scripted.close();
});

beforeEach(() => gateway.simulator.reset());

describe.each(FORMS)("$form", ({ isStream, tenant }) => {
  test("a count above the hold is posted as it is, and the next request is refused", async () => {
    const asked = { policy: "alone", isStream, secret: secretOf(tenant), fields: CAPPED };
    const rows = await gateway.journalOf(async () => {
      const seen = await gateway.see({ ...asked, text: "What is 2 + 3? [[sim:lying-usage]]" });
      expect(seen.status).toBe(200);
    }, tenant);
    const [held, settled] = rows;
    expect(settled).toMatchObject({ op: "settle", ending: "complete", certainty: "exact" });
    // The engine's lie is ten times the cap and a thousand.
    expect(settled?.usage.outputTokens).toBe(2_000);
    expect(settled?.over.tokens).toBe((settled?.spent.tokens ?? 0) - (held?.held.tokens ?? 0));
    expect(settled?.spent.tokens).toBeGreaterThan(LIMIT);

    const sent = gateway.simulator.requests.length;
    const refused = await gateway.see({ ...asked, text: "What is 2 + 3?" });
    expect(refused.status).toBe(429);
    expect(JSON.parse(refused.text)).toMatchObject({
      error: { code: "project_spend_limit_exceeded" },
    });
    expect(gateway.simulator.requests).toHaveLength(sent);
    const standing = await gateway.ledgerUsage(tenant);
    const of = (what: "spent" | "held" | "over") => standsAt(standing, "tokens", "day", what);
    expect(of("spent") + of("held") - of("over")).toBeLessThanOrEqual(LIMIT);
  });

  test("without a count, what was seen is charged beside the held input", async () => {
    const rows = await gateway.journalOf(async () => {
      const seen = await gateway.see({
        text: "What is 12 + 30 * 2 - 7? [[sim:no-usage]]",
        policy: "alone",
        isStream,
      });
      expect(seen.status).toBe(200);
    });
    const [held, settled] = rows;
    expect(settled).toMatchObject({ op: "settle", ending: "complete", certainty: "at_least" });
    expect(settled?.usage.inputTokens).toBe(held?.usage.inputTokens);
    expect(settled?.usage.outputTokens).toBeGreaterThan(10);
    expect(settled?.usage.outputTokens).toBeLessThanOrEqual(held?.usage.outputTokens ?? 0);
  });
});

test("a count that comes along with every chunk is a floor until the answer has ended", async () => {
  const counting = (text: string, outputTokens: number): string =>
    JSON.stringify({
      ...JSON.parse(chunk(text)),
      usage: JSON.parse(usageChunk(5, outputTokens)).usage,
    });
  script = {
    status: 200,
    writes: [role(), counting("one", 1), counting(" two", 2), chunk(" three")].map(sse),
    end: "cut",
  };
  expect(await settlement()).toMatchObject({
    ending: "upstream-broke",
    certainty: "at_least",
    usage: { inputTokens: 5, outputTokens: 4 },
  });
});

test.each([
  { count: "zeros", usage: usageChunk(0, 0) },
  { count: "no output for text that was seen", usage: usageChunk(9, 0) },
])("a count of $count is none", async ({ usage }) => {
  script = {
    status: 200,
    writes: [role(), chunk("one"), chunk(" two"), finish(), usage, done()].map(sse),
    end: "close",
  };
  const settled = await settlement();
  expect(settled).toMatchObject({ ending: "complete", certainty: "at_least" });
  expect(settled?.usage.inputTokens).toBeGreaterThan(0);
  expect(settled?.usage.outputTokens).toBeGreaterThan(1);
});

test("the gateway is healthy after all of it", () => gateway.expectHealthy());

/** How the ledger settled a streamed call to the scripted upstream. */
async function settlement() {
  const rows = await gateway.journalOf(() =>
    gateway.see({ text: "Hello", policy: "only-scripted", isStream: true }),
  );
  return rows.at(-1);
}
