// The Worker dies in the middle of a stream. Nobody is left to settle, so the ledger's own alarm ends the hold, by its
// rule and never as nothing; and what the breaker knew is known to the next Worker.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { readJournal, type JournalRow } from "../support/journal.ts";
import { startGateway, type Gateway } from "../../../worker/cli/gateway.ts";
import { policy, SECRET, TENANT, until } from "./fault-gateway.ts";
import { startScriptedUpstream, type ScriptedUpstream } from "./scripted-upstream.ts";
import { chunk, role, sse } from "./wire-samples.ts";

const WAITS = { gateMs: 500, heartbeatMs: 100, idleMs: 2_000, deadlineMs: 2_000 };
/** The hold outlives the deadline by about ten seconds, and alarms stand on a grid of five. */
const EXPIRY_WAIT_MS = 40_000;
const LIMIT = 1_000_000;

let stateFolder: string;
let stalling: ScriptedUpstream;
let failing: ScriptedUpstream;

beforeAll(async () => {
  stateFolder = await mkdtemp(join(tmpdir(), "sluice-dies-"));
  stalling = await startScriptedUpstream(() => ({
    status: 200,
    writes: [sse(role()), sse(chunk("one")), sse(chunk(" two"))],
    end: "hold",
  }));
  failing = await startScriptedUpstream(() => ({ status: 500, writes: [], end: "close" }));
});

afterAll(async () => {
  await stalling.close();
  await failing.close();
  await rm(stateFolder, { recursive: true, force: true });
});

test(
  "a call whose Worker died is charged at its hold's expiry, and the open circuit stays open",
  { timeout: EXPIRY_WAIT_MS + 30_000 },
  async () => {
    const first = await start();
    expect((await ask(first, "failing")).status).toBe(502);
    // The report follows the answer.
    await until(
      async () => (await ask(first, "failing")).status,
      (status) => status === 503,
    );
    const cut = await ask(first, "stalling");
    const reading = cut.body?.getReader();
    await reading?.read();
    await first.dispose();
    await reading?.cancel().catch(() => undefined);

    const second = await start();
    try {
      const [held] = await rowsOf(second, "stalling");
      expect(held).toMatchObject({ op: "hold" });
      expect((await ask(second, "failing")).status).toBe(503);

      const rows = await untilWithin(EXPIRY_WAIT_MS, () => rowsOf(second, "stalling"));
      expect(rows.map(({ op }) => op)).toEqual(["hold", "expire"]);
      const expired = rows[1];
      expect(expired).toMatchObject({ ending: "expired", certainty: "unknown" });
      expect(expired?.spent.requests).toBe(1);
      expect(expired?.usage.inputTokens).toBe(held?.usage.inputTokens);
      expect(expired?.usage.outputTokens).toBeGreaterThan(0);
      expect(expired?.spent.tokens).toBeLessThanOrEqual(held?.held.tokens ?? 0);

      const standing = await (await ledgerOf(second)).usage("UTC", null);
      expect(standing.openHolds).toBe(0);
      expect(standing.suspendedHolds).toBe(1);
    } finally {
      await second.dispose();
    }
  },
);

function start(): Promise<Gateway> {
  const upstreams = { stalling: stalling.baseUrl, failing: failing.baseUrl };
  return startGateway({
    port: 0,
    stateFolder,
    bundleFolder: inject("bundleFolder"),
    secrets: {},
    documents: {
      catalog: {
        version: "1",
        upstreams: Object.entries(upstreams).map(([id, baseUrl]) => ({
          id,
          engine: "vllm",
          baseUrl,
          breaker: { failures: 1, windowMs: 60_000, cooldownMs: 600_000 },
        })),
        models: Object.keys(upstreams).map((id) => ({
          id,
          upstream: id,
          name: id,
          contextTokens: 8_192,
          outputTokensMax: 4_096,
        })),
      },
      policies: Object.keys(upstreams).map((id) =>
        policy(id, { ...WAITS, modes: { short: id }, attemptsMax: 1 }),
      ),
      organisations: [],
      tenants: [
        {
          id: TENANT,
          name: "Faults",
          policy: "stalling",
          policies: Object.keys(upstreams),
          limits: [{ dimension: "tokens", window: "day", limit: LIMIT }],
        },
      ],
      keys: [{ secret: SECRET, document: { id: "faults", tenant: TENANT } }],
    },
  });
}

function ask(gateway: Gateway, policyName: string): Promise<Response> {
  return fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${SECRET}`, "x-sluice-policy": policyName },
    body: JSON.stringify({
      model: "auto:short",
      stream: true,
      messages: [{ role: "user", content: "Hello" }],
    }),
  });
}

async function ledgerOf(gateway: Gateway) {
  return (await gateway.bindings<Env>()).LEDGER.getByName(TENANT);
}

async function rowsOf(gateway: Gateway, model: string): Promise<readonly JournalRow[]> {
  const { lines } = await (await ledgerOf(gateway)).journal(0, 1_000);
  return readJournal(lines).filter(({ arm }) => arm.startsWith(`${model}/`));
}

/** Waits for a second line. */
async function untilWithin(
  waitMs: number,
  look: () => Promise<readonly JournalRow[]>,
): Promise<readonly JournalRow[]> {
  const endsAtMs = Date.now() + waitMs;
  for (;;) {
    const rows = await look();
    if (rows.length > 1 || Date.now() > endsAtMs) return rows;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
