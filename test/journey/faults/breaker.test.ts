// An upstream that keeps failing is left alone, its callers are told when to come back or get the stand-in, and after
// the cool-down one probe decides.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  only,
  policy,
  startFaultGateway,
  until,
  type FaultGateway,
  type Seen,
} from "./fault-gateway.ts";
import { startScriptedUpstream, type Script, type ScriptedUpstream } from "./scripted-upstream.ts";
import { chunk, done, finish, role, sse, usageChunk } from "./wire-samples.ts";

const FAILURES = 3;
const BREAKER = { failures: FAILURES, windowMs: 60_000, cooldownMs: 2_500 };
/** Reports follow the answer, so a few calls may slip out before the last of them has arrived. */
const SLIPPED_MAX = 2;
const ASKED_MAX = 20;

const BROKEN: Script = {
  status: 500,
  headers: { "content-type": "application/json" },
  writes: [Buffer.from('{"error":{"message":"It broke."}}')],
  end: "close",
};
const ANSWER = [role(), chunk("one"), finish(), usageChunk(7, 3), done()].map(sse);
const GOOD: Script = { status: 200, writes: ANSWER, end: "close" };
const SILENT: Script = { status: 200, writes: [], end: "hold" };
/** Slow enough that others come while the probe is out. */
const SLOW: Script = { status: 200, writes: [200, ...ANSWER], end: "close" };

let gateway: FaultGateway;
let fragile: ScriptedUpstream;
let script = BROKEN;

beforeAll(async () => {
  fragile = await startScriptedUpstream(() => script);
  gateway = await startFaultGateway({
    upstreams: { fragile: { baseUrl: fragile.baseUrl, breaker: BREAKER } },
    policies: [
      only("fragile"),
      policy("guarded", { modes: { short: "fragile" }, fallback: ["mid"] }),
    ],
  });
});

afterAll(async () => {
  await gateway.dispose();
  await fragile.close();
});

describe("in order", () => {
  test("an upstream that fails often enough is left alone", async () => {
    script = BROKEN;
    const { statuses } = await askUntil((seen) => seen.status === 503);
    const sent = fragile.endings.length;
    expect(sent).toBeGreaterThanOrEqual(FAILURES);
    expect(sent).toBeLessThanOrEqual(FAILURES + SLIPPED_MAX);
    expect(statuses.slice(0, -1).every((status) => status === 502)).toBe(true);
  });

  test("its callers learn when to come back, and nothing is charged", async () => {
    await untilOpen();
    const sent = fragile.endings.length;
    let seen: Seen | undefined;
    const rows = await gateway.journalOf(async () => {
      seen = await ask("only-fragile");
    });
    expect(seen?.status).toBe(503);
    expect(JSON.parse(seen?.text ?? "")).toMatchObject({ error: { code: "upstream_unavailable" } });
    expect(Number(seen?.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(fragile.endings).toHaveLength(sent);
    // Known to rest, so nothing was held for it either.
    expect(rows).toEqual([]);
  });

  test("a stand-in answers without asking it", async () => {
    await untilOpen();
    const sent = fragile.endings.length;
    const seen = await ask("guarded");
    expect(seen.status).toBe(200);
    expect(seen.headers.get("x-sluice-model")).toBe("mid");
    expect(fragile.endings).toHaveLength(sent);
  });

  test("a probe that fails leaves it alone for another cool-down", async () => {
    await untilOpen();
    await sleep(BREAKER.cooldownMs);
    const sent = fragile.endings.length;
    await askUntil((seen) => seen.status === 502);
    await untilOpen();
    expect(fragile.endings).toHaveLength(sent + 1);
  });

  test("a probe whose client leaves before anything was said does not close it, and the next call may probe", async () => {
    script = SILENT;
    await sleep(BREAKER.cooldownMs);
    const sent = fragile.endings.length;
    const leaving = new AbortController();
    await gateway.journalOf(async () => {
      const asking = gateway
        .ask({ text: "Hello", policy: "only-fragile", isStream: true, signal: leaving.signal })
        .catch(() => null);
      await until(
        () => fragile.endings.length,
        (count) => count > sent,
      );
      leaving.abort();
      await asking;
    });
    script = BROKEN;
    await askUntil((seen) => seen.status === 502);
    expect(fragile.endings).toHaveLength(sent + 2);
    await untilOpen();
  });

  test("a probe that succeeds closes it, and is the only call that goes out until then", async () => {
    script = SLOW;
    await sleep(BREAKER.cooldownMs);
    const sent = fragile.endings.length;
    const seen = await Promise.all(Array.from({ length: 8 }, () => ask("only-fragile")));
    expect(seen.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(seen.filter(({ status }) => status === 503)).toHaveLength(7);
    expect(fragile.endings).toHaveLength(sent + 1);

    script = GOOD;
    await askUntil(({ status }) => status === 200);
    const later = await Promise.all(Array.from({ length: 8 }, () => ask("only-fragile")));
    expect(later.map(({ status }) => status)).toEqual(Array<number>(8).fill(200));
  });

  test("what the caller did wrong does not count against it", async () => {
    const refusal = '{"error":{"message":"No.","type":"invalid_request_error"}}';
    script = { ...BROKEN, status: 400, writes: [Buffer.from(refusal)] };
    for (let asked = 0; asked < FAILURES + 2; asked += 1)
      expect(await ask("only-fragile")).toMatchObject({ status: 400 });
    script = { ...BROKEN, status: 429 };
    for (let asked = 0; asked < FAILURES + 2; asked += 1)
      expect(await ask("only-fragile")).toMatchObject({ status: 429 });
    script = GOOD;
    expect(await ask("only-fragile")).toMatchObject({ status: 200 });
  });
});

test("the gateway is healthy after all of it", () => gateway.expectHealthy());

function ask(policyName: string): Promise<Seen> {
  return gateway.see({ text: "Hello", policy: policyName, isStream: true });
}

/** Asks one after the other until an answer fits. */
async function askUntil(
  fits: (seen: Seen) => boolean,
): Promise<{ readonly statuses: readonly number[] }> {
  const statuses: number[] = [];
  while (statuses.length < ASKED_MAX) {
    const seen = await ask("only-fragile");
    statuses.push(seen.status);
    if (fits(seen)) return { statuses };
    await sleep(50);
  }
  throw new Error(`No answer fitted: ${statuses.join(", ")}`);
}

/** The circuit is open now; if its cool-down had passed meanwhile, a failing probe opens it again. */
async function untilOpen(): Promise<void> {
  await askUntil((seen) => seen.status === 503);
}
