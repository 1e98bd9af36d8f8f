// While nothing was sent to the client, another upstream or another try may do better; afterwards nothing is tried.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { isEnd, type JournalRow } from "../support/journal.ts";
import {
  expectEachEndedOnce,
  policy,
  startFaultGateway,
  throughSdk,
  type Asked,
  type FaultGateway,
  type Seen,
} from "./fault-gateway.ts";
import {
  refusingBaseUrl,
  startScriptedUpstream,
  type ScriptedUpstream,
} from "./scripted-upstream.ts";

const FORMS = [
  { form: "streamed", isStream: true },
  { form: "whole", isStream: false },
];

let gateway: FaultGateway;
let losing: ScriptedUpstream;

beforeAll(async () => {
  losing = await startScriptedUpstream(() => ({ status: null, writes: [], end: "cut" }));
  const failover = { fallback: ["mid"] };
  gateway = await startFaultGateway({
    upstreams: {
      refusing: { baseUrl: await refusingBaseUrl() },
      losing: { baseUrl: losing.baseUrl },
    },
    policies: [
      policy("from-refusing", { ...failover, modes: { short: "refusing" } }),
      policy("from-losing", { ...failover, modes: { short: "losing" } }),
      // Silence is noticed while the gate is closed, so that it too can fail over.
      policy("from-silent", { ...failover, gateMs: 5_000, idleMs: 300, deadlineMs: 1_000 }),
      policy("chain", { modes: { short: "refusing" }, fallback: ["losing", "small", "mid"] }),
      policy("twice", { attemptsMax: 2 }),
      policy("slow-gate", { gateMs: 1_500, idleMs: 2_500 }),
    ],
  });
});

afterAll(async () => {
  await gateway.dispose();
  await losing.close();
});

beforeEach(() => gateway.simulator.reset());

describe.each(FORMS)("$form", ({ isStream }) => {
  test.each([
    { fault: "500", policy: "failover", order: "sim-small=error-500", free: true },
    { fault: "503", policy: "failover", order: "sim-small=error-503", free: true },
    { fault: "429", policy: "failover", order: "sim-small=rate-limit", free: true },
    { fault: "an error in 200", policy: "failover", order: "sim-small=error-in-200", free: true },
    { fault: "a refused connection", policy: "from-refusing", order: "one-byte", free: false },
    { fault: "a lost connection", policy: "from-losing", order: "one-byte", free: false },
    { fault: "silence", policy: "from-silent", order: "sim-small=silent", free: false },
  ])("$fault is answered by the stand-in", async ({ policy: name, order, free }) => {
    const { seen, rows } = await look({
      text: `What is 2 + 3? [[sim:${order}]]`,
      policy: name,
      isStream,
    });
    expect(seen.status).toBe(200);
    expect(seen.headers.get("x-sluice-model")).toBe("mid");
    expect(await throughSdk(seen, isStream)).toMatchObject({
      kind: "answer",
      finishReason: "stop",
    });
    expectEachEndedOnce(rows);
    const [first, second, ...others] = endsOf(rows);
    expect(others).toEqual([]);
    expect(first?.arm).not.toBe(second?.arm);
    expect(first?.certainty).toBe(free ? "exact" : "unknown");
    expect((first?.spent.tokens ?? 0) === 0).toBe(free);
    expect(second).toMatchObject({ ending: "complete", certainty: "exact", arm: "mid/short" });
    // A request counts once, however many calls it takes.
    expect(rows.reduce((sum, { spent }) => sum + spent.requests, 0)).toBe(1);
  });

  test("a cut before the first content is answered by the stand-in", async () => {
    const { seen, rows } = await look({
      text: `What is 2 + 3? [[sim:sim-small=${isStream ? "cut-early" : "cut"}]]`,
      policy: "failover",
      isStream,
    });
    expect(seen.status).toBe(200);
    expect(endsOf(rows).map(({ certainty }) => certainty)).toEqual(["unknown", "exact"]);
    expect(endsOf(rows)[0]?.spent.tokens).toBeGreaterThan(0);
  });

  test("an engine's 400 is the caller's and goes to nobody else", async () => {
    const { seen, rows } = await look({
      text: "Hello [[sim:sim-small=error-400]]",
      policy: "failover",
      isStream,
    });
    expect(seen.status).toBe(400);
    expect(endsOf(rows)).toHaveLength(1);
    expect(gateway.simulator.requests).toHaveLength(1);
  });

  test("stand-ins are asked in the policy's order until one answers", async () => {
    const { seen, rows } = await look({ text: "What is 2 + 3?", policy: "chain", isStream });
    expect(seen.headers.get("x-sluice-model")).toBe("small");
    expect(endsOf(rows).map(({ arm }) => arm)).toEqual([
      "refusing/short",
      "losing/short",
      "small/short",
    ]);
  });

  test("the same upstream is asked again when nobody stands in", async () => {
    const { seen, rows } = await look({
      text: "What is 2 + 3? [[sim:error-500*2]]",
      policy: "retry",
      isStream,
    });
    expect(seen.status).toBe(200);
    expect(endsOf(rows).map(({ ending }) => ending)).toEqual([
      "upstream-broke",
      "upstream-broke",
      "complete",
    ]);
  });

  test("no more is tried than the policy allows", async () => {
    const { seen, rows } = await look({
      text: "What is 2 + 3? [[sim:error-500]]",
      policy: "twice",
      isStream,
    });
    expect(seen.status).toBe(502);
    expect(endsOf(rows)).toHaveLength(2);
    expect(gateway.simulator.requests).toHaveLength(2);
  });

  test("a 429 without a stand-in is not tried again, and its advice passes outward", async () => {
    const { seen, rows } = await look({
      text: "Hello [[sim:rate-limit]]",
      policy: "retry",
      isStream,
    });
    expect(seen.status).toBe(429);
    expect(seen.headers.get("retry-after")).toBe("2");
    expect(endsOf(rows)).toHaveLength(1);
  });
});

test("nobody stands in once content was sent", async () => {
  const { seen, rows } = await look({
    text: "What is 12 + 30 * 2 - 7? [[sim:sim-small=cut]]",
    policy: "failover",
    isStream: true,
  });
  expect(await throughSdk(seen, true)).toMatchObject({ kind: "error", code: "upstream_cut" });
  expect(seen.text).not.toContain("[DONE]");
  expect(endsOf(rows)).toHaveLength(1);
  expect(gateway.simulator.requests).toHaveLength(1);
});

test("nobody stands in once the gate has opened by time", async () => {
  const { seen, rows } = await look({
    text: "What is 2 + 3? [[sim:sim-small=slow-first-byte(600),sim-small=error-500]]",
    policy: "failover",
    isStream: true,
  });
  expect(seen.status).toBe(200);
  expect(await throughSdk(seen, true)).toMatchObject({ kind: "error", code: "upstream_error" });
  expect(endsOf(rows)).toHaveLength(1);
});

test("all tries together share one gate", async () => {
  const { seen, rows } = await look({
    text: "What is 2 + 3? [[sim:slow-first-byte(900),error-500]]",
    policy: "slow-gate",
    isStream: true,
  });
  // The second try is still open when the gate's time is over, so its failure is told in band and not tried again.
  expect(seen.status).toBe(200);
  expect(await throughSdk(seen, true)).toMatchObject({ kind: "error", code: "upstream_error" });
  expect(endsOf(rows)).toHaveLength(2);
});

test("the gateway is healthy after all of it", () => gateway.expectHealthy());

async function look(
  asked: Asked,
): Promise<{ readonly seen: Seen; readonly rows: readonly JournalRow[] }> {
  let seen: Seen | undefined;
  const rows = await gateway.journalOf(async () => {
    seen = await gateway.see(asked);
  });
  if (seen === undefined) throw new Error("Nothing was seen.");
  expectEachEndedOnce(rows);
  return { seen, rows };
}

function endsOf(rows: readonly JournalRow[]): JournalRow[] {
  return rows.filter(isEnd);
}
