// Writes the OpenAPI 3.1 document from the table of routes: nothing is described that is not mounted.
import { AFTER_CHARS_MAX, LEDGER_CHARS_MAX, PAGE, SCOPE_CHARS_MAX } from "./read-call.ts";
import { OPERATIONS, type Operation } from "./operations.ts";
import type { QueryName, Route } from "./route.ts";
import { describeShapes } from "./shapes.ts";

const QUERY: Readonly<
  Record<QueryName, { readonly description: string; readonly schema: object }>
> = {
  after: {
    description: "The `next` of the page before.",
    schema: { type: "string", maxLength: AFTER_CHARS_MAX },
  },
  limit: {
    description: "How many at most.",
    schema: { type: "integer", minimum: 1, maximum: PAGE.max, default: PAGE.usual },
  },
  scope: {
    description: "The only scope to tell of, as in `tenant`, `key:...` or `user:...`.",
    schema: { type: "string", minLength: 1, maxLength: SCOPE_CHARS_MAX },
  },
  ledger: {
    description:
      "The only ledger to read, by its name: the tenant's id is its own, `ID#0` and so on are its shards'.",
    schema: { type: "string", minLength: 1, maxLength: LEDGER_CHARS_MAX },
  },
  policy: {
    description: "One of the tenant's policies; its own when absent.",
    schema: { type: "string", minLength: 1, maxLength: AFTER_CHARS_MAX },
  },
  dry_run: {
    description: "1 checks everything and writes nothing.",
    schema: { enum: ["0", "1"], default: "0" },
  },
  secrets_later: {
    description: "1 takes upstreams whose secret is not set yet; calls to them fail until it is.",
    schema: { enum: ["0", "1"], default: "0" },
  },
};

const WORDS: Readonly<Record<number, string>> = {
  200: "Done, or read.",
  201: "Made.",
  202: "Taken; some of it is still on its way.",
  400: "Not JSON, or a parameter that is not known here.",
  401: "No secret, or a wrong one.",
  404: "There is none.",
  409: "Somebody else wrote first; `error.version` is the one that stands.",
  413: "The body is too large.",
  422: "Faults, each with its path, in `error.faults`.",
  428: "The condition is missing.",
  429: "Too many failed logins or writes.",
  500: "A bug, logged under `x-request-id`.",
  503: "The admin API is off, or the registry could not be reached.",
};

export function describeRoutes(routes: readonly Route[], basePath: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = `${basePath}${route.path}`;
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: describeRoute(route) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Sluice admin API",
      version: "1",
      description:
        "Organisations, tenants, keys, policies and the catalog. Documents are camelCase, as they are stored; what stands around them is snake_case.",
    },
    security: [{ adminSecret: [] }],
    paths,
    components: {
      securitySchemes: {
        adminSecret: {
          type: "http",
          scheme: "bearer",
          description: "The gateway's ADMIN_SECRET.",
        },
      },
      schemas: describeShapes(),
    },
  };
}

function describeRoute(route: Route): object {
  const { name, bodyBytesMax } = route;
  const operation = OPERATIONS[name];
  if (operation === undefined) throw new Error(`operations.ts says nothing of ${name}.`);
  const { summary, body, answers } = operation;
  if ((body === undefined) !== (bodyBytesMax === undefined))
    throw new Error(`operations.ts and ${name} disagree on whether it takes a body.`);
  const statuses = [...Object.keys(answers).map(Number), ...refusalsOf(route)];
  return {
    operationId: name,
    summary,
    ...(route.isPublic === true ? { security: [] } : {}),
    parameters: [...idsOf(route), ...queriesOf(route), ...headersOf(route)],
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: json(body),
            description: `At most ${bodyBytesMax} bytes.`,
          },
        }),
    responses: Object.fromEntries(
      statuses.map((status) => [
        String(status),
        {
          description: WORDS[status] ?? "",
          content: contentOf(route, operation, status),
        },
      ]),
    ),
  };
}

/** What the route can refuse with, by what it takes. */
function refusalsOf(route: Route): readonly number[] {
  const isWrite = route.method !== "GET";
  const takesParameters = route.query !== undefined || route.condition !== undefined || isWrite;
  const isFaultable = route.bodyBytesMax !== undefined || route.condition !== undefined;
  return [
    ...(takesParameters ? [400] : []),
    ...(route.isPublic === true ? [] : [401]),
    ...(route.path.includes("{") || route.name === "listUpstreams" || route.name === "readCatalog"
      ? [404]
      : []),
    ...(route.condition === undefined ? [] : [409, 428]),
    ...(route.bodyBytesMax === undefined ? [] : [413]),
    ...(isFaultable ? [422] : []),
    ...(route.isPublic === true ? [] : [429, 503]),
    500,
  ];
}

function idsOf({ path }: Route): object[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
}

function queriesOf({ query = [], page }: Route): object[] {
  return query.map((name) => ({
    name,
    in: "query",
    ...QUERY[name],
    ...(name === "limit" && page !== undefined
      ? { schema: { type: "integer", minimum: 1, maximum: page.max, default: page.usual } }
      : {}),
  }));
}

function headersOf({ method, condition }: Route): object[] {
  const header = (name: string, description: string): object => ({
    name,
    in: "header",
    description,
    schema: { type: "string" },
  });
  return [
    ...(condition === undefined
      ? []
      : [header("if-match", 'The `etag` that a GET gave, as in `"3"`.')]),
    ...(condition === "version-or-new"
      ? [header("if-none-match", "`*`: there must be none yet.")]
      : []),
    ...(method === "GET"
      ? []
      : [header("x-sluice-actor", "Who writes, for the audit; `admin` when absent.")]),
  ];
}

/** A refusal is JSON whatever the route answers else. */
function contentOf({ contentType }: Route, { answers }: Operation, status: number): object {
  const shape = (answers as Readonly<Record<number, string>>)[status];
  return shape === undefined ? json("Error") : json(shape, contentType);
}

function json(shape: string, contentType = "application/json"): object {
  return { [contentType]: { schema: { $ref: `#/components/schemas/${shape}` } } };
}
