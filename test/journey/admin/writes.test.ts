// No write is lost and no bad one is kept: versions, dry runs, faults with their paths, and what is in use.
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
} from "./admin-client.ts";

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest({
    policies: [{ name: "spare", version: "1", modes: { short: "small" } }],
    secrets: { OTHER_API_KEY: "set" },
  });
});
afterAll(() => gateway.dispose());

interface CatalogDocument {
  readonly upstreams: readonly Readonly<Record<string, unknown>>[];
  readonly models: readonly { readonly id: string }[];
}

test("of two admins who write at once one is told that the other was first", async () => {
  await createTenant(gateway, "contested");
  const read = await admin(gateway, "GET /tenants/contested");
  const seen = read.headers.get("etag") ?? "";
  const write = (name: string) =>
    admin<AdminError>(
      gateway,
      "PUT /tenants/contested",
      { id: "contested", name, policy: "balanced" },
      { headers: { "if-match": seen, "x-sluice-actor": name } },
    );
  const both = await Promise.all([write("ann"), write("bob")]);

  expect(new Set(both.map(({ status }) => status))).toEqual(new Set([200, 409]));
  const loser = both.find(({ status }) => status === 409);
  expect(loser?.body.error).toMatchObject({
    type: "conflict_error",
    code: "stale_version",
    version: 2,
  });
  expect(loser?.headers.get("etag")).toBe('"2"');
  const winner = both[0]?.status === 200 ? "ann" : "bob";
  expect((await admin(gateway, "GET /tenants/contested")).body).toMatchObject({
    version: 2,
    document: { name: winner },
  });
});

test("a write says what it was decided on, or changes nothing", async () => {
  const tenant = { id: "blind", name: "Blind", policy: "balanced" };
  const blind = await admin<AdminError>(gateway, "PUT /tenants/blind", tenant);
  const created = await admin(gateway, "PUT /tenants/blind", tenant, MADE_NEW);
  const again = await admin<AdminError>(gateway, "PUT /tenants/blind", tenant, MADE_NEW);
  // As a proxy that compresses writes the same version.
  const weak = await admin(gateway, "PUT /tenants/blind", tenant, {
    headers: { "if-match": 'W/"1"' },
  });
  const unquoted = await admin<AdminError>(gateway, "PUT /tenants/blind", tenant, {
    headers: { "if-match": "2" },
  });
  const absent = await admin<AdminError>(
    gateway,
    "PUT /tenants/absent",
    { ...tenant, id: "absent" },
    atVersion(1),
  );
  const unsaid = await admin<AdminError>(gateway, "DELETE /tenants/blind");

  expect(blind.status).toBe(428);
  expect(blind.body.error.message).toContain("if-none-match: *");
  expect(created.status).toBe(201);
  expect(again.status).toBe(409);
  expect(again.body.error.version).toBe(1);
  expect(weak.status).toBe(200);
  expect(unquoted.status).toBe(400);
  expect(unquoted.body.error.param).toBe("if-match");
  expect(absent.status).toBe(409);
  expect(absent.body.error.version).toBe(0);
  expect(unsaid.status).toBe(428);
});

test("a dry run answers as the write would, and changes nothing", async () => {
  const before = (await admin(gateway, "GET /audit?limit=200")).body;
  const policy = { name: "rehearsed", version: "1", modes: { short: "small" } };
  const put = await admin(gateway, "PUT /policies/rehearsed?dry_run=1", policy, MADE_NEW);
  const faulty = await admin<AdminError>(
    gateway,
    "PUT /policies/rehearsed?dry_run=1",
    { ...policy, modes: { short: "none-such" } },
    MADE_NEW,
  );
  const removed = await admin(gateway, "DELETE /policies/spare?dry_run=1", undefined, atVersion(1));
  const key = await admin(gateway, "POST /tenants/demo/keys?dry_run=1", { name: "Never" });
  const rotated = await admin(gateway, "POST /keys/demo/rotate?dry_run=1", { overlap_ms: 0 });
  const revoked = await admin(gateway, "DELETE /keys/demo?dry_run=1");
  const misspelt = await admin<AdminError>(
    gateway,
    "PUT /policies/rehearsed?dryrun=1",
    policy,
    MADE_NEW,
  );

  expect(put.body).toMatchObject({ dry_run: true, version: 1, document: policy });
  expect(faulty.body.error.faults).toEqual([
    { path: "policy:rehearsed.modes.short", problem: 'no model is called "none-such"' },
  ]);
  expect(removed.body).toMatchObject({ dry_run: true, removed: false });
  expect(key.body).toEqual({
    object: "key",
    id: null,
    secret: null,
    dry_run: true,
    document: null,
  });
  expect([rotated.status, revoked.status]).toEqual([200, 200]);
  expect(misspelt.status).toBe(400);
  expect(misspelt.body.error.param).toBe("dryrun");
  expect((await admin(gateway, "GET /audit?limit=200")).body).toEqual(before);
  expect((await admin(gateway, "GET /policies/rehearsed")).status).toBe(404);
  expect((await ask(gateway, turn("Hi."))).status).toBe(200);
});

test("every fault of a document is told with its path", async () => {
  const faulty = await admin<AdminError>(
    gateway,
    "PUT /policies/wrong",
    { name: "Wrong", lambda: -1, modes: { short: 7 }, speed: "fast" },
    MADE_NEW,
  );
  const cut = await admin<AdminError>(gateway, "PUT /policies/wrong", '{"name": "wro', MADE_NEW);
  const other = await admin<AdminError>(
    gateway,
    "PUT /policies/wrong",
    { name: "right", version: "1", modes: { short: "small" } },
    MADE_NEW,
  );

  expect(faulty.status).toBe(422);
  expect(faulty.body.error.faults?.map(({ path }) => path).toSorted()).toEqual([
    "",
    "lambda",
    "modes.short",
    "name",
    "version",
  ]);
  expect(faulty.body.error.message).toContain("and 4 more");
  expect(cut.status).toBe(400);
  expect(cut.body.error).toMatchObject({
    code: "invalid_json",
    message: "The body is not JSON: it ends too early (at character 13).",
  });
  expect(other.body.error.faults).toEqual([
    { path: "name", problem: 'must be "wrong", as it is filed' },
  ]);
});

test("a catalog that drops a model in use is refused, and says who uses it", async () => {
  const { headers, body } = await admin(gateway, "GET /catalog");
  const catalog = body["document"] as CatalogDocument;
  const refused = await admin<AdminError>(
    gateway,
    "PUT /catalog",
    { ...catalog, models: catalog.models.filter(({ id }) => id !== "coder") },
    { headers: { "if-match": headers.get("etag") ?? "" } },
  );

  expect(refused.status).toBe(422);
  expect(refused.body.error.faults).toContainEqual({
    path: "policy:balanced.modes.code",
    problem: 'no model is called "coder"',
  });
  expect((await admin(gateway, "GET /catalog")).headers.get("etag")).toBe(headers.get("etag"));
});

test("a catalog whose secret nobody has set is refused, or taken and flagged when asked", async () => {
  const { headers, body } = await admin(gateway, "GET /catalog");
  const catalog = body["document"] as CatalogDocument;
  const added = (id: string, secret: string) => ({
    ...catalog,
    upstreams: [
      ...catalog.upstreams,
      { id, engine: "openai", baseUrl: "http://127.0.0.1:9/v1", secret },
    ],
  });
  const at = { headers: { "if-match": headers.get("etag") ?? "" } };
  const refused = await admin<AdminError>(
    gateway,
    "PUT /catalog",
    added("second", "SECOND_API_KEY"),
    at,
  );
  const set = await admin(gateway, "PUT /catalog?dry_run=1", added("other", "OTHER_API_KEY"), at);
  const taken = await admin(
    gateway,
    "PUT /catalog?secrets_later=1",
    added("second", "SECOND_API_KEY"),
    at,
  );
  const upstreams = await admin(gateway, "GET /upstreams");

  expect(refused.status).toBe(422);
  expect(refused.body.error.faults?.[0]?.path).toBe("catalog.upstreams.1.secret");
  expect(set.status).toBe(200);
  expect(taken.status).toBe(200);
  expect(upstreams.body["data"]).toMatchObject([
    { id: "second", secret: { name: "SECOND_API_KEY", is_set: false } },
    { id: "simulator", secret: null, breaker: { state: "closed", permitted: true } },
  ]);
  expect(JSON.stringify(upstreams.body)).not.toContain('"set"');
});

test("a policy that would lock a tenant out is refused, and the one that stands goes on serving it", async () => {
  await createTenant(gateway, "small-only", { policy: "economy", models: ["small"] });
  const { secret } = await createKey(gateway, "small-only");
  const { headers, body } = await admin(gateway, "GET /policies/economy");
  const document = { ...(body["document"] as object), modes: { long: "deep" }, fallback: [] };
  const refused = await admin<AdminError>(gateway, "PUT /policies/economy", document, {
    headers: { "if-match": headers.get("etag") ?? "" },
  });

  expect(refused.status).toBe(422);
  expect(refused.body.error.faults).toEqual([
    {
      path: "tenant:small-only.policy",
      problem: '"economy" runs on no model that the tenant may use, which would lock it out',
    },
  ]);
  const kept = await admin(gateway, "GET /policies/economy");
  expect(kept.headers.get("etag")).toBe(headers.get("etag"));
  expect((await ask(gateway, turn("Hi."), { secret })).status).toBe(200);
});

test("what something needs is not removed, and what nothing needs is", async () => {
  await createTenant(gateway, "leaving");
  const { id } = await createKey(gateway, "leaving");
  const policy = await admin<AdminError>(
    gateway,
    "DELETE /policies/balanced",
    undefined,
    atVersion(1),
  );
  const early = await admin<AdminError>(
    gateway,
    "DELETE /tenants/leaving",
    undefined,
    atVersion(1),
  );
  await admin(gateway, `DELETE /keys/${id}`);
  const gone = await admin(gateway, "DELETE /tenants/leaving", undefined, atVersion(1));
  const twice = await admin<AdminError>(
    gateway,
    "DELETE /tenants/leaving",
    undefined,
    atVersion(1),
  );

  expect(policy.status).toBe(422);
  expect(policy.body.error.faults?.map(({ path }) => path)).toContain("tenant:demo.policy");
  expect(early.status).toBe(422);
  expect(early.body.error.faults?.[0]?.path).toBe(`key:${id}.tenant`);
  expect(gone.status).toBe(200);
  expect(gone.body).toMatchObject({ removed: true, version: 2 });
  expect(twice.status).toBe(404);
});
