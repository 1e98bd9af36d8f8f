// How things stand: what a tenant has used, and how upstreams are. Nothing here changes anything.
import type { ScopeLimits } from "../../policies/account.ts";
import { CATALOG_ID } from "../../policies/administration.ts";
import { parseCatalog, type Upstream } from "../../policies/catalog.ts";
import { parseOrganisation } from "../../policies/organisation.ts";
import { parseKey, parseTenant, type Tenant } from "../../policies/tenant.ts";
import { TIMED_OUT, within } from "../stream/wait.ts";
import { usageBody } from "../usage-body.ts";
import { askLedger, askRegistry } from "./ask.ts";
import { answer } from "./document-routes.ts";
import type { Refusal } from "./refusal.ts";
import type { AdminDependencies, Answered, Call, Route } from "./route.ts";

/** An object answers within milliseconds or is in trouble, and one that is must not hide how the others are. */
const LOOK_MS_MAX = 2_000;

export const STANDING_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/tenants/{id}/usage",
    name: "readTenantUsage",
    summary:
      "What a tenant, its tags, keys and users spent and hold in the windows that are open now, beside their limits. Pages are of scopes.",
    query: ["after", "limit", "scope"],
    condition: "none",
    body: null,
    answers: { 200: "Usage" },
    run: readUsage,
  },
  {
    method: "GET",
    path: "/upstreams",
    name: "listUpstreams",
    summary: "How the catalog's upstreams are: the breaker's state, and whether the secret is set.",
    query: ["after", "limit"],
    condition: "none",
    body: null,
    answers: { 200: "UpstreamPage" },
    run: listUpstreams,
  },
];

async function readUsage({ ids, after, limit, scope, deps }: Call): Promise<Answered | Refusal> {
  const tenantId = ids["id"] ?? "";
  const stored = await askRegistry(deps, (registry) => registry.read("tenant", tenantId));
  if (stored === null) return { kind: "missing", what: "tenant", id: tenantId };
  const parsed = parseTenant(JSON.parse(stored.documentText));
  if (parsed.kind === "faulty") throw new Error("The registry holds a faulty tenant.");
  const tenant = parsed.value;
  const standing = await askLedger(deps, tenantId, (ledger) =>
    ledger.usage(tenant.zone, scope === null ? null : [scope]),
  );
  const named = [
    ...(scope === null
      ? ["tenant", ...Object.keys(tenant.tags).map((tag) => `tag:${tag}`)]
      : [scope]),
    ...standing.buckets.map(({ scope }) => scope),
    ...standing.rates.map(({ scope }) => scope),
  ];
  const following = [...new Set(named)]
    .toSorted(compareScopes)
    .filter((scope) => after === "" || compareScopes(after, scope) < 0);
  const scopes = await Promise.all(
    following.slice(0, limit).map((one) => limitsOf(one, tenant, deps)),
  );
  const next = following.length > limit ? (scopes.at(-1)?.scope ?? null) : null;
  return answer({ ...usageBody({ tenantId, zone: tenant.zone, scopes, standing }), next });
}

/** From the widest to the narrowest, so that the tenant's own figures stand on the first page. */
const KINDS_OF_SCOPES = ["org", "tenant", "tag", "exp", "key", "user"];

function compareScopes(left: string, right: string): number {
  const placeOf = (scope: string) => KINDS_OF_SCOPES.indexOf(scope.split(":")[0] ?? "");
  return placeOf(left) - placeOf(right) || (left < right ? -1 : left > right ? 1 : 0);
}

/** A scope with the limits that its document has now; none where that is gone. */
async function limitsOf(
  scope: string,
  tenant: Tenant,
  deps: AdminDependencies,
): Promise<ScopeLimits> {
  const [kind = "", ...parts] = scope.split(":");
  const id = parts.join(":");
  switch (kind) {
    case "tenant":
      return { scope, limits: tenant.limits };
    case "user":
      return { scope, limits: tenant.userLimits };
    case "tag":
      return { scope, limits: tenant.tags[id] ?? [] };
    case "key": {
      const stored = await askRegistry(deps, (registry) => registry.readKey(id));
      const key = stored === null ? null : parseKey(JSON.parse(stored.documentText));
      return { scope, limits: key?.kind === "parsed" ? key.value.limits : [] };
    }
    case "org": {
      const stored = await askRegistry(deps, (registry) => registry.read("organisation", id));
      const parsed = stored === null ? null : parseOrganisation(JSON.parse(stored.documentText));
      const limits = parsed?.kind === "parsed" ? parsed.value.limits : [];
      return { scope, limits, lender: scope };
    }
    default:
      return { scope, limits: [] };
  }
}

async function listUpstreams({ after, limit, deps }: Call): Promise<Answered | Refusal> {
  const stored = await askRegistry(deps, (registry) => registry.read("catalog", CATALOG_ID));
  if (stored === null) return { kind: "missing", what: "document", id: CATALOG_ID };
  const catalog = parseCatalog(JSON.parse(stored.documentText));
  if (catalog.kind === "faulty") throw new Error("The registry holds a faulty catalog.");
  const upstreams = catalog.value.upstreams
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .filter(({ id }) => id > after);
  const data = await Promise.all(
    upstreams.slice(0, limit).map((upstream) => describe(upstream, deps)),
  );
  const next = upstreams.length > limit ? (upstreams[limit - 1]?.id ?? null) : null;
  return answer({ object: "list", data, next });
}

async function describe(upstream: Upstream, deps: AdminDependencies): Promise<object> {
  const { id, engine, baseUrl, secret } = upstream;
  return {
    object: "upstream",
    id,
    engine,
    base_url: baseUrl,
    secret: secret === undefined ? null : { name: secret, is_set: deps.isSecretSet(secret) },
    breaker: await look(upstream, deps),
  };
}

async function look(upstream: Upstream, deps: AdminDependencies): Promise<object> {
  try {
    const seen = await within(deps.lookAtBreaker(upstream), LOOK_MS_MAX);
    if (seen !== TIMED_OUT) {
      const { state, permitted, retryInMs, recentFailures } = seen;
      return { state, permitted, retry_in_ms: retryInMs, recent_failures: recentFailures };
    }
  } catch (error) {
    const problem = String(error);
    console.error(JSON.stringify({ event: "breaker-unreachable", upstream: upstream.id, problem }));
  }
  // As for a request: without its breaker an upstream is called as usual.
  return { state: "unknown", permitted: true, retry_in_ms: 0, recent_failures: 0 };
}
