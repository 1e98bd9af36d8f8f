// What an operator reads of money and gives back: usage by scope, the journal and its audit, refunds, organisations.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
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

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest();
});
afterAll(() => gateway.dispose());

interface Row {
  readonly scope: string;
  readonly window: string;
  readonly dimension: string;
  readonly spent: number;
  readonly limit: number | null;
  readonly remaining: number | null;
}

interface Usage {
  readonly windows: readonly Row[];
  readonly rates: readonly (Row & { readonly level: number })[];
  readonly next: string | null;
}

const limit = (most: number, dimension = "tokens", window = "day") => ({
  dimension,
  window,
  limit: most,
});

async function use(secret: string, headers: Readonly<Record<string, string>> = {}) {
  const answer = await ask(gateway, turn("What is 3 + 4?"), { secret, headers });
  const { usage } = (await answer.json()) as { usage: { total_tokens: number } };
  return { requestId: answer.headers.get("x-request-id") ?? "", tokens: usage.total_tokens };
}

function rowOf({ windows }: Usage, scope: string, dimension = "tokens"): Row | undefined {
  return windows.find(
    (row) => row.scope === scope && row.window === "day" && row.dimension === dimension,
  );
}

/** Page after page, as a program would, until there is no more. */
async function exportJournal(tenantId: string, lines: number): Promise<string> {
  let journal = "";
  for (let after = 0; ;) {
    const response = await fetch(
      `${gateway.url}/admin/v1/tenants/${tenantId}/journal?after=${after}&limit=${lines}`,
      { headers: { authorization: `Bearer ${gateway.adminSecret}` } },
    );
    expect(response.headers.get("content-type")).toBe("application/x-ndjson");
    const text = await response.text();
    expect(text.endsWith("\n")).toBe(true);
    const { chain } = JSON.parse(text.trimEnd().split("\n").at(-1) ?? "") as {
      chain: { nextSeq: number };
    };
    if (chain.nextSeq === after) return journal;
    journal += text;
    after = chain.nextSeq;
  }
}

function auditOf(journal: string) {
  const { status, stdout } = spawnSync(process.execPath, [AUDIT], {
    input: journal,
    encoding: "utf8",
  });
  const report = JSON.parse(stdout) as {
    readonly chain: string;
    readonly calls: number;
    readonly problems: readonly object[];
    readonly balances: readonly {
      readonly scope: string;
      readonly window: string;
      readonly spent: Readonly<Record<string, number>>;
    }[];
  };
  return { status, report };
}

test("usage tells the operator of every scope, and the tenant of itself and the key that asks", async () => {
  await createTenant(gateway, "scoped", {
    zone: "Asia/Kolkata",
    limits: [limit(1_000_000), limit(600, "requests", "minute")],
    userLimits: [limit(50_000)],
    tags: { "team-a": [limit(70_000)], "team-b": [] },
  });
  const first = await createKey(gateway, "scoped", { limits: [limit(90_000)] });
  const second = await createKey(gateway, "scoped");
  const headers = { "x-sluice-user": "eve@example.com", "x-sluice-tags": "team-a" };
  const { tokens } = await use(first.secret, headers);
  const other = await use(second.secret);
  await gateway.untilSettled("scoped");
  const told = (await admin<Usage>(gateway, "GET /tenants/scoped/usage")).body;
  const response = await fetch(`${gateway.url}/v1/usage`, {
    headers: { authorization: `Bearer ${first.secret}` },
  });
  const own = (await response.json()) as Usage;

  const remains = (most: number, spent: number) => ({
    spent,
    limit: most,
    remaining: most - spent,
  });
  expect(rowOf(told, "tenant")).toMatchObject(remains(1_000_000, tokens + other.tokens));
  expect(rowOf(told, "tenant")).toHaveProperty(
    "resets_at",
    expect.stringMatching(/T18:30:00\.000Z$/),
  );
  expect(rowOf(told, `key:${first.id}`)).toMatchObject(remains(90_000, tokens));
  expect(rowOf(told, `key:${second.id}`)).toMatchObject({ spent: other.tokens, limit: null });
  expect(rowOf(told, "user:eve@example.com")).toMatchObject(remains(50_000, tokens));
  expect(rowOf(told, "tag:team-a")).toMatchObject(remains(70_000, tokens));
  expect(rowOf(told, "tag:team-b")).toMatchObject({ spent: 0, limit: null });
  expect(told.rates).toEqual([
    expect.objectContaining({ scope: "tenant", dimension: "requests", limit: 600, burst: 600 }),
  ]);

  expect(new Set(own.windows.map(({ scope }) => scope))).toEqual(
    new Set(["tenant", `key:${first.id}`]),
  );
  expect(rowOf(own, "tenant")).toEqual(rowOf(told, "tenant"));
  expect(rowOf(own, `key:${first.id}`)).toEqual(rowOf(told, `key:${first.id}`));
});

test("a key's limit refuses that key alone, and its successor may have another", async () => {
  await createTenant(gateway, "raised");
  const { id, secret } = await createKey(gateway, "raised", { limits: [limit(0, "requests")] });
  const free = await createKey(gateway, "raised");
  const status = async (of: string) => {
    const answer = await ask(gateway, turn("Hi."), { secret: of });
    await answer.text();
    return answer.status;
  };
  const twice = await admin<AdminError>(gateway, `POST /keys/${id}/rotate?dry_run=1`, {
    overlap_ms: 0,
    limits: [limit(5), limit(6)],
  });
  const rotated = await admin<NewKey>(gateway, `POST /keys/${id}/rotate`, {
    overlap_ms: 60_000,
    limits: [limit(5, "requests")],
  });

  expect([await status(secret), await status(free.secret)]).toEqual([429, 200]);
  expect(twice.body.error.faults).toEqual([
    { path: "limits.1", problem: "tokens per day stands twice" },
  ]);
  expect(rotated.status).toBe(201);
  expect(await status(rotated.body.secret)).toBe(200);
});

test("usage of many scopes comes in pages, the widest first, and none is left out", async () => {
  const tags = Object.fromEntries(["a", "b", "c"].map((tag) => [tag, []]));
  await createTenant(gateway, "paged", { tags });
  const { id, secret } = await createKey(gateway, "paged");
  await use(secret);
  await gateway.untilSettled("paged");
  const seen: string[] = [];
  for (let after: string | null = ""; after !== null;) {
    const path: string = `GET /tenants/paged/usage?limit=2&after=${encodeURIComponent(after)}`;
    const { body }: { body: Usage } = await admin<Usage>(gateway, path);
    const scopes = new Set(body.windows.map(({ scope }) => scope));
    expect(scopes.size).toBeLessThanOrEqual(2);
    seen.push(...scopes);
    after = body.next;
  }
  expect(seen).toEqual(["tenant", "tag:a", "tag:b", "tag:c", `key:${id}`]);
  for (const scope of [`key:${id}`, "user:nobody"]) {
    const path = `GET /tenants/paged/usage?scope=${encodeURIComponent(scope)}`;
    const { body } = await admin<Usage>(gateway, path);
    expect(new Set(body.windows.map((row) => row.scope))).toEqual(new Set([scope]));
    expect(body.next).toBeNull();
  }
  expect((await admin(gateway, "GET /tenants/paged/usage?scope=")).status).toBe(400);
});

test("the journal, in pages of any size, is audited to what usage says", async () => {
  await createTenant(gateway, "audited");
  const { secret } = await createKey(gateway, "audited");
  const used = [await use(secret), await use(secret), await use(secret)];
  await gateway.untilSettled("audited");
  const journal = await exportJournal("audited", 1_000);
  const { status, report } = auditOf(journal);

  expect([status, report.chain, report.calls, report.problems]).toEqual([0, "whole", 3, []]);
  const day = report.balances.find(({ scope, window }) => scope === "tenant" && window === "day");
  expect(day?.spent["tokens"]).toBe(used.reduce((sum, { tokens }) => sum + tokens, 0));
  const told = (await admin<Usage>(gateway, "GET /tenants/audited/usage")).body;
  expect(rowOf(told, "tenant")?.spent).toBe(day?.spent["tokens"]);
  expect(rowOf(told, "tenant", "nanos")?.spent).toBe(day?.spent["nanos"]);

  const inPages = await exportJournal("audited", 2);
  expect(inPages).not.toBe(journal);
  expect(auditOf(inPages).report.balances).toEqual(report.balances);
  const lines = journal.split("\n");
  expect(auditOf(lines.toSpliced(1, 1).join("\n"))).toMatchObject({
    status: 1,
    report: { chain: "altered" },
  });
});

test("a journal is read from a number on, and of a tenant that there is", async () => {
  for (const [path, status] of [
    ["/tenants/nobody/journal", 404],
    ["/tenants/audited/journal?after=last", 400],
    ["/tenants/audited/journal?limit=1001", 400],
    ["/tenants/audited/journal?before=3", 400],
  ] as const)
    expect((await admin(gateway, `GET ${path}`)).status, path).toBe(status);
});

test("a refund credits what a call was charged, once, and never more than that", async () => {
  await createTenant(gateway, "refunded", { limits: [limit(100_000)] });
  const { secret } = await createKey(gateway, "refunded");
  const { requestId, tokens } = await use(secret);
  await gateway.untilSettled("refunded");
  const callId = `${requestId}:1`;
  const order = { call_id: callId, refund_id: "ticket-17", tokens: tokens - 1 };
  const refund = (changes: object) =>
    admin<AdminError>(gateway, "POST /tenants/refunded/refunds", { ...order, ...changes });
  const given = await refund({});
  const again = await refund({});

  expect([given.status, again.status]).toEqual([200, 200]);
  expect(given.body).toEqual({ object: "refund", ...order, nanos: 0 });
  expect(again.body).toEqual(given.body);
  const told = (await admin<Usage>(gateway, "GET /tenants/refunded/usage")).body;
  expect(rowOf(told, "tenant")).toMatchObject({ spent: 1, remaining: 99_999 });

  const refused: readonly (readonly [object, number, string | null, RegExp])[] = [
    [{ tokens: 1 }, 422, "refund_id", /another amount/],
    [{ refund_id: "ticket-18", tokens: 2 }, 422, "tokens", /at most 1,/],
    [{ refund_id: "ticket-18", tokens: 0, nanos: 9e15 }, 422, "nanos", /at most \d+,/],
    [{ refund_id: "ticket-18", tokens: 0 }, 422, "tokens", /above 0/],
    [{ refund_id: "ticket-18", tokens: -1 }, 422, "tokens", /at least 0/],
    [{ refund_id: "ticket-18", tokens: 0.5 }, 422, "tokens", /must be a whole number/],
    [{ refund_id: "" }, 422, "refund_id", /must match/],
    [{ call_id: "\ud800" }, 422, "call_id", /must match/],
    [{ call_id: "never:1" }, 404, null, /no call "never:1"/],
  ];
  for (const [changes, status, param, message] of refused) {
    const { status: got, body } = await refund(changes);
    expect([got, body.error.param], JSON.stringify(changes)).toEqual([status, param]);
    expect(body.error.message).toMatch(message);
  }
  const nobody = await admin(gateway, "POST /tenants/nobody/refunds", order);
  expect(nobody.status).toBe(404);
  expect((await admin<Usage>(gateway, "GET /tenants/refunded/usage")).body.windows).toEqual(
    told.windows,
  );
  expect(auditOf(await exportJournal("refunded", 1_000))).toMatchObject({ status: 0 });
  expect(gateway.logged.join("\n")).toContain('"refundId":"ticket-17"');
});

test("a call in flight is not refunded, and says so", async () => {
  await createTenant(gateway, "flying");
  const ledger = (await gateway.gateway.bindings<Env>()).LEDGER.getByName("flying");
  const held = await ledger.hold({
    callId: "flying:1",
    keyId: "k",
    policyVersion: "p@1",
    variant: null,
    requests: 1,
    scopes: [{ scope: "tenant", limits: [] }],
    zone: "UTC",
    session: null,
    offers: [
      {
        rung: 0,
        arm: "small/short",
        strategies: [],
        inputTokens: 10,
        outputTokens: 100,
        outputTokensMin: 10,
        sliceTokens: 100,
        priceVersion: null,
        inputNanosPerMtok: 0,
        outputNanosPerMtok: 0,
        cachedInputNanosPerMtok: 0,
        cacheWriteNanosPerMtok: 0,
      },
    ],
    ttlMs: 60_000,
  });
  expect(held.kind).toBe("held");
  const order = { call_id: "flying:1", refund_id: "r", tokens: 1 };
  const { status, body } = await admin<AdminError>(gateway, "POST /tenants/flying/refunds", order);
  expect([status, body.error.param]).toEqual([422, "call_id"]);
  expect(body.error.message).toMatch(/has not ended/);
  await ledger.release("flying:1");
});

test("an organisation is written as everything else is, and stays while a tenant is in it", async () => {
  const holding = { id: "holding", name: "Holding", zone: "Europe/Berlin", limits: [limit(1_000)] };
  const rehearsed = await admin(gateway, "PUT /organisations/holding?dry_run=1", holding, MADE_NEW);
  const made = await admin(gateway, "PUT /organisations/holding", holding, MADE_NEW);
  const read = await admin(gateway, "GET /organisations/holding");
  const listed = await admin(gateway, "GET /organisations");
  expect([rehearsed.status, made.status]).toEqual([200, 201]);
  expect(made.body).toMatchObject({ object: "organisation", version: 1, published: true });
  expect(read.body).toMatchObject({ id: "holding", document: holding });
  expect(listed.body).toMatchObject({ data: [{ id: "holding" }], next: null });
  expect(await gateway.gateway.read("organisation:holding")).toEqual(holding);

  const tenant = { id: "member", name: "Member", policy: "balanced", organisation: "holding" };
  const elsewhere = await admin<AdminError>(gateway, "PUT /tenants/member", tenant, MADE_NEW);
  expect(elsewhere.status).toBe(422);
  expect(elsewhere.body.error.faults).toEqual([
    {
      path: "tenant:member.zone",
      problem: 'must be "Europe/Berlin", as its organisation "holding" has it',
    },
  ]);
  await createTenant(gateway, "member", { organisation: "holding", zone: "Europe/Berlin" });
  const used = await admin<AdminError>(
    gateway,
    "DELETE /organisations/holding",
    undefined,
    atVersion(1),
  );
  expect(used.status).toBe(422);
  expect(used.body.error.faults).toEqual([
    { path: "tenant:member.organisation", problem: 'no organisation is called "holding"' },
  ]);
  const exported = (await admin(gateway, "GET /export")).body;
  expect(exported).toMatchObject({ format: "sluice-configuration-2", organisations: [holding] });

  await admin(gateway, "DELETE /tenants/member", undefined, atVersion(1));
  const removed = await admin(gateway, "DELETE /organisations/holding", undefined, atVersion(1));
  expect(removed.body).toMatchObject({ object: "organisation", removed: true });
  expect((await admin(gateway, "GET /organisations/holding")).status).toBe(404);
});
