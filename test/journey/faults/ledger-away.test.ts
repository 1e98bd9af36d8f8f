// The ledger is out of reach: under a hard limit nothing is sent, under soft ones a little passes and is posted when the
// ledger is back; a stream that runs goes on as long as what it holds lasts.
import { rm } from "node:fs/promises";
import { afterAll, beforeAll, beforeEach, expect, inject, test } from "vitest";
import { standsAt } from "../support/gateway-under-test.ts";
import { buildCutOff, cut } from "./cut-off-ledger.ts";
import {
  policy,
  secretOf,
  startFaultGateway,
  until,
  type Asked,
  type FaultGateway,
} from "./fault-gateway.ts";
import { startScriptedUpstream, type Script, type ScriptedUpstream } from "./scripted-upstream.ts";
import { chunk, done, finish, role, sse, usageChunk } from "./wire-samples.ts";

const PATIENT = { gateMs: 5_000, heartbeatMs: 1_000, idleMs: 20_000, deadlineMs: 20_000 };
const day = (limit: number, hard: boolean) => ({ dimension: "tokens", window: "day", limit, hard });
const TENANTS = {
  hard: [day(1_000_000, true)],
  mixed: [day(1_000_000, false), { ...day(1_000_000, true), window: "month" }],
  soft: [day(10_000_000, false)],
  closed: [day(0, false)],
  spent: [day(10_000_000, false), { dimension: "requests", window: "day", limit: 1, hard: false }],
  unlimited: [],
};

let gateway: FaultGateway;
let upstream: ScriptedUpstream;
let bundleFolder: string;
let script: Script;
beforeAll(async () => {
  upstream = await startScriptedUpstream(() => script);
  bundleFolder = await buildCutOff(inject("bundleFolder"));
  gateway = await startFaultGateway({
    bundleFolder,
    upstreams: { scripted: { baseUrl: upstream.baseUrl } },
    policies: [policy("patient", { modes: { short: "scripted" }, attemptsMax: 1, ...PATIENT })],
    tenants: Object.entries(TENANTS).map(([id, limits]) => ({
      id,
      name: id,
      policy: "patient",
      limits,
    })),
  });
});
beforeEach(() => {
  script = answerOf(10);
});
afterAll(async () => {
  await gateway.dispose();
  await upstream.close();
  await rm(bundleFolder, { recursive: true, force: true });
});

function answerOf(words: number): Script {
  const chunks = Array.from({ length: words }, (_, at) => chunk(` w${at}`));
  const events = [role(), ...chunks, finish(), usageChunk(20, words), done()];
  return { status: 200, writes: events.map(sse), end: "close" };
}

const asked = (tenant: keyof typeof TENANTS, headers: Record<string, string>): Asked => ({
  text: "Say something.",
  policy: "patient",
  isStream: true,
  secret: secretOf(tenant),
  headers,
  fields: { max_completion_tokens: 200 },
});

test.each([
  { tenant: "hard", how: "broken" },
  { tenant: "hard", how: "silent" },
  { tenant: "mixed", how: "broken" },
] as const)(
  "a $how ledger under a hard limit is a 503 that is worth a try, and nothing is sent: $tenant",
  async ({ tenant, how }) => {
    const before = upstream.endings.length;
    const refused = await gateway.see(asked(tenant, cut(how, "hold")));
    expect(refused.status).toBe(503);
    expect(refused.text).toContain("budget_unavailable");
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(refused.headers.get("x-should-retry")).toBe("true");
    expect(upstream.endings).toHaveLength(before);
    expect((await gateway.see(asked(tenant, {}))).status).toBe(200);
  },
);

test.each(["broken", "silent"] as const)(
  "a %s ledger under soft limits lets a little through, says so, and hears of it when it is back",
  async (how) => {
    const before = standsAt(await gateway.untilSettled("soft"), "tokens");
    const passed = await gateway.see(asked("soft", cut(how, "hold", "settle", "release")));
    expect(passed.status).toBe(200);
    expect(passed.text).toContain("data: [DONE]");
    expect(passed.headers.get("x-sluice-budget")).toBe("emergency");
    await until(
      () => gateway.logged.some((line) => line.includes('"isEmergency":true')),
      (isLogged) => isLogged,
    );
    expect(standsAt(await gateway.ledgerUsage("soft"), "tokens")).toBe(before);

    const next = await gateway.see(asked("soft", {}));
    expect(next.headers.get("x-sluice-budget")).toBeNull();
    const posted = await until(
      async () => standsAt(await gateway.ledgerUsage("soft"), "tokens"),
      (spent) => spent === before + 2 * (20 + 10),
    );
    expect(posted).toBe(before + 60);
    const journal = await gateway.ledgerJournal("soft");
    expect(journal.some(({ callId }) => callId.endsWith("-emergency"))).toBe(true);
  },
);

test.each(["soft", "hard"] as const)(
  "a ledger whose own code throws is a bug, and no outage in which something passes: %s",
  async (tenant) => {
    const before = upstream.endings.length;
    const failed = await gateway.see(asked(tenant, cut("misled", "hold")));
    expect(failed.status).toBe(500);
    expect(failed.text).toContain("internal_error");
    // The object's own words are for the log.
    expect(failed.text).not.toContain("callId");
    expect(upstream.endings).toHaveLength(before);
    expect(gateway.logged.some((line) => line.includes('"event":"ledger-faulted"'))).toBe(true);
    expect((await gateway.see(asked(tenant, {}))).headers.get("x-sluice-budget")).toBeNull();
  },
);

test("what a tenant has without its ledger is bounded, however often it asks", async () => {
  const statuses: number[] = [];
  script = answerOf(200);
  // Half a thousandth of ten million at once, and each takes more than two hundred.
  for (let index = 0; index < 40; index += 1) {
    statuses.push((await gateway.see(asked("soft", cut("broken", "hold")))).status);
  }
  expect(statuses[0]).toBe(200);
  expect(statuses.at(-1)).toBe(503);
  expect(statuses.filter((status) => status === 200).length).toBeLessThan(25);
});

test("a tenant whose budget was used up a moment ago stays refused without its ledger", async () => {
  expect((await gateway.see(asked("spent", {}))).status).toBe(200);
  await gateway.untilSettled("spent");
  expect((await gateway.see(asked("spent", {}))).status).toBe(429);
  expect((await gateway.see(asked("spent", cut("broken", "hold")))).status).toBe(503);
});

test("a limit of nothing lets nothing through", async () => {
  expect((await gateway.see(asked("closed", cut("broken", "hold")))).status).toBe(503);
});

test("a tenant without limits is served", async () => {
  expect((await gateway.see(asked("unlimited", cut("broken", "hold")))).status).toBe(200);
});

const LONG = { max_completion_tokens: 5_000 };

test("a stream under a hard limit ends cleanly when what it holds is used up and the ledger stays away", async () => {
  script = {
    status: 200,
    writes: [role(), ...Array.from({ length: 900 }, () => chunk("word"))].map(sse),
    end: "hold",
  };
  const ended = await gateway.see({
    ...asked("hard", { ...cut("broken", "extend", "checkpoint"), "x-sluice-explain": "1" }),
    fields: LONG,
  });
  expect(ended.text).toContain('"finish_reason":"length"');
  expect(ended.text).toContain("ended=budget; the budget could not be asked for more");
  expect(ended.text.endsWith("data: [DONE]\n\n")).toBe(true);
  await gateway.untilSettled("hard");
  expect((await gateway.ledgerJournal("hard")).at(-1)).toMatchObject({
    op: "settle",
    ending: "budget",
    certainty: "at_least",
  });
});

test("a stream whose ledger has a bug ends with what it holds, also under soft limits", async () => {
  script = {
    status: 200,
    writes: [role(), ...Array.from({ length: 900 }, () => chunk("word"))].map(sse),
    end: "hold",
  };
  const cuts = cut("misled", "extend", "checkpoint");
  const ended = await gateway.see({ ...asked("soft", cuts), fields: LONG });
  expect(ended.text).toContain('"finish_reason":"length"');
  expect(ended.text.endsWith("data: [DONE]\n\n")).toBe(true);
});

test("a stream under soft limits goes on to its end", async () => {
  script = answerOf(900);
  const rows = await gateway.journalOf(async () => {
    const seen = await gateway.see({
      ...asked("unlimited", cut("broken", "extend", "checkpoint")),
      fields: LONG,
    });
    expect(seen.text).toContain("w899");
    expect(seen.text).toContain('"finish_reason":"stop"');
  }, "unlimited");
  expect(rows.at(-1)).toMatchObject({ op: "settle", certainty: "exact", ending: "complete" });
});

test("the gateway is healthy after all of it", () =>
  // What could not be reached was said to be so, and nothing else was.
  expect(gateway.logged.filter((line) => /internal-error|hung|uncaught/i.test(line))).toEqual([]));
