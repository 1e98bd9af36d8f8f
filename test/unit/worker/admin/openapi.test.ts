// The OpenAPI document is the table of routes and nothing else, both ways.
import { expect, it } from "vitest";
import { DOCUMENT_KINDS } from "../../../../policies/administration.ts";
import { documentSchema } from "../../../../policies/document-schema.ts";
import { describeRoutes } from "../../../../worker/admin/openapi.ts";
import { OPERATIONS } from "../../../../worker/admin/operations.ts";
import { BASE_PATH, ROUTES } from "../../../../worker/admin/table.ts";

interface Operation {
  readonly operationId: string;
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: object;
  readonly security?: readonly object[];
  readonly responses: Readonly<Record<string, { readonly description: string }>>;
}

interface Described {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

const described = JSON.parse(JSON.stringify(describeRoutes(ROUTES, BASE_PATH))) as Described;
const operations = Object.entries(described.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

it("is what the Worker serves; `npm run describe` writes it anew", async () => {
  // What makes schemas of declarations is a sixteenth of the Worker's code, so they are made ahead.
  const schemas = DOCUMENT_KINDS.map((kind) => [kind, documentSchema(kind)]);
  const description = { openapi: described, schemas: Object.fromEntries(schemas) as object };
  const text = `${JSON.stringify(description, null, 1)}\n`;
  await expect(text).toMatchFileSnapshot("../../../../worker/admin/description.txt");
});

it("describes every route, and no other", () => {
  const mounted = ROUTES.map(({ method, path }) => `${method} ${BASE_PATH}${path}`);
  expect(new Set(mounted).size).toBe(mounted.length);
  expect(
    operations.map(({ method, path }) => `${method.toUpperCase()} ${path}`).toSorted(),
  ).toEqual(mounted.toSorted());
});

it("names every operation once, and says something of each and of no other", () => {
  const names = operations.map(({ operation }) => operation.operationId);
  expect(new Set(names).size).toBe(names.length);
  expect(names.toSorted()).toEqual(Object.keys(OPERATIONS).toSorted());
});

it("declares what each route takes", () => {
  for (const route of ROUTES) {
    const operation = described.paths[`${BASE_PATH}${route.path}`]?.[route.method.toLowerCase()];
    const named = (place: string) =>
      operation?.parameters.flatMap((entry) => (entry.in === place ? [entry.name] : []));
    expect(named("query")).toEqual(route.query ?? []);
    expect(named("path")).toEqual([...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
    expect(named("header")?.includes("if-match")).toBe(route.condition !== undefined);
    expect(operation?.requestBody === undefined).toBe(route.bodyBytesMax === undefined);
    expect(operation?.security?.length === 0).toBe(route.isPublic === true);
  }
});

it("can rehearse every write, but for those that only repeat what they did", () => {
  const repeatable = ["publishAgain", "refundCall", "gradeAnswers"];
  const writes = ROUTES.filter(
    ({ method, name }) => method !== "GET" && !repeatable.includes(name),
  );
  expect(writes.filter(({ query }) => query?.includes("dry_run") !== true)).toEqual([]);
});

it("says what a page holds where it is another than usual, and what is no JSON document", () => {
  const journal = described.paths["/admin/v1/tenants/{id}/journal"]?.["get"];
  expect(journal?.parameters).toContainEqual(
    expect.objectContaining({
      name: "limit",
      schema: { type: "integer", minimum: 1, maximum: 1000, default: 1000 },
    }),
  );
  const { 200: lines, 404: missing } = journal?.responses ?? {};
  expect(lines).toHaveProperty(["content", "application/x-ndjson"]);
  expect(missing).toHaveProperty(["content", "application/json"]);
});

it("says something of every answer, and refers to no shape that is not there", () => {
  for (const { operation } of operations) {
    for (const { description } of Object.values(operation.responses))
      expect(description).not.toBe("");
  }
  const references = JSON.stringify(described).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g);
  for (const [, name] of references)
    expect(described.components.schemas).toHaveProperty([name ?? ""]);
});
