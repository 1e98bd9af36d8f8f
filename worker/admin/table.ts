// Every route of the control plane. The application mounts this list, and the OpenAPI document is written from it
// (`npm run describe`).
import { CONFIGURATION_ROUTES } from "./configuration-routes.ts";
import { answer, DOCUMENT_ROUTES } from "./document-routes.ts";
import { FEEDBACK_ROUTES } from "./feedback-routes.ts";
import { missing } from "./find.ts";
import { KEY_ROUTES } from "./key-routes.ts";
import { JOURNAL_ROUTES } from "./journal-routes.ts";
import { POOL_ROUTES } from "./pool-routes.ts";
import { PROMPT_ROUTES } from "./prompt-routes.ts";
import { REFUND_ROUTES } from "./refund-routes.ts";
import type { Route } from "./route.ts";
import { ROUTER_ROUTES } from "./router-routes.ts";
import { UPSTREAM_ROUTES } from "./upstream-routes.ts";
import { USAGE_ROUTES } from "./usage-routes.ts";

export const BASE_PATH = "/admin/v1";

/** What describes the API, not the gateway: no secret is needed, and nothing here depends on an operator. */
const DESCRIPTION_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/openapi.json",
    name: "readOpenApi",
    isPublic: true,
    run: async ({ deps }) => answer(deps.description().openapi),
  },
  {
    method: "GET",
    path: "/schemas/{file}",
    name: "readSchema",
    isPublic: true,
    run: async ({ ids, deps }) => {
      const file = ids["file"] ?? "";
      const { schemas } = deps.description();
      const kind = file.endsWith(".json") ? file.slice(0, -".json".length) : "";
      const schema = Object.hasOwn(schemas, kind) ? schemas[kind] : undefined;
      return schema === undefined ? missing("schema", file) : answer(schema);
    },
  },
];

export const ROUTES: readonly Route[] = [
  ...DOCUMENT_ROUTES,
  ...KEY_ROUTES,
  ...USAGE_ROUTES,
  ...JOURNAL_ROUTES,
  ...REFUND_ROUTES,
  ...ROUTER_ROUTES,
  ...UPSTREAM_ROUTES,
  ...POOL_ROUTES,
  ...PROMPT_ROUTES,
  ...FEEDBACK_ROUTES,
  ...CONFIGURATION_ROUTES,
  ...DESCRIPTION_ROUTES,
];
