// The whole configuration as one document, page by page, and line by line in the audit.
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, turn } from "../support/chat.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";
import { admin, atVersion, createKey, createTenant, type AdminError } from "./admin-client.ts";

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest();
});
afterAll(() => gateway.dispose());

interface Page<T> {
  readonly data: readonly T[];
  readonly next: string | null;
}

interface Line {
  readonly seq: number;
  readonly at: string;
  readonly actor: string;
  readonly kind: string;
  readonly id: string;
  readonly version: number;
  readonly before: unknown;
  readonly after: unknown;
}

const WHATEVER = { headers: { "if-match": "*" } };

test("an export imported into a fresh gateway is the same configuration, keys included", async () => {
  await createTenant(gateway, "moved", { policy: "economy" });
  const { secret } = await createKey(gateway, "moved");
  const exported = await admin(gateway, "GET /export");
  const fresh = await startGatewayUnderTest();
  try {
    // Its engine is not the same one.
    const own = (await admin(fresh, "GET /catalog")).body["document"];
    const document = { ...exported.body, catalog: own };
    const imported = await admin(fresh, "POST /import", document, WHATEVER);
    const again = await admin(fresh, "GET /export");
    const published = await admin(fresh, "GET /publication");

    expect(imported.status).toBe(200);
    expect(imported.body["changes"]).toEqual([
      { kind: "tenant", id: "moved", change: "create" },
      { kind: "key", id: expect.stringMatching(/^[0-9a-f]{64}$/), change: "create" },
    ]);
    expect(again.body).toEqual(document);
    expect(again.headers.get("etag")).toBe(`"${String(imported.body["revision"])}"`);
    expect(published.body).toMatchObject({ object: "publication", unconfirmed_count: 0 });
    expect((await ask(fresh, turn("Hi."), { secret })).status).toBe(200);
  } finally {
    await fresh.dispose();
  }
});

test("half a document is refused whole", async () => {
  const exported = await admin(gateway, "GET /export");
  const { tenants: _left, ...half } = exported.body;
  const refused = await admin<AdminError>(gateway, "POST /import", half, WHATEVER);
  const text = JSON.stringify(exported.body);
  const cut = await admin<AdminError>(
    gateway,
    "POST /import",
    text.slice(0, text.length / 2),
    WHATEVER,
  );
  const loose = await admin<AdminError>(
    gateway,
    "POST /import",
    { ...exported.body, policies: [] },
    WHATEVER,
  );
  const after = await admin(gateway, "GET /export");

  expect([refused.status, cut.status, loose.status]).toEqual([422, 400, 422]);
  expect(refused.body.error.faults?.[0]?.path).toBe("tenants");
  expect(loose.body.error.faults).toContainEqual({
    path: "tenant:demo.policy",
    problem: 'no policy is called "balanced"',
  });
  expect(after.body).toEqual(exported.body);
  expect(after.headers.get("etag")).toBe(exported.headers.get("etag"));
});

test("an import says what it was decided on, can be rehearsed, and revokes what it does not name", async () => {
  await createTenant(gateway, "dropped");
  const { secret } = await createKey(gateway, "dropped");
  const exported = await admin(gateway, "GET /export");
  const revision = (exported.headers.get("etag") ?? "").replaceAll('"', "");
  const { tenants, keys } = exported.body as {
    tenants: { id: string }[];
    keys: { key: { tenant: string } }[];
  };
  const without = {
    ...exported.body,
    tenants: tenants.filter(({ id }) => id !== "dropped"),
    keys: keys.filter(({ key }) => key.tenant !== "dropped"),
  };
  const unsaid = await admin<AdminError>(gateway, "POST /import", without);
  const stale = await admin<AdminError>(
    gateway,
    "POST /import",
    without,
    atVersion(Number(revision) - 1),
  );
  const rehearsed = await admin(gateway, "POST /import?dry_run=1", without, atVersion(revision));
  const open = await ask(gateway, turn("Hi."), { secret });
  const imported = await admin(gateway, "POST /import", without, atVersion(revision));

  expect(unsaid.status).toBe(428);
  expect(stale.status).toBe(409);
  expect(stale.body.error.version).toBe(Number(revision));
  expect(rehearsed.body).toMatchObject({ dry_run: true });
  expect(open.status).toBe(200);
  expect(imported.body["changes"]).toEqual(rehearsed.body["changes"]);
  expect((imported.body["changes"] as Line[]).map(({ kind }) => kind)).toEqual(["key", "tenant"]);
  await expect
    .poll(async () => (await ask(gateway, turn("Hi."), { secret })).status, { timeout: 5_000 })
    .toBe(401);
});

test("lists are told in pages that miss nothing and repeat nothing", async () => {
  for (const id of ["page-1", "page-2", "page-3"]) await createTenant(gateway, id);
  const seen: string[] = [];
  let after = "";
  for (;;) {
    const path = `GET /tenants?limit=2&after=${after}`;
    const { body } = await admin<Page<{ id: string }>>(gateway, path);
    expect(body.data.length).toBeLessThanOrEqual(2);
    seen.push(...body.data.map(({ id }) => id));
    if (body.next === null) break;
    after = body.next;
  }
  const whole = await admin<Page<{ id: string }>>(gateway, "GET /tenants?limit=200");

  expect(seen).toEqual(whole.body.data.map(({ id }) => id));
  expect(seen).toEqual(expect.arrayContaining(["demo", "page-1", "page-2", "page-3"]));
  expect(new Set(seen).size).toBe(seen.length);
  for (const wrong of ["limit=0", "limit=201", "limit=two", "limit=1&limit=2"])
    expect((await admin(gateway, `GET /tenants?${wrong}`)).status).toBe(400);
});

test("the audit tells who changed what, when, from what and to what", async () => {
  const actor = { "x-sluice-actor": "ann@example.com" };
  const before = { id: "audited", name: "Before", policy: "balanced" };
  const after = { ...before, name: "After" };
  const startedAt = new Date(Date.now() - 1_000).toISOString();
  await admin(gateway, "PUT /tenants/audited", before, {
    headers: { ...actor, "if-none-match": "*" },
  });
  await admin(gateway, "PUT /tenants/audited", after, { headers: { ...actor, "if-match": '"1"' } });
  await admin(gateway, "DELETE /tenants/audited", undefined, atVersion(2));
  const long = await admin<AdminError>(gateway, "DELETE /tenants/audited", undefined, {
    headers: { "x-sluice-actor": "a".repeat(121), "if-match": '"2"' },
  });
  const lines: Line[] = [];
  for (let next: string | null = "0"; next !== null;) {
    const { body }: { body: Page<Line> } = await admin(gateway, `GET /audit?after=${next}&limit=7`);
    lines.push(...body.data);
    next = body.next;
  }

  const told = lines.filter(({ id }) => id === "audited");
  expect(told.map(({ actor: who, version }) => `${who} ${version}`)).toEqual([
    "ann@example.com 1",
    "ann@example.com 2",
    "admin 3",
  ]);
  expect(told.map((line) => [line.before, line.after])).toEqual([
    [null, before],
    [before, after],
    [after, null],
  ]);
  expect(told.every(({ at }) => at >= startedAt)).toBe(true);
  expect(lines.map(({ seq }) => seq)).toEqual(
    lines.map(({ seq }) => seq).toSorted((a, b) => a - b),
  );
  expect(lines[0]?.actor).toBe("seeds");
  expect(long.status).toBe(400);
});
