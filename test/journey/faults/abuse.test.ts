// What a client or an engine might do to spend more than was held, or to take an upstream from everybody else.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  only,
  policy,
  secretOf,
  startFaultGateway,
  until,
  type FaultGateway,
  type Seen,
} from "./fault-gateway.ts";
import { startScriptedUpstream, type Script, type ScriptedUpstream } from "./scripted-upstream.ts";
import { chunk, done, finish, role, sse, usageChunk } from "./wire-samples.ts";

const BREAKER = { failures: 2, windowMs: 60_000, cooldownMs: 400 };
const SMALL = "small-budget";
const CROWDED = "crowded";

const ANSWER = [role(), chunk("one"), finish(), usageChunk(7, 3), done()].map(sse);
const GOOD: Script = { status: 200, writes: ANSWER, end: "close" };
const BROKEN: Script = { status: 503, writes: [], end: "close" };
/** Words without end, whatever bound was given. */
const ENDLESS: Script = {
  status: 200,
  writes: [role(), ...Array.from({ length: 3000 }, () => chunk("four"))].map(sse),
  end: "hold",
};
/** Thinks out of sight, says one word, and would go on. */
const HIDDEN: Script = {
  status: 200,
  writes: [2200, ...[role(), chunk("Hi")].map(sse)],
  end: "hold",
};
const LATE_REFUSAL: Script = { status: 504, writes: [], end: "close" };

let gateway: FaultGateway;
let upstream: ScriptedUpstream;
let script: Script = GOOD;
let delayMs = 0;

beforeAll(async () => {
  upstream = await startScriptedUpstream(() => ({
    ...script,
    writes: delayMs > 0 ? [delayMs, ...script.writes] : script.writes,
  }));
  gateway = await startFaultGateway({
    upstreams: { odd: { baseUrl: upstream.baseUrl, breaker: BREAKER } },
    policies: [
      only("odd", { attemptsMax: 1 }),
      policy("patient", {
        modes: { short: "odd" },
        attemptsMax: 1,
        gateMs: 5_000,
        idleMs: 5_000,
        deadlineMs: 5_000,
      }),
    ],
    tenants: [
      {
        id: SMALL,
        name: "Small",
        policy: "patient",
        limits: [{ dimension: "tokens", window: "day", limit: 10_000 }],
      },
      {
        id: CROWDED,
        name: "Crowded",
        policy: "patient",
        limits: [{ dimension: "requests", window: "day", limit: 1 }],
      },
    ],
  });
});

beforeEach(() => {
  script = GOOD;
  delayMs = 0;
});

afterAll(async () => {
  await gateway.dispose();
  await upstream.close();
});

function ask(tenant: string, maxTokens = 16, signal?: AbortSignal): Promise<Seen> {
  return gateway.see({
    text: "Say something.",
    policy: "patient",
    isStream: true,
    secret: secretOf(tenant),
    fields: { max_tokens: maxTokens },
    ...(signal === undefined ? {} : { signal }),
  });
}

describe("an engine that ignores its bound", () => {
  test("is stopped long before it has written what it would, and the answer ends as an error", async () => {
    script = ENDLESS;
    let seen: Seen | undefined;
    const rows = await gateway.journalOf(async () => {
      seen = await ask(SMALL);
    }, SMALL);
    expect(seen?.text).toContain("far past the bound");
    expect(seen?.text).not.toContain("[DONE]");
    const words = seen?.text.split("four").length ?? 0;
    expect(words).toBeLessThan(1000);
    await until(
      () => upstream.endings.at(-1),
      (ending) => ending === "client-left",
    );
    expect(rows.filter(({ op }) => op === "settle")).toHaveLength(1);
  });
});

describe("a client that leaves at the first word", () => {
  test("pays for the time in which the engine was silent, at most what was held", async () => {
    script = HIDDEN;
    const client = new AbortController();
    const rows = await gateway.journalOf(async () => {
      const response = await gateway.ask({
        text: "Think.",
        policy: "patient",
        isStream: true,
        secret: secretOf(SMALL),
        fields: { max_tokens: 500 },
        signal: client.signal,
      });
      const reader = response.body?.getReader();
      await reader?.read();
      client.abort();
    }, SMALL);
    const settled = rows.find(({ op }) => op === "settle");
    expect(settled).toMatchObject({ certainty: "at_least", ending: "client-left" });
    // Two seconds and more of silence, of which the first second is an engine's own: about a hundred tokens.
    expect(settled?.usage.outputTokens).toBeGreaterThan(100);
    expect(settled?.usage.outputTokens).toBeLessThanOrEqual(500);
  });
});

describe("a refusal", () => {
  test("that comes at once is free, one that comes after seconds of work is not", async () => {
    script = LATE_REFUSAL;
    const quick = await gateway.journalOf(() => ask(SMALL), SMALL);
    expect(quick.find(({ op }) => op === "settle")?.usage.outputTokens).toBe(0);
    await untilClosed();
    script = {
      status: 200,
      writes: [2200, sse('{"error":{"code":500,"message":"x"}}')],
      end: "close",
    };
    const late = await gateway.journalOf(() => ask(SMALL, 400), SMALL);
    expect(late.find(({ op }) => op === "settle")?.usage.outputTokens).toBeGreaterThan(100);
    await untilClosed();
  });
});

describe("what calls in flight hold", () => {
  test("is told as busy and to be asked for again soon, not as used up until tomorrow", async () => {
    delayMs = 1500;
    const slow = ask(CROWDED);
    await until(
      async () => (await gateway.ledgerUsage(CROWDED)).openHolds,
      (open) => open === 1,
    );
    const refused = await ask(CROWDED);
    expect(refused.status).toBe(429);
    expect(refused.headers.get("retry-after")).toBe("2");
    expect(refused.headers.get("x-should-retry")).toBeNull();
    expect(refused.text).toContain("budget_busy");
    expect((await slow).status).toBe(200);
    await gateway.untilSettled(CROWDED);
    const spent = await ask(CROWDED);
    expect(spent.text).toContain("project_spend_limit_exceeded");
    expect(spent.headers.get("x-should-retry")).toBe("false");
  });
});

describe("an upstream that serves everybody", () => {
  test("is not closed to others by answers that reach their deadline", async () => {
    const policyDeadline = { text: "Go on.", policy: "only-odd", isStream: true } as const;
    script = { status: 200, writes: [role(), ...slowly()].flatMap(frames), end: "hold" };
    await Promise.all(Array.from({ length: 4 }, () => gateway.see(policyDeadline)));
    script = GOOD;
    expect((await ask(SMALL)).status).toBe(200);
  });

  test("is not kept closed by clients who take each probe and leave", async () => {
    script = BROKEN;
    await until(
      async () => (await ask(SMALL)).status,
      (status) => status === 503,
    );
    await sleep(BREAKER.cooldownMs);
    script = { status: 200, writes: [], end: "hold" };
    const sitting = new AbortController();
    const sat = gateway
      .ask({ text: "Sit.", policy: "only-odd", isStream: true, signal: sitting.signal })
      .then((response) => response.body?.cancel())
      .catch(() => undefined);
    await until(
      () => upstream.endings.at(-1),
      (ending) => ending === "open",
    );
    script = GOOD;
    sitting.abort();
    await sat;
    await untilClosed();
  });
});

async function untilClosed(): Promise<void> {
  script = GOOD;
  await until(
    async () => (await ask(SMALL)).status,
    (status) => status === 200,
  );
}

/** Text with pauses that are no silence, for longer than the deadline of `only-odd`. */
function slowly(): (string | number)[] {
  return Array.from({ length: 20 }, () => [300, chunk("slowly ")]).flat();
}

function frames(part: string | number): (Buffer | number)[] {
  return [typeof part === "number" ? part : sse(part)];
}
