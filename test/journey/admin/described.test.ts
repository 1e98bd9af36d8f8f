// The OpenAPI document is true: real answers fit what it says, and what it does not say is not there.
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, turn } from "../support/chat.ts";
import { DOCUMENT_KINDS } from "../../../policies/administration.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";
import {
  admin,
  atVersion,
  createKey,
  createTenant,
  MADE_NEW,
  type AdminOptions,
} from "./admin-client.ts";

interface Described {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          {
            readonly operationId: string;
            readonly responses: Readonly<
              Record<
                string,
                {
                  readonly content: Readonly<
                    Record<string, { readonly schema: { readonly $ref: string } }>
                  >;
                }
              >
            >;
          }
        >
      >
    >
  >;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

let gateway: GatewayUnderTest;
let described: Described;
let keyId: string;
let callId: string;
beforeAll(async () => {
  gateway = await startGatewayUnderTest({
    secrets: { POOL_SECRET: "secret-of-a-pool-in-a-journey-012345" },
    catalog: (seeded) => ({
      ...seeded,
      upstreams: seeded.upstreams.map((upstream) => ({
        ...upstream,
        pool: {
          secret: "POOL_SECRET",
          replicas: [
            {
              id: "r0",
              baseUrl: upstream.baseUrl,
              capacityTokens: 64_000,
              prefillTokensPerSecond: 10_000,
            },
          ],
        } as never,
      })),
    }),
  });
  described = (await admin<Described>(gateway, "GET /openapi.json", undefined, { secret: null }))
    .body;
  await createTenant(gateway, "sharded", { shards: 2 });
  await createTenant(gateway, "shown");
  const { id, secret } = await createKey(gateway, "shown");
  keyId = id;
  const answer = await ask(gateway, turn("What is 3 + 4?"), { secret });
  await answer.text();
  const opinion = { request_id: answer.headers.get("x-request-id"), score: 0.5, comment: "So so." };
  await fetch(`${gateway.url}/v1/feedback`, {
    method: "POST",
    headers: { authorization: `Bearer ${secret}` },
    body: JSON.stringify(opinion),
  });
  callId = `${answer.headers.get("x-request-id")}:1`;
  await gateway.untilSettled("shown");
});
afterAll(() => gateway.dispose());

const policy = { name: "shown", version: "1", modes: { short: "small" } };
const tenant = { id: "shown", name: "Shown", policy: "balanced" };
const organisation = { id: "shown", limits: [{ dimension: "tokens", window: "day", limit: 1 }] };

test("every answer fits its description", async () => {
  const catalog = (await admin(gateway, "GET /catalog")).body["document"];
  const exported = (await admin(gateway, "GET /export")).body;
  const refund = { call_id: callId, refund_id: "shown", tokens: 1 };
  const grade = { request_id: callId.split(":")[0], score: 1, grader: "exact-match" };
  const isolation = { replicas: [{ id: "r0", isolation: "kept" }] };
  const calls: readonly (readonly [string, string, unknown?, AdminOptions?])[] = [
    ["/tenants", "GET /tenants"],
    ["/tenants/{id}", "GET /tenants/shown"],
    ["/tenants/{id}", "GET /tenants/nobody"],
    ["/tenants/{id}", "PUT /tenants/shown", tenant, atVersion(1)],
    ["/tenants/{id}", "PUT /tenants/shown", tenant, atVersion(1)],
    ["/tenants/{id}", "PUT /tenants/shown", tenant],
    ["/tenants/{id}", "PUT /tenants/shown", "{", atVersion(2)],
    ["/tenants/{id}", "PUT /tenants/shown", `"${"x".repeat(1_500_001)}"`, atVersion(2)],
    ["/tenants/{id}", "DELETE /tenants/shown", undefined, atVersion(2)],
    ["/tenants/{id}/keys", "GET /tenants/shown/keys"],
    ["/tenants/{id}/keys", "POST /tenants/shown/keys", { name: "One" }],
    ["/tenants/{id}/keys", "POST /tenants/shown/keys?dry_run=1", {}],
    ["/tenants/{id}/keys", "POST /tenants/nobody/keys", {}],
    ["/tenants/{id}/usage", "GET /tenants/shown/usage"],
    ["/tenants/{id}/prompts", "GET /tenants/shown/prompts"],
    ["/tenants/{id}/prompts", "GET /tenants/nobody/prompts"],
    ["/tenants/{id}/feedback", "GET /tenants/shown/feedback"],
    ["/tenants/{id}/feedback", "GET /tenants/shown/feedback?after=x"],
    ["/tenants/{id}/feedback", "GET /tenants/nobody/feedback"],
    ["/tenants/{id}/journal", "GET /tenants/shown/journal"],
    ["/tenants/{id}/journal", "GET /tenants/nobody/journal"],
    ["/tenants/{id}/refunds", "POST /tenants/shown/refunds", refund],
    ["/tenants/{id}/refunds", "POST /tenants/shown/refunds", { ...refund, tokens: 2 }],
    ["/tenants/{id}/refunds", "POST /tenants/nobody/refunds", refund],
    ["/tenants/{id}/router", "GET /tenants/shown/router"],
    ["/tenants/{id}/router", "GET /tenants/shown/router?policy=nobodys"],
    ["/tenants/{id}/router", "GET /tenants/nobody/router"],
    ["/tenants/{id}/grades", "POST /tenants/shown/grades", [grade]],
    ["/tenants/{id}/grades", "POST /tenants/shown/grades", [{ ...grade, score: 2 }]],
    ["/tenants/{id}/grades", "POST /tenants/nobody/grades", [grade]],
    ["/tenants/{id}/router/freeze", "POST /tenants/shown/router/freeze"],
    ["/tenants/{id}/router/unfreeze", "POST /tenants/shown/router/unfreeze?dry_run=1"],
    ["/tenants/{id}/router/reset", "POST /tenants/shown/router/reset?policy=balanced"],
    ["/tenants/{id}/router", "GET /tenants/shown/router?policy=balanced"],
    ["/organisations", "GET /organisations"],
    ["/organisations/{id}", "PUT /organisations/shown", organisation, MADE_NEW],
    [
      "/organisations/{id}",
      "PUT /organisations/shown",
      { ...organisation, zone: "" },
      atVersion(1),
    ],
    ["/organisations/{id}", "GET /organisations/shown"],
    ["/organisations/{id}/usage", "GET /organisations/shown/usage"],
    ["/organisations/{id}/usage", "GET /organisations/nobody/usage"],
    ["/organisations/{id}/journal", "GET /organisations/shown/journal"],
    ["/tenants/{id}/usage", "GET /tenants/sharded/usage"],
    ["/tenants/{id}/journal", "GET /tenants/sharded/journal"],
    ["/tenants/{id}/journal", "GET /tenants/sharded/journal?ledger=sharded%231"],
    ["/tenants/{id}/journal", "GET /tenants/sharded/journal?ledger=shown"],
    ["/organisations/{id}", "DELETE /organisations/shown?dry_run=1", undefined, atVersion(1)],
    ["/keys/{id}", `GET /keys/${keyId}`],
    ["/keys/{id}/rotate", `POST /keys/${keyId}/rotate`, { overlap_ms: 60_000 }],
    ["/keys/{id}/rotate", `POST /keys/${keyId}/rotate`, { overlap_ms: -1 }],
    ["/keys/{id}", `DELETE /keys/${keyId}`],
    ["/policies", "GET /policies"],
    ["/policies/{name}", "PUT /policies/shown", policy, MADE_NEW],
    ["/policies/{name}", "GET /policies/shown"],
    ["/policies/{name}", "PUT /policies/shown?dry_run=1", policy, atVersion(1)],
    ["/policies/{name}", "DELETE /policies/shown", undefined, atVersion(1)],
    ["/catalog", "GET /catalog"],
    ["/catalog", "PUT /catalog?dry_run=1", catalog, atVersion(1)],
    ["/upstreams", "GET /upstreams"],
    ["/pools/{id}", "GET /pools/simulator"],
    ["/pools/{id}/isolation", "PUT /pools/simulator/isolation", isolation],
    ["/pools/{id}/isolation", "PUT /pools/simulator/isolation?dry_run=1", isolation],
    ["/pools/{id}/isolation", "PUT /pools/simulator/isolation", { replicas: [] }],
    ["/pools/{id}/isolation", "PUT /pools/nobody/isolation", isolation],
    ["/pools/{id}", "GET /pools/simulator"],
    ["/pools/{id}", "GET /pools/nobody"],
    ["/export", "GET /export"],
    ["/import", "POST /import?dry_run=1", exported, { headers: { "if-match": "*" } }],
    ["/import", "POST /import", exported, atVersion(1)],
    ["/audit", "GET /audit"],
    ["/publication", "GET /publication"],
    ["/publication", "POST /publication"],
    ["/schemas/{file}", "GET /schemas/policy.json"],
    ["/openapi.json", "GET /openapi.json"],
    ["/tenants", "GET /tenants", undefined, { secret: "wrong" }],
  ];
  const ajv = new Ajv2020({ strict: false });
  ajv.addSchema({ $id: "openapi", ...described });
  const called = new Set<string>();
  for (const [path, order, body, options] of calls) {
    const method = (order.split(" ")[0] ?? "").toLowerCase();
    const operation = described.paths[`/admin/v1${path}`]?.[method];
    const answer = await admin(gateway, order, body, options);
    const type = answer.headers.get("content-type") ?? "";
    const reference = operation?.responses[answer.status]?.content[type]?.schema.$ref;
    expect(reference, `${order} answered ${answer.status}, which is not described`).toBeDefined();
    const validate = ajv.getSchema(`openapi${reference}`);
    expect(validate, reference).toBeDefined();
    for (const part of Array.isArray(answer.body) ? answer.body : [answer.body]) {
      void validate?.(part);
      const told = `${order}: ${JSON.stringify(part).slice(0, 300)}`;
      expect(validate?.errors ?? [], told).toEqual([]);
    }
    called.add(operation?.operationId ?? "");
  }
  const all = Object.values(described.paths).flatMap((operations) =>
    Object.values(operations).map(({ operationId }) => operationId),
  );
  expect([...called].toSorted()).toEqual(all.toSorted());
});

test("what is not described is 404, and another method is 405 with those that there are", async () => {
  const methods = ["GET", "PUT", "POST", "DELETE", "PATCH"];
  for (const [path, operations] of Object.entries(described.paths)) {
    const filled = path.replace("/admin/v1", "").replaceAll(/\{\w+\}/g, "nobody");
    const other = methods.find((method) => operations[method.toLowerCase()] === undefined) ?? "";
    const answer = await admin(gateway, `${other} ${filled}`);
    expect(answer.status, `${other} ${filled}`).toBe(405);
    expect(answer.headers.get("allow")?.toLowerCase().split(", ").toSorted()).toEqual(
      Object.keys(operations).toSorted(),
    );
  }
  for (const path of ["", "/", "/tenant", "/tenants/a/b", "/policies/a/keys", "/catalog/x"])
    expect((await admin(gateway, `GET ${path}`)).status, path).toBe(404);
});

test.each(DOCUMENT_KINDS)("the schema of a %s is served", async (kind) => {
  const { status, body } = await admin(gateway, `GET /schemas/${kind}.json`, undefined, {
    secret: null,
  });
  expect(status).toBe(200);
  expect(body["$schema"]).toBe("https://json-schema.org/draft/2020-12/schema");
  expect((await admin(gateway, "GET /schemas/nothing.json")).status).toBe(404);
});
