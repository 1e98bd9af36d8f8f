// What a route is about, as it stands in the registry; or the refusal that there is none.
import { parseOrganisation, type Organisation } from "../../policies/organisation.ts";
import type { Parsed } from "../../policies/parse.ts";
import { parseTenant, type Tenant } from "../../policies/tenant.ts";
import { askRegistry } from "./ask.ts";
import type { Refusal } from "./refusal.ts";
import type { AdminDependencies } from "./route.ts";

type Missing = Extract<Refusal, { kind: "missing" }>;

export function missing(what: string, id: string): Missing {
  return { kind: "missing", what, id };
}

export function findTenant(id: string, deps: AdminDependencies): Promise<Tenant | Missing> {
  return find("tenant", id, parseTenant, deps);
}

export function findOrganisation(
  id: string,
  deps: AdminDependencies,
): Promise<Organisation | Missing> {
  return find("organisation", id, parseOrganisation, deps);
}

async function find<T>(
  kind: "tenant" | "organisation",
  id: string,
  parse: (document: unknown) => Parsed<T>,
  deps: AdminDependencies,
): Promise<T | Missing> {
  const stored = await askRegistry(deps, (registry) => registry.read(kind, id));
  if (stored === null) return missing(kind, id);
  const parsed = parse(JSON.parse(stored.documentText));
  if (parsed.kind === "faulty") throw new Error(`The registry holds a faulty ${kind}.`);
  return parsed.value;
}
