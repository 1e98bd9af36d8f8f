// A tenant with shards reads like one without: its usage, its journal and its refunds are whole, also after the number of
// shards was changed. An organisation tells what it lent and what its tenants reported.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, turn } from "../support/chat.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";
import {
  admin,
  atVersion,
  createKey,
  createTenant,
  MADE_NEW,
  type AdminError,
  type NewKey,
} from "./admin-client.ts";

const AUDIT = join(import.meta.dirname, "../../../durable/cli/audit.ts");
const SHARDS = 4;
const KEYS = 6;
/** Settling follows the answer by a hop or two; a shared machine may stretch that. */
const SETTLE_WAIT_MS = 10_000;
const SETTLE_POLL_MS = 20;
const DAY_TOKENS = 1_000_000;
const LIMITS = [
  { dimension: "tokens", window: "day", limit: DAY_TOKENS },
  { dimension: "requests", window: "minute", limit: 6_000 },
];
const TENANT = { id: "wide", name: "Wide", policy: "balanced", limits: LIMITS };

interface Row {
  readonly scope: string;
  readonly window: string;
  readonly dimension: string;
  readonly spent: number;
  readonly held: number;
  readonly lent: number;
  readonly limit: number | null;
  readonly remaining: number | null;
}

interface Usage {
  readonly ledgers: readonly { readonly ledger: string; readonly read_at: string }[];
  readonly missing: readonly string[];
  readonly open_holds: number;
  readonly windows: readonly Row[];
  readonly rates: readonly { readonly scope: string; readonly limit: number; level: number }[];
  readonly next: string | null;
}

interface Report {
  readonly entries: number;
  readonly calls: number;
  readonly chain: string;
  readonly problemCount: number;
  readonly ledgers?: readonly { readonly ledger: string; readonly chain: string }[];
  readonly balances: readonly {
    readonly scope: string;
    readonly window: string;
    readonly spent: Readonly<Record<string, number>>;
    readonly held: Readonly<Record<string, number>>;
    readonly lent?: Readonly<Record<string, number>>;
  }[];
}

let gateway: GatewayUnderTest;
const keys: NewKey[] = [];
/** Of every answer so far. */
const calls: { readonly callId: string; readonly key: NewKey; readonly tokens: number }[] = [];

beforeAll(async () => {
  gateway = await startGatewayUnderTest();
  await createTenant(gateway, "wide", { ...TENANT, shards: SHARDS });
  for (let index = 0; index < KEYS; index += 1) keys.push(await createKey(gateway, "wide"));
  for (const key of keys) await use(key);
  await untilQuiet();
});
afterAll(() => gateway.dispose());

async function use(key: NewKey): Promise<void> {
  const answer = await ask(gateway, turn("What is 3 + 4?"), { secret: key.secret });
  const { usage } = (await answer.json()) as { usage: { total_tokens: number } };
  const callId = `${answer.headers.get("x-request-id")}:1`;
  calls.push({ callId, key, tokens: usage.total_tokens });
}

async function untilQuiet(): Promise<void> {
  for (const endsAtMs = Date.now() + SETTLE_WAIT_MS; ;) {
    const { open_holds } = await usageOf();
    if (open_holds === 0) return;
    if (Date.now() > endsAtMs) throw new Error(`${open_holds} holds are still open.`);
    await sleep(SETTLE_POLL_MS);
  }
}

async function usageOf(query = ""): Promise<Usage> {
  const { status, body } = await admin<Usage>(gateway, `GET /tenants/wide/usage${query}`);
  expect(status).toBe(200);
  return body;
}

async function ownUsage(key: NewKey): Promise<Usage> {
  const response = await fetch(`${gateway.url}/v1/usage`, {
    headers: { authorization: `Bearer ${key.secret}` },
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Usage;
}

function rowOf({ windows }: Usage, scope: string, dimension = "tokens", window = "day") {
  return windows.find(
    (row) => row.scope === scope && row.window === window && row.dimension === dimension,
  );
}

function tokensOf(some = calls): number {
  return some.reduce((sum, { tokens }) => sum + tokens, 0);
}

function namesUpTo(shards: number): string[] {
  return ["wide", ...Array.from({ length: shards }, (_, shard) => `wide#${shard}`)];
}

/** Page after page, until one tells nothing that is new. */
async function exportFrom(path: string, limit: number, start = ""): Promise<[string, string]> {
  let journal = "";
  for (let after = start; ;) {
    const response = await fetch(
      `${gateway.url}/admin/v1${path}after=${encodeURIComponent(after)}&limit=${limit}`,
      { headers: { authorization: `Bearer ${gateway.adminSecret}` } },
    );
    expect(response.status).toBe(200);
    const text = await response.text();
    const { chain } = JSON.parse(text.trimEnd().split("\n").at(-1) ?? "") as {
      chain: { nextSeq: number; next?: string };
    };
    const next = chain.next ?? String(chain.nextSeq);
    journal += text;
    if (next === after) return [journal, after];
    after = next;
  }
}

function auditOf(journal: string): Report {
  const { stdout, status } = spawnSync(process.execPath, [AUDIT], {
    input: journal,
    encoding: "utf8",
  });
  const report = JSON.parse(stdout) as Report;
  expect(status).toBe(report.problemCount === 0 ? 0 : 1);
  return report;
}

/** What is lent changes by itself between two exports, because shards that rest give it back. */
function usedIn({ balances }: Report) {
  return balances.map(({ scope, window, spent, held }) => ({ scope, window, spent, held }));
}

test("usage is the sum of all calls in all shards, and says which ledgers were read and when", async () => {
  const told = await usageOf();
  expect(told.ledgers.map(({ ledger }) => ledger)).toEqual(namesUpTo(SHARDS));
  for (const { read_at } of told.ledgers) expect(Date.parse(read_at)).toBeGreaterThan(0);
  expect(told.missing).toEqual([]);
  const row = rowOf(told, "tenant");
  expect(row).toMatchObject({ spent: tokensOf(), held: 0, limit: DAY_TOKENS });
  // Without a limit nothing is ever reported; it counts all the same.
  expect(rowOf(told, "tenant", "tokens", "month")?.spent).toBe(tokensOf());
  expect(rowOf(told, "tenant", "requests", "month")?.spent).toBe(KEYS);
  const { spent = 0, held = 0, lent = 0, remaining = 0 } = row ?? {};
  expect(spent + held + lent + (remaining ?? 0)).toBe(DAY_TOKENS);
  for (const { key, tokens } of calls)
    expect(rowOf(told, `key:${key.id}`)).toMatchObject({ spent: tokens, lent: 0 });
  expect(told.rates).toEqual([expect.objectContaining({ scope: "tenant", limit: 6_000 })]);

  const own = await ownUsage(keys[0]!);
  expect(rowOf(own, "tenant")).toMatchObject({ spent: tokensOf(), held: 0 });
  expect(rowOf(own, `key:${keys[0]?.id}`)?.spent).toBe(calls[0]?.tokens);
  expect(own.ledgers).toHaveLength(SHARDS + 1);
});

test("usage of a sharded tenant comes in pages over all its ledgers, and no scope is left out", async () => {
  const seen: string[] = [];
  for (let after: string | null = ""; after !== null;) {
    const told: Usage = await usageOf(`?limit=2&after=${encodeURIComponent(after)}`);
    seen.push(...new Set(told.windows.map(({ scope }) => scope)));
    after = told.next;
  }
  expect(seen).toEqual(["tenant", ...keys.map(({ id }) => `key:${id}`).toSorted()]);
});

test("what calls hold in a shard is held and not lent too", async () => {
  const ledgers = (await gateway.gateway.bindings<Env>()).LEDGER;
  const shard = ledgers.getByName("wide#1");
  const request = {
    callId: "open:1",
    keyId: "k",
    policyVersion: "p@1",
    variant: null,
    requests: 1,
    scopes: [
      {
        scope: "tenant",
        lender: "wide",
        limits: [{ dimension: "tokens", window: "day", limit: DAY_TOKENS, hard: true }],
      },
    ],
    zone: "UTC",
    session: null,
    offers: [
      {
        rung: 0,
        arm: "small/short",
        strategies: [],
        inputTokens: 10,
        outputTokens: 20_000,
        outputTokensMin: 20_000,
        sliceTokens: 20_000,
        priceVersion: null,
        inputNanosPerMtok: 0,
        outputNanosPerMtok: 0,
        cachedInputNanosPerMtok: 0,
        cacheWriteNanosPerMtok: 0,
      },
    ],
    ttlMs: 60_000,
  } as const;
  if ((await shard.hold(request)).kind !== "held") {
    expect(await shard.replenish(request)).toEqual({ kind: "lent" });
    expect(await shard.hold(request)).toMatchObject({ kind: "held" });
  }
  const told = await usageOf("?scope=tenant");
  const row = rowOf(told, "tenant");
  expect(row).toMatchObject({ spent: tokensOf(), held: 20_010 });
  const { spent = 0, held = 0, lent = 0, remaining = 0 } = row ?? {};
  expect(spent + held + lent + (remaining ?? 0)).toBe(DAY_TOKENS);
  expect(told.open_holds).toBe(1);
  await shard.release("open:1");
});

test("the journal is a chain for each ledger, in pages of any size, and is audited to what usage says", async () => {
  const [whole, place] = await exportFrom("/tenants/wide/journal?", 1_000);
  const report = auditOf(whole);
  expect([report.problemCount, report.chain]).toEqual([0, "whole"]);
  expect(report.ledgers?.map(({ ledger }) => ledger)).toEqual(namesUpTo(SHARDS));
  const day = report.balances.find(({ scope, window }) => scope === "tenant" && window === "day");
  expect(day?.spent["tokens"]).toBe(tokensOf());
  expect(day?.held).toEqual({});
  const [inPages] = await exportFrom("/tenants/wide/journal?", 3);
  expect(usedIn(auditOf(inPages))).toEqual(usedIn(report));

  // Each by itself, and put together again; and one alone.
  let parts = "";
  for (const name of namesUpTo(SHARDS)) {
    const path = `/tenants/wide/journal?ledger=${encodeURIComponent(name)}&`;
    const [part] = await exportFrom(path, 1_000);
    expect(part.startsWith(`${JSON.stringify({ ledger: name })}\n`)).toBe(true);
    expect(auditOf(part)).toMatchObject({ chain: "whole", problemCount: 0 });
    parts += part;
  }
  expect(usedIn(auditOf(parts))).toEqual(usedIn(report));

  // A line that is gone from one chain leaves the others whole.
  const lines = whole.split("\n");
  const index = lines.findIndex(
    (line, at) =>
      lines[at - 1]?.startsWith('{"ledger":"wide#') === true && !line.startsWith('{"chain"'),
  );
  const broken = auditOf(lines.toSpliced(index, 1).join("\n"));
  expect(broken.chain).toBe("altered");
  expect(broken.ledgers?.filter(({ chain }) => chain !== "whole")).toHaveLength(1);

  // What comes later is read from the place where an export ended.
  await use(keys[1]!);
  await untilQuiet();
  const [later] = await exportFrom("/tenants/wide/journal?", 1_000, place);
  const both = auditOf(whole + later);
  expect(both.problemCount).toBe(0);
  expect(both.calls).toBe(report.calls + 1);
  for (const [query, status] of [
    ["?ledger=wide%237", 404],
    ["?ledger=demo", 404],
    ["?ledger=", 400],
    ["?after=1,x", 400],
    ["?after=1,2&ledger=wide", 400],
  ] as const)
    expect((await admin(gateway, `GET /tenants/wide/journal${query}`)).status, query).toBe(status);
});

test("a refund finds the shard of its call, once, and nobody else's", async () => {
  const before = rowOf(await usageOf(), "tenant")?.spent ?? 0;
  for (const { callId } of calls.slice(0, KEYS)) {
    const order = { call_id: callId, refund_id: "ticket", tokens: 1 };
    for (let again = 0; again < 2; again += 1) {
      const { status } = await admin(gateway, "POST /tenants/wide/refunds", order);
      expect(status).toBe(200);
    }
  }
  expect(rowOf(await usageOf(), "tenant")?.spent).toBe(before - KEYS);
  const unknown = { call_id: "never:1", refund_id: "ticket", tokens: 1 };
  expect((await admin(gateway, "POST /tenants/wide/refunds", unknown)).status).toBe(404);
});

test("with other shards, with one ledger and with shards again all that was used is still told", async () => {
  const refunded = KEYS;
  for (const [index, shards] of [2, 1, 3].entries()) {
    const document = { ...TENANT, shards };
    const put = await admin(gateway, "PUT /tenants/wide", document, atVersion(index + 1));
    expect(put.status).toBe(200);
    for (const key of keys.slice(0, 2)) await use(key);
    await untilQuiet();
    const told = await usageOf();
    expect(told.ledgers.map(({ ledger }) => ledger)).toEqual(namesUpTo(SHARDS));
    expect(rowOf(told, "tenant")).toMatchObject({ spent: tokensOf() - refunded, held: 0 });
    expect(rowOf(await ownUsage(keys[0]!), "tenant")?.spent).toBe(tokensOf() - refunded);
  }
  const [journal] = await exportFrom("/tenants/wide/journal?", 1_000);
  const report = auditOf(journal);
  expect([report.problemCount, report.chain]).toEqual([0, "whole"]);
  const day = report.balances.find(({ scope, window }) => scope === "tenant" && window === "day");
  expect(day?.spent["tokens"]).toBe(tokensOf() - refunded);
  // A call of the first days, in a shard that is used no more.
  const order = { call_id: calls[0]?.callId, refund_id: "late", tokens: 1 };
  expect((await admin(gateway, "POST /tenants/wide/refunds", order)).status).toBe(200);
});

test("a tenant that got shards later keeps its journal, and places in it", async () => {
  await createTenant(gateway, "grown", { limits: LIMITS });
  const key = await createKey(gateway, "grown");
  const send = async () => {
    await (await ask(gateway, turn("Hi."), { secret: key.secret })).text();
    const quiet = async () =>
      (await admin<Usage>(gateway, "GET /tenants/grown/usage")).body.open_holds;
    await expect.poll(quiet, { timeout: 10_000 }).toBe(0);
  };
  await send();
  const [before, place] = await exportFrom("/tenants/grown/journal?", 1_000);
  expect(before).not.toContain('"ledger"');
  expect(auditOf(before)).not.toHaveProperty("ledgers");
  const document = { id: "grown", name: "grown", policy: "balanced", limits: LIMITS, shards: 2 };
  await admin(gateway, "PUT /tenants/grown", document, atVersion(1));
  await send();
  const [after] = await exportFrom("/tenants/grown/journal?", 1_000, place);
  const report = auditOf(before + after);
  expect([report.problemCount, report.chain, report.calls]).toEqual([0, "whole", 2]);
});

test("a call is refunded only so often, and says so", async () => {
  const call_id = calls[1]?.callId;
  const refund = (index: number) =>
    admin<AdminError>(gateway, "POST /tenants/wide/refunds", {
      call_id,
      refund_id: `part-${index}`,
      nanos: 1,
    });
  // One was given above.
  const statuses: number[] = [];
  for (let index = 1; index < 32; index += 1) statuses.push((await refund(index)).status);
  expect(new Set(statuses)).toEqual(new Set([200]));
  const { status, body } = await refund(32);
  expect([status, body.error.param]).toEqual([422, "call_id"]);
  expect(body.error.message).toContain("refunded 32 times");
  expect((await refund(7)).status).toBe(200);
});

test("an organisation tells what is lent to its tenants and what they reported, and its journal is audited", async () => {
  const limits = [{ dimension: "tokens", window: "month", limit: 500_000 }];
  await admin(gateway, "PUT /organisations/group", { id: "group", limits }, MADE_NEW);
  await createTenant(gateway, "member", { organisation: "group" });
  const key = await createKey(gateway, "member");
  await (await ask(gateway, turn("Hi."), { secret: key.secret })).text();
  const { status, body } = await admin<Usage>(gateway, "GET /organisations/group/usage");
  expect(status).toBe(200);
  expect(body).toMatchObject({ object: "usage", organisation: "group", missing: [], next: null });
  expect(body.ledgers.map(({ ledger }) => ledger)).toEqual(["org:group"]);
  const row = rowOf(body, "org:group", "tokens", "month");
  expect(row).toMatchObject({ held: 0, limit: 500_000 });
  const { spent = 0, lent = 0, remaining = 0 } = row ?? {};
  expect(spent + lent).toBeGreaterThan(0);
  expect(spent + lent + (remaining ?? 0)).toBe(500_000);

  const [journal] = await exportFrom("/organisations/group/journal?", 1_000);
  expect(journal).toContain('"op":"lend"');
  expect(auditOf(journal)).toMatchObject({ chain: "whole", problemCount: 0 });
  for (const path of ["/organisations/nobody/usage", "/organisations/nobody/journal"])
    expect((await admin(gateway, `GET ${path}`)).status).toBe(404);
  expect((await admin(gateway, "GET /organisations/group/journal?after=1,2")).status).toBe(400);
});
