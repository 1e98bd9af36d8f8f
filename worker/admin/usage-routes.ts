// What tenants and organisations have used, over all ledgers that know of it. Nothing here changes anything.
import type { ScopeLimits } from "../../policies/account.ts";
import { scopesAfter } from "../../policies/ledger/standing.ts";
import { parseKey, type Tenant } from "../../policies/tenant.ts";
import { askEach } from "../ask-each.ts";
import { usageBody } from "../usage-body.ts";
import { readWhole } from "../whole-usage.ts";
import { askRegistry, lookAtLedger, organisationLedger } from "./ask.ts";
import { answer } from "./document-routes.ts";
import { findOrganisation, findTenant } from "./find.ts";
import type { Refusal } from "./refusal.ts";
import type { AdminDependencies, Answered, Call, Route } from "./route.ts";

export const USAGE_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/tenants/{id}/usage",
    name: "readTenantUsage",
    query: ["after", "limit", "scope"],
    run: readTenantUsage,
  },
  {
    method: "GET",
    path: "/organisations/{id}/usage",
    name: "readOrganisationUsage",
    run: readOrganisationUsage,
  },
];

async function readTenantUsage(call: Call): Promise<Answered | Refusal> {
  const { ids, limit, deps } = call;
  const tenantId = ids["id"] ?? "";
  const tenant = await findTenant(tenantId, deps);
  if ("kind" in tenant) return tenant;
  const { zone, shards } = tenant;
  const names = await askRegistry(deps, (registry) => registry.ledgersOf(tenantId));
  const following = await scopesOn(call, tenant, names);
  const page = following.slice(0, limit);
  const scopes = await Promise.all(page.map((one) => limitsOf(one, tenant, deps)));
  const pricedIn = call.scope === null ? ["tenant"] : [call.scope];
  const usage = await readWhole(names, zone, (name) =>
    lookAtLedger(deps, name, (ledger) => ledger.usage(zone, page, pricedIn)),
  );
  const next = following.length > limit ? (page.at(-1) ?? null) : null;
  return answer({
    ...usageBody({ ...usage, of: { tenant: tenantId }, zone, shards, scopes }),
    next,
  });
}

/** Scopes of this page, and one more where there is a next. What a ledger knows that does not answer is not among them. */
async function scopesOn(
  { scope, after, limit, deps }: Call,
  { zone, tags }: Tenant,
  names: readonly string[],
): Promise<string[]> {
  const most = limit + 1;
  if (scope !== null) return scopesAfter([scope], after, most);
  const heard = await askEach(names, (name) =>
    lookAtLedger(deps, name, (ledger) => ledger.scopes(zone, after, most)),
  );
  const declared = ["tenant", ...Object.keys(tags).map((tag) => `tag:${tag}`)];
  const used = heard.flatMap((one) => (one.kind === "answered" ? one.answer : []));
  return scopesAfter([...declared, ...used], after, most);
}

async function readOrganisationUsage({ ids, deps }: Call): Promise<Answered | Refusal> {
  const id = ids["id"] ?? "";
  const organisation = await findOrganisation(id, deps);
  if ("kind" in organisation) return organisation;
  const { zone, limits } = organisation;
  const name = organisationLedger(id);
  const usage = await readWhole(
    [name],
    zone,
    () => lookAtLedger(deps, name, (ledger) => ledger.usage(zone, [name], [name])),
    false,
  );
  const scopes = [{ scope: name, limits }];
  const body = usageBody({ ...usage, of: { organisation: id }, zone, shards: 1, scopes });
  return answer({ ...body, next: null });
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
      const organisation = await findOrganisation(id, deps);
      return { scope, limits: "kind" in organisation ? [] : organisation.limits, lender: scope };
    }
    default:
      return { scope, limits: [] };
  }
}
